package app

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// MaxDestinationRuns is the highest limit of a destination.
const MaxDestinationRuns = 10_000

// SetDestinationLimit says how many runs may write to a destination at once,
// over all hosts; 0 for no limit. Runs that are at work go on.
func (a *App) SetDestinationLimit(ctx context.Context, who authz.Actor, name string, limit int) error {
	if limit < 0 || limit > MaxDestinationRuns {
		return errs.Field("limit", "must be 0 (none) to %d runs, not %d", MaxDestinationRuns, limit)
	}
	return a.do(ctx, who, authz.ManageVault, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		d, err := tx.DestinationByName(ctx, name)
		if err != nil {
			return noSuch(err, "destination", name, "holdfast destination list")
		}
		to := int32(limit) //nolint:gosec // checked
		if _, err := tx.SetDestinationLimit(ctx, dbq.SetDestinationLimitParams{ID: d.ID, MaxRuns: to}); err != nil {
			return err
		}
		err = tx.Event(ctx, "destination.limited", store.Subject{Kind: "destination", ID: d.ID.UUID()}, map[string]any{"from": d.MaxRuns, "to": to})
		if err != nil {
			return err
		}
		return wakeWaiting(ctx, tx, d.ID, to, id.Host{})
	})
}

// seenWithin is how long ago a host may last have been heard of and still keep
// a place for itself: a waiting poll is heard of every ten seconds.
const seenWithin = time.Minute

// maxWoken is how many hosts are told of a free place: the first in line take
// it, and one that does not leaves it to the next.
const maxWoken = 8

// load is who holds places at a destination, and who could take one at once.
type load []dbq.DestinationLoadRow

func loadOf(ctx context.Context, tx *store.Tx, d id.Destination) (load, error) {
	return tx.DestinationLoad(ctx, dbq.DestinationLoadParams{DestinationID: store.Optional(d.UUID()), SeenAfter: tx.Now.Add(-seenWithin)})
}

func (l load) used() (n int) {
	for _, h := range l {
		n += int(h.Held)
	}
	return n
}

// before tells whether a host is before another in the line for a place: who
// holds fewer is, and of two with as many, who was given one longer ago.
func before(a, b dbq.DestinationLoadRow) int {
	turn := func(t *time.Time) time.Time {
		if t == nil {
			return time.Time{}
		}
		return *t
	}
	return cmp.Or(cmp.Compare(a.Held, b.Held), turn(a.TurnAt).Compare(turn(b.TurnAt)), cmp.Compare(a.HostID.String(), b.HostID.String()))
}

// places tells how many of a destination's places a host may take now. It is
// never more than are free; a place is kept for every waiting host that is
// before this one in the line; and a host that holds its share of the limit
// takes no more while another that waits holds less than that. So the first in
// line may always take a free place: none stays empty while somebody waits.
func (l load) places(limit int, now time.Time, host id.Host) (n int) {
	me := dbq.DestinationLoadRow{HostID: host}
	others := make(load, 0, len(l))
	for _, h := range l {
		if h.HostID == host {
			me = h
		} else {
			others = append(others, h)
		}
	}
	sharing := 1
	for _, h := range others {
		if h.Waiting || h.Held > 0 {
			sharing++
		}
	}
	share := int64((limit + sharing - 1) / sharing)
	for used := l.used(); used < limit; used++ {
		kept, poorer := 0, false
		for _, h := range others {
			if !h.Waiting {
				continue
			}
			if before(h, me) < 0 {
				kept++
			}
			poorer = poorer || h.Held < share
		}
		if limit-used <= kept || poorer && me.Held >= share {
			break
		}
		n++
		me.Held, me.TurnAt = me.Held+1, &now
	}
	return n
}

// places are what a host may take at the destinations with a limit. Their rows
// are locked, so that this is exact over all processes.
type places struct {
	destinations []pgtype.UUID
	places       []int32
	limits       map[id.Destination]int32
	taken        map[id.Destination]bool
}

// lockPlaces locks the destinations with a limit that the host has work for.
// The caller holds the host's row; a destination's lock comes after it.
func lockPlaces(ctx context.Context, tx *store.Tx, host id.Host) (*places, error) {
	p := &places{limits: map[id.Destination]int32{}, taken: map[id.Destination]bool{}, destinations: []pgtype.UUID{}, places: []int32{}}
	rows, err := tx.LockLimits(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, d := range rows {
		l, err := loadOf(ctx, tx, d.ID)
		if err != nil {
			return nil, err
		}
		p.limits[d.ID] = d.MaxRuns
		p.destinations = append(p.destinations, store.Optional(d.ID.UUID()))
		p.places = append(p.places, int32(l.places(int(d.MaxRuns), tx.Now, host))) //nolint:gosec // at most the limit
	}
	return p, nil
}

// took notes that a run at the destination was leased.
func (p *places) took(d id.Destination) {
	if _, limited := p.limits[d]; limited {
		p.taken[d] = true
	}
}

// settle notes the host's turns, and tells who waits where places are left.
func (p *places) settle(ctx context.Context, tx *store.Tx, host id.Host) error {
	for d := range p.taken {
		if err := tx.TakeTurn(ctx, dbq.TakeTurnParams{DestinationID: d, HostID: host, TurnAt: tx.Now}); err != nil {
			return err
		}
		if err := wakeWaiting(ctx, tx, d, p.limits[d], host); err != nil {
			return err
		}
	}
	return nil
}

// placeFreed tells the hosts that wait for a place at a destination that one
// became free with the end of a run, or of its lease.
func placeFreed(ctx context.Context, tx *store.Tx, d id.Destination) error {
	if d.IsZero() {
		return nil
	}
	row, err := tx.DestinationByID(ctx, d)
	if err != nil || row.MaxRuns == 0 {
		return err
	}
	return wakeWaiting(ctx, tx, d, row.MaxRuns, id.Host{})
}

// wakeWaiting wakes the first in line, if there are free places.
func wakeWaiting(ctx context.Context, tx *store.Tx, d id.Destination, limit int32, except id.Host) error {
	l, err := loadOf(ctx, tx, d)
	if err != nil || limit > 0 && l.used() >= int(limit) {
		return err
	}
	slices.SortFunc(l, before)
	woken := 0
	for _, h := range l {
		if !h.Waiting || h.HostID == except {
			continue
		}
		if err := tx.Notify(ctx, store.ChannelWork, h.HostID.String()); err != nil {
			return err
		}
		if woken++; woken == maxWoken {
			break
		}
	}
	return nil
}
