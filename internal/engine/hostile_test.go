package engine_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/manifest"
	"github.com/kopia/kopia/repo/object"
	"github.com/kopia/kopia/snapshot"

	"holdfast/internal/engine"
)

// forge stores a snapshot whose top holds just the given entries, as a
// repository could that somebody else has written.
func forge(t *testing.T, dir, like string, entries func(file, link, folder object.ID) []*snapshot.DirEntry) string {
	t.Helper()
	rep := raw(t, dir)
	var id manifest.ID
	must(t, repo.WriteSession(t.Context(), rep, repo.WriteSessionOptions{Purpose: "forge"}, func(ctx context.Context, w repo.RepositoryWriter) error {
		put := func(prefix string, text []byte) object.ID {
			o := object.WriterOptions{}
			if prefix == "k" {
				o.Prefix = "k"
			}
			ow := w.NewObjectWriter(ctx, o)
			_, err := ow.Write(text)
			must(t, err)
			oid, err := ow.Result()
			must(t, err)
			must(t, ow.Close())
			return oid
		}
		folder := func(list []*snapshot.DirEntry) object.ID {
			text, err := json.Marshal(snapshot.DirManifest{StreamType: "kopia:directory", Entries: list})
			must(t, err)
			return put("k", text)
		}
		file := put("", []byte("pwned"))
		inner := folder([]*snapshot.DirEntry{{Name: "inner", Type: snapshot.EntryTypeFile, Permissions: 0o644, FileSize: 5, ObjectID: file}})
		m, err := snapshot.LoadSnapshot(ctx, w, manifest.ID(like))
		must(t, err)
		m.ID = ""
		m.RootEntry.ObjectID = folder(entries(file, put("", []byte("../outside")), inner))
		m.RootEntry.DirSummary = nil
		id, err = snapshot.SaveSnapshot(ctx, w, m)
		return err
	}))
	return string(id)
}

func TestRestoreTree_HostileSnapshotsWriteNothingOutside(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	write(t, src, map[string]string{"code/a": "a"})
	r, l := fresh(t, engine.Data)
	s := store(t, r, engine.TreeOptions{Roots: []engine.Root{{Name: "code", Path: filepath.Join(src, "code")}}})
	entry := func(name string, typ snapshot.EntryType, oid object.ID) *snapshot.DirEntry {
		return &snapshot.DirEntry{Name: name, Type: typ, Permissions: 0o777, FileSize: 5, ObjectID: oid}
	}
	const file, link, folder = snapshot.EntryTypeFile, snapshot.EntryTypeSymlink, snapshot.EntryTypeDirectory
	control := forge(t, l, s.ID, func(f, l, d object.ID) []*snapshot.DirEntry {
		return []*snapshot.DirEntry{entry("a", file, f), entry("b", link, l), entry("c", folder, d)}
	})
	if got := inventory(t, restore(t, r, control)); len(got) != 4 {
		t.Fatalf("a plain forged snapshot gives %v", got)
	}
	for name, entries := range map[string]func(f, l, d object.ID) []*snapshot.DirEntry{
		"dots":       func(f, _, _ object.ID) []*snapshot.DirEntry { return []*snapshot.DirEntry{entry("../evil", file, f)} },
		"dots alone": func(_, _, d object.ID) []*snapshot.DirEntry { return []*snapshot.DirEntry{entry("..", folder, d)} },
		"absolute":   func(f, _, _ object.ID) []*snapshot.DirEntry { return []*snapshot.DirEntry{entry("/tmp/evil", file, f)} },
		"nested name": func(f, _, _ object.ID) []*snapshot.DirEntry {
			return []*snapshot.DirEntry{entry("a/../../evil", file, f)}
		},
		"empty name": func(f, _, _ object.ID) []*snapshot.DirEntry { return []*snapshot.DirEntry{entry("", file, f)} },
		"nul":        func(f, _, _ object.ID) []*snapshot.DirEntry { return []*snapshot.DirEntry{entry("a\x00b", file, f)} },
		"device":     func(f, _, _ object.ID) []*snapshot.DirEntry { return []*snapshot.DirEntry{entry("mem", "c", f)} },
		"link then folder": func(_, l, d object.ID) []*snapshot.DirEntry {
			return []*snapshot.DirEntry{entry("x", link, l), entry("x", folder, d)}
		},
		"folder then link": func(_, l, d object.ID) []*snapshot.DirEntry {
			return []*snapshot.DirEntry{entry("x", folder, d), entry("x", link, l)}
		},
		"link then file": func(f, l, _ object.ID) []*snapshot.DirEntry {
			return []*snapshot.DirEntry{entry("x", link, l), entry("x", file, f)}
		},
	} {
		dir := t.TempDir()
		outside := filepath.Join(dir, "outside")
		must(t, os.Mkdir(outside, 0o755))
		id := forge(t, l, s.ID, entries)
		if _, err := r.RestoreTree(t.Context(), id, filepath.Join(dir, "in"), engine.RestoreOptions{}); err == nil {
			t.Errorf("%s: restored", name)
		}
		names, err := os.ReadDir(dir)
		must(t, err)
		for _, n := range names {
			if n.Name() != "in" && n.Name() != "outside" {
				t.Errorf("%s: wrote %s beside its target", name, n.Name())
			}
		}
		if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
			t.Errorf("%s: wrote %v outside", name, left)
		}
	}
}
