package moodle

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzReadStatic: no config.php makes the reader panic, hang or read much.
func FuzzReadStatic(f *testing.F) {
	for _, dir := range []string{"config", "unknown"} {
		forms, err := filepath.Glob(filepath.Join("testdata", dir, "*.php"))
		if err != nil {
			f.Fatal(err)
		}
		for _, form := range forms {
			raw, err := os.ReadFile(form)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(raw))
		}
	}
	f.Add("<?php function a() { return a(); } $CFG->x = a();")
	f.Add("<?php foreach ([1,2] as $a) { foreach ([1,2] as $b) { $CFG->x .= $CFG->x . 'xx'; } }")
	f.Add("<?php require __FILE__; require __FILE__;")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "config.php")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _, _ = readStatic(path, map[string]string{"A": "b"})
		}()
		select {
		case <-done:
		case <-time.After(parseTime - time.Second):
			t.Fatal("the reader hangs")
		}
	})
}

// TestReadGuarded_KeepsToTheOwnersRights: a site's config.php must not make
// root read what the site's user could not.
func TestReadGuarded_KeepsToTheOwnersRights(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	uid, gid, err := ownerOf(path)
	if err != nil {
		t.Fatal(err)
	}
	stranger := &owner{uid: uid + 1, gid: gid}
	if _, err := readGuarded(path, 10, stranger); err == nil {
		t.Error("a stranger's secret is read")
	}
	for mode, who := range map[os.FileMode]*owner{0o600: {uid: uid, gid: gid + 1}, 0o640: stranger, 0o644: {uid: uid + 1, gid: gid + 1}} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := readGuarded(path, 10, who); err != nil {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if _, err := readGuarded("/dev/zero", 10, nil); err == nil {
		t.Error("a device is read")
	}
}
