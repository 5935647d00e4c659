package throttle_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/throttle"
)

const tick = 5 * time.Second

// play shows a governor readings, one each tick, and gives its modes.
func play(g *throttle.Governor, now *time.Time, n int, r throttle.Reading) (modes []throttle.Mode) {
	for range n {
		*now = now.Add(tick)
		modes = append(modes, g.See(*now, r).Mode)
	}
	return modes
}

func TestGovernor_PausesAboveTheCeilingAndGoesOnWellBelowIt(t *testing.T) {
	t.Parallel()
	g := throttle.NewGovernor(throttle.Ceiling{LoadPerCPU: 4, Patience: 10 * time.Minute})
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	for _, s := range []struct {
		load float64
		want throttle.Mode
	}{
		{1, throttle.Free},
		{4, throttle.Free},
		{4.1, throttle.Paused},
		{3.9, throttle.Paused},
		{3.3, throttle.Paused},
		{3.1, throttle.Free},
		{3.9, throttle.Free},
		{4.2, throttle.Paused},
		{0, throttle.Free},
	} {
		now = now.Add(tick)
		v := g.See(now, throttle.Reading{LoadPerCPU: s.load})
		if v.Mode != s.want || (v.Why == "") != (s.want == throttle.Free) {
			t.Errorf("load %.1f: %+v, want %v", s.load, v, s.want)
		}
	}
}

// A host that stays busy holds backups up for the patience, and then they go on
// slowly until it is calm.
func TestGovernor_PatienceEnds(t *testing.T) {
	t.Parallel()
	g := throttle.NewGovernor(throttle.Ceiling{IOPressure: 50, Patience: 10 * time.Minute})
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	busy := throttle.Reading{IOPressure: 90, HasPressure: true}
	paused := 0
	modes := play(g, &now, 24*60*12, busy)
	first := -1
	for i, m := range modes {
		if m == throttle.Free {
			t.Fatal("a busy host is free")
		}
		if m == throttle.Paused {
			paused++
		} else if first < 0 {
			first = i
		}
	}
	if d := time.Duration(first) * tick; d < 10*time.Minute-tick || d > 10*time.Minute+tick {
		t.Errorf("the first pause took %s", d)
	}
	if paused*2 > len(modes)+2*int(10*time.Minute/tick) {
		t.Errorf("%d of %d ticks were pauses", paused, len(modes))
	}
	if m := play(g, &now, 1, throttle.Reading{HasPressure: true}); m[0] != throttle.Free {
		t.Errorf("a calm host: %v", m)
	}
}

// Whatever a host does, backups stand still for no longer than the patience at
// a stretch, and in the long run for no more than half of the time.
func TestGovernor_NeverHoldsUpMoreThanHalf(t *testing.T) {
	t.Parallel()
	for range 200 {
		patience := time.Duration(1+rand.N(60)) * time.Minute
		g := throttle.NewGovernor(throttle.Ceiling{LoadPerCPU: 2, CPUPressure: 60, Patience: patience})
		now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
		var paused, stretch, total time.Duration
		for range 60 {
			r := throttle.Reading{LoadPerCPU: rand.Float64() * 4, CPUPressure: rand.Float64() * 100, HasPressure: rand.N(2) == 0}
			for _, m := range play(g, &now, 1+rand.N(300), r) {
				total += tick
				if m != throttle.Paused {
					stretch = 0
					continue
				}
				paused, stretch = paused+tick, stretch+tick
				if stretch > patience+tick {
					t.Fatalf("held up for %s with a patience of %s", stretch, patience)
				}
			}
		}
		if paused > total/2+patience+2*tick {
			t.Fatalf("held up for %s of %s with a patience of %s", paused, total, patience)
		}
	}
}

func TestProc_ReadsWhatTheKernelTells(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := throttle.Proc{Dir: dir, CPUs: 4}
	if _, err := p.Read(); err == nil {
		t.Error("a load that is not there")
	}
	must(t, os.WriteFile(filepath.Join(dir, "loadavg"), []byte("6.00 5.00 4.00 3/812 4711\n"), 0o600))
	got, err := p.Read()
	if want := (throttle.Reading{LoadPerCPU: 1.5}); err != nil || got != want {
		t.Errorf("without pressures: %+v, %v", got, err)
	}
	must(t, os.Mkdir(filepath.Join(dir, "pressure"), 0o700))
	for name, share := range map[string]string{"cpu": "12.50", "io": "40.00"} {
		body := "some avg10=1.00 avg60=" + share + " avg300=2.00 total=1\nfull avg10=9.00 avg60=9.00 avg300=9.00 total=1\n"
		must(t, os.WriteFile(filepath.Join(dir, "pressure", name), []byte(body), 0o600))
	}
	got, err = p.Read()
	if want := (throttle.Reading{LoadPerCPU: 1.5, CPUPressure: 12.5, IOPressure: 40, HasPressure: true}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "loadavg"), []byte("many\n"), 0o600))
	if _, err := p.Read(); err == nil || !strings.Contains(err.Error(), "load") {
		t.Errorf("%v", err)
	}
	if _, err := (throttle.Proc{}).Read(); err != nil {
		t.Errorf("this machine's own: %v", err)
	}
}
