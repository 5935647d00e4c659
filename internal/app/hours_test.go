package app_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/policy"
	"holdfast/internal/tenant"
)

// promptSite makes a site of the tenant a under a policy without a spread.
func (r *rig) promptSite(zone string) {
	r.t.Helper()
	_, err := r.CreatePolicy(r.t.Context(), authz.Console(), "prompt", prompt(), "")
	r.must(err)
	r.siteIn("a.example", zone)
	r.must(r.AssignPolicy(r.t.Context(), authz.Console(), "prompt", []string{"a.example"}))
}

func (r *rig) hours(text string) {
	r.t.Helper()
	_, err := r.SetTenantHours(r.t.Context(), authz.Console(), "a", text, true)
	r.must(err)
}

// A season with a backup window, over the night on which clocks change and a
// control plane that is down: the catalog is, to the copy, what the policy says
// within these hours, and no run started outside them.
func TestHours_TheCatalogIsThePolicyWithinThem(t *testing.T) {
	t.Parallel()
	for zone, text := range map[string]string{
		"Africa/Cairo": "23:30-00:45", "Europe/Berlin": "22:00-06:00", "America/New_York": "01:00-05:00 mon,tue,thu,sat",
	} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			from := time.Date(2026, 4, 19, 10, 30, 0, 0, time.UTC)
			to := from.AddDate(0, 0, 16).Add(5 * time.Hour)
			down := policy.Outage{From: time.Date(2026, 4, 30, 20, 0, 0, 0, time.UTC), To: time.Date(2026, 5, 2, 9, 30, 0, 0, time.UTC)}
			r.clock.Set(from)
			r.tenant("a")
			a := r.host("host-a", 4)
			a.hello()
			r.promptSite(zone)
			r.hours(text)
			r.live(a, to, down)

			loc, err := time.LoadLocation(zone)
			r.must(err)
			p := prompt()
			p.Hours, err = policy.ParseHours("hours", text)
			r.must(err)
			want, err := policy.Simulate(loc, from, to, []policy.Outage{down}, p)
			r.must(err)
			v, err := r.ViewSite(t.Context(), authz.Console(), "a.example")
			r.must(err)
			if got := r.kept(v.Site.ID); !reflect.DeepEqual(got, want.Copies) {
				g, _ := json.MarshalIndent(got, "", " ")
				w, _ := json.MarshalIndent(want.Copies, "", " ")
				t.Errorf("the catalog keeps\n%s\nwant\n%s", g, w)
			}
			if n := r.Count("SELECT count(*) FROM missed_slot"); n != len(want.Missed) {
				t.Errorf("%d slots are missed, want %d", n, len(want.Missed))
			}
			type begun struct{ At time.Time }
			for _, b := range rows[begun](r, "SELECT started_at FROM run WHERE reason = 'scheduled' AND started_at IS NOT NULL") {
				if !p.Hours.Open(loc, b.At) {
					t.Errorf("a run started at %s, outside %s", b.At.In(loc), text)
				}
			}
		})
	}
}

// A run that waits for its host when the hours close is put off to the next
// opening; it stays one run, and what a person asks for begins at once.
func TestHours_WhatWaitsWhenTheyCloseIsPutOff(t *testing.T) {
	t.Parallel()
	r := newRig(t) // it is 2026-11-22 10:00, in Berlin 11:00
	r.tenant("a")
	a := r.host("host-a", 4)
	a.hello()
	r.promptSite("Europe/Berlin")
	r.hours("22:00-06:00")
	r.live(a, r.clock.Now().Add(time.Hour))
	night := time.Date(2026, 11, 22, 21, 0, 0, 0, time.UTC)
	closed := "SELECT count(*) FROM run WHERE state = 'planned' AND reason = 'scheduled' AND not_before = $1 AND closes_at = $1 + interval '8 hours'"
	r.clock.Set(night.Add(30 * time.Minute))
	if p := r.plan(); p.Runs != 1 { // the data copies of noon and later; the database's are due at midnight
		t.Fatalf("at the opening: %+v", p)
	}
	r.dispatchHosts()
	r.clock.Set(night.Add(8 * time.Hour)) // 06:00: its agent was away
	if l := a.mustPoll(); len(l) != 0 {
		t.Fatalf("after the close %d runs were begun", len(l))
	}
	r.plan()
	if n := r.Count(closed, night.AddDate(0, 0, 1)); n != 1 {
		t.Fatalf("%d runs wait for the next opening", n)
	}
	r.plan()
	r.dispatchHosts()
	if l := a.mustPoll(); len(l) != 0 || r.Count("SELECT count(*) FROM run WHERE state IN ('planned', 'queued')") != 1 {
		t.Fatal("there is more than one run that is owed, or it begins at noon")
	}
	if n := r.Count("SELECT count(*) FROM event WHERE verb = 'run.put_off'"); n != 1 {
		t.Fatalf("%d events tell of it", n)
	}
	s := r.again("a.example", backup.Data)
	if l := a.mustPoll(); !s.Joined || len(l) != 1 || l[0].Run != s.Run.String() {
		t.Fatalf("what a person asked for waits for the hours: %+v, %d leases", s, len(l))
	}
}

