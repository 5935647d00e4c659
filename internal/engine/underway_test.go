package engine_test

import (
	"context"
	"io"
	"testing"
	"time"

	"holdfast/internal/engine"
)

// A copy that is being taken leans on contents of older ones, which may be
// deleted meanwhile.

func TestMaintain_SparesWhatACopyUnderWayLeansOn(t *testing.T) {
	t.Parallel()
	for name, pause := range map[string]time.Duration{"for an hour": time.Hour, "for a day": 25 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := history(t, engine.Database, 4, 0)
			data := dump(1) // all of it is there already
			var deleted time.Time
			s, err := open(t, c.at()).StoreStream(t.Context(), engine.StreamOptions{Source: "site", FileName: "dump.sql", TakenAt: c.cal.now()},
				func(_ context.Context, w io.Writer) error {
					if _, err := w.Write(data[:len(data)/2]); err != nil {
						return err
					}
					deleted = c.cal.now()
					c.forget(t, 3)
					maintain(t, open(t, c.at()), true)
					c.cal.pass(pause)
					maintain(t, open(t, c.at()), true)
					_, err := w.Write(data[len(data)/2:])
					return err
				})
			must(t, err)
			c.ids, c.want[s.ID] = append(c.ids, s.ID), data
			c.intact(t)
			_, _ = c.upkeep(t, deleted)
			c.intact(t)
			c.restorable(t)
		})
	}
}

func TestStore_ByAWriterThatSleptThroughMaintenanceIsWhole(t *testing.T) {
	t.Parallel()
	c := newCopies(t, engine.Database, newCalendar())
	writer := open(t, c.at())
	for day := range 4 {
		c.take(t, writer, day, "")
		c.cal.pass(24 * time.Hour)
	}
	c.forget(t, 3)
	_, _ = c.upkeep(t, c.cal.now())
	c.take(t, writer, 1, "") // what it once wrote is gone by now
	c.intact(t)
	_, _ = c.upkeep(t, c.cal.now())
	c.intact(t)
	c.restorable(t)
}
