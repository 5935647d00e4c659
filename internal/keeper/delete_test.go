package keeper_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/engine"
	"holdfast/internal/id"
	"holdfast/internal/keeper"
	"holdfast/internal/vault"
)

// shelf is a repository with a few copies of a database, each sealed too.
type shelf struct {
	t       *testing.T
	dir     string
	backend vault.Backend
	job     keeper.Job
	snaps   []engine.Snapshot
	dumps   []string
	sealed  []string
}

func newShelf(t *testing.T, copies int) *shelf {
	t.Helper()
	s := &shelf{t: t, dir: t.TempDir()}
	s.backend = vault.Backend{Kind: vault.Filesystem, Path: s.dir}
	raw, err := json.Marshal(s.backend)
	s.must(err)
	site := id.New[id.Site]().String()
	s.job = keeper.Job{
		Backend: raw, Repository: site + "/database", Kind: "database", Password: "a long password", Site: site, SpoolDir: t.TempDir(),
		SealKey: bytes.Repeat([]byte{7}, 32),
	}
	s.ok(s.do("create_repository", nil))
	repo := s.open()
	for i := range copies {
		text := strings.Repeat("INSERT INTO mdl_x VALUES (1);\n", 3000+i) + string(bytes.Repeat([]byte{byte('a' + i)}, 50_000))
		snap, err := repo.StoreStream(t.Context(), engine.StreamOptions{Source: site, FileName: "dump.sql", TakenAt: time.Now()}, func(_ context.Context, w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		})
		s.must(err)
		s.snaps, s.dumps = append(s.snaps, snap), append(s.dumps, text)
	}
	s.must(repo.Close(t.Context()))
	for i, snap := range s.snaps {
		res := s.do("seal_copy", func(j *keeper.Job) { j.Snapshot, j.Copy, j.SHA256 = snap.ID, s.copy(i), snap.SHA256 })
		s.ok(res)
		s.sealed = append(s.sealed, res.SealedName)
	}
	return s
}

func (s *shelf) copy(i int) string { return "copy-" + string(rune('0'+i)) }

func (s *shelf) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shelf) ok(r keeper.Result) {
	s.t.Helper()
	if r.Error != "" || r.Damage != "" {
		s.t.Fatalf("%+v", r)
	}
}

func (s *shelf) open() *engine.Repository {
	s.t.Helper()
	repo, err := engine.Open(s.t.Context(), engine.Location{Backend: &s.backend, Repository: s.job.Repository}, s.job.Password)
	s.must(err)
	return repo
}

func (s *shelf) do(task string, change func(*keeper.Job)) keeper.Result {
	s.t.Helper()
	j := s.job
	j.Task = task
	if change != nil {
		change(&j)
	}
	return runChild(s.t, j)
}

// deletion is the job of deleting a copy, as the control plane words it.
func (s *shelf) deletion(i int) func(*keeper.Job) {
	return func(j *keeper.Job) {
		j.Task, j.Snapshot, j.Copy, j.SealedName = "delete_copy", s.snaps[i].ID, s.copy(i), s.sealed[i]
		for k, snap := range s.snaps {
			if k != i {
				j.Known = append(j.Known, snap.ID)
			}
		}
	}
}

// holds wants exactly these copies there, whole, snapshot and sealed file.
func (s *shelf) holds(copies ...int) {
	s.t.Helper()
	repo := s.open()
	defer func() { s.must(repo.Close(context.WithoutCancel(s.t.Context()))) }()
	list, err := repo.List(s.t.Context())
	s.must(err)
	if len(list) != len(copies) {
		s.t.Errorf("%d copies, want %d", len(list), len(copies))
	}
	report, err := repo.Verify(s.t.Context(), engine.VerifyOptions{Percent: 100})
	s.must(err)
	if !report.Proven && len(copies) > 0 {
		s.t.Errorf("the others: %+v", report)
	}
	files, err := filepath.Glob(filepath.Join(s.dir, s.job.Site, "sealed", "*"))
	s.must(err)
	if len(files) != len(copies) {
		s.t.Errorf("sealed files %v, want %d", files, len(copies))
	}
	for _, i := range copies {
		var plain, stream bytes.Buffer
		_, err := repo.ReadStream(s.t.Context(), s.snaps[i].ID, &stream)
		s.must(err)
		s.must(engine.ReadSealed(s.t.Context(), s.backend, s.sealed[i], s.job.SealKey, &plain))
		if stream.String() != s.dumps[i] || plain.String() != s.dumps[i] {
			s.t.Errorf("copy %d came back as other bytes", i)
		}
	}
}

