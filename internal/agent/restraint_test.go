package agent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/throttle"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestConfig_NamesTheKeyThatIsWrongAndTheRemedy(t *testing.T) {
	t.Parallel()
	base := `{"server":"https://x.example","credential":"c","allow_roots":["/srv"],`
	for _, c := range []struct{ body, key, remedy string }{
		{`"nice":20}`, "nice", "19"},
		{`"nice":-1}`, "nice", "19"},
		{`"io_priority":"realtime"}`, "io_priority", "normal, low or idle"},
		{`"cpu_weight":10001}`, "cpu_weight", "100 is every other service's"},
		{`"io_weight":-1}`, "io_weight", "10000"},
		{`"memory_high_mib":100}`, "memory_high_mib", "256"},
		{`"upload_bytes_per_second":1000}`, "upload_bytes_per_second", "262144"},
		{`"download_bytes_per_second":-5}`, "download_bytes_per_second", "262144"},
		{`"max_load_per_cpu":0.01}`, "max_load_per_cpu", "like 2.5"},
		{`"max_cpu_pressure":101}`, "max_cpu_pressure", "percentage"},
		{`"max_io_pressure":-3}`, "max_io_pressure", "percentage"},
		{`"max_pause_minutes":721}`, "max_pause_minutes", "720"},
		{`"nice":0,"io_priority":"idle","cpu_weight":1,"io_weight":10000,"memory_high_mib":256,"upload_bytes_per_second":262144,"max_load_per_cpu":2.5,"max_cpu_pressure":60,"max_io_pressure":40,"max_pause_minutes":5}`, "", ""},
		{`"host_name":"a"}`, "", ""},
	} {
		var cfg Config
		must(t, json.Unmarshal([]byte(base+c.body), &cfg))
		err := cfg.Validate()
		var e *errs.Error
		if c.key == "" {
			must(t, err)
			continue
		}
		if !errors.As(err, &e) || e.Field != c.key || !strings.Contains(err.Error(), c.remedy) {
			t.Errorf("%s: %v", c.body, err)
		}
	}
}

func TestRestraint_DefaultsLowerBackups(t *testing.T) {
	t.Parallel()
	var r Restraint
	if p := r.Priority(); p != (throttle.Priority{Nice: 10, IO: throttle.IOLow}) {
		t.Errorf("%+v", p)
	}
	if w := r.weights(200); w != (throttle.Weights{CPU: 20, IO: 20, MemoryHighByte: 712 << 20}) {
		t.Errorf("%+v", w)
	}
	if r.Ceiling().Any() {
		t.Error("there is a ceiling that nobody asked for")
	}
	none := 0
	r = Restraint{Nice: &none, IOPriority: "normal", UploadBytesPerSec: 10 << 20}
	if p := r.Priority(); p != (throttle.Priority{IO: throttle.IONormal}) {
		t.Errorf("%+v", p)
	}
	lowered, restores := r.orders(throttle.Verdict{Mode: throttle.Paused, Why: "busy"}, 4)
	if lowered.Pause != "busy" || restores.Pause != "" || restores.UpBytesPerSec != 10<<18 || lowered.UpBytesPerSec != restores.UpBytesPerSec {
		t.Errorf("paused: %+v, %+v", lowered, restores)
	}
	lowered, restores = r.orders(throttle.Verdict{Mode: throttle.Slow, Why: "busy"}, 2)
	if lowered.Pause != "" || lowered.UpBytesPerSec != 1<<20 || restores.UpBytesPerSec != 5<<20 {
		t.Errorf("slow: %+v, %+v", lowered, restores)
	}
}

// gauge is how busy a test's host is.
type gauge struct {
	mu sync.Mutex
	r  throttle.Reading
	no error
}

func (g *gauge) Read() (throttle.Reading, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.r, g.no
}

func (g *gauge) set(load float64, no error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.r, g.no = throttle.Reading{LoadPerCPU: load}, no
}

// limited is a limiter of a host without control groups.
func limited(t *testing.T, r Restraint, g throttle.Gauge, clk clock.Clock) *limiter {
	t.Helper()
	return newLimiter(Options{Config: Config{Restraint: r}, StateDir: t.TempDir(), Clock: clk, Gauge: g, CgroupDir: t.TempDir()}, "life")
}

func TestLimiter_KeepsBackupsFromBeginningAndTellsTheDoctor(t *testing.T) {
	t.Parallel()
	c, g := clock.NewFixed(time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)), &gauge{}
	r := Restraint{MaxLoadPerCPU: 2, MaxPauseMinutes: 10}
	l := limited(t, r, g, c)
	look := func(load float64) {
		t.Helper()
		g.set(load, nil)
		c.Add(lookEvery)
		l.look(c.Now())
		must(t, l.note())
	}
	doctor := func() Finding {
		t.Helper()
		for _, f := range examineRestraint(strings.TrimSuffix(l.path, "/"+limitsName), r, g) {
			if f.Check == "load ceiling" {
				return f
			}
		}
		t.Fatal("the doctor says nothing of the ceiling")
		return Finding{}
	}
	look(1)
	if l.busy() != "" || doctor().State != StateOK {
		t.Errorf("calm: %q, %+v", l.busy(), doctor())
	}
	look(3)
	if f := doctor(); !strings.Contains(l.busy(), "3.0 per processor") || f.State != StateWarn || !strings.Contains(f.Detail, "backups pause") {
		t.Errorf("busy: %q, %+v", l.busy(), f)
	}
	c.Add(10 * time.Minute)
	look(3)
	if f := doctor(); l.busy() != "" || !strings.Contains(f.Detail, "go on slowly") {
		t.Errorf("busy for long: %q, %+v", l.busy(), f)
	}
	g.set(9, errors.New("no /proc"))
	l.look(c.Now())
	if f := doctor(); l.busy() != "" || f.State != StateWarn || !strings.Contains(f.Detail, "no effect") {
		t.Errorf("a gauge that is broken stops backups: %q, %+v", l.busy(), f)
	}
}

