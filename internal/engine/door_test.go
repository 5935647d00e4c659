package engine_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/vault"
)

var vaultKey = []byte("0123456789abcdef0123456789abcdef")

// behind is a repository behind a vault that listens on a fixed address, so
// that it can go away and come back.
type behind struct {
	t      *testing.T
	cfg    vault.ServerConfig
	addr   string
	server *http.Server
	listen net.Listener
	vault  *vault.Server
	wrap   func(http.Handler) http.Handler
}

func vaulted(t *testing.T, kind engine.Kind) *behind {
	t.Helper()
	b := &behind{t: t, cfg: vault.ServerConfig{
		Key: vaultKey, StateDir: filepath.Join(t.TempDir(), "state"),
		Backend: vault.Backend{Kind: vault.Filesystem, Path: filepath.Join(t.TempDir(), "blobs")},
	}}
	must(t, engine.Create(t.Context(), b.keeper(), password, kind))
	b.up("127.0.0.1:0")
	t.Cleanup(b.down)
	return b
}

func (b *behind) keeper() engine.Location {
	return engine.Location{Backend: &b.cfg.Backend, Repository: "site1/data"}
}

func (b *behind) up(addr string) {
	b.t.Helper()
	l, err := net.Listen("tcp", addr)
	must(b.t, err)
	b.addr, b.listen = l.Addr().String(), l
	b.vault, err = vault.NewServer(b.cfg)
	must(b.t, err)
	var h http.Handler = b.vault
	if b.wrap != nil {
		h = b.wrap(h)
	}
	b.server = &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func(s *http.Server) { _ = s.Serve(l) }(b.server)
}

// down cuts every connection, as a process that is killed does.
func (b *behind) down() {
	_ = b.listen.Close()
	_ = b.server.Close()
}

func (b *behind) door(change func(*vault.Claims)) engine.Location {
	c := vault.Claims{Repository: "site1/data", Session: "run1", Mode: vault.ModeAppend, Expires: time.Now().Add(time.Hour)}
	if change != nil {
		change(&c)
	}
	return engine.Location{Door: &vault.Door{
		URL: "http://" + b.addr, Name: "site1/data", Token: vault.Sign(vaultKey, c), RetryFor: 30 * time.Second,
	}}
}

func TestStoreTree_ThroughAVaultThatRestartsLosesNothing(t *testing.T) {
	t.Parallel()
	b := vaulted(t, engine.Data)
	var puts atomic.Int64
	var once sync.Once
	gone := make(chan struct{})
	b.wrap = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && puts.Add(1) == 3 {
				once.Do(func() { close(gone) })
				_, _ = io.CopyN(io.Discard, r.Body, 1000)
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		})
	}
	b.down()
	b.up(b.addr)
	restarted := make(chan struct{})
	go func() {
		defer close(restarted)
		<-gone
		b.down()
		b.up(b.addr)
	}()
	src := t.TempDir()
	difficult(t, src)
	for i := range 12 {
		must(t, os.WriteFile(filepath.Join(src, "noise"+string(rune('a'+i))), noise(5<<20+i), 0o600))
	}
	r := open(t, b.door(nil))
	s := store(t, r, engine.TreeOptions{Roots: []engine.Root{{Name: "code", Path: src}}})
	<-restarted
	same(t, inventory(t, filepath.Join(restore(t, r, s.ID), "code")), inventory(t, src))
	rep, err := open(t, b.keeper()).Verify(t.Context(), engine.VerifyOptions{Percent: 100})
	must(t, err)
	if !rep.Proven || rep.Snapshots != 1 {
		t.Errorf("report %+v", rep)
	}
}

func TestStoreStream_ThroughAVault(t *testing.T) {
	t.Parallel()
	b := vaulted(t, engine.Database)
	r := open(t, b.door(nil))
	data := noise(3 << 20)
	s, err := r.StoreStream(t.Context(), engine.StreamOptions{Source: "site", FileName: "dump.sql"},
		func(_ context.Context, w io.Writer) error { _, err := w.Write(data); return err })
	must(t, err)
	var got strings.Builder
	read := open(t, b.door(func(c *vault.Claims) { c.Mode = vault.ModeRead }))
	_, err = read.ReadStream(t.Context(), s.ID, &got)
	must(t, err)
	if got.String() != string(data) {
		t.Error("other bytes")
	}
	recs, err := vault.Records(b.cfg.StateDir, "site1/data", "run1")
	must(t, err)
	prefixes := map[byte]bool{}
	for _, rec := range recs {
		prefixes[rec.Blob[0]] = true
	}
	if !prefixes['p'] || !prefixes['q'] || !prefixes['x'] || !prefixes['s'] {
		t.Errorf("recorded only %v", prefixes)
	}
}

