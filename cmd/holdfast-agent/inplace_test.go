package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"holdfast/internal/agent"
	"holdfast/internal/agentproto"
	"holdfast/internal/inplace"
	"holdfast/internal/minimoodle"
	"holdfast/internal/sitedb"
)

// ownPatient is a patient with no control plane: its copies lie in a folder.
func ownPatient(t *testing.T, site minimoodle.Site) (x *patient, args []string) {
	t.Helper()
	args = []string{"--repo", filepath.Join(t.TempDir(), "repo"), "--password-file", passwordFile(t), "--json"}
	conn, err := sitedb.FromMoodle(site.DB)
	if err != nil {
		t.Fatal(err)
	}
	x = &patient{t: t, site: site, conn: conn}
	x.then = x.look()
	for _, kind := range []string{"database", "data"} {
		good(t, nil, append([]string{"local", "backup", "--code", site.CodeDir, "--kind", kind}, args...)...)
	}
	x.change()
	return x, args
}

// listedRestores is what `restores list` prints.
type listedRestores struct{ Restores []agent.HeldRestore }

func TestInPlace_TheWayOutWithoutAControlPlane(t *testing.T) {
	t.Parallel()
	for _, flavour := range []sitedb.Flavour{sitedb.MariaDB, sitedb.PostgreSQL} {
		t.Run(string(flavour), func(t *testing.T) {
			t.Parallel()
			site := siteOf(t, flavour, nil)
			x, args := ownPatient(t, site)
			state := filepath.Join(t.TempDir(), "state")
			stateArgs := []string{"--state-dir", state, "--json"}
			var done agent.RestoredInPlace
			good(t, &done, append([]string{"local", "restore", "--in-place", relative(t, site.CodeDir), "--what", "everything", "--yes", "--state-dir", state}, args...)...)
			if len(done.Safety) != 2 || done.Evidence == nil || done.Evidence.Tables == 0 || done.Database == "" || done.Data == "" || done.Restore == "" {
				t.Errorf("it says %+v", done)
			}
			x.isAs("restored", x.then, x.then)
			var list listedRestores
			good(t, &list, append([]string{"restores", "list"}, stateArgs...)...)
			if len(list.Restores) != 1 || list.Restores[0].ID != done.Restore || list.Restores[0].State != inplace.StateKept || !list.Restores[0].Finished {
				t.Errorf("the list is %+v", list)
			}
			var h agent.HeldRestore
			good(t, &h, append([]string{"restores", "recover", done.Restore}, stateArgs...)...) // nothing to do
			good(t, &h, append([]string{"restores", "undo", done.Restore, "--yes"}, stateArgs...)...)
			if h.State != inplace.StateUndone {
				t.Errorf("the undo gives %+v", h)
			}
			x.isAs("undone", x.now, x.now)
			good(t, &h, append([]string{"restores", "settle", done.Restore[:len(done.Restore)-1], "--yes"}, stateArgs...)...)
			if h.State != inplace.StateSettled {
				t.Errorf("settling gives %+v", h)
			}
			good(t, &list, append([]string{"restores", "list"}, stateArgs...)...)
			if len(list.Restores) != 0 {
				t.Errorf("what is settled is listed: %+v", list)
			}
			// The safety copies are copies like others.
			var copies struct{ Copies []agent.LocalCopy }
			good(t, &copies, append([]string{"local", "list"}, args...)...)
			if len(copies.Copies) != 4 {
				t.Errorf("the repository holds %d copies", len(copies.Copies))
			}
			first := done.Database
			done = agent.RestoredInPlace{}
			good(t, &done, append([]string{"local", "restore", "--in-place", site.CodeDir, "--what", "database", "--copy", first, "--without-safety", "it is a test", "--yes", "--state-dir", state}, args...)...)
			if len(done.Safety) != 0 || done.WithoutSafety != "it is a test" || done.Data != "" {
				t.Errorf("it says %+v", done)
			}
			x.isAs("the database restored", x.then, x.now)
		})
	}
}

