package app_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/tenant"
)

func (r *rig) limit(n int) {
	r.t.Helper()
	r.must(r.SetDestinationLimit(r.t.Context(), authz.Console(), app.DefaultDestination, n))
}

// crowd is hosts with sites whose data copies wait, and agents that said hello.
func (r *rig) crowd(hosts, sites int) []*agentLife {
	r.t.Helper()
	r.tenant("a")
	out := make([]*agentLife, hosts)
	for i := range out {
		name := fmt.Sprintf("host-%d", i)
		out[i] = r.host(name, 64)
		for j := range sites {
			r.site(fmt.Sprintf("s%d-%d.example", i, j), "a", name)
		}
		out[i].hello()
	}
	r.SQL("UPDATE run SET state = 'cancelled', finished_at = $1 WHERE kind = 'database'", r.clock.Now())
	r.SQL("UPDATE host SET last_seen_at = $1", r.clock.Now())
	return out
}

// Six hosts, many sites, four places: never more than four at once over all,
// everybody gets some from the beginning, and all is done in the end.
func TestLimit_HoldsOverAllHostsAtOnceAndAllFinish(t *testing.T) {
	t.Parallel()
	const hosts, sites, limit = 6, 5, 4
	r := newRig(t)
	r.limit(limit)
	crowd := r.crowd(hosts, sites)
	var mu sync.Mutex
	var order []int // which host took each run
	var held, most atomic.Int64
	var wg sync.WaitGroup
	watched, stop := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	watch.Go(func() {
		for watched.Err() == nil {
			if n := r.Count("SELECT count(*) FROM run WHERE state = 'leased'"); n > limit {
				t.Errorf("%d runs are leased at a destination of %d", n, limit)
			}
		}
	})
	for i, h := range crowd {
		wg.Go(func() {
			for done := 0; done < sites && t.Context().Err() == nil; {
				p, err := h.poll()
				if err != nil {
					t.Error(err)
					return
				}
				for now := held.Add(int64(len(p.Leases))); now > most.Load(); {
					most.Store(now)
				}
				mu.Lock()
				for range p.Leases {
					order = append(order, i)
				}
				mu.Unlock()
				for _, l := range p.Leases {
					held.Add(-1)
					if err := h.start(l); err != nil {
						t.Error(err)
					}
					if err := h.complete(l, agentproto.OutcomeGood); err != nil {
						t.Error(err)
					}
					done++
				}
			}
		})
	}
	wg.Wait()
	stop()
	watch.Wait()
	if n := r.Count("SELECT count(*) FROM copy"); n != hosts*sites || most.Load() > limit {
		t.Fatalf("%d copies of %d; %d at once", n, hosts*sites, most.Load())
	}
	first := map[int]bool{}
	for _, i := range order[:2*hosts] {
		first[i] = true
	}
	if len(first) != hosts {
		t.Errorf("of the first %d runs, %d hosts had some: %v", 2*hosts, len(first), order)
	}
}

func TestLimit_AHostTakesNoMoreThanItsShareWhileOthersWait(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.limit(4)
	crowd := r.crowd(2, 5)
	if got := len(crowd[0].mustPoll()); got != 2 {
		t.Fatalf("the first host took %d of 4 places, another waits", got)
	}
	if got := len(crowd[0].mustPoll()); got != 0 {
		t.Fatalf("it took %d more", got)
	}
	if got := len(crowd[1].mustPoll()); got != 2 {
		t.Fatalf("the second host took %d", got)
	}
	if got := len(crowd[1].mustPoll()); got != 0 {
		t.Fatalf("%d beyond the limit", got)
	}
}

// What nobody can take is kept for nobody: a host that is silent, in
// maintenance or full itself.
func TestLimit_NoPlaceIsKeptForAHostThatCannotTakeIt(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]string{
		"silent":      "UPDATE host SET last_seen_at = last_seen_at - interval '2 minutes' WHERE name = 'host-1'",
		"maintenance": "UPDATE host SET state = 'maintenance' WHERE name = 'host-1'",
		"suspended":   "UPDATE site SET state = 'suspended' WHERE name LIKE 's1-%'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.limit(4)
			crowd := r.crowd(2, 5)
			r.SQL(spoil)
			if got := len(crowd[0].mustPoll()); got != 4 {
				t.Fatalf("took %d of 4 places", got)
			}
		})
	}
}

