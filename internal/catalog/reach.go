package catalog

import (
	"time"

	"holdfast/internal/backup"
)

// Item is what "how far back" must know of a copy. All items of one call are
// of the same site.
type Item struct {
	ID   string
	Kind backup.Kind
	At   time.Time // when it was taken
	Good bool      // a restore may use it
}

// Point is a restore point: a database copy with the data copy that fits it
// best. Both are nil when there is none.
type Point struct {
	Database *Item
	Data     *Item         // nil: there is no data copy at all
	Skew     time.Duration // from the database copy to the data copy; negative: the data is older
	Lost     time.Duration // from the database copy to the moment; negative: the copy is later
}

// Reach gives the restore points around a moment: before, of the newest good
// database copy at or before it, and after, of the next one. The data copy of
// each is the nearest one, and of two that are equally near the later.
func Reach(items []Item, moment time.Time) (before, after Point) {
	for i := range items {
		c := &items[i]
		switch {
		case c.Kind != backup.Database || !c.Good:
		case c.At.After(moment):
			if after.Database == nil || c.At.Before(after.Database.At) {
				after.Database = c
			}
		case before.Database == nil || c.At.After(before.Database.At):
			before.Database = c
		}
	}
	for _, p := range []*Point{&before, &after} {
		if p.Database != nil {
			p.Lost = moment.Sub(p.Database.At)
			p.fit(items)
		}
	}
	return before, after
}

// fit finds the data copy.
func (p *Point) fit(items []Item) {
	for i := range items {
		c := &items[i]
		if c.Kind != backup.Data || !c.Good {
			continue
		}
		skew := c.At.Sub(p.Database.At)
		if p.Data == nil || skew.Abs() < p.Skew.Abs() || skew.Abs() == p.Skew.Abs() && skew > p.Skew {
			p.Data, p.Skew = c, skew
		}
	}
}
