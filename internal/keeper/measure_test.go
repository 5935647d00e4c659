package keeper_test

import (
	"context"
	"crypto/sha1" //nolint:gosec // Moodle's names of contents
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/engine"
	"holdfast/internal/id"
	"holdfast/internal/keeper"
	"holdfast/internal/reference"
	"holdfast/internal/vault"
)

// couple is a site's two repositories.
type couple struct {
	t       *testing.T
	backend vault.Backend
	job     keeper.Job // of the database repository
	data    keeper.Job
	dir     string // the site's files
}

func newCouple(t *testing.T) *couple {
	t.Helper()
	c := &couple{t: t, backend: vault.Backend{Kind: vault.Filesystem, Path: t.TempDir()}, dir: t.TempDir()}
	raw, err := json.Marshal(c.backend)
	c.must(err)
	site := id.New[id.Site]().String()
	c.job = keeper.Job{Backend: raw, Repository: site + "/database", Kind: "database", Password: "a long password", Site: site, SpoolDir: t.TempDir()}
	c.data = c.job
	c.data.Repository, c.data.Kind, c.data.Password = site+"/data", "data", "another long password"
	for _, j := range []keeper.Job{c.job, c.data} {
		j.Task = "create_repository"
		if r := runChild(t, j); r.Error != "" {
			t.Fatal(r.Error)
		}
	}
	c.job.Second = &app.SecondRepository{Backend: raw, Repository: c.data.Repository, Password: c.data.Password}
	return c
}

func (c *couple) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *couple) in(j keeper.Job, do func(*engine.Repository)) {
	c.t.Helper()
	repo, err := engine.Open(c.t.Context(), engine.Location{Backend: &c.backend, Repository: j.Repository}, j.Password)
	c.must(err)
	do(repo)
	c.must(repo.Close(c.t.Context()))
}

// content puts a content into a filedir and gives its hash.
func (c *couple) content(fileDir, text string) reference.Hash {
	c.t.Helper()
	h := reference.Hash(sha1.Sum([]byte(text))) //nolint:gosec // Moodle's names of contents
	path := filepath.Join(c.dir, fileDir, filepath.FromSlash(h.Path()))
	c.must(os.MkdirAll(filepath.Dir(path), 0o750))
	c.must(os.WriteFile(path, []byte(text), 0o600))
	return h
}

func (c *couple) tree(roots ...engine.Root) (snapshot string) {
	c.t.Helper()
	c.in(c.data, func(repo *engine.Repository) {
		snap, err := repo.StoreTree(c.t.Context(), engine.TreeOptions{Source: c.job.Site, Roots: roots, TakenAt: time.Now()})
		c.must(err)
		snapshot = snap.ID
	})
	return snapshot
}

func (c *couple) list(write func(*reference.Writer)) (snapshot string) {
	c.t.Helper()
	c.in(c.job, func(repo *engine.Repository) {
		snap, err := repo.StoreStream(c.t.Context(), engine.StreamOptions{Source: c.job.Site + "/references", FileName: reference.FileName, TakenAt: time.Now()},
			func(_ context.Context, w io.Writer) error {
				l := reference.NewWriter(w)
				write(l)
				return l.Close()
			})
		c.must(err)
		snapshot = snap.ID
	})
	return snapshot
}

func (c *couple) do(j keeper.Job, task string, change func(*keeper.Job)) keeper.Result {
	c.t.Helper()
	j.Task = task
	change(&j)
	return runChild(c.t, j)
}

