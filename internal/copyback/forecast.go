package copyback

import (
	"math"
	"time"
)

// Part is one step of a restore and how long it is thought to take before
// anything of it was measured.
type Part struct {
	Name  string
	Guess time.Duration
}

// Forecast foretells the end of a restore from the steps still to come and the
// rate of the one at work. What it says falls steadily: a rate that changes
// moves it slowly, over some half a minute, and it never jumps. It is not for
// several goroutines.
type Forecast struct {
	parts []Part
	seen  map[string]bool // steps may come in another order than thought
	at    int             // the step at work
	began time.Time       // of it
	end   time.Time       // as told
	told  time.Time
}

// inertia is how slowly what is told follows what is measured.
const inertia = 12 * time.Second

// warmUp is how long a step runs before its own rate counts.
const warmUp = 2 * time.Second

// NewForecast begins with the first of the parts.
func NewForecast(parts []Part, now time.Time) *Forecast {
	f := &Forecast{parts: parts, seen: map[string]bool{}, began: now}
	if len(parts) > 0 {
		f.seen[parts[0].Name] = true
	}
	return f
}

// Step gives which step this is, from 1, and of how many; 0 of 0 where nothing
// is known of the steps.
func (f *Forecast) Step() (step, of int) { return len(f.seen), len(f.parts) }

// See takes in where the restore is and gives about how long the whole rest
// takes; 0 means that nothing is known. Done and total are in any unit of the
// step's own, own is the step's own estimate of its rest; 0 are unknown. A
// step that is not among the parts, or was left before, changes no place.
func (f *Forecast) See(now time.Time, name string, done, total int64, own time.Duration) time.Duration {
	if len(f.parts) == 0 {
		return 0
	}
	var rest time.Duration
	for i, p := range f.parts {
		if p.Name == name && !f.seen[name] {
			f.at, f.began = i, now
			f.seen[name] = true
		}
		if !f.seen[p.Name] {
			rest += p.Guess
		}
	}
	return f.tell(now, rest+f.current(now, name, done, total, own))
}

// current is the rest of the step at work.
func (f *Forecast) current(now time.Time, name string, done, total int64, own time.Duration) time.Duration {
	p, spent := f.parts[f.at], now.Sub(f.began)
	if name != p.Name {
		done, total, own = 0, 0, 0
	}
	switch {
	case own > 0:
		return own
	case total > 0 && done >= total:
		return 0
	case total > 0 && done > 0 && spent >= warmUp:
		return time.Duration(float64(spent) * float64(total-done) / float64(done))
	}
	// Past its guess a step is thought to need another tenth of what it took.
	return max(p.Guess-spent, spent/10)
}

// tell moves the end that was told towards the one that is thought.
func (f *Forecast) tell(now time.Time, rest time.Duration) time.Duration {
	end := now.Add(rest)
	if f.told.IsZero() {
		f.end = end
	} else {
		share := 1 - math.Exp(-float64(now.Sub(f.told))/float64(inertia))
		f.end = f.end.Add(time.Duration(float64(end.Sub(f.end)) * share))
	}
	f.told = now
	return max(f.end.Sub(now), time.Second)
}

// What a host of the small kind does in a second. A guess before anything is
// measured: the first seconds of each step replace it.
const (
	readBytes  = 60 << 20 // of a stream, to be checked
	writeBytes = 25 << 20 // of a tree
	writeFiles = 1500
	loadBytes  = 4 << 20 // of a dump
	loadTables = 60
)

// Reading guesses how long a dump takes to be read and summed.
func Reading(bytes int64) time.Duration { return seconds(1 + float64(bytes)/readBytes) }

// Writing guesses how long a tree takes to be written.
func Writing(files, bytes int64) time.Duration {
	return seconds(1 + float64(files)/writeFiles + float64(bytes)/writeBytes)
}

// Loading guesses how long a dump takes to be loaded.
func Loading(tables int, bytes int64) time.Duration {
	return seconds(2 + float64(tables)/loadTables + float64(bytes)/loadBytes)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
