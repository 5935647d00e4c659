// Package capacity tells from samples of a storage's use when it will be full:
// how much it grows a day, how sure that is, and what is not known. It is pure,
// and never claims a date that the samples do not carry.
package capacity

import (
	"math"
	"slices"
	"time"
)

// Space is what a file system says of itself, in bytes.
type Space struct {
	FreeBytes  int64 // for us, without what is kept for root
	TotalBytes int64
}

// Sample is the use of a storage at an instant.
type Sample struct {
	At        time.Time
	UsedBytes int64 // of the file system where that is known, else what we stored
}

// What a forecast is made from.
const (
	MinDays = 7  // of samples, before anything is said
	MaxDays = 60 // older samples tell of another time
	// Horizon is how far ahead a date is named.
	Horizon = 2 * 365 * 24 * time.Hour
)

// z is the deviate of a range that holds the true slope four times in five.
const z = 1.2816

// Growth is by how many bytes a day a use grows: the median of the slopes
// between all pairs of samples, which a single odd day does not move, and the
// range that holds it four times in five.
type Growth struct {
	Known          bool
	Days           float64 // that the samples span
	Samples        int
	PerDay         float64
	PerDayLow      float64
	PerDayHigh     float64
	NewestBytes    int64
	NewestMeasured time.Time
}

// Measure tells the growth. It is not known from less than MinDays samples, or
// from samples of less than MinDays.
func Measure(samples []Sample) Growth {
	s := slices.Clone(samples)
	slices.SortFunc(s, func(a, b Sample) int { return a.At.Compare(b.At) })
	var g Growth
	if len(s) == 0 {
		return g
	}
	newest := s[len(s)-1]
	g.NewestBytes, g.NewestMeasured = newest.UsedBytes, newest.At
	for len(s) > 0 && newest.At.Sub(s[0].At) > MaxDays*24*time.Hour {
		s = s[1:]
	}
	g.Samples, g.Days = len(s), days(newest.At.Sub(s[0].At))
	if len(s) < MinDays || g.Days < MinDays-1 {
		return g
	}
	slopes := pairwise(s)
	if len(slopes) == 0 {
		return g
	}
	g.Known = true
	g.PerDay = median(slopes)
	n := float64(len(s))
	spread := z * math.Sqrt(n*(n-1)*(2*n+5)/18)
	half := float64(len(slopes))
	g.PerDayLow = slopes[at(int(math.Floor((half-spread)/2)), len(slopes))]
	g.PerDayHigh = slopes[at(int(math.Ceil((half+spread)/2)), len(slopes))]
	return g
}

func days(d time.Duration) float64 { return d.Hours() / 24 }

func at(i, n int) int { return min(max(i, 0), n-1) }

// pairwise gives the slopes between all pairs, in bytes a day, in order.
func pairwise(s []Sample) []float64 {
	out := make([]float64, 0, len(s)*(len(s)-1)/2)
	for i := range s {
		for j := i + 1; j < len(s); j++ {
			if apart := days(s[j].At.Sub(s[i].At)); apart > 0 {
				out = append(out, float64(s[j].UsedBytes-s[i].UsedBytes)/apart)
			}
		}
	}
	slices.Sort(out)
	return out
}

func median(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// Outlook is what can be said of a storage's room.
type Outlook string

// The outlooks.
const (
	Unbounded Outlook = "unbounded" // the storage does not say how large it is
	Unknown   Outlook = "unknown"   // not enough samples yet
	Steady    Outlook = "steady"    // it does not grow
	Distant   Outlook = "distant"   // full beyond the horizon
	Fills     Outlook = "fills"     // full at a time that can be named
	Full      Outlook = "full"      // it is
)

// Forecast is when a storage will be full.
type Forecast struct {
	Outlook Outlook
	Growth  Growth
	Space   *Space
	// In is how long until it is full. Soonest and Latest bound it four times in
	// five, if it goes on as it did; Latest is 0 where growth may be none.
	In, Soonest, Latest time.Duration
}

// fullShare is the share of the whole below which a storage counts as full:
// file systems fail in odd ways before the last byte is gone.
const fullShare = 0.005

// Foresee tells when a storage with so much space is full. space is nil where
// the storage does not say.
func Foresee(samples []Sample, space *Space) Forecast {
	f := Forecast{Growth: Measure(samples), Space: space}
	switch {
	case space == nil || space.TotalBytes <= 0:
		f.Space, f.Outlook = nil, Unbounded
		return f
	case float64(space.FreeBytes) < fullShare*float64(space.TotalBytes):
		f.Outlook = Full
		return f
	case !f.Growth.Known:
		f.Outlook = Unknown
		return f
	case f.Growth.PerDay <= 0:
		f.Outlook = Steady
		return f
	}
	free := float64(space.FreeBytes)
	f.In = until(free, f.Growth.PerDay)
	f.Soonest, f.Latest = until(free, f.Growth.PerDayHigh), until(free, f.Growth.PerDayLow)
	f.Outlook = Fills
	if f.In >= Horizon {
		f.Outlook = Distant
	}
	return f
}

// until is how long free bytes last, the horizon at most; 0 for ever.
func until(free, perDay float64) time.Duration {
	if perDay <= 0 {
		return 0
	}
	d := free / perDay
	if d >= Horizon.Hours()/24 {
		return Horizon
	}
	return time.Duration(d * 24 * float64(time.Hour))
}

// Alarm is how soon somebody must see to a storage.
type Alarm int

// The alarms.
const (
	Calm   Alarm = iota
	Soon         // plan for more room
	Urgent       // backups may fail for want of room within days
)

// When a storage is to be seen to.
const (
	soonWithin   = 30 * 24 * time.Hour
	urgentWithin = 7 * 24 * time.Hour
	soonShare    = 0.10
	urgentShare  = 0.03
)

// Alarm tells how soon somebody must see to it: by the time that is left, and
// whatever the growth, by the share that is free.
func (f Forecast) Alarm() Alarm {
	if f.Outlook == Full {
		return Urgent
	}
	if f.Space == nil {
		return Calm
	}
	share := float64(f.Space.FreeBytes) / float64(f.Space.TotalBytes)
	fills := f.Outlook == Fills
	switch {
	case share < urgentShare, fills && f.In < urgentWithin:
		return Urgent
	case share < soonShare, fills && f.In < soonWithin:
		return Soon
	}
	return Calm
}