func TestMeasure_HoldsTheListAgainstTheStoredFiles(t *testing.T) {
	t.Parallel()
	c := newCouple(t)
	moodledata := engine.Root{Name: "moodledata", Path: filepath.Join(c.dir, "moodledata")}
	var known []reference.Hash
	for i := range 40 {
		known = append(known, c.content("moodledata/filedir", fmt.Sprint("old ", i)))
	}
	c.must(os.WriteFile(filepath.Join(c.dir, "moodledata/filedir/warning.txt"), []byte("x"), 0o600))
	tree := c.tree(moodledata)
	var late []reference.Hash
	for i := range 3 {
		late = append(late, c.content("moodledata/filedir", fmt.Sprint("late ", i)))
	}
	named := c.tree(engine.Root{Name: "filedir", Path: filepath.Join(c.dir, "moodledata/filedir")})
	list := c.list(func(w *reference.Writer) {
		for i, h := range append(known, late...) {
			w.Add(reference.Entry{Hash: h, Bytes: 100, Area: "mod_resource/content", Course: fmt.Sprint("C", i%4)})
			w.Add(reference.Entry{Hash: h, Bytes: 100, Area: "user/draft"})
		}
		w.Add(reference.Entry{Hash: reference.Empty, Area: "user/draft"})
		for i := range 2 {
			w.Add(reference.Entry{Hash: reference.Hash{byte(i)}, Bytes: 7, Area: "mod_assign/intro", Course: "BIO1"})
		}
		w.Add(reference.Entry{Hash: reference.Hash{9}, Bytes: 7, Area: "mod_assign/intro", Course: "BIO1"})
		w.AddExternal(reference.Hash{9})
	})
	elsewhere := filepath.Join(c.dir, "files")
	for i := range 20 {
		c.content("files/inner", fmt.Sprint("old ", i))
	}
	moved := c.tree(engine.Root{Name: "account", Path: elsewhere}) // filedir lies elsewhere
	pair := func(list, tree, named string) app.PairTask {
		return app.PairTask{Database: id.New[id.Copy](), Data: id.New[id.Copy](), List: list, Tree: tree, Named: named}
	}
	pairs := []app.PairTask{pair(list, tree, named), pair(list, tree, ""), pair("0123456789abcdef0123456789abcdef", tree, ""), pair(list, moved, ""), pair(list, "0123456789abcdef0123456789abcdef", "")}
	r := c.do(c.job, "measure_pair", func(j *keeper.Job) { j.Pairs = pairs })
	if r.Error != "" || len(r.Pairs) != len(pairs) {
		t.Fatalf("%+v", r)
	}
	for i, want := range []struct{ present, with int64 }{{41, 44}, {41, 41}, {}, {21, 21}, {}} {
		got := r.Pairs[i]
		if got.Database != pairs[i].Database || got.Data != pairs[i].Data {
			t.Fatalf("pair %d is %+v", i, got)
		}
		if want.with == 0 {
			if got.Error == "" || got.Referenced != 0 {
				t.Errorf("pair %d, of which something is gone: %+v", i, got)
			}
			continue
		}
		if got.Error != "" || got.Referenced != 46 || got.Present != want.present || got.WithNamed != want.with || got.Missing.Files != 46-want.with {
			t.Errorf("pair %d: %+v", i, got)
		}
	}
	whole := r.Pairs[0]
	if whole.ReferencedBytes != 4314 || whole.PresentBytes != 4000 || whole.WithNamedBytes != 4300 ||
		len(whole.Missing.By) != 1 || whole.Missing.By[0] != (app.MissingGroup{Course: "BIO1", Area: "mod_assign/intro", Files: 2, Bytes: 14}) {
		t.Errorf("%+v", whole)
	}
	if r := c.do(c.job, "measure_pair", func(*keeper.Job) {}); r.Error != "" || len(r.Pairs) != 0 {
		t.Errorf("nothing to measure: %+v", r)
	}
}

func TestDelete_TheNamedFilesAndTheListGoWithTheirCopyAlone(t *testing.T) {
	t.Parallel()
	c := newCouple(t)
	for i := range 5 {
		c.content("moodledata/filedir", strings.Repeat(fmt.Sprint("old ", i), 5000))
	}
	tree := c.tree(engine.Root{Name: "moodledata", Path: filepath.Join(c.dir, "moodledata")})
	c.content("moodledata/filedir", strings.Repeat("late", 5000))
	named := c.tree(engine.Root{Name: "filedir", Path: filepath.Join(c.dir, "moodledata/filedir")})
	dump := c.list(func(w *reference.Writer) { w.Add(reference.Entry{Hash: reference.Empty}) })
	list := c.list(func(w *reference.Writer) { w.Add(reference.Entry{Hash: reference.Hash{1}}) })

	// The data copy goes first: the named files still come back whole.
	gone := func(j *keeper.Job) { j.Snapshot, j.Copy, j.Known = tree, "data", []string{named} }
	for range 2 {
		if r := c.do(c.data, "delete_copy", gone); r.Error != "" {
			t.Fatal(r.Error)
		}
	}
	if r := c.do(c.data, "maintain", func(j *keeper.Job) { j.Known = []string{named} }); r.Error != "" {
		t.Fatal(r.Error)
	}
	if r := c.do(c.data, "verify_copy", func(j *keeper.Job) { j.Snapshot = named }); r.Error != "" || r.Damage != "" {
		t.Fatalf("the named files after their data copy is gone: %+v", r)
	}
	// What another copy stands on is never deleted, whatever the report said.
	if r := c.do(c.data, "delete_named", func(j *keeper.Job) { j.Snapshot, j.Known = named, []string{named} }); r.ErrorKind != "conflict" {
		t.Fatalf("%+v", r)
	}
	if r := c.do(c.job, "delete_copy", func(j *keeper.Job) { j.Snapshot, j.Beside, j.Known = dump, []string{list}, []string{list} }); r.ErrorKind != "conflict" {
		t.Fatalf("%+v", r)
	}
	for range 2 { // a try that died is tried again
		if r := c.do(c.data, "delete_named", func(j *keeper.Job) { j.Snapshot = named }); r.Error != "" {
			t.Fatal(r.Error)
		}
		if r := c.do(c.job, "delete_copy", func(j *keeper.Job) { j.Snapshot, j.Beside = dump, []string{list} }); r.Error != "" {
			t.Fatal(r.Error)
		}
	}
	for _, j := range []keeper.Job{c.job, c.data} {
		c.in(j, func(repo *engine.Repository) {
			if left, err := repo.List(t.Context()); err != nil || len(left) != 0 {
				t.Errorf("%s holds %+v, %v", j.Repository, left, err)
			}
		})
	}
}
