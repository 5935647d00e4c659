package engine_test

import (
	"bytes"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kopia/kopia/repo/blob"

	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/vault"
)

// onS3 gives a repository's place on an S3 server of its own.
func onS3(t *testing.T) engine.Location {
	t.Helper()
	dir := t.TempDir()
	server := filepath.Join(dir, "versitygw")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", server, "github.com/versity/versitygw/cmd/versitygw")
	build.Dir = filepath.Join("..", "..", ".ci", "s3server")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the S3 server: %v\n%s", err, out)
	}
	must(t, os.MkdirAll(filepath.Join(dir, "buckets", "backups"), 0o755))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := l.Addr().String()
	must(t, l.Close())
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), server, "--access", "testaccess", "--secret", "testsecret", "--port", addr,
		"posix", "--nometa", filepath.Join(dir, "buckets"))
	cmd.Stdout, cmd.Stderr = &said, &said
	must(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for range 600 {
		select {
		case err := <-ended:
			t.Fatalf("the S3 server ended: %v\n%s", err, said.String())
		default:
		}
		if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			must(t, c.Close())
			return engine.Location{Repository: "site1/data", Backend: &vault.Backend{Kind: vault.OnS3, S3: &vault.S3{
				Endpoint: addr, Bucket: "backups", AccessKey: "testaccess", SecretKey: "testsecret", Region: "us-east-1", Plain: true,
			}}}
		}
		time.Sleep(50 * time.Millisecond) // it does not tell when it is ready
	}
	t.Fatal("the S3 server does not listen")
	return engine.Location{}
}

func TestCache_AnUnchangedTreeOnS3NeedsFarFewerReads(t *testing.T) {
	t.Parallel()
	l := onS3(t)
	must(t, engine.Create(t.Context(), l, password, engine.Data))
	src := t.TempDir()
	files := map[string]string{}
	for i := range 120 {
		files["mod/"+string(rune('a'+i%26))+"/"+strings.Repeat("x", i/26+1)+"/lib.php"] = strings.Repeat("<?php", i)
	}
	write(t, src, files)
	o := engine.TreeOptions{Roots: []engine.Root{{Name: "code", Path: src}}, Previous: true}
	cache := filepath.Join(t.TempDir(), "of", "site1")
	reads := func(dir string) (n int64) {
		var count atomic.Int64
		at := l.Read(func(blob.ID) error { count.Add(1); return nil })
		at.CacheDir = dir
		r := open(t, at)
		s := store(t, r, o)
		isSource(t, r, s.ID, o.Roots[0])
		return count.Load()
	}
	first, without := reads(""), reads("")
	cold, warm := reads(cache), reads(cache)
	t.Logf("reads: first %d, without a cache %d, with a cold one %d, with a warm one %d", first, without, cold, warm)
	if warm*10 > without {
		t.Errorf("%d reads with a warm cache, %d without", warm, without)
	}
	fi, err := os.Stat(cache)
	must(t, err)
	if fi.Mode().Perm() != 0o700 {
		t.Errorf("the cache's directory is %v", fi.Mode())
	}
	// Nothing of the files lies in it in the clear.
	must(t, filepath.WalkDir(cache, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		if bytes.Contains(b, []byte("<?php")) || bytes.Contains(b, []byte("lib.php")) {
			t.Errorf("%s holds a file or its name in the clear", p)
		}
		return err
	}))
	at := l
	at.CacheDir = cache
	r := open(t, at)
	if _, err := r.Verify(t.Context(), engine.VerifyOptions{Percent: 100}); !errs.Is(err, errs.Invalid) {
		t.Errorf("verified through a cache: %v", err)
	}
	if _, err := r.Scan(t.Context(), true); !errs.Is(err, errs.Invalid) {
		t.Errorf("scanned through a cache: %v", err)
	}
	must(t, os.RemoveAll(cache))
	if again := reads(cache); again > cold+5 {
		t.Errorf("%d reads after the cache was deleted, %d with a cold one", again, cold)
	}
}

func TestCache_ALocalDirectoryHasNone(t *testing.T) {
	t.Parallel()
	_, dir := fresh(t, engine.Data)
	l := local(dir)
	l.CacheDir = filepath.Join(t.TempDir(), "cache")
	src := t.TempDir()
	write(t, src, map[string]string{"a": "1"})
	r := open(t, l)
	s := store(t, r, engine.TreeOptions{Roots: []engine.Root{{Name: "code", Path: src}}})
	restore(t, r, s.ID)
	if _, err := os.Stat(l.CacheDir); !os.IsNotExist(err) {
		t.Errorf("there is a cache: %v", err)
	}
	if rep, err := r.Verify(t.Context(), engine.VerifyOptions{Percent: 100}); err != nil || !rep.Proven {
		t.Errorf("report %+v, %v", rep, err)
	}
}

func TestCache_ThroughAVaultATreeComesBack(t *testing.T) {
	t.Parallel()
	b := vaulted(t, engine.Data)
	root, _, _ := addressed(t, 30)
	l := b.door(nil)
	l.CacheDir = filepath.Join(t.TempDir(), "cache")
	store(t, open(t, l), fast(root))
	write(t, root.Path, map[string]string{"lang/de/y.php": "2"})
	r := open(t, l)
	s := store(t, r, fast(root))
	isSource(t, r, s.ID, root)
	rep, err := open(t, b.keeper()).Verify(t.Context(), engine.VerifyOptions{Percent: 100})
	must(t, err)
	if !rep.Proven {
		t.Errorf("report %+v", rep)
	}
}
