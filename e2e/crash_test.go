package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const heavy = 40 // MiB that a backup has to send: more than one pack

// agentDies is kill -9 of the agent in mid-backup: its child ends with it, the
// run stays its host's, and is done again when the agent is back.
func agentDies(t *testing.T, r *rig, s *moodleSite) {
	h := r.hosts[s.host]
	s.grow(t, heavy)
	run, child, before := r.midway(t, s, "data")
	h.agent.kill(t)
	eventually(t, 5*time.Second, "the child ends with its agent", func() (bool, string) { return !isAlive(child), "" })
	if now, err := r.look(t.Context(), run); err != nil || now.State != "leased" || now.Fence != before.Fence {
		t.Errorf("with the agent dead the run is %+v (%v); it is still its host's", now, err)
	}
	r.vault[s.host].release()
	r.startAgent(t, h)
	after := r.awaitState(t, run, "good", time.Minute)
	if after.Fence <= before.Fence || after.Attempt != 2 {
		t.Errorf("done again as %+v, after %+v; want a higher fence and attempt 2", after, before)
	}
	r.mustHaveRunOnce(t, run, 2)
	if story := r.story(t, run); !slices.Contains(story, fmt.Sprintf("run.lost:%d", before.Fence)) {
		t.Errorf("the log does not say that the first lease was lost: %v", story)
	}
	r.mustHoldOnlyCopies(t, s, "data")
}

// mustHoldOnlyCopies opens a repository with what the rescue kit says, and
// holds its snapshots against the catalog: none is half, none is unknown.
func (r *rig) mustHoldOnlyCopies(t *testing.T, s *moodleSite, kind string) {
	t.Helper()
	kit := filepath.Join(t.TempDir(), "kit.json")
	r.say(t, "rescue-kit", "--file", kit)
	var entries []struct{ Site, Kind, Repository, Destination, Password string }
	decodeFile(t, kit, &entries)
	for _, e := range entries {
		keepSecret(e.Password)
		if e.Site != s.name || e.Kind != kind {
			continue
		}
		passwordFile := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(passwordFile, []byte(e.Password), 0o600); err != nil {
			t.Fatal(err)
		}
		out, complaints, code := call(t, environment(), "", shared.agent, "local", "list", "--json",
			"--repo", filepath.Join(r.dir, "stores", e.Destination, e.Repository), "--password-file", passwordFile)
		if code != 0 {
			t.Fatalf("local list: exit %d: %s%s", code, out, complaints)
		}
		want := r.copies(t, s.name, kind)
		if got := strings.Count(out, `"copy":`); got != len(want) {
			t.Errorf("the repository holds %d snapshots, the catalog %d copies:\n%s", got, len(want), out)
		}
		return
	}
	t.Errorf("the rescue kit does not name %s %s", s.name, kind)
}

// serveDies is kill -9 of the control plane in mid-backup: the backup goes on,
// and is reported to the next one. The database that was left is taken over.
func serveDies(t *testing.T, r *rig, s *moodleSite) {
	s.grow(t, heavy)
	run, child, before := r.midway(t, s, "data")
	database := r.postmaster(t)
	r.serve.kill(t)
	if r.postmaster(t) != database || !isAlive(database) {
		t.Error("the database died with the control plane")
	}
	r.startServe(t)
	if now := r.postmaster(t); now != database {
		t.Errorf("the database is process %d now, was %d; it was to be taken over", now, database)
	}
	if !isAlive(child) {
		t.Error("the backup's process did not outlive the control plane")
	}
	r.vault[s.host].release()
	after := r.awaitState(t, run, "good", time.Minute)
	if after.Fence != before.Fence || after.Attempt != 1 {
		t.Errorf("ended as %+v, was %+v; nothing was to begin again", after, before)
	}
	r.mustHaveRunOnce(t, run, 1)
}

// postmaster gives the pid of the control plane's own PostgreSQL.
func (r *rig) postmaster(t testing.TB) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(r.dir, "postgres", "data", "postmaster.pid"))
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	pid, _ := strconv.Atoi(line)
	return pid
}

// databaseDies kills every process of the control plane's PostgreSQL in
// mid-backup, once without mercy and once by its own immediate stop. The
// control plane starts it again, and the backup never notices.
func databaseDies(t *testing.T, r *rig, s *moodleSite) {
	for _, how := range []struct {
		name string
		kill func(pid int) error
	}{
		{"KillGroup", func(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }},
		{"ImmediateStop", func(pid int) error { return syscall.Kill(pid, syscall.SIGQUIT) }},
	} {
		t.Run(how.name, func(t *testing.T) {
			s.grow(t, heavy)
			run, child, before := r.midway(t, s, "data")
			database := r.postmaster(t)
			if err := how.kill(database); err != nil {
				t.Fatal(err)
			}
			eventually(t, 30*time.Second, "the database runs again", func() (bool, string) {
				now := r.postmaster(t)
				_, err := r.look(t.Context(), run)
				return now != 0 && now != database && err == nil, fmt.Sprint(now, err)
			})
			if !r.serve.alive() || !isAlive(child) {
				t.Fatalf("serve alive: %v, backup alive: %v", r.serve.alive(), isAlive(child))
			}
			r.vault[s.host].release()
			after := r.awaitState(t, run, "good", 90*time.Second)
			if after.Fence != before.Fence || after.Attempt != 1 {
				t.Errorf("ended as %+v, was %+v; nothing was to begin again", after, before)
			}
			r.mustHaveRunOnce(t, run, 1)
			// Everything else works again too: a new run from the first step to the last.
			r.awaitState(t, r.begin(t, s.name, "database"), "good", time.Minute)
		})
	}
}

