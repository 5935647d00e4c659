package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func decodeFile(t testing.TB, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path) //nolint:gosec // a test's
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// flippedByteIsFound flips one byte in the middle of each pack of a
// repository, and has the keeper look.
func flippedByteIsFound(t *testing.T, r *rig, s *moodleSite) {
	all := r.copies(t, s.name, "data")
	c := all[len(all)-1]
	flipped := 0
	var repository string
	if err := r.query(t.Context(), []any{&repository}, "SELECT r.name FROM repository r JOIN copy c ON c.repository_id = r.id WHERE c.id = $1", c.Copy); err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(r.dir, "stores", s.host, repository)
	err := filepath.WalkDir(store, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(store, path)
		if err != nil || d.IsDir() || !strings.HasPrefix(rel, "p") {
			return err
		}
		flipped++
		return flip(path)
	})
	if err != nil || flipped == 0 {
		t.Fatalf("%d packs flipped in %s: %v", flipped, store, err)
	}
	r.say(t, "copies", "verify", c.Copy)
	eventually(t, time.Minute, "the copy is damaged", func() (bool, string) {
		now := r.copies(t, s.name, "data")
		return now[len(now)-1].State == "damaged", fmt.Sprintf("%+v", now)
	})
	to := filepath.Join(t.TempDir(), "back")
	if _, complaints, code := r.run(t, "", "copies", "fetch", c.Copy, "--to", to); code != 1 || !strings.Contains(complaints, "damaged") {
		t.Errorf("a fetch of a damaged copy: exit %d, %q; want 1 and a word of the damage", code, complaints)
	}
	if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a damaged copy left something behind: %v", err)
	}
}

func flip(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // a test's
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	b := make([]byte, 1)
	at := st.Size() / 2
	_, err = f.ReadAt(b, at)
	b[0] ^= 0x10
	_, err2 := f.WriteAt(b, at)
	return errors.Join(err, err2, f.Close())
}

// diskIsFull has a destination with room for a part of a copy, and then for all.
func diskIsFull(t *testing.T, r *rig, s *moodleSite) {
	s.grow(t, heavy)
	more := r.smallDestination(t, "tiny")
	r.register(t, s, "tiny")
	var run string
	eventually(t, time.Minute, "the data run is there", func() (bool, string) {
		err := r.query(t.Context(), []any{&run}, "SELECT run.id FROM run JOIN site ON site.id = run.site_id WHERE site.name = $1 AND run.kind = 'data'", s.name)
		return err == nil, fmt.Sprint(err)
	})
	failed := r.await(t, run, "to be tried again after an error", 2*time.Minute, func(v seen) bool { return v.State == "planned" && v.Error != "" })
	if failed.Copies != 0 || failed.Code != "quota" && failed.Code != "unavailable" || !strings.Contains(failed.Error, "full") && !strings.Contains(failed.Error, "limit") {
		t.Errorf("on a full disk: %+v; want a sentence that says so, and no copy", failed)
	}
	if n := len(r.copies(t, s.name, "data")); n != 0 {
		t.Errorf("%d copies on a full disk", n)
	}
	t.Logf("the sentence: %s (%s)", failed.Error, failed.Code)
	more()
	// It comes about by itself: after its pause the run is tried again.
	r.awaitState(t, run, "good", 2*time.Minute)
	c := r.copies(t, s.name, "data")
	if len(c) != 1 || c[0].State != "good" {
		t.Fatalf("with room again: %+v", c)
	}
	comesBackAsTree(t, r, s, c[0])
}

// smallDestination makes a destination with room for some 16 MiB: a small file
// system, or, where those cannot be mounted, a quota. The function it gives
// makes room.
func (r *rig) smallDestination(t *testing.T, name string) func() {
	t.Helper()
	path := filepath.Join(r.dir, "stores", name)
	if err := os.MkdirAll(path, 0o755); err != nil { //nolint:gosec // a test's
		t.Fatal(err)
	}
	l := newLine(t, r.door)
	if err := syscall.Mount("none", path, "tmpfs", 0, "size=16m,mode=0755"); err == nil {
		t.Cleanup(func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) })
		r.addDestination(t, name, path, l)
		return func() {
			if err := syscall.Mount("none", path, "tmpfs", syscall.MS_REMOUNT, "size=512m,mode=0755"); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.addDestination(t, name, path, l, "--quota-bytes", "16777216")
	return func() {
		var n int
		if err := r.query(t.Context(), []any{&n}, "UPDATE destination SET quota_bytes = 0 WHERE name = $1 RETURNING 1", name); err != nil {
			t.Fatal(err)
		}
	}
}