func TestDeleteCopy_DeletesOneCopyAndNothingElse(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 3)
	for range 2 { // a second time does no harm
		res := s.do("delete_copy", s.deletion(1))
		s.ok(res)
		if res.RepositoryBytes == 0 {
			t.Error("the repository's bytes are not told")
		}
		s.holds(0, 2)
	}
	s.ok(s.do("delete_copy", func(j *keeper.Job) {
		s.deletion(2)(j)
		j.Known = []string{s.snaps[0].ID, s.snaps[2].ID} // the one that goes may be among them
	}))
	s.holds(0)
	s.ok(s.do("delete_copy", func(j *keeper.Job) { s.deletion(2)(j); j.Known = []string{s.snaps[0].ID, s.snaps[2].ID} }))
	res := s.do("maintain", func(j *keeper.Job) { j.Known = []string{s.snaps[0].ID} })
	s.ok(res)
	if m := res.Maintained; m == nil || m.BytesBefore == 0 || m.BytesAfter == 0 || res.RepositoryBytes != m.BytesAfter {
		t.Errorf("maintenance says %+v", res)
	}
	s.holds(0)
}

func TestDeleteCopy_RefusesARepositoryWithLosses(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 2)
	for task, change := range map[string]func(*keeper.Job){
		"delete_copy": func(j *keeper.Job) { s.deletion(0)(j); j.Known = append(j.Known, "0123456789abcdef0123456789abcdef") },
		"maintain":    func(j *keeper.Job) { j.Snapshot, j.Known = "gone", []string{s.snaps[0].ID, "gone"} },
	} {
		if res := s.do(task, change); res.ErrorKind != "incomplete" || !strings.Contains(res.Error, "put it back") {
			t.Errorf("%s: %+v", task, res)
		}
	}
	s.holds(0, 1)
}

func TestDeleteCopy_RefusesWhatIsNotTheCopys(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 2)
	for name, change := range map[string]func(*keeper.Job){
		"no snapshot":              func(j *keeper.Job) { j.Snapshot = "" },
		"another's sealed file":    func(j *keeper.Job) { j.SealedName = s.sealed[1] },
		"a file of the repository": func(j *keeper.Job) { j.SealedName = s.job.Repository + "/kopia.repository.f" },
		"a path that climbs":       func(j *keeper.Job) { j.SealedName = s.job.Site + "/sealed/../database/kopia.repository.f" },
	} {
		if res := s.do("delete_copy", func(j *keeper.Job) { s.deletion(0)(j); change(j) }); res.ErrorKind != "invalid" {
			t.Errorf("%s: %+v", name, res)
		}
	}
	s.holds(0, 1)
}

// A try that died after the manifest went and before the sealed file did.
func TestDeleteCopy_FinishesWhatStoppedHalfWay(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 2)
	// What lies where the file was cannot be removed, so the first try ends there.
	file := filepath.Join(s.dir, filepath.FromSlash(s.sealed[0]))
	s.must(os.Rename(file, file+".aside"))
	s.must(os.MkdirAll(filepath.Join(file, "full"), 0o700))
	if res := s.do("delete_copy", s.deletion(0)); res.Error == "" {
		t.Fatalf("%+v", res)
	}
	s.must(os.RemoveAll(file))
	s.must(os.Rename(file+".aside", file))
	repo := s.open()
	if list, err := repo.List(t.Context()); err != nil || len(list) != 1 || list[0].ID != s.snaps[1].ID {
		t.Fatalf("half way the copies are %v, %v", list, err)
	}
	s.must(repo.Close(t.Context()))
	s.ok(s.do("delete_copy", s.deletion(0)))
	s.holds(1)
}

