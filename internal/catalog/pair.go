package catalog

import (
	"cmp"
	"math/bits"
	"slices"
	"time"

	"holdfast/internal/backup"
)

// Fit is what is known of how a data copy fits a database copy of its site.
type Fit struct {
	ID   string
	At   time.Time // when the data copy was taken
	Good bool      // a restore may use it; one that is damaged or in the bin is not good

	Measured   bool
	Referenced int64 // contents that the database copy names
	Present    int64 // of these, what comes back with this data copy and the copy's own named files
}

// Whole tells whether the pair was measured and lacks nothing but what was
// missing at the source already.
func (f Fit) Whole(missingAtSource int64) bool {
	return f.Measured && f.Present >= f.Referenced-missingAtSource
}

// BestPair gives the place of the data copy that fits a database copy best, or
// -1: none is good. At is when the database copy was taken, missingAtSource
// how many contents it names that were nowhere on the day. A pair that is
// measured whole goes before all others, the nearest first. Without one, it is
// the pair with the highest share present, then the nearest; a data copy that
// was not measured yet is taken only where it is nearer than that one. Of two
// that are equally near the later wins.
func BestPair(at time.Time, missingAtSource int64, data []Fit) int {
	whole, partial, unknown := -1, -1, -1
	best := func(have *int, i int, better func(a, b Fit) int) {
		if *have < 0 || better(data[i], data[*have]) < 0 {
			*have = i
		}
	}
	near := func(a, b Fit) int { return nearer(at, a, b) }
	for i, f := range data {
		switch {
		case !f.Good:
		case f.Whole(missingAtSource):
			best(&whole, i, near)
		case f.Measured:
			best(&partial, i, func(a, b Fit) int { return cmp.Or(compareShare(b, a), near(a, b)) })
		default:
			best(&unknown, i, near)
		}
	}
	switch {
	case whole >= 0:
		return whole
	case partial < 0:
		return unknown
	case unknown >= 0 && near(data[unknown], data[partial]) < 0:
		return unknown
	}
	return partial
}

// nearer is negative where a is nearer to the moment than b.
func nearer(at time.Time, a, b Fit) int {
	return cmp.Or(cmp.Compare(a.At.Sub(at).Abs(), b.At.Sub(at).Abs()), b.At.Compare(a.At), cmp.Compare(a.ID, b.ID))
}

// compareShare compares the shares that are present, exactly. Naming nothing
// is being whole.
func compareShare(a, b Fit) int {
	share := func(f Fit) (part, of uint64) {
		if f.Referenced <= 0 {
			return 1, 1
		}
		return uint64(max(0, min(f.Present, f.Referenced))), uint64(f.Referenced)
	}
	ap, ao := share(a)
	bp, bo := share(b)
	ah, al := bits.Mul64(ap, bo)
	bh, bl := bits.Mul64(bp, ao)
	return cmp.Or(cmp.Compare(ah, bh), cmp.Compare(al, bl))
}

// Pairing is one database copy with one data copy, by their ids.
type Pairing struct{ Database, Data string }

// ToMeasure gives the pairs of a site that are worth a measure and have none:
// of each good database copy the newest data copy up to it and the oldest one
// after it, as far as they could be better than the best that is known. Listed
// tells which database copies have a list of references, known which pairs are
// measured or asked for, and fit what was found of them. The newest come first.
func ToMeasure(items []Item, listed map[string]bool, known map[Pairing]Fit, missingAtSource map[string]int64) []Pairing {
	var dumps, data []Item
	for _, c := range items {
		switch {
		case !c.Good:
		case c.Kind == backup.Data:
			data = append(data, c)
		case listed[c.ID]:
			dumps = append(dumps, c)
		}
	}
	older := func(a, b Item) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) }
	slices.SortFunc(data, older)
	slices.SortFunc(dumps, func(a, b Item) int { return older(b, a) })
	var out []Pairing
	for _, d := range dumps {
		wholeAt := time.Duration(-1)
		for _, f := range data {
			if fit, ok := known[Pairing{d.ID, f.ID}]; ok && fit.Whole(missingAtSource[d.ID]) {
				if skew := f.At.Sub(d.At).Abs(); wholeAt < 0 || skew < wholeAt {
					wholeAt = skew
				}
			}
		}
		n, _ := slices.BinarySearchFunc(data, d.At, func(c Item, at time.Time) int {
			if c.At.After(at) {
				return 1
			}
			return -1
		})
		around := data[max(0, n-1):min(len(data), n+1)]
		for _, f := range slices.Backward(around) {
			_, have := known[Pairing{d.ID, f.ID}]
			if skew := f.At.Sub(d.At).Abs(); !have && (wholeAt < 0 || skew < wholeAt) {
				out = append(out, Pairing{d.ID, f.ID})
			}
		}
	}
	return out
}
