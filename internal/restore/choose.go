package restore

import (
	"slices"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/id"
)

// What the notes of a choice go by.
const (
	skewNoted = 24 * time.Hour
	olderFrom = 15 * time.Minute // what one run after another of the same night differ by
	choicesBy = 3                // choices from before the moment; the rest is from after it
)

// Usable tells whether a restore may read the copy: it is whole, and stays.
func (c Copy) Usable() bool { return c.State == catalog.Good && !c.Binned }

// MakeOffer gives the ways back around a moment, the nearest on both sides,
// and the best of them: the newest from before it. Copies may be in any order;
// those that cannot be restored are passed over. It gives no choice where what
// is asked for cannot be had whole.
func MakeOffer(ask Ask, copies []Copy, now time.Time) Offer {
	if ask.At.IsZero() || ask.At.After(now) {
		ask.At = now
	}
	o := Offer{Ask: ask, Now: now}
	reads := ask.What.Reads()
	if len(reads) == 0 {
		return o
	}
	main := ofKind(copies, reads[0])
	var data []Copy
	if ask.What == Everything {
		if data = ofKind(copies, backup.Data); len(data) == 0 {
			return o
		}
	}
	n, _ := slices.BinarySearchFunc(main, ask.At, func(c Copy, at time.Time) int {
		if c.TakenAt.After(at) {
			return 1
		}
		return -1
	})
	from, to := max(0, n-choicesBy), 0
	to = min(len(main), from+MaxChoices)
	if to-from < MaxChoices {
		from = max(0, to-MaxChoices)
	}
	for i := from; i < to; i++ {
		o.Choices = append(o.Choices, choose(ask, &main[i], data, now))
	}
	switch {
	case n == 0:
		o.Best, o.Reason = 0, BecauseFirst
	case len(main) == 1:
		o.Best, o.Reason = 0, BecauseOnly
	default:
		o.Best, o.Reason = n-1-from, BecauseBefore
	}
	return o
}

// choose makes the choice of one copy, with the data that fits it best.
func choose(ask Ask, main *Copy, data []Copy, now time.Time) Choice {
	c := Choice{Off: ask.At.Sub(main.TakenAt)}
	if main.Kind == backup.Database {
		c.Database, c.LostDatabase = main, since(main.TakenAt, now)
	} else {
		c.Data, c.LostData = main, since(main.TakenAt, now)
	}
	if ask.What == Everything {
		c.Data = Best(*main, data)
		c.Skew, c.LostData = c.Data.TakenAt.Sub(main.TakenAt), since(c.Data.TakenAt, now)
		c.fit()
		if c.Skew.Abs() > skewNoted {
			c.Notes = append(c.Notes, NoteSkewed)
		}
		if c.Skew < -olderFrom && c.Fit == nil {
			c.Notes = append(c.Notes, NoteDataOlder)
		}
		if c.Fit != nil && c.Fit.Present < c.Fit.Referenced-c.MissingAtSource {
			c.Notes = append(c.Notes, NoteFilesShort)
		}
	}
	if main.TakenAt.After(ask.At) {
		c.Notes = append(c.Notes, NoteAfter)
	}
	for _, p := range []*Copy{c.Database, c.Data} {
		if p != nil && p.VerifiedAt.IsZero() {
			c.Notes = append(c.Notes, NoteUnverified)
			break
		}
	}
	if ask.What == Files {
		c.LostData = 0 // nothing goes but what they replace
	}
	return c
}

// fit notes how much of what the database names comes back.
func (c *Choice) fit() {
	n := c.Database.Names
	if n == nil {
		return
	}
	c.MissingAtSource = n.MissingAtSource
	if f, ok := n.Fits[c.Data.ID]; ok {
		c.Fit = &f
	}
}

// Best gives the data copy that fits a database copy best, as catalog.BestPair
// has it; nil for none.
func Best(database Copy, data []Copy) *Copy {
	fits := make([]catalog.Fit, len(data))
	missing := int64(0)
	for i, d := range data {
		fits[i] = catalog.Fit{ID: d.ID.String(), At: d.TakenAt, Good: d.Usable()}
		if n := database.Names; n != nil {
			missing = n.MissingAtSource
			if f, ok := n.Fits[d.ID]; ok {
				fits[i].Measured, fits[i].Referenced, fits[i].Present = true, f.Referenced, f.Present
			}
		}
	}
	if i := catalog.BestPair(database.TakenAt, missing, fits); i >= 0 {
		return &data[i]
	}
	return nil
}

func since(t, now time.Time) time.Duration { return max(0, now.Sub(t)) }

// ofKind gives the usable copies of a kind, the oldest first.
func ofKind(copies []Copy, kind backup.Kind) []Copy {
	var out []Copy
	for _, c := range copies {
		if c.Kind == kind && c.Usable() {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b Copy) int { return a.TakenAt.Compare(b.TakenAt) })
	return out
}

// Nearest gives the copy nearest to a moment, and of two that are equally near
// the later; nil for none.
func Nearest(copies []Copy, at time.Time) *Copy {
	var best *Copy
	for i := range copies {
		c := &copies[i]
		if best == nil {
			best = c
			continue
		}
		d, b := c.TakenAt.Sub(at), best.TakenAt.Sub(at)
		if d.Abs() < b.Abs() || d.Abs() == b.Abs() && d > b {
			best = c
		}
	}
	return best
}

// Partner gives the usable copy of the other kind that fits a copy best, or
// nil: there is none, or the copy is not among these.
func Partner(copies []Copy, of id.Copy) *Copy {
	i := slices.IndexFunc(copies, func(c Copy) bool { return c.ID == of })
	if i < 0 {
		return nil
	}
	if copies[i].Kind == backup.Data {
		return Nearest(ofKind(copies, backup.Database), copies[i].TakenAt)
	}
	return Best(copies[i], ofKind(copies, backup.Data))
}

// Bytes is how much a choice brings back.
func (c Choice) Bytes() (n int64) {
	for _, p := range []*Copy{c.Database, c.Data} {
		if p != nil {
			n += p.Bytes
		}
	}
	return n
}
