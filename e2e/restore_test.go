package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/sitedb"
)

// restoreRow is what `holdfast restore show --json` says, as far as it counts here.
type restoreRow struct {
	Restore, State, Error string
	Step                  int
	Waits                 string
	Evidence              struct {
		Safety []struct{ Kind, Copy, State string }
		Host   *struct {
			Tables int
			Rows   int64
			Files  int64
			Kept   []struct{ What, Where string }
		}
	}
}

// A site is broken and brought back by the command line, with a real agent and
// a real MariaDB; then the same with every process killed on the way, cancelled
// on the way, and undone.
func TestRestore_ThroughRealProcesses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := &restoreSite{rig: r, moodleSite: r.build(t, spec{name: "learn.riverside.example", host: "host-a", layout: "classic", prefix: "mdl_", flavour: sitedb.MariaDB, seed: 5})}
	r.register(t, s.moodleSite, "host-a")
	eventually(t, 2*time.Minute, "both first copies are good", func() (bool, string) {
		d, f := r.copies(t, s.name, "database"), r.copies(t, s.name, "data")
		return len(d) == 1 && len(f) == 1 && d[0].State == "good" && f[0].State == "good", fmt.Sprint(d, f)
	})
	s.whole = s.courses(t)
	for _, part := range []struct {
		name string
		test func(*testing.T, *restoreSite)
	}{
		{"AcceptedAfterEverythingCameBack", everythingComesBack},
		{"AgentDiesOnTheWay", agentDiesOnTheWay},
		{"ControlPlaneDiesOnTheWay", planeDiesOnTheWay},
		{"CancelledOnTheWay", cancelledOnTheWay},
		{"AgentIsStoppedOnTheWay", agentStopsOnTheWay},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(t, s) }) {
			return // the next would only fail after it
		}
	}
}

type restoreSite struct {
	*moodleSite
	rig   *rig
	whole int64 // courses before anything was broken
}