func TestHeedParent_ObeysUntilItIsToldToStop(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		"orders {\"up\":5,\"pause\":\"busy\"}\nstop\n": true,
		"orders {\"up\":5,\"pause\":\"busy\"}\n":       false, // the agent is dead
		"orders {\nstop\n":                             false,
		"halt\n":                                       false,
		"":                                             false,
	} {
		g := throttle.NewGate(throttle.SystemTimer{})
		if got := heedParent(bufio.NewReader(strings.NewReader(body)), g); got != want {
			t.Errorf("%q: %v", body, got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		why := ""
		g.OnPause(func(w string) { why = w })
		cancel()
		if strings.HasPrefix(body, "orders {\"") && (why != "busy" || g.Hold(ctx) == nil) {
			t.Errorf("%q: the orders are not obeyed", body)
		}
	}
}

// A backup stands still at its next step and says why; a dump that has begun
// goes on.
func TestGiveWay_PausesAllButADump(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	told := &teller{w: &lineWriter{enc: json.NewEncoder(&out)}}
	said := func() string {
		t.Helper()
		out.Reset()
		told.flush()
		var l line
		must(t, json.Unmarshal(out.Bytes(), &l))
		return l.Progress.Phase + ": " + l.Progress.Detail
	}
	g := throttle.NewGate(throttle.SystemTimer{})
	tell := giveWay(t.Context(), g, told)
	tell(agentproto.Progress{Phase: phaseDumping, Detail: "1 of 2"})
	g.Obey(throttle.Orders{Pause: "its load is 9"})
	tell(agentproto.Progress{Phase: phaseDumping, Detail: "2 of 2"})
	if got := said(); got != "dumping: 2 of 2" {
		t.Errorf("a dump: %q", got)
	}
	done := make(chan bool)
	go func() {
		tell(agentproto.Progress{Phase: phaseStoring, DoneFiles: 7})
		close(done)
	}()
	for { // the progress may not be told yet
		told.mu.Lock()
		why := told.why
		told.mu.Unlock()
		if why != "" {
			break
		}
	}
	if got := said(); got != "storing: Paused: the host is busy (its load is 9)." {
		t.Errorf("paused: %q", got)
	}
	select {
	case <-done:
		t.Error("it went on")
	default:
	}
	g.Obey(throttle.Orders{})
	<-done
	if got := said(); got != "storing: " {
		t.Errorf("afterwards: %q", got)
	}
}

// A working process that takes a backup runs lowered, from its start; one that
// restores does not. Both are told of new orders by their standard input.
func TestChild_ABackupRunsLoweredAndARestoreDoesNot(t *testing.T) {
	t.Parallel()
	here, err := throttle.PriorityOf(0)
	must(t, err)
	nice := 17
	l := limited(t, Restraint{Nice: &nice, IOPriority: "idle"}, &gauge{}, clock.System{})
	script := `read job; echo '{"started":true}'; read orders; case "$orders" in 'orders {"up":99}') echo '{"result":{"Outcome":"good"}}';; *) echo "$orders" >&2;; esac`
	for kind, want := range map[string]throttle.Priority{
		agentproto.KindData: {Nice: 17, IO: throttle.IOIdle}, agentproto.KindRestore: here,
	} {
		lease := agentproto.Lease{Run: "run-" + kind, Fence: 3, Kind: kind, Site: agentproto.Site{ID: "site1"}}
		if kind == agentproto.KindRestore {
			lease.Restore = &agentproto.Restore{ID: "r1"}
		}
		c, err := startChild(childSpec{
			Command: []string{"/bin/sh", "-c", script}, MemoryMiB: 100, Log: slog.New(slog.DiscardHandler), Limits: l,
			Job: job{Lease: lease, StateDir: t.TempDir()},
		})
		must(t, err)
		<-c.started
		if got, err := throttle.PriorityOf(c.process.Pid); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", kind, got, err, want)
		}
		c.obey(throttle.Orders{})                  // nothing new
		c.obey(throttle.Orders{UpBytesPerSec: 99}) // heard
		<-c.done
		if c.result.Outcome != agentproto.OutcomeGood {
			t.Errorf("%s: %+v", kind, c.result)
		}
	}
	if l.limits.Priority != "ok" {
		t.Errorf("the doctor hears %q", l.limits.Priority)
	}
	if _, err := os.Stat(l.path); err == nil {
		t.Error("it is written before the agent runs")
	}
}
