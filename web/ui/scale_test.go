package ui

import (
	"testing"
	"time"
)

// TestScale_KeepsOrderAndRoom goes through spans from none to a century: older
// is never further right, everything lies on the ruler, no label covers another.
func TestScale_KeepsOrderAndRoom(t *testing.T) {
	t.Parallel()
	for _, oldest := range []time.Duration{0, time.Minute, day, 3 * day, 40 * day, 400 * day, 1827 * day, 36_500 * day} {
		s, last := Scale{Oldest: oldest}, 1000
		if s.At(-time.Hour) != 1000 || s.At(0) != 1000 || s.At(max(oldest, day)) != 0 || s.At(200*365*day) != 0 {
			t.Errorf("%v: the ends are not at the ends", oldest)
		}
		for age := time.Duration(0); age <= oldest; age += oldest/500 + 1 {
			at := s.At(age)
			if at > last || at < 0 {
				t.Fatalf("%v: age %v is at %d, after %d", oldest, age, at, last)
			}
			last = at
		}
		ticks := s.Ticks("1 Nov 2021")
		for i, tick := range ticks {
			if tick.At < 0 || tick.At > 1000 || i > 0 && ticks[i-1].At-tick.At < room {
				t.Errorf("%v: tick %d of %v", oldest, i, ticks)
			}
		}
		if ticks[0].Label != "now" || len(ticks) < 2 {
			t.Errorf("%v: ticks are %v", oldest, ticks)
		}
	}
}

func TestScale_MarksWhatThePublishedPolicyPromises(t *testing.T) {
	t.Parallel()
	want := map[string]bool{"now": true, "1 day": true, "1 week": true, "1 month": true, "3 months": true, "1 year": true, "5 years": true}
	for _, tick := range (Scale{Oldest: 5 * 365 * day}).Ticks("") {
		delete(want, tick.Label)
	}
	if len(want) > 0 {
		t.Errorf("five years do not mark %v", want)
	}
}
