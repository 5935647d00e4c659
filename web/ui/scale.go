package ui

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"
)

// Scale lays ages out along a ruler of 1000 parts: now at 1000, the oldest at
// 0. The newer the copies the closer they lie in time, so the scale is a power
// of the age: of five years the last day takes a fourteenth, the last three
// months a third, the last year more than half. The zero value shows one day.
type Scale struct {
	Oldest time.Duration // of what is shown; at least one day is
}

// bend is the power. A smaller one gives more room to the newest.
const bend = 0.35

// At is where an age lies. What is newer than now or older than the oldest
// lies at the end.
func (s Scale) At(age time.Duration) int {
	if age <= 0 {
		return 1000
	}
	part := math.Pow(float64(age)/float64(max(s.Oldest, day)), bend)
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
	{12 * time.Hour, "12 h"},
	{time.Hour, "1 h"},
	{2 * day, "2 days"},
	{3 * day, "3 days"},
	{14 * day, "2 weeks"},
	{182 * day, "6 months"},
	{3 * 365 * day, "3 years"},
}

// room is how far apart labels must stand to be read on the narrowest ruler.
const room = 68

// Ticks are the marks that fit, "now" first, the oldest last; oldest is what
// the far end is called, if anything. The rounder an age the rather it is
// marked.
func (s Scale) Ticks(oldest string) []Tick {
	ticks := []Tick{{1000, "now"}}
	if oldest != "" {
		ticks = append(ticks, Tick{0, oldest})
	}
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
	slices.SortFunc(ticks, func(a, b Tick) int { return cmp.Compare(b.At, a.At) })
	return ticks
}

// Percent writes a part of a thousand; what is off the ruler lies at its end.
func Percent(part int) string {
	part = min(max(part, 0), 1000)
	return strconv.Itoa(part/10) + "." + strconv.Itoa(part%10) + "%"
}

// Anchor keeps a label at an end of the ruler within it.
func Anchor(part int) string {
	switch {
	case part < 20:
		return "start"
	case part > 980:
		return "end"
	default:
		return "middle"
	}
}
