package capacity_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"holdfast/internal/capacity"
)

const (
	gib = int64(1) << 30
	day = 24 * time.Hour
)

var start = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)

// series is n daily samples that grow by perDay, with noise of up to so much.
func series(n int, from, perDay, noise int64) []capacity.Sample {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]capacity.Sample, n)
	for i := range out {
		out[i] = capacity.Sample{At: start.Add(time.Duration(i) * day), UsedBytes: from + int64(i)*perDay}
		if noise > 0 {
			out[i].UsedBytes += r.Int64N(2*noise) - noise
		}
	}
	return out
}

func TestForesee_SaysNothingBeforeAWeek(t *testing.T) {
	t.Parallel()
	space := &capacity.Space{FreeBytes: 100 * gib, TotalBytes: 200 * gib}
	for n := range capacity.MinDays {
		if f := capacity.Foresee(series(n, 0, gib, 0), space); f.Outlook != capacity.Unknown || f.In != 0 {
			t.Errorf("%d samples: %s in %s", n, f.Outlook, f.In)
		}
	}
	crowded := series(30, 0, gib, 0)
	for i := range crowded {
		crowded[i].At = start.Add(time.Duration(i) * time.Hour)
	}
	if f := capacity.Foresee(crowded, space); f.Outlook != capacity.Unknown {
		t.Errorf("thirty samples of one day: %s", f.Outlook)
	}
}

func TestForesee_ASteadyLineIsFullToTheDay(t *testing.T) {
	t.Parallel()
	f := capacity.Foresee(series(30, 50*gib, 2*gib, 0), &capacity.Space{FreeBytes: 82 * gib, TotalBytes: 200 * gib})
	if f.Outlook != capacity.Fills || f.In != 41*day || f.Soonest != 41*day || f.Latest != 41*day {
		t.Errorf("%s in %s, %s to %s", f.Outlook, f.In, f.Soonest, f.Latest)
	}
}

// One day on which somebody copied a disk there, and one on which half was
// deleted, move the forecast little.
func TestForesee_OddDaysDoNotMoveIt(t *testing.T) {
	t.Parallel()
	s := series(40, 50*gib, 2*gib, 0)
	s[11].UsedBytes += 500 * gib
	s[23].UsedBytes = 0
	f := capacity.Foresee(s, &capacity.Space{FreeBytes: 80 * gib, TotalBytes: 200 * gib})
	if f.Outlook != capacity.Fills || math.Abs(f.In.Hours()/24-40) > 1 {
		t.Errorf("%s in %.1f days", f.Outlook, f.In.Hours()/24)
	}
}

func TestForesee_NoiseWidensTheRange(t *testing.T) {
	t.Parallel()
	space := &capacity.Space{FreeBytes: 80 * gib, TotalBytes: 400 * gib}
	calm := capacity.Foresee(series(30, 50*gib, 2*gib, gib), space)
	wild := capacity.Foresee(series(30, 50*gib, 2*gib, 40*gib), space)
	for name, f := range map[string]capacity.Forecast{"calm": calm, "wild": wild} {
		if f.Soonest > f.In || f.Latest != 0 && f.Latest < f.In {
			t.Errorf("%s: %s is not within %s to %s", name, f.In, f.Soonest, f.Latest)
		}
	}
	width := func(f capacity.Forecast) float64 { return f.Growth.PerDayHigh - f.Growth.PerDayLow }
	if width(wild) < 5*width(calm) {
		t.Errorf("noise of 40 GiB gives a range of %.0f bytes a day, of 1 GiB %.0f", width(wild), width(calm))
	}
}

// Four times in five the true slope lies within the range: seven in ten at
// least over many series.
func TestMeasure_TheRangeHoldsTheTruth(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 9))
	held := 0
	const tries = 400
	for range tries {
		s := series(30, 500*gib, 2*gib, 0)
		for i := range s {
			s[i].UsedBytes += int64(r.NormFloat64() * 10 * float64(gib))
		}
		g := capacity.Measure(s)
		if g.PerDayLow <= float64(2*gib) && float64(2*gib) <= g.PerDayHigh {
			held++
		}
	}
	if held < tries*7/10 || held > tries*9/10 {
		t.Errorf("the range holds the truth %d times of %d", held, tries)
	}
}

func TestForesee_WhatDoesNotGrowIsNeverFull(t *testing.T) {
	t.Parallel()
	space := &capacity.Space{FreeBytes: 80 * gib, TotalBytes: 400 * gib}
	for _, perDay := range []int64{0, -gib} {
		if f := capacity.Foresee(series(30, 100*gib, perDay, 0), space); f.Outlook != capacity.Steady || f.In != 0 || f.Alarm() != capacity.Calm {
			t.Errorf("%d a day: %s in %s", perDay, f.Outlook, f.In)
		}
	}
	if f := capacity.Foresee(series(30, 100*gib, 1000, 0), space); f.Outlook != capacity.Distant {
		t.Errorf("a thousand bytes a day: %s in %s", f.Outlook, f.In)
	}
}

func TestForesee_WithoutASizeThereIsGrowthAndNoDate(t *testing.T) {
	t.Parallel()
	for _, space := range []*capacity.Space{nil, {}} {
		f := capacity.Foresee(series(30, gib, gib, 0), space)
		if f.Outlook != capacity.Unbounded || !f.Growth.Known || f.Growth.PerDay != float64(gib) || f.Alarm() != capacity.Calm {
			t.Errorf("%+v", f)
		}
	}
}

func TestAlarm_ByTimeAndByShare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		free   int64
		perDay int64
		want   capacity.Alarm
	}{
		{500, 1, capacity.Calm},
		{500, 20, capacity.Soon},   // 25 days
		{500, 80, capacity.Urgent}, // 6 days
		{90, 0, capacity.Soon},     // a tenth is free
		{20, 0, capacity.Urgent},
		{1, 0, capacity.Urgent}, // full
	} {
		f := capacity.Foresee(series(20, 0, c.perDay*gib, 0), &capacity.Space{FreeBytes: c.free * gib, TotalBytes: 1000 * gib})
		if f.Alarm() != c.want {
			t.Errorf("%d GiB free, %d a day: alarm %d, want %d (%s)", c.free, c.perDay, f.Alarm(), c.want, f.Outlook)
		}
	}
}

// Whatever comes in, no figure is without meaning.
func TestForesee_OddInputGivesNoNonsense(t *testing.T) {
	t.Parallel()
	same := series(20, gib, gib, 0)
	for i := range same {
		same[i].At = start
	}
	huge := series(20, math.MaxInt64/2, math.MaxInt64/100, 0)
	for name, s := range map[string][]capacity.Sample{"none": nil, "one instant": same, "huge": huge} {
		f := capacity.Foresee(s, &capacity.Space{FreeBytes: 1 << 40, TotalBytes: 1 << 41})
		if f.In < 0 || math.IsNaN(f.Growth.PerDay) || math.IsInf(f.Growth.PerDay, 0) {
			t.Errorf("%s: %+v", name, f)
		}
	}
	shuffled := series(30, 0, gib, 0)
	rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	if g := capacity.Measure(shuffled); g.PerDay != float64(gib) {
		t.Errorf("out of order: %v a day", g.PerDay)
	}
}
