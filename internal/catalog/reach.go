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
	return Point{}, Point{}
}