func TestInPlace_AsksBeforeItTouches(t *testing.T) {
	t.Parallel()
	site := siteOf(t, sitedb.MariaDB, nil)
	x, args := ownPatient(t, site)
	state := filepath.Join(t.TempDir(), "state")
	restore := func(stdin string, more ...string) outcome {
		cmd := exec.Command(os.Args[0], append(append([]string{"local", "restore", "--in-place", site.CodeDir, "--state-dir", state}, more...), args...)...) //nolint:gosec,noctx // this very test binary
		cmd.Env = append(os.Environ(), asAgent+"=1")
		cmd.Stdin = strings.NewReader(stdin)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run()
		return outcome{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
	}
	o := restore("", "--what", "everything")
	if o.code != 1 || !strings.Contains(o.errors, "to go on") || !strings.Contains(o.errors, "safety copy") || !strings.Contains(o.errors, "nothing was touched") {
		t.Errorf("nobody there: %d %s", o.code, o.errors)
	}
	_, name, _ := strings.Cut(o.errors, "\nType ")
	name, _, _ = strings.Cut(name, " ")
	if o := restore("yes\n", "--what", "everything"); o.code != 1 {
		t.Errorf("another word: %d %s", o.code, o.errors)
	}
	for what, more := range map[string][]string{
		"no part named":       nil,
		"another part":        {"--what", "half"},
		"no reason":           {"--what", "data", "--without-safety", ""},
		"two ways":            {"--what", "data", "--to", "/tmp/x"},
		"a copy of no use":    {"--what", "data", "--yes", "--copy", newest(t, args, "database")},
		"a copy that is gone": {"--what", "data", "--yes", "--copy", "ffffffffffffffff"},
	} {
		if o := restore("", more...); o.code == 0 {
			t.Errorf("%s: it was done\n%s", what, o.errors)
		}
	}
	if o := agentRun(t, append([]string{"local", "restore", "--to", t.TempDir(), "--copy", "abc", "--what", "data"}, args...)...); o.code != 2 {
		t.Errorf("--what without --in-place: %d %s", o.code, o.errors)
	}
	x.isAs("never confirmed", x.now, x.now)
	if o := restore(name+"\n", "--what", "data"); o.code != 0 {
		t.Errorf("the right word, %q: %d %s", name, o.code, o.errors)
	}
}

// newest gives the newest copy of a kind.
func newest(t *testing.T, args []string, kind string) string {
	t.Helper()
	var copies struct{ Copies []agent.LocalCopy }
	good(t, &copies, append([]string{"local", "list"}, args...)...)
	id := ""
	for _, c := range copies.Copies {
		if c.Kind == kind {
			id = c.Copy
		}
	}
	return id
}

// A person's own restore that was killed is mended by the agent before its
// next backup of the site, though the control plane knows nothing of it.
func TestInPlace_ABackupMendsFirst(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, func(s *minimoodle.Spec) { s.Files = 300 })
	x, args := ownPatient(t, site)
	state := enrolled(t, p, filepath.Dir(site.CodeDir))
	launch(t, state)
	p.wait("the first poll", func() bool { return p.count(agentproto.PathPoll) > 0 })
	cmd := exec.Command(os.Args[0], append([]string{"local", "restore", "--in-place", site.CodeDir, "--what", "everything", "--yes", "--without-safety", "a test", "--state-dir", state}, args...)...) //nolint:gosec,noctx // this very test binary
	cmd.Env = append(os.Environ(), asAgent+"=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "a journal", func() bool {
		found, _ := filepath.Glob(filepath.Join(state, "restores", "at-*", "*", "journal.json"))
		return len(found) == 1
	})
	_ = cmd.Process.Signal(syscall.SIGKILL)
	_ = cmd.Wait()
	run := p.offer(agentproto.Lease{Run: uuid.NewString(), Kind: agentproto.KindData, Attempt: 1, Site: agentproto.Site{ID: uuid.NewString(), CodeDir: site.CodeDir}}, "")
	if r := p.result(run); r.Outcome != agentproto.OutcomeGood {
		t.Errorf("the backup: %s %s: %s", r.Outcome, r.ErrorCode, r.Error)
	}
	var list listedRestores
	good(t, &list, "restores", "list", "--all", "--state-dir", state, "--json")
	if len(list.Restores) != 1 || !list.Restores[0].Finished {
		t.Errorf("the restores are %+v", list)
	}
	if list.Restores[0].State == inplace.StateKept {
		x.isAs("killed right at its end", x.then, x.then)
		return
	}
	x.isAs("mended", x.now, x.now)
}
