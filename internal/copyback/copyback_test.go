package copyback_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/copyback"
	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/reference"
	"holdfast/internal/vault"
)

const password = "a-repository-password-of-tests"

// rig is a vault with both repositories of one site and a copy in each.
type rig struct {
	t     *testing.T
	url   string
	key   []byte
	store vault.Backend
	dump  []byte
	data  engine.Snapshot
	base  engine.Snapshot
	down  atomic.Bool
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{t: t, key: bytes.Repeat([]byte("k"), 32), store: vault.Backend{Kind: vault.Filesystem, Path: filepath.Join(dir, "store")}, dump: bytes.Repeat([]byte("INSERT INTO mdl_user\n"), 20000)}
	v, err := vault.NewServer(vault.ServerConfig{Key: r.key, Backend: r.store, StateDir: filepath.Join(dir, "sessions"), Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if r.down.Load() {
			panic(http.ErrAbortHandler)
		}
		v.ServeHTTP(w, q)
	}))
	t.Cleanup(s.Close)
	r.url = s.URL
	src := filepath.Join(dir, "src")
	for name, text := range map[string]string{"code/version.php": "<?php", "moodledata/lang/de/a": "a", "moodledata/filedir/ab/cd/x": "content"} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(src, name)), 0o700))
		must(t, os.WriteFile(filepath.Join(src, name), []byte(text), 0o600))
	}
	at := func(kind string) engine.Location {
		return engine.Location{Backend: &r.store, Repository: "site1/" + kind}
	}
	for _, kind := range []engine.Kind{engine.Database, engine.Data} {
		must(t, engine.Create(t.Context(), at(string(kind)), password, kind))
		repo, err := engine.Open(t.Context(), at(string(kind)), password)
		must(t, err)
		if kind == engine.Database {
			r.base, err = repo.StoreStream(t.Context(), engine.StreamOptions{Source: "site1", FileName: "database.sql"}, func(_ context.Context, w io.Writer) error {
				_, err := w.Write(r.dump)
				return err
			})
		} else {
			r.data, err = repo.StoreTree(t.Context(), engine.TreeOptions{Source: "site1", Roots: []engine.Root{{Name: "code", Path: filepath.Join(src, "code")}, {Name: "moodledata", Path: filepath.Join(src, "moodledata")}}})
		}
		must(t, err)
		must(t, repo.Close(t.Context()))
	}
	return r
}

// door opens a repository with a token that only reads.
func (r *rig) door(kind string) *engine.Repository {
	r.t.Helper()
	name := "site1/" + kind
	token := vault.Sign(r.key, vault.Claims{Repository: name, Session: "restore", Mode: vault.ModeRead, Expires: time.Now().Add(time.Hour)})
	repo, err := engine.Open(r.t.Context(), engine.Location{Door: &vault.Door{URL: r.url, Name: name, Token: token, RetryFor: time.Second}}, password)
	must(r.t, err)
	r.t.Cleanup(func() { _ = repo.Close(context.Background()) })
	return repo
}

func (r *rig) source() copyback.Source {
	return copyback.Source{
		Database: &copyback.Copy{Repository: r.door("database"), Snapshot: r.base.ID, SHA256: r.base.SHA256, Bytes: r.base.Bytes},
		Data:     &copyback.Copy{Repository: r.door("data"), Snapshot: r.data.ID},
	}
}

func TestSource_ATokenThatReadsIsEnough(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.source()
	roots, err := s.Data.Repository.Roots(t.Context(), s.Data.Snapshot)
	must(t, err)
	if strings.Join(roots, " ") != "code moodledata" {
		t.Errorf("the roots are %v", roots)
	}
	into := filepath.Join(t.TempDir(), "new")
	var told int64
	must(t, s.Tree(t.Context(), "moodledata", into, func(done, _, _, _ int64) { told = done }))
	if b, err := os.ReadFile(filepath.Join(into, "filedir", "ab", "cd", "x")); err != nil || string(b) != "content" || told != 2 { //nolint:gosec // a test's
		t.Errorf("the tree holds %q, %v; told of %d files", b, err, told)
	}
	some := filepath.Join(t.TempDir(), "some")
	must(t, s.Some(t.Context(), "moodledata", []string{"lang"}, some, nil))
	if _, err := os.Stat(filepath.Join(some, "filedir")); err == nil {
		t.Error("more came than was asked for")
	}
	if err := s.Some(t.Context(), "moodledata", []string{"gone"}, filepath.Join(t.TempDir(), "x"), nil); !errs.Is(err, errs.NotFound) {
		t.Errorf("what the copy has not: %v", err)
	}
	var dump bytes.Buffer
	must(t, s.Dump(t.Context(), &dump, nil))
	if !bytes.Equal(dump.Bytes(), r.dump) {
		t.Error("the dump has other bytes")
	}
	// And it is not enough for anything else.
	if _, err := s.Database.Repository.StoreStream(t.Context(), engine.StreamOptions{Source: "site1", FileName: "x"}, func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, strings.Repeat("x", 1<<20))
		return err
	}); err == nil {
		t.Error("a token that reads has written")
	}
}

