package copyback_test

import (
	"testing"
	"time"

	"holdfast/internal/copyback"
)

var start = time.Date(2026, 4, 24, 0, 0, 0, 0, time.UTC)

func parts() []copyback.Part {
	return []copyback.Part{{Name: "check", Guess: 5 * time.Second}, {Name: "files", Guess: time.Minute}, {Name: "load", Guess: time.Minute}, {Name: "open", Guess: 5 * time.Second}}
}

// The true rate is five times as slow as the guess: what is told gets there
// without a jump, and comes to nothing when the work does.
func TestForecast_FollowsTheRateWithoutJumping(t *testing.T) {
	t.Parallel()
	f := copyback.NewForecast(parts(), start)
	now, last := start, time.Duration(0)
	see := func(name string, done, total int64) time.Duration {
		left := f.See(now, name, done, total, 0)
		if last > 0 {
			if jump := left - last; jump > 20*time.Second || jump < -20*time.Second {
				t.Fatalf("%s after %s: from %s to %s in a second", name, now.Sub(start), last, left)
			}
		}
		last = left
		now = now.Add(time.Second)
		return left
	}
	for range 5 {
		see("check", 0, 0)
	}
	const files = 300 // seconds
	for i := range int64(files) {
		left := see("files", i, files)
		truth := time.Duration(files-i)*time.Second + 65*time.Second
		if i > 60 && (left < truth*8/10 || left > truth*12/10) {
			t.Fatalf("after %d s of files it tells %s, in truth it is %s", i, left, truth)
		}
	}
	for i := range int64(60) {
		see("load", i, 60)
	}
	for range 5 {
		see("open", 0, 0)
	}
	if last > 20*time.Second {
		t.Errorf("at the end it still tells %s", last)
	}
}

func TestForecast_StepsCountUpWhateverTheirOrder(t *testing.T) {
	t.Parallel()
	f := copyback.NewForecast(parts(), start)
	for i, name := range []string{"check", "load", "files", "load", "back", "open"} {
		f.See(start.Add(time.Duration(i)*time.Second), name, 0, 0, 0)
		step, of := f.Step()
		if want := []int{1, 2, 3, 3, 3, 4}[i]; step != want || of != 4 {
			t.Errorf("%s is step %d of %d, want %d of 4", name, step, of, want)
		}
	}
}

func TestForecast_ItsOwnWordBeatsTheRate(t *testing.T) {
	t.Parallel()
	f := copyback.NewForecast([]copyback.Part{{Name: "load", Guess: time.Hour}}, start)
	if left := f.See(start, "load", 1, 1000, 90*time.Second); left != 90*time.Second {
		t.Errorf("it tells %s", left)
	}
	if left := f.See(start.Add(10*time.Minute), "load", 1000, 1000, 0); left > 10*time.Second {
		t.Errorf("with all done it tells %s", left)
	}
}

func TestForecast_OfNothingKnownTellsNothing(t *testing.T) {
	t.Parallel()
	f := copyback.NewForecast(nil, start)
	if left := f.See(start, "back", 0, 0, time.Minute); left != 0 {
		t.Errorf("it tells %s", left)
	}
	if step, of := f.Step(); step != 0 || of != 0 {
		t.Errorf("it counts %d of %d", step, of)
	}
}