func TestDoor_DoesNothingThatIsTheKeepers(t *testing.T) {
	t.Parallel()
	b := vaulted(t, engine.Data)
	r := open(t, b.door(nil))
	src := t.TempDir()
	write(t, src, map[string]string{"a": "1"})
	s := store(t, r, engine.TreeOptions{Roots: []engine.Root{{Name: "code", Path: src}}})
	for name, err := range map[string]error{
		"delete": r.Delete(t.Context(), s.ID), "maintain": func() error { _, err := r.Maintain(t.Context(), true); return err }(),
		"create": engine.Create(t.Context(), b.door(nil), password, engine.Data),
	} {
		if !errs.Is(err, errs.Forbidden) {
			t.Errorf("%s: %v, want Forbidden", name, err)
		}
	}
	if _, err := r.PutBack(t.Context(), s.Manifest); !errs.Is(err, errs.Forbidden) {
		t.Errorf("put back: %v, want Forbidden", err)
	}
}

func TestStoreTree_BeyondTheQuotaLeavesNoSnapshotAndASoundRepository(t *testing.T) {
	t.Parallel()
	b := vaulted(t, engine.Data)
	src := t.TempDir()
	write(t, src, map[string]string{"a": "1"})
	roots := []engine.Root{{Name: "code", Path: src}}
	good := store(t, open(t, b.door(nil)), engine.TreeOptions{Roots: roots})
	for i := range 3 {
		must(t, os.WriteFile(filepath.Join(src, "big"+string(rune('a'+i))), noise(24<<20+i), 0o600))
	}
	r := open(t, b.door(func(c *vault.Claims) { c.Session, c.QuotaBytes = "run2", 30<<20 }))
	_, err := r.StoreTree(t.Context(), engine.TreeOptions{Source: "site", Roots: roots})
	if !errs.Is(err, errs.TooLarge) {
		t.Errorf("error %v, want TooLarge", err)
	}
	sound(t, b.keeper(), good.ID)
}

// sound checks that a repository has exactly the snapshots ids, all whole.
func sound(t *testing.T, l engine.Location, ids ...string) {
	t.Helper()
	r := open(t, l)
	list, err := r.List(t.Context())
	must(t, err)
	if len(list) != len(ids) {
		t.Errorf("%d snapshots, want %d", len(list), len(ids))
	}
	rep, err := r.Verify(t.Context(), engine.VerifyOptions{IDs: ids, Percent: 100})
	must(t, err)
	if !rep.Proven {
		t.Errorf("report %+v", rep)
	}
}

func TestStore_OnAFullDiskLeavesNoSnapshotAndASoundRepository(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test mounts a small file system: run it as root")
	}
	t.Parallel()
	small := t.TempDir()
	must(t, syscall.Mount("tmpfs", small, "tmpfs", 0, "size=40m"))
	t.Cleanup(func() { must(t, syscall.Unmount(small, syscall.MNT_DETACH)) })
	l := local(filepath.Join(small, "repo"))
	must(t, engine.Create(t.Context(), l, password, engine.Data))
	r := open(t, l)
	src := t.TempDir()
	write(t, src, map[string]string{"a": "1"})
	roots := []engine.Root{{Name: "code", Path: src}}
	good := store(t, r, engine.TreeOptions{Roots: roots})
	for i := range 3 {
		must(t, os.WriteFile(filepath.Join(src, "big"+string(rune('a'+i))), noise(24<<20+i), 0o600))
	}
	if _, err := r.StoreTree(t.Context(), engine.TreeOptions{Source: "site", Roots: roots}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("tree: %v, want no space left", err)
	}
	_, err := r.StoreStream(t.Context(), engine.StreamOptions{Source: "site", FileName: "x"},
		func(_ context.Context, w io.Writer) error {
			for i := range 60 {
				if _, err := w.Write(noise(1<<20 + i)); err != nil {
					return err
				}
			}
			return nil
		})
	if err == nil {
		t.Error("stream: no error on a full disk")
	}
	sound(t, l, good.ID)
}