func TestDeleteCopy_KilledAtAnyMomentIsDoneByTheNextTry(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 6)
	seen := map[string]int{}
	// The moments of a deletion, as its files show them.
	for i, moment := range []func(before, now map[string]int) bool{
		func(before, now map[string]int) bool { return now["s"] > before["s"] },                            // a session began
		func(before, now map[string]int) bool { return now["q"] > before["q"] },                            // the tombstone is stored
		func(before, now map[string]int) bool { return now["x"] > before["x"] },                            // and counts
		func(before, now map[string]int) bool { return now["x"] > before["x"] && now["s"] == before["s"] }, // the session ended
		func(before, now map[string]int) bool { return now["sealed"] < before["sealed"] },                  // the sealed file is gone
	} {
		died := s.killed(i, moment)
		manifest, file := s.left(i)
		seen[state(died, manifest, file)]++
		s.ok(s.do("delete_copy", s.deletionOf(i)))
		var rest []int
		for k := i + 1; k < 6; k++ {
			rest = append(rest, k)
		}
		s.holds(rest...)
	}
	t.Log(seen)
	if seen["done"] == 5 {
		t.Errorf("nothing was killed in time: %v", seen)
	}
}

// files counts the destination's files: sealed ones, and blobs by their first letter.
func (s *shelf) files() map[string]int {
	n := map[string]int{}
	_ = filepath.WalkDir(filepath.Join(s.dir, s.job.Site), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(d.Name(), ".tmp.") {
			return nil //nolint:nilerr // files come and go while they are counted
		}
		rel, _ := filepath.Rel(filepath.Join(s.dir, s.job.Site), path)
		kind, name, _ := strings.Cut(rel, "/")
		if kind == "database" {
			kind = name[:1]
		}
		n[kind]++
		return nil
	})
	return n
}

// deletionOf is deletion where the copies before it are gone already.
func (s *shelf) deletionOf(i int) func(*keeper.Job) {
	return func(j *keeper.Job) {
		s.deletion(i)(j)
		j.Known = nil
		for _, snap := range s.snaps[i+1:] {
			j.Known = append(j.Known, snap.ID)
		}
	}
}

func state(died, manifest, file bool) string {
	switch {
	case !died:
		return "done"
	case manifest:
		return "killed before"
	case file:
		return "killed between"
	}
	return "killed after"
}

// killed deletes in a process of its own, which is killed once the files show
// the moment, and tells whether it was.
func (s *shelf) killed(i int, moment func(before, now map[string]int) bool) bool {
	s.t.Helper()
	j := s.job
	s.deletionOf(i)(&j)
	line, err := json.Marshal(j)
	s.must(err)
	before := s.files()
	cmd := exec.CommandContext(s.t.Context(), os.Args[0], "keeper-child")
	cmd.Env = append(os.Environ(), "TMPDIR="+s.t.TempDir())
	in, err := cmd.StdinPipe()
	s.must(err)
	s.must(cmd.Start())
	_, err = in.Write(append(line, '\n'))
	s.must(err)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			var exit *exec.ExitError
			return errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
		default:
			if moment(before, s.files()) {
				_ = cmd.Process.Kill()
			}
		}
	}
}

// left tells what of a copy is still there.
func (s *shelf) left(i int) (manifest, file bool) {
	s.t.Helper()
	repo := s.open()
	list, err := repo.List(s.t.Context())
	s.must(err)
	s.must(repo.Close(s.t.Context()))
	for _, l := range list {
		manifest = manifest || l.ID == s.snaps[i].ID
	}
	_, err = os.Stat(filepath.Join(s.dir, filepath.FromSlash(s.sealed[i])))
	return manifest, err == nil
}