func TestLimit_AFullDestinationHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.limit(1)
	crowd := r.crowd(1, 3)
	r.SQL(`INSERT INTO destination (id, name, kind, config_sealed, created_at) VALUES (gen_random_uuid(), 'other', 'filesystem', '', now())`)
	r.SQL(`UPDATE run SET destination_id = (SELECT id FROM destination WHERE name = 'other'), priority = 4 WHERE site_id = (SELECT id FROM site WHERE name = 's0-2.example')`)
	if got := len(crowd[0].mustPoll()); got != 2 {
		t.Fatalf("took %d: one at the full destination, one at the other", got)
	}
}

// The end of a run, however it ends, wakes a host that waits for its place.
func TestLimit_AFreedPlaceWakesWhoWaits(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*rig, *agentLife, agentproto.Lease){
		"done":      func(r *rig, h *agentLife, l agentproto.Lease) { r.must(h.complete(l, agentproto.OutcomeGood)) },
		"failed":    func(r *rig, h *agentLife, l agentproto.Lease) { r.must(h.complete(l, agentproto.OutcomeRefused)) },
		"retried":   func(r *rig, h *agentLife, l agentproto.Lease) { r.must(h.complete(l, agentproto.OutcomeFailed)) },
		"cancelled": func(r *rig, _ *agentLife, _ agentproto.Lease) { r.cancelLeased() },
		"lifted":    func(r *rig, _ *agentLife, _ agentproto.Lease) { r.limit(0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.limit(1)
			crowd := r.crowd(2, 1)
			l := crowd[0].mustPoll()[0]
			r.must(crowd[0].start(l))
			if got := crowd[1].mustPoll(); len(got) != 0 {
				t.Fatalf("leased %d beyond the limit", len(got))
			}
			c, err := pgx.Connect(t.Context(), r.URL)
			r.must(err)
			defer c.Close(context.Background()) //nolint:errcheck // a test's
			_, err = c.Exec(t.Context(), "LISTEN holdfast_work")
			r.must(err)
			end(r, crowd[0], l)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			for {
				n, err := c.WaitForNotification(ctx)
				if err != nil {
					t.Fatalf("the host that waits was not woken: %v", err)
				}
				if n.Payload == crowd[1].host.ID.String() {
					break
				}
			}
			if got := crowd[1].mustPoll(); len(got) != 1 {
				t.Fatalf("leased %d", len(got))
			}
		})
	}
}

func (r *rig) cancelLeased() {
	r.t.Helper()
	rows, err := r.ListRuns(r.t.Context(), authz.Console(), app.RunQuery{OnlyOpen: true})
	r.must(err)
	for _, row := range rows {
		if row.State == backup.Leased {
			r.must(r.CancelRun(r.t.Context(), authz.Console(), row.ID, "test"))
		}
	}
}

func TestSetDestinationLimit_IsForStaffAndKeptInTheLog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, n := range []int{-1, app.MaxDestinationRuns + 1} {
		if err := r.SetDestinationLimit(t.Context(), authz.Console(), app.DefaultDestination, n); !errs.Is(err, errs.Invalid) {
			t.Errorf("%d: %v", n, err)
		}
	}
	if err := r.SetDestinationLimit(t.Context(), authz.Console(), "nowhere", 1); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
	if err := r.SetDestinationLimit(t.Context(), authz.Actor{Name: "x", Staff: tenant.Support}, app.DefaultDestination, 1); !errs.Is(err, errs.Forbidden) {
		t.Error(err)
	}
	r.limit(3)
	list, err := r.Destinations(t.Context())
	r.must(err)
	if list[0].MaxRuns != 3 {
		t.Errorf("%+v", list[0])
	}
	if n := r.Count("SELECT count(*) FROM event WHERE verb = 'destination.limited' AND detail->>'to' = '3'"); n != 1 {
		t.Errorf("%d events", n)
	}
}