// Lateness counts from the opening, and hours that are gone hold up nothing.
func TestHours_ChangeWithTheirTenantAndItsSite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	a := r.host("host-a", 4)
	a.hello()
	r.promptSite("Europe/Berlin")
	r.live(a, r.clock.Now().Add(30*time.Minute))
	type row struct{ Start, Overdue time.Time }
	next := func() row {
		t.Helper()
		return rows[row](r, "SELECT start_at, overdue_at FROM schedule WHERE kind = 'data'")[0]
	}
	noon := time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)
	if got := next(); !got.Start.Equal(noon) {
		t.Fatalf("at any hour: %+v", got)
	}
	r.hours("22:00-06:00")
	if got := next(); !got.Start.Equal(noon.Add(10*time.Hour)) || !got.Overdue.Equal(noon.Add(12*time.Hour)) {
		t.Fatalf("the tenant's: %+v", got)
	}
	_, err := r.SetSiteHours(t.Context(), authz.Console(), "a.example", "always", false)
	r.must(err)
	if got := next(); !got.Start.Equal(noon) || !got.Overdue.Equal(noon.Add(2*time.Hour)) {
		t.Fatalf("none for the site: %+v", got)
	}
	if _, err = r.SetSiteHours(t.Context(), authz.Console(), "a.example", "13:00-14:00", true); err != nil {
		t.Fatal(err)
	}
	if got := next(); !got.Start.Equal(noon.Add(time.Hour)) {
		t.Fatalf("the site's: %+v", got)
	}
	view, err := r.ViewHours(t.Context(), authz.Console(), "a")
	r.must(err)
	if view.Hours.String() != "22:00-06:00" || len(view.Own) != 1 || view.Own[0].Hours.String() != "13:00-14:00" {
		t.Fatalf("%+v", view)
	}
	_, err = r.SetSiteHours(t.Context(), authz.Console(), "a.example", "", false)
	r.must(err)
	if got := next(); !got.Start.Equal(noon.Add(10 * time.Hour)) {
		t.Fatalf("the tenant's again: %+v", got)
	}
}

func TestHours_ThatCostSlotsAreTakenOnlyWhenThatIsAccepted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	r.host("host-a", 4)
	r.siteIn("a.example", "Europe/Berlin")
	_, err := r.SetTenantHours(t.Context(), authz.Console(), "a", "22:00-06:00", false)
	var w *app.HoursWarning
	if !errs.Is(err, errs.Conflict) || !errors.As(err, &w) || len(w.Sentences) != 2 || !strings.Contains(errs.Sentence(err), "08:00, 12:00 and 16:00 are never taken") {
		t.Fatalf("%v", err)
	}
	if n := r.Count("SELECT count(*) FROM tenant WHERE backup_hours <> ''"); n != 0 {
		t.Fatal("they hold all the same")
	}
	if _, err := r.SetTenantHours(t.Context(), authz.Console(), "a", "22:00-", true); !errs.Is(err, errs.Invalid) {
		t.Fatalf("half a window: %v", err)
	}
	if _, err := r.SetTenantHours(t.Context(), authz.Console(), "nobody", "", true); !errs.Is(err, errs.NotFound) {
		t.Fatalf("nobody's: %v", err)
	}
	v, err := r.ViewSite(t.Context(), authz.Console(), "a.example")
	r.must(err)
	customer := authz.Actor{Name: "customer:x", Memberships: []authz.Membership{{Tenant: v.Site.TenantID, Role: tenant.Admin}}}
	if _, err := r.SetTenantHours(t.Context(), customer, "a", "22:00-06:00", true); !errs.Is(err, errs.Forbidden) {
		t.Fatalf("a customer's own: %v", err)
	}
	if _, err := r.SetSiteHours(t.Context(), customer, "a.example", "22:00-06:00", true); err == nil {
		t.Fatal("a customer's site")
	}
}

// A host that says it is busy is given no backups, and its restores as ever.
func TestPoll_ABusyHostIsGivenNoBackups(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	a := r.host("host-a", 4)
	a.hello()
	r.site("a.example", "a", "host-a")
	ask := func(busy string) []agentproto.Lease {
		t.Helper()
		a.seq++
		p, err := r.Poll(t.Context(), a.host, agentproto.PollRequest{Instance: a.instance, Epoch: a.epoch, PollSeq: a.seq, Held: a.held, Busy: busy}, true)
		r.must(err)
		return p.Leases
	}
	if l := ask("its load is 9.0"); len(l) != 0 {
		t.Fatalf("%d backups", len(l))
	}
	r.clock.Add(time.Minute)
	if l := ask("its load is 8.0"); len(l) != 0 {
		t.Fatalf("%d backups", len(l))
	}
	if n := r.Count("SELECT count(*) FROM host WHERE busy = 'its load is 8.0' AND busy_since = $1", r.clock.Now().Add(-time.Minute)); n != 1 {
		t.Fatal("nobody is told since when, and why")
	}
	if l := ask(""); len(l) != 1 {
		t.Fatalf("%d backups when it is busy no more", len(l))
	}
	if n := r.Count("SELECT count(*) FROM host WHERE busy = '' AND busy_since IS NULL"); n != 1 {
		t.Fatal("it is said to be busy still")
	}
}
