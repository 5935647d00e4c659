package restore

import (
	"slices"
	"time"

	"holdfast/internal/id"
)

// Sample is how long one restore took on its host.
type Sample struct {
	Site  id.Site
	What  What
	Took  time.Duration
	Bytes int64 // of the copies that came back
}

// What an estimate without measurements goes by: rates that a slow and a fast
// host have, and what every restore costs whatever its size.
const (
	slowBytes   = 8 << 20  // in a second
	fastBytes   = 80 << 20 // in a second
	leastTime   = 20 * time.Second
	mostOverall = 5 * time.Minute
	fleetLeast  = 3 // samples that a fleet's rate rests on
)

// EstimateOf says how long restoring a choice takes on its host. Samples are
// of this and of other sites; safety is how long the safety copies took last
// time, zero where none are taken.
func EstimateOf(site id.Site, what What, bytes int64, samples []Sample, safety time.Duration) Estimate {
	var own []time.Duration
	var rates []float64 // bytes in a second
	for _, s := range samples {
		if s.Took <= 0 {
			continue
		}
		if s.Site == site && s.What == what {
			own = append(own, s.Took)
		}
		if s.Bytes > 0 {
			rates = append(rates, float64(s.Bytes)/s.Took.Seconds())
		}
	}
	e := Estimate{}
	switch {
	case len(own) > 0:
		e = ofSite(own)
	case len(rates) >= fleetLeast:
		slices.Sort(rates)
		low, high := quartile(rates, 3), quartile(rates, 1)
		e = Estimate{Low: leastTime + over(bytes, low), High: mostOverall + over(bytes, high), Basis: BasisFleet, Samples: len(rates)}
	default:
		e = Estimate{Low: leastTime + over(bytes, fastBytes), High: mostOverall + over(bytes, slowBytes), Basis: BasisAssumed}
	}
	e.Low += safety * 8 / 10
	e.High += safety * 15 / 10
	return e
}

// ofSite is the middle of a site's own restores, with their spread; of few,
// wider than what they say.
func ofSite(own []time.Duration) Estimate {
	slices.Sort(own)
	mid := own[len(own)/2]
	low, high := quartile(own, 1), quartile(own, 3)
	return Estimate{Low: min(low, mid*8/10), High: max(high, mid*14/10), Basis: BasisSite, Samples: len(own)}
}

// quartile gives the n-th of a sorted list.
func quartile[T any](sorted []T, n int) T { return sorted[(len(sorted)-1)*n/4] }

// maxTime keeps a size that nobody has from overflowing.
const maxTime = 30 * 24 * time.Hour

func over(bytes int64, perSecond float64) time.Duration {
	seconds := float64(max(0, bytes)) / max(1, perSecond)
	return time.Duration(min(seconds, maxTime.Seconds()) * float64(time.Second))
}
