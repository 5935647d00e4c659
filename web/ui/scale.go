package ui

import (
	"math"
	"time"
)

// Scale lays ages out along a ruler of 1000 parts: now at 1000, the oldest at
// 0. It is logarithmic, for the newer the copies the closer they lie: the last
// day takes about as much room as the week before it, and as the years after
// the first. The zero value shows one day.
type Scale struct {
	Oldest time.Duration // of what is shown; at least one day is
}

// knee is the age up to which the scale is close to linear.
const knee = 6 * time.Hour

func (s Scale) span() float64 {
	return math.Log1p(float64(max(s.Oldest, 24*time.Hour)) / float64(knee))
}

// At is where an age lies. What is newer than now or older than the oldest
// lies at the end.
func (s Scale) At(age time.Duration) int {
	if age <= 0 {
		return 1000
	}
	part := math.Log1p(float64(age)/float64(knee)) / s.span()
	return max(1000-int(math.Round(part*1000)), 0)
}

// Tick is a mark of a scale.
type Tick struct {
	At    int // 0 to 1000
	Label string
}

const day = 24 * time.Hour

var marks = []struct {
	age   time.Duration
	label string
}{
	{day, "1 day"},
	{7 * day, "1 week"},
	{30 * day, "1 month"},
	{91 * day, "3 months"},
	{365 * day, "1 year"},
	{2 * 365 * day, "2 years"},
	{5 * 365 * day, "5 years"},
	{10 * 365 * day, "10 years"},
	{6 * time.Hour, "6 h"},
	{2 * day, "2 days"},
	{3 * day, "3 days"},
	{14 * day, "2 weeks"},
	{182 * day, "6 months"},
	{3 * 365 * day, "3 years"},
}

// room is how far apart labels must stand to be read on the narrowest ruler.
const room = 92

// Ticks are the marks that fit, "now" first, the oldest last. The rounder an
// age the rather it is marked.
func (s Scale) Ticks() []Tick {
	ticks := []Tick{{1000, "now"}}
	for _, m := range marks {
		if m.age > max(s.Oldest, day) {
			continue
		}
		at, free := s.At(m.age), true
		for _, t := range ticks {
			free = free && max(at-t.At, t.At-at) >= room
		}
		if free {
			ticks = append(ticks, Tick{at, m.label})
		}
	}
	for i := range ticks { // few, so that an insertion is the shortest
		for j := i; j > 0 && ticks[j].At > ticks[j-1].At; j-- {
			ticks[j], ticks[j-1] = ticks[j-1], ticks[j]
		}
	}
	return ticks
}