// lineIsCut takes both lines of a host away for longer than two heartbeats.
func lineIsCut(t *testing.T, r *rig, s *moodleSite) {
	s.grow(t, heavy)
	run, child, before := r.midway(t, s, "data")
	r.control[s.host].cut()
	r.vault[s.host].cut()
	time.Sleep(25 * time.Second) // what is tested is that this time passes and nothing happens
	now, err := r.look(t.Context(), run)
	if err != nil || now.State != "leased" || now.Fence != before.Fence || !isAlive(child) {
		t.Errorf("after 25 s without a line: %+v (%v), child alive: %v", now, err, isAlive(child))
	}
	r.control[s.host].release()
	r.vault[s.host].release()
	after := r.awaitState(t, run, "good", 90*time.Second)
	if after.Fence != before.Fence || after.Attempt != 1 {
		t.Errorf("ended as %+v, was %+v; nothing was to begin again", after, before)
	}
	r.mustHaveRunOnce(t, run, 1)
}

// anotherAgentTakesOver starts a second process with the same credential in
// mid-backup: the first ends by itself and says why, the run is done once.
func anotherAgentTakesOver(t *testing.T, r *rig, s *moodleSite) {
	h := r.hosts[s.host]
	s.grow(t, heavy)
	run, child, _ := r.midway(t, s, "data")
	old := h.agent
	second := *h
	second.state = filepath.Join(r.dir, "agents", h.name+"-second")
	if err := os.MkdirAll(second.state, 0o700); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(h.state, "agent.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(second.state, "agent.json"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	r.startAgent(t, &second)
	if code := old.gone(t, 45*time.Second); code != 1 || !strings.Contains(old.said(2000), "took over this host") {
		t.Errorf("the older agent ended with %d and said:\n%s", code, old.said(2000))
	}
	eventually(t, 25*time.Second, "the older agent's child is gone", func() (bool, string) { return !isAlive(child), "" })
	r.vault[s.host].release()
	r.awaitState(t, run, "good", time.Minute)
	r.mustHaveRunOnce(t, run, 2)
	if !second.agent.alive() {
		t.Error("the newer agent ended too")
	}
	if code := second.agent.signal(t, syscall.SIGTERM, 20*time.Second); code != 0 {
		t.Errorf("an agent told to stop ended with %d", code)
	}
	r.startAgent(t, h)
}

// cancelEndsIt cancels a backup that runs.
func cancelEndsIt(t *testing.T, r *rig, s *moodleSite) {
	s.grow(t, heavy)
	run, child, _ := r.midway(t, s, "data")
	r.say(t, "runs", "cancel", run, "--reason", "disk work")
	eventually(t, 45*time.Second, "the backup's process is gone", func() (bool, string) { return !isAlive(child), "" })
	r.vault[s.host].release()
	r.awaitState(t, r.begin(t, s.name, "database"), "good", time.Minute) // the agent has said its last word of the other
	if now, err := r.look(t.Context(), run); err != nil || now.State != "cancelled" || now.Copies != 0 {
		t.Errorf("after the cancellation: %+v (%v)", now, err)
	}
	r.mustHoldOnlyCopies(t, s, "data")
	if !r.hosts[s.host].agent.alive() {
		t.Error("the agent ended too")
	}
}

// revokedAgentEnds takes a host's credential away in mid-backup, and gives it
// another: the agent ends at once with its child, and the run is done again.
func revokedAgentEnds(t *testing.T, r *rig, s *moodleSite) {
	h := r.hosts[s.host]
	s.grow(t, heavy)
	run, child, _ := r.midway(t, s, "data")
	r.say(t, "host", "revoke", h.name)
	began := time.Now()
	if code := h.agent.gone(t, 45*time.Second); code != 1 || !strings.Contains(h.agent.said(2000), "Enrol this host again") {
		t.Errorf("the agent ended with %d and said:\n%s", code, h.agent.said(2000))
	}
	t.Logf("the agent ended %s after its credential", time.Since(began).Round(10*time.Millisecond))
	if isAlive(child) {
		t.Error("its child works on")
	}
	r.vault[s.host].release()
	var made struct{ Token string }
	r.ask(t, &made, "host", "enrol", h.name, "--json")
	keepSecret(made.Token)
	r.enrol(t, h, made.Token)
	r.startAgent(t, h)
	r.awaitState(t, run, "good", time.Minute)
	r.mustHaveRunOnce(t, run, 2)
}

// rootsAreTheAgents has the control plane name a folder that the agent's own
// configuration does not allow.
func rootsAreTheAgents(t *testing.T, r *rig) {
	outside := filepath.Join(r.dir, "elsewhere", "moodle")
	if err := os.MkdirAll(outside, 0o755); err != nil { //nolint:gosec // a test's
		t.Fatal(err)
	}
	r.say(t, "site", "add", "outside.riverside.example", "--tenant", "riverside", "--host", "host-a", "--code", outside, "--destination", "host-a")
	eventually(t, time.Minute, "both runs have failed, with a code", func() (bool, string) {
		var runs []runRow
		r.ask(t, &runs, "runs", "list", "--site", "outside.riverside.example", "--json")
		ok := len(runs) == 2
		for _, v := range runs {
			ok = ok && v.State == "failed" && v.ErrorCode == "outside-allowed-roots" && v.Error != ""
		}
		return ok, fmt.Sprintf("%+v", runs)
	})
	if n := len(r.copies(t, "outside.riverside.example", "data")); n != 0 {
		t.Errorf("%d copies", n)
	}
}
