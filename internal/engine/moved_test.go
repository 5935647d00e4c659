package engine

import (
	"crypto/sha1" //nolint:gosec // as Moodle does
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// A content that is deleted after its folder was listed, or taken back from
// trashdir after it was found there, is read from where it lies now.
func TestHandle_FollowsAContentThatMoves(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	sum := sha1.Sum([]byte("a content")) //nolint:gosec // as Moodle does
	name := hex.EncodeToString(sum[:])
	rel := filepath.Join(name[:2], name[2:4], name)
	live, gone := filepath.Join(data, "filedir", rel), filepath.Join(data, "trashdir", rel)
	for _, p := range []string{live, gone} {
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(live, []byte("a content"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := openBranch(&tree{lost: func(_, n string) string { return filepath.Join(data, "trashdir", n[:2], n[2:4], n) }},
		Root{Name: "filedir", Path: filepath.Join(data, "filedir"), ContentAddressed: "."})
	if err != nil {
		t.Fatal(err)
	}
	defer b.root.Close() //nolint:errcheck // a test's
	all, err := newTop([]*branch{b})
	if err != nil {
		t.Fatal(err)
	}
	var d *dirNode
	e := all.entries[0]
	for _, step := range []string{name[:2], name[2:4]} {
		d = e.(*dirNode) //nolint:errcheck,forcetypeassert // it is one
		if e, err = d.Child(t.Context(), step); err != nil {
			t.Fatal(err)
		}
	}
	d = e.(*dirNode) //nolint:errcheck,forcetypeassert // it is one
	read := func(f *fileNode) {
		t.Helper()
		r, err := f.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close() //nolint:errcheck // a test's
		if text, err := io.ReadAll(r); err != nil || string(text) != "a content" {
			t.Errorf("%q %v", text, err)
		}
	}
	listed := func() *fileNode {
		t.Helper()
		e, err := d.Child(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return e.(*fileNode) //nolint:errcheck,forcetypeassert // it is one
	}()
	l, err := d.Iterate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.(*listing).read(); err != nil { //nolint:errcheck,forcetypeassert // it is one
		t.Fatal(err)
	}
	if err := os.Rename(live, gone); err != nil {
		t.Fatal(err)
	}
	read(listed)
	found, err := l.Next(t.Context())
	if err != nil || found == nil || b.tree.vanished.Load() != 0 {
		t.Fatalf("%v %v, %d vanished", found, err, b.tree.vanished.Load())
	}
	read(found.(*fileNode)) //nolint:errcheck,forcetypeassert // it is one
	if err := os.Rename(gone, live); err != nil {
		t.Fatal(err)
	}
	read(found.(*fileNode)) //nolint:errcheck,forcetypeassert // it is one
}
