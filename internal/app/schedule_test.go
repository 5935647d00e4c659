package app_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/id"
	"holdfast/internal/policy"
	"holdfast/internal/site"
)

// rows reads one query as the superuser.
func rows[T any](r *rig, query string, args ...any) []T {
	r.t.Helper()
	c, err := pgx.Connect(r.t.Context(), r.URL)
	r.must(err)
	defer func() { r.must(c.Close(r.t.Context())) }()
	got, err := c.Query(r.t.Context(), query, args...)
	r.must(err)
	out, err := pgx.CollectRows(got, pgx.RowToStructByPos[T])
	r.must(err)
	return out
}

func (r *rig) siteIn(name, zone string) id.Site {
	r.t.Helper()
	made, err := r.AddSite(r.t.Context(), authz.Console(), app.NewSite{
		Tenant: "a", Host: "host-a", Entry: site.Entry{Name: name, CodeDir: "/srv/" + name, TimeZone: zone},
	})
	r.must(err)
	return made
}

// prompt is the published policy without a spread, so that a copy's instant is
// its slot's.
func prompt() policy.Policy {
	p := policy.Default()
	p.Window = 0
	return p
}

// live plays the control plane, its River jobs, one agent and the keeper until
// an instant. Nothing moves while it is down.
func (r *rig) live(a *agentLife, to time.Time, down ...policy.Outage) {
	r.t.Helper()
	type due struct{ At *time.Time }
	for {
		next := rows[due](r, `SELECT least(min(start_at), min(retain_at)) FROM schedule`)[0].At
		at := r.clock.Now()
		if next != nil && next.After(at) {
			at = *next
		}
		for _, d := range down {
			if !at.Before(d.From) && at.Before(d.To) {
				at = d.To
			}
		}
		if at.After(to) {
			r.clock.Set(to)
			r.tick(a)
			return
		}
		r.clock.Set(at)
		r.tick(a)
	}
}

// tick does at one instant all that is due.
func (r *rig) tick(a *agentLife) {
	r.t.Helper()
	ctx := r.t.Context()
	_, err := r.Plan(ctx, time.Minute)
	r.must(err)
	r.must(r.DispatchHost(ctx, a.host.ID))
	r.keep()
	r.must(r.DispatchHost(ctx, a.host.ID))
	for leases := a.mustPoll(); len(leases) > 0; leases = a.mustPoll() {
		for _, l := range leases {
			r.must(a.start(l))
			r.must(a.complete(l, agentproto.OutcomeGood))
		}
	}
	for more := true; more; {
		more, err = r.Retention(ctx)
		r.must(err)
	}
	r.keep()
}

// kept are the copies that the catalog keeps by a rule, in the form of a
// simulation.
func (r *rig) kept(of id.Site) []policy.KeptCopy {
	r.t.Helper()
	v, err := r.ViewSite(r.t.Context(), authz.Console(), of.String())
	r.must(err)
	out := []policy.KeptCopy{}
	for _, k := range v.Keeping {
		for _, c := range k.Copies {
			kc := policy.KeptCopy{Kind: k.Kind, At: c.Copy.TakenAt.UTC(), Tiers: policy.Tiers{}}
			for _, tier := range c.Tiers {
				slot, _ := c.Copy.Tiers.Get(tier)
				kc.Tiers = kc.Tiers.With(tier, slot)
			}
			if len(kc.Tiers) > 0 {
				out = append(out, kc)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b policy.KeptCopy) int {
		if a.Kind != b.Kind {
			return slices.Index(backup.Kinds(), a.Kind) - slices.Index(backup.Kinds(), b.Kind)
		}
		return a.At.Compare(b.At)
	})
	return out
}

// The catalog of a site that lived through a season is, to the copy, what the
// policy says: the clocks change, the control plane is down over a Friday the
// 1st, and every copy, slot and missed slot equals the simulation's.
func TestSchedule_TheCatalogIsThePolicyToTheCopy(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"Africa/Cairo", "America/New_York", "Australia/Sydney"} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			from := time.Date(2026, 4, 19, 10, 30, 0, 0, time.UTC)
			to := from.AddDate(0, 0, 17).Add(5 * time.Hour)
			down := policy.Outage{From: time.Date(2026, 4, 30, 20, 0, 0, 0, time.UTC), To: time.Date(2026, 5, 2, 9, 30, 0, 0, time.UTC)}
			r.clock.Set(from.Add(-time.Minute))
			r.tenant("a")
			a := r.host("host-a", 4)
			a.hello()
			_, err := r.CreatePolicy(t.Context(), authz.Console(), "prompt", prompt(), "")
			r.must(err)
			r.clock.Set(from)
			of := r.siteIn("a.example", zone)
			r.must(r.AssignPolicy(t.Context(), authz.Console(), "prompt", []string{"a.example"}))
			r.live(a, to, down)

			loc, err := time.LoadLocation(zone)
			r.must(err)
			want, err := policy.Simulate(loc, from, to, []policy.Outage{down}, prompt())
			r.must(err)
			if got := r.kept(of); !reflect.DeepEqual(got, want.Copies) {
				g, _ := json.MarshalIndent(got, "", " ")
				w, _ := json.MarshalIndent(want.Copies, "", " ")
				t.Errorf("the catalog keeps\n%s\nwant\n%s", g, w)
			}
			var missed []policy.Ruling
			type lost struct{ Kind, Tier, Slot string }
			for _, m := range rows[lost](r, `SELECT kind::text, tier, slot FROM missed_slot ORDER BY 1, 2, 3`) {
				slot, err := policy.ParseSlot(m.Slot)
				r.must(err)
				missed = append(missed, policy.Ruling{Kind: backup.Kind(m.Kind), Tier: policy.Tier(m.Tier), Slot: slot})
			}
			if !reflect.DeepEqual(missed, want.Missed) {
				t.Errorf("missed %v, want %v", missed, want.Missed)
			}
			// The first copies stood outside the counts, one of each kind.
			runs := want.Runs[backup.Data] + want.Runs[backup.Database] + 2
			if n := r.Count("SELECT count(*) FROM run WHERE state = 'good'"); n != runs {
				t.Errorf("%d runs, want %d", n, runs)
			}
			// What expired more than a day ago is in the catalog no more.
			if n := r.Count("SELECT count(*) FROM copy WHERE state IN ('deleting', 'gone')"); n != 0 {
				t.Errorf("%d copies hang between storage and catalog", n)
			}
			binned := r.Count("SELECT count(*) FROM copy WHERE binned_at IS NOT NULL")
			deleted := r.Count("SELECT count(*) FROM event WHERE verb = 'copy.deleted'")
			if gone := runs - len(want.Copies); binned+deleted != gone {
				t.Errorf("%d in the bin and %d deleted, want %d together", binned, deleted, gone)
			}
		})
	}
}
