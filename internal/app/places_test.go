package app

import (
	"math/rand/v2"
	"testing"
	"time"

	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
)

// Any load and any limit: never more than is free, somebody who waits may
// always take a free place, and nobody takes one that another is before for.
func TestPlaces_FillTheLimitAndNeverExceedIt(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 5)) //nolint:gosec // a test's
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for range 20_000 {
		l := make(load, 1+r.IntN(7))
		for i := range l {
			turn := now.Add(-time.Duration(r.IntN(100)) * time.Second)
			l[i] = dbq.DestinationLoadRow{HostID: id.New[id.Host](), Held: int64(r.IntN(5)), Waiting: r.IntN(3) > 0}
			if r.IntN(4) > 0 {
				l[i].TurnAt = &turn
			}
		}
		limit := 1 + r.IntN(12)
		free, taken, waiting := limit-l.used(), 0, 0
		for _, h := range l {
			if !h.Waiting {
				continue
			}
			waiting++
			n := l.places(limit, now, h.HostID)
			if n > max(0, free) {
				t.Fatalf("%+v, limit %d: %d of %d free places", l, limit, n, free)
			}
			taken = max(taken, n)
		}
		if free > 0 && waiting > 0 && taken == 0 {
			t.Fatalf("%+v, limit %d: %d places stay empty while %d wait", l, limit, free, waiting)
		}
	}
}

// However few places there are and whoever asks first: every host has its turn
// before any has a second.
func TestPlaces_GoRoundAllHostsThatWait(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for _, limit := range []int{1, 2, 3} {
		l := make(load, 7)
		for i := range l {
			l[i] = dbq.DestinationLoadRow{HostID: id.New[id.Host](), Waiting: true}
		}
		had := map[id.Host]int{}
		var held []int
		for range 70 {
			for i := range l { // the greediest asks first
				if n := l.places(limit, now, l[i].HostID); n > 0 {
					now = now.Add(time.Second)
					at := now
					l[i].Held, l[i].TurnAt = l[i].Held+int64(n), &at
					had[l[i].HostID] += n
					for range n {
						held = append(held, i)
					}
				}
			}
			l[held[0]].Held--
			held = held[1:]
		}
		least, most := 1<<30, 0
		for _, h := range l {
			least, most = min(least, had[h.HostID]), max(most, had[h.HostID])
		}
		if most-least > 2 {
			t.Errorf("limit %d: hosts had %d to %d turns", limit, least, most)
		}
	}
}