func TestSource_WithoutACopyRefuses(t *testing.T) {
	t.Parallel()
	var s copyback.Source
	if err := s.Tree(t.Context(), "code", t.TempDir(), nil); !errs.Is(err, errs.Invalid) {
		t.Errorf("no data copy: %v", err)
	}
	if err := s.Dump(t.Context(), io.Discard, nil); !errs.Is(err, errs.Invalid) {
		t.Errorf("no database copy: %v", err)
	}
}

func TestSound_TellsDamageFromAWayThatIsCut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.source()
	sum, n, err := s.Database.Sound(t.Context(), nil)
	if err != nil || sum != r.base.SHA256 || n != r.base.Bytes {
		t.Errorf("a sound dump: %s %d %v", sum, n, err)
	}
	for name, c := range map[string]copyback.Copy{
		"another checksum": {Snapshot: r.base.ID, SHA256: strings.Repeat("0", 64)},
		"another length":   {Snapshot: r.base.ID, Bytes: 7},
		"no such copy":     {Snapshot: strings.Repeat("0", 32)},
	} {
		c.Repository = s.Database.Repository
		if _, _, err := c.Sound(t.Context(), nil); !errs.Is(err, errs.Incomplete) {
			t.Errorf("%s: %v", name, err)
		}
	}
	fresh := r.source()
	r.down.Store(true)
	if _, _, err := fresh.Database.Sound(t.Context(), nil); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a vault that is away: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := fresh.Database.Sound(ctx, nil); err == nil || errs.Is(err, errs.Incomplete) {
		t.Errorf("stopped: %v", err)
	}
}

// What an object store holds alone is neither wanted nor missing.
func TestNamed_WhatAnObjectStoreHoldsIsNotWanted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	kept, lost, away := reference.Hash{1}, reference.Hash{2}, reference.Hash{3}
	filedir := filepath.Join(t.TempDir(), "filedir")
	must(t, os.MkdirAll(filepath.Dir(filepath.Join(filedir, kept.Path())), 0o700))
	must(t, os.WriteFile(filepath.Join(filedir, kept.Path()), []byte("kept"), 0o600))
	at := func(kind string) *engine.Repository {
		repo, err := engine.Open(t.Context(), engine.Location{Backend: &r.store, Repository: "site1/" + kind}, password)
		must(t, err)
		t.Cleanup(func() { _ = repo.Close(context.Background()) })
		return repo
	}
	database, data := at("database"), at("data")
	files, err := data.StoreTree(t.Context(), engine.TreeOptions{Source: "site1/named", Roots: []engine.Root{{Name: "filedir", Path: filedir}}})
	must(t, err)
	list, err := database.StoreStream(t.Context(), engine.StreamOptions{Source: "site1/references", FileName: reference.FileName}, func(_ context.Context, out io.Writer) error {
		w := reference.NewWriter(out)
		for _, h := range []reference.Hash{away, kept, lost} {
			w.Add(reference.Entry{Hash: h, Bytes: 4})
		}
		w.AddExternal(away)
		return w.Close()
	})
	must(t, err)
	got := map[string]bool{}
	named := copyback.Named{List: copyback.Copy{Repository: database, Snapshot: list.ID}, Files: copyback.Copy{Repository: data, Snapshot: files.ID}}
	for c, err := range named.Wanted(t.Context()) {
		must(t, err)
		got[c.Hash] = c.Kept
	}
	if there, wanted := got[lost.String()]; len(got) != 2 || !got[kept.String()] || there || !wanted {
		t.Errorf("%v", got)
	}
}