func (s *restoreSite) courses(t testing.TB) int64 {
	t.Helper()
	site := s.Site
	site.DB.Password = s.conn.Password
	live, err := site.Live(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close() //nolint:errcheck // only looked
	n, err := live.Count(t.Context(), "SELECT COUNT(*) FROM {course}")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// breakIt is the customer's bad day: courses deleted, a file of the code and a
// language pack gone, a stranger's file in the code.
func (s *restoreSite) breakIt(t testing.TB) {
	t.Helper()
	site := s.Site
	site.DB.Password = s.conn.Password
	live, err := site.Live(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close() //nolint:errcheck // a test's
	if err := live.Exec(t.Context(), "DELETE FROM {course} WHERE id > 1"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.CodeDir, "install.php")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.CodeDir, "stranger.php"), []byte("<?php"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// mustBeWhole holds the site against what it was before it was broken.
func (s *restoreSite) mustBeWhole(t testing.TB) {
	t.Helper()
	if n := s.courses(t); n != s.whole {
		t.Errorf("%d courses, want %d", n, s.whole)
	}
	s.mustHave(t, map[string]bool{"install.php": true, "stranger.php": false})
}

// mustBeBroken holds that nothing came back.
func (s *restoreSite) mustBeBroken(t testing.TB) {
	t.Helper()
	if n := s.courses(t); n != 1 {
		t.Errorf("%d courses, want the 1 that was left", n)
	}
	s.mustHave(t, map[string]bool{"install.php": false, "stranger.php": true})
}

func (s *restoreSite) mustHave(t testing.TB, files map[string]bool) {
	t.Helper()
	for name, want := range files {
		if _, err := os.Stat(filepath.Join(s.CodeDir, name)); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", name, err == nil, want)
		}
	}
	if _, err := os.Stat(filepath.Join(s.DataRoot, "climaintenance.html")); err == nil {
		t.Error("the site still shows its maintenance page")
	}
}

func (s *restoreSite) show(t testing.TB, of string) (v restoreRow) {
	t.Helper()
	s.rig.ask(t, &v, "restore", "show", of, "--json")
	return v
}

// await waits until the restore is in a state.
func (s *restoreSite) await(t testing.TB, of, state string) (v restoreRow) {
	t.Helper()
	eventually(t, 2*time.Minute, "restore "+of+" is "+state, func() (bool, string) {
		v = s.show(t, of)
		if v.State != state && (v.State == "failed" || v.State == "cancelled") {
			t.Fatalf("the restore is %s: %s\n%s", v.State, v.Error, s.rig.hosts[s.host].agent.said(4000))
		}
		return v.State == state, fmt.Sprintf("%+v", v)
	})
	return v
}

func everythingComesBack(t *testing.T, s *restoreSite) {
	first := s.rig.copies(t, s.name, "database")[0].Copy
	s.breakIt(t)
	var v restoreRow
	s.rig.ask(t, &v, "restore", s.name, "--what", "everything", "--point", first, "--yes", s.name, "--reason", "courses were deleted", "--json")
	v = s.await(t, v.Restore, "restored")
	s.mustBeWhole(t)
	if len(v.Evidence.Safety) != 2 || v.Evidence.Host == nil || v.Evidence.Host.Tables == 0 || v.Evidence.Host.Rows == 0 || v.Evidence.Host.Files == 0 || len(v.Evidence.Host.Kept) == 0 {
		t.Fatalf("the evidence is %+v", v.Evidence)
	}
	for _, kind := range []string{"database", "data"} {
		if n := len(s.rig.copies(t, s.name, kind)); n != 2 {
			t.Errorf("%d %s copies, want the first and the safety copy", n, kind)
		}
	}
	s.rig.say(t, "restore", "accept", v.Restore, "--wait")
	for _, k := range v.Evidence.Host.Kept {
		if _, err := os.Lstat(k.Where); filepath.IsAbs(k.Where) && err == nil {
			t.Errorf("%s still lies in %s after the acceptance", k.What, k.Where)
		}
	}
	s.mustBeWhole(t)
}

// midway breaks the site and begins a restore whose host waits for its vault.
func (s *restoreSite) midway(t testing.TB) (of string) {
	t.Helper()
	var first string
	for _, c := range s.rig.copies(t, s.name, "database") {
		first = c.Copy // the oldest stands last
	}
	s.breakIt(t)
	s.rig.vault[s.host].cut()
	var v restoreRow
	s.rig.ask(t, &v, "restore", s.name, "--what", "everything", "--point", first, "--yes", s.name, "--without-safety", "the test has one already", "--json")
	eventually(t, time.Minute, "the host is at work on the restore", func() (bool, string) {
		v = s.show(t, v.Restore)
		return v.State == "running" && len(children(s.rig.hosts[s.host].agent.pid())) == 1, fmt.Sprintf("%+v", v)
	})
	return v.Restore
}

// agentDiesOnTheWay is kill -9 of the agent in mid-restore: it goes on when the
// agent is back; then it is undone, and the broken site is back.
func agentDiesOnTheWay(t *testing.T, s *restoreSite) {
	of := s.midway(t)
	h := s.rig.hosts[s.host]
	child := h.child(t)
	h.agent.kill(t)
	eventually(t, 10*time.Second, "the child ends with its agent", func() (bool, string) { return !isAlive(child), "" })
	if v := s.show(t, of); v.State != "running" {
		t.Errorf("with the agent dead the restore is %s; it is still its host's", v.State)
	}
	s.rig.vault[s.host].release()
	s.rig.startAgent(t, h)
	s.await(t, of, "restored")
	s.mustBeWhole(t)
	s.rig.say(t, "restore", "undo", of, "--reason", "the wrong day", "--wait")
	s.mustBeBroken(t)
	s.mend(t)
}

// planeDiesOnTheWay is kill -9 of the control plane: the host goes on.
func planeDiesOnTheWay(t *testing.T, s *restoreSite) {
	of := s.midway(t)
	child := s.rig.hosts[s.host].child(t)
	s.rig.serve.kill(t)
	s.rig.vault[s.host].release()
	s.rig.startServe(t)
	s.await(t, of, "restored")
	if len(children(s.rig.hosts[s.host].agent.pid())) == 1 && isAlive(child) {
		t.Error("the restore's process goes on after its end")
	}
	s.mustBeWhole(t)
	s.rig.say(t, "restore", "accept", of, "--wait")
	s.mustBeWhole(t)
}

// cancelledOnTheWay ends with the site as it was.
func cancelledOnTheWay(t *testing.T, s *restoreSite) {
	of := s.midway(t)
	s.rig.say(t, "restore", "cancel", of, "--reason", "found them again")
	s.rig.vault[s.host].release()
	s.await(t, of, "cancelled")
	s.mustBeBroken(t)
	s.mend(t)
}

// agentStopsOnTheWay: the machine is restarted; the restore begins again.
func agentStopsOnTheWay(t *testing.T, s *restoreSite) {
	of := s.midway(t)
	h := s.rig.hosts[s.host]
	h.agent.signal(t, syscall.SIGTERM, time.Minute)
	s.rig.vault[s.host].release()
	s.rig.startAgent(t, h)
	s.await(t, of, "restored")
	s.mustBeWhole(t)
	s.rig.say(t, "restore", "accept", of, "--wait")
}

// mend brings the site back for the next test.
func (s *restoreSite) mend(t testing.TB) {
	t.Helper()
	var first string
	for _, c := range s.rig.copies(t, s.name, "database") {
		first = c.Copy
	}
	var v restoreRow
	s.rig.ask(t, &v, "restore", s.name, "--what", "everything", "--point", first, "--yes", s.name, "--without-safety", "the test has one already", "--json")
	s.await(t, v.Restore, "restored")
	s.rig.say(t, "restore", "accept", v.Restore, "--wait")
	s.mustBeWhole(t)
}