// dumpShowsNothing looks at a dump at work: its client shows no password, the
// token is for its owner alone. Then the agent dies, the client with it, and
// the dump is done again.
func dumpShowsNothing(t *testing.T, r *rig, s *moodleSite) {
	h := r.hosts[s.host]
	s.growTable(t, 64)
	run, child, _ := r.midway(t, s, "database")
	var client int
	eventually(t, 20*time.Second, "the dump's client runs", func() (bool, string) {
		for _, p := range children(child) {
			if strings.Contains(p.args, "pg_dump") || strings.Contains(p.args, "mariadb-dump") || strings.Contains(p.args, "mysqldump") {
				client = p.pid
				return true, ""
			}
		}
		return false, fmt.Sprint(children(child))
	})
	tokens, _ := filepath.Glob(filepath.Join(h.state, "runs", "*", "token*"))
	if len(tokens) == 0 {
		t.Error("the run at work has no token file")
	}
	for _, f := range tokens {
		keepSecretFile(t, f)
		if st, err := os.Stat(f); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, st, err)
		}
	}
	lookAtProcesses()
	h.agent.kill(t)
	eventually(t, 10*time.Second, "child and client end with the agent", func() (bool, string) {
		return !isAlive(child) && !isAlive(client), fmt.Sprint(isAlive(child), isAlive(client))
	})
	r.vault[s.host].release()
	r.startAgent(t, h)
	r.awaitState(t, run, "good", 90*time.Second)
	r.mustHaveRunOnce(t, run, 2)
	r.mustHoldOnlyCopies(t, s, "database")
}

// nothingWasSeen looks at all that was gathered, at the end.
func nothingWasSeen(t *testing.T, r *rig) {
	// A process that does show one is found: the watch is awake.
	const shown = "a secret that one process shows"
	keepSecret(shown)
	p := launch(t, "sleep", filepath.Join(t.TempDir(), "log"), environment("SHOWN="+shown), "/bin/sh", "-c", "sleep 60; exit 0", shown)
	lookAtProcesses()
	_ = syscall.Kill(-p.pid(), syscall.SIGKILL) // the shell and its sleep
	p.gone(t, 10*time.Second)
	secrets.Lock()
	for _, where := range []string{"arguments", "environment"} {
		own := where + " of /bin/sh -c sleep 60; exit 0 " + shown + " "
		if !secrets.found[own] {
			t.Errorf("the watch did not find what stood in the %s", where)
		}
		for at := range secrets.found {
			if strings.HasPrefix(at, where+" of ") && strings.Contains(at, "sleep 60") {
				delete(secrets.found, at)
			}
		}
	}
	words := append([]string(nil), secrets.words...)
	for at := range secrets.found {
		t.Errorf("a secret stands in the %s", at)
	}
	for _, program := range []string{"holdfast", "holdfast-agent", "mariadb-dump", "pg_dump"} {
		if !secrets.met[program] {
			t.Errorf("%s was never looked at while it ran", program)
		}
	}
	t.Logf("%d secrets, %d looks at all processes", len(words), secrets.rounds)
	secrets.Unlock()
	logs, _ := filepath.Glob(filepath.Join(r.dir, "*.log"))
	more, _ := filepath.Glob(filepath.Join(r.dir, "postgres", "*.log"))
	for _, f := range append(logs, more...) {
		text, err := os.ReadFile(f) //nolint:gosec // a test's
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range words {
			if strings.Contains(string(text), w) {
				t.Errorf("%s holds a secret", filepath.Base(f))
			}
		}
	}
	outputs.Lock()
	said := outputs.text.String()
	outputs.Unlock()
	for _, w := range words {
		if strings.Contains(said, w) && !strings.HasPrefix(w, "hfe_") { // an enrolment token is there to be read
			t.Errorf("a command printed a secret")
		}
	}
}

// stopsWhole ends the control plane and its agents as an operator would, and
// holds that nothing of them runs on.
func stopsWhole(t *testing.T, r *rig) {
	for _, h := range r.hosts {
		if code := h.agent.signal(t, syscall.SIGTERM, 20*time.Second); code != 0 {
			t.Errorf("the agent of %s ended with %d:\n%s", h.name, code, h.agent.said(1000))
		}
	}
	database := r.postmaster(t)
	began := time.Now()
	if code := r.serve.signal(t, syscall.SIGTERM, 30*time.Second); code != 0 {
		t.Errorf("serve ended with %d:\n%s", code, r.serve.said(2000))
	}
	t.Logf("serve stopped in %s", time.Since(began).Round(10*time.Millisecond))
	if isAlive(database) {
		t.Error("the embedded database runs on")
	}
	if left := mentioning(r.dir); len(left) > 0 {
		t.Errorf("these run on:\n%s", strings.Join(left, "\n"))
	}
}
