package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/testdb"
)

// TestDemo starts the demo as a newcomer would, stops it by Ctrl-C, starts it
// again and starts it anew. How long that takes is measured and told, not held.
func TestDemo(t *testing.T) { //nolint:paralleltest // it measures
	dir, err := testdb.Scratch("holdfast-e2e-demo-")
	if err != nil {
		t.Fatal(err)
	}
	env := environment("HOLDFAST_STATE_DIR="+dir, "HOLDFAST_LISTEN="+freePort(t), "HOLDFAST_AGENT_LISTEN="+freePort(t))
	first := demoOnce(t, dir, env)
	t.Logf("first start: ready after %s", first.ready)
	for _, want := range []string{"http://", "staff@hoster.example", "admin@riverside.example"} {
		if !strings.Contains(first.said, want) {
			t.Errorf("the demo does not print %q:\n%s", want, first.said)
		}
	}
	second := demoOnce(t, dir, env)
	t.Logf("second start: ready after %s", second.ready)
	if first.copies != 6 || second.copies < 6 {
		t.Errorf("the first start had %d copies, the second %d; want 6 and at least as many", first.copies, second.copies)
	}
	third := demoOnce(t, dir, env, "--reset")
	t.Logf("start anew: ready after %s", third.ready)
	if third.copies != 6 || third.tenant == first.tenant || second.tenant != first.tenant {
		t.Errorf("tenants %s, %s, and after --reset %s with %d copies; a reset forgets, a start does not", first.tenant, second.tenant, third.tenant, third.copies)
	}
	demoIsKilled(t, dir, env)
}

// demoIsKilled kills the demo outright: its servers and agents are orphans
// then, and --reset must find and end them all.
func demoIsKilled(t *testing.T, dir string, env []string) {
	t.Helper()
	p, _ := startDemo(t, dir, env)
	p.kill(t)
	again := demoOnce(t, dir, env)
	t.Logf("start after kill -9: ready after %s", again.ready)
}

type demoRun struct {
	said   string
	ready  time.Duration
	copies int
	tenant string
}

func startDemo(t *testing.T, dir string, env []string, more ...string) (*process, demoRun) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "demo.out")
	began := time.Now()
	p := launch(t, "demo", log, env, shared.holdfast, append([]string{"demo"}, more...)...)
	eventually(t, 2*time.Minute, "the demo is ready", func() (bool, string) {
		if !p.alive() {
			t.Fatalf("the demo ended:\n%s", p.said(4000))
		}
		return strings.Contains(p.said(4000), "Ctrl-C stops everything"), p.said(500)
	})
	got := demoRun{said: p.said(4000), ready: time.Since(began).Round(10 * time.Millisecond)}
	return p, got
}

func demoOnce(t *testing.T, dir string, env []string, more ...string) demoRun {
	t.Helper()
	p, got := startDemo(t, dir, env, more...)
	control := append(append([]string(nil), env...), "HOLDFAST_STATE_DIR="+filepath.Join(dir, "control"))
	for _, site := range []string{"learn.riverside.example", "campus.riverside.example", "moodle.hillcrest.example"} {
		out, complaints, code := call(t, control, "", shared.holdfast, "copies", "list", site, "--json")
		if code != 0 {
			t.Fatalf("copies list: %d: %s", code, complaints)
		}
		got.copies += strings.Count(out, `"state": "good"`)
	}
	out, complaints, code := call(t, control, "", shared.holdfast, "tenant", "list", "--json")
	if code != 0 {
		t.Fatalf("tenant list: %d: %s", code, complaints)
	}
	got.tenant = regexp.MustCompile(`"id": "([^"]+)"`).FindString(out)
	if out, complaints, code := call(t, control, "", shared.holdfast, "doctor"); code != 0 {
		t.Errorf("doctor: exit %d: %s%s", code, out, complaints)
	}
	began := time.Now()
	if code := p.signal(t, syscall.SIGINT, 40*time.Second); code != 0 {
		t.Errorf("the demo ended with %d:\n%s", code, p.said(3000))
	}
	t.Logf("Ctrl-C: stopped after %s", time.Since(began).Round(10*time.Millisecond))
	if left := mentioning(dir); len(left) > 0 {
		t.Errorf("these run on:\n%s", strings.Join(left, "\n"))
	}
	if _, err := os.Stat(filepath.Join(dir, "demo.log")); err != nil {
		t.Error(fmt.Errorf("the log that the demo names: %w", err))
	}
	return got
}
