package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/engine"
	"holdfast/internal/errs"
)

// named is the second snapshot that a database copy takes of filedir alone.
func named(filedir, base string, also ...engine.Placed) engine.TreeOptions {
	return engine.TreeOptions{
		Source: "site/named", Previous: true, Fast: true, Base: base, Also: also,
		Roots: []engine.Root{{Name: "filedir", Path: filedir, ContentAddressed: ".", ExcludeSuffixIn: map[string]string{".": ".tmp"}}},
	}
}

// trash moves a content to trashdir, as Moodle's cron does, and gives where a
// copy puts it.
func trash(t *testing.T, filedir, name string) engine.Placed {
	t.Helper()
	to := place(filepath.Join(filepath.Dir(filedir), "trashdir"), name)
	must(t, os.MkdirAll(filepath.Dir(to), 0o755))
	must(t, os.Rename(place(filedir, name), to))
	return engine.Placed{Root: "filedir", Rel: name[:2] + "/" + name[2:4] + "/" + name, Path: to}
}

func TestBase_StandsInForThePrevious(t *testing.T) {
	t.Parallel()
	root, filedir, names := addressed(t, 40)
	_, dir := fresh(t, engine.Data)
	r := later(t, dir)
	data := store(t, r, fast(root))
	keep(t, filedir, "since")
	s := store(t, r, named(filedir, data.ID+":moodledata/filedir"))
	if c := s.Content; c.Checked != 1 || c.New != 1 || c.Contents != 41 || c.Gone+c.Foreign != 0 {
		t.Errorf("saw %+v", c)
	}
	same(t, inventory(t, filepath.Join(restore(t, r, s.ID), "filedir")), inventory(t, filedir))
	// The named snapshot is no previous of a data copy, and the next one is
	// held against its own base.
	must(t, os.Remove(place(filedir, names[0])))
	if next := store(t, r, fast(root)); next.Content.New != 1 || next.Content.Gone != 1 {
		t.Errorf("the data copy saw %+v", next.Content)
	}
	for _, bad := range []string{"", "x", ":moodledata/filedir", "nosuch:moodledata/filedir", data.ID + ":moodledata", data.ID + ":filedir", data.ID + ":lang/filedir"} {
		if bad == "" {
			continue
		}
		if _, err := r.StoreTree(t.Context(), named(filedir, bad)); !errs.Is(err, errs.NotFound) && !errs.Is(err, errs.Invalid) {
			t.Errorf("base %q: %v", bad, err)
		}
	}
}

func TestAlso_PutsFilesIntoTheirPlaces(t *testing.T) {
	t.Parallel()
	root, filedir, names := addressed(t, 40)
	_, dir := fresh(t, engine.Data)
	r := later(t, dir)
	data := store(t, r, fast(root))
	want := inventory(t, filedir)
	var also []engine.Placed
	for _, n := range names[:10] {
		also = append(also, trash(t, filedir, n))
	}
	// The folders of some are gone with them, and one came back meanwhile.
	for _, n := range names[:4] {
		must(t, os.RemoveAll(filepath.Dir(place(filedir, n))))
	}
	must(t, os.RemoveAll(filepath.Dir(filepath.Dir(place(filedir, names[4])))))
	keep(t, filedir, "content 5")
	base := data.ID + ":moodledata/filedir"
	s := store(t, r, named(filedir, base, also...))
	got := inventory(t, filepath.Join(restore(t, r, s.ID), "filedir"))
	for rel := range want {
		if _, ok := got[rel]; !ok {
			t.Errorf("%s is missing", rel)
		}
	}
	for _, n := range names {
		if !strings.HasPrefix(got[n[:2]+"/"+n[2:4]+"/"+n], "-") {
			t.Errorf("%s is %q", n, got[n[:2]+"/"+n[2:4]+"/"+n])
		}
	}
	if s.Content.Mismatched != 0 || len(s.Problems) != 0 || s.Vanished != 0 {
		t.Errorf("saw %+v, problems %v, vanished %d", s.Content, s.Problems, s.Vanished)
	}
	// Taken again without them, nothing of theirs is taken over.
	s = store(t, r, named(filedir, base))
	same(t, inventory(t, filepath.Join(restore(t, r, s.ID), "filedir")), inventory(t, filedir))
	s = store(t, r, named(filedir, "", also...))
	s = store(t, r, named(filedir, ""))
	same(t, inventory(t, filepath.Join(restore(t, r, s.ID), "filedir")), inventory(t, filedir))
}

func TestAlso_AFileOfAnUnchangedLeafComesIn(t *testing.T) {
	t.Parallel()
	root, filedir, names := addressed(t, 20)
	_, dir := fresh(t, engine.Data)
	r := later(t, dir)
	data := store(t, r, fast(root))
	extra := names[3][:4] + strings.Repeat("0", 36)
	from := filepath.Join(root.Path, "trashdir", extra)
	write(t, root.Path, map[string]string{"trashdir/" + extra: "wrong"})
	s := store(t, r, named(filedir, data.ID+":moodledata/filedir", engine.Placed{Root: "filedir", Rel: extra[:2] + "/" + extra[2:4] + "/" + extra, Path: from}))
	if got := stored(t, r, s.ID, "filedir/"+extra[:2]+"/"+extra[2:4]+"/"+extra); got != "wrong" || s.Content.Mismatched != 1 {
		t.Errorf("stored %q, saw %+v", got, s.Content)
	}
}

func TestAlso_FollowsNoLinkOutOfTheSite(t *testing.T) {
	t.Parallel()
	root, filedir, names := addressed(t, 3)
	outside := t.TempDir()
	write(t, outside, map[string]string{names[0][:2] + "/secret": "of another"})
	must(t, os.Symlink(outside, filepath.Join(root.Path, "trashdir")))
	must(t, os.Symlink(filepath.Join(outside, names[0][:2], "secret"), filepath.Join(root.Path, "alone")))
	r, _ := fresh(t, engine.Data)
	s := store(t, r, named(filedir, "",
		engine.Placed{Root: "filedir", Rel: "aa/bb/one", Path: filepath.Join(root.Path, "trashdir", names[0][:2], "secret")},
		engine.Placed{Root: "filedir", Rel: "aa/bb/two", Path: filepath.Join(root.Path, "alone")},
		engine.Placed{Root: "filedir", Rel: "aa/bb/gone", Path: filepath.Join(root.Path, "gone")},
		engine.Placed{Root: "filedir", Rel: "aa/bb/folder", Path: filepath.Join(root.Path, "lang")},
		engine.Placed{Root: "filedir", Rel: names[0][:2] + "/" + names[0][2:4] + "/" + names[0] + "/below", Path: place(filedir, names[1])},
	))
	for rel := range inventory(t, restore(t, r, s.ID)) {
		if strings.Contains(rel, "one") || strings.Contains(rel, "two") || strings.Contains(rel, "folder") {
			t.Errorf("stored %s", rel)
		}
	}
	if len(s.Problems) != 4 || s.Vanished != 1 {
		t.Errorf("problems %v, vanished %d", s.Problems, s.Vanished)
	}
	for _, bad := range []engine.Placed{
		{Root: "other", Rel: "a", Path: "/x"},
		{Root: "filedir", Rel: "../a", Path: "/x"},
		{Root: "filedir", Rel: "", Path: "/x"},
		{Root: "filedir", Rel: "/a", Path: "/x"},
		{Root: "filedir", Rel: "a", Path: "x"},
		{Root: "filedir", Rel: "a\x00", Path: "/x"},
	} {
		if _, err := r.StoreTree(t.Context(), named(filedir, "", bad)); !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
