package app_test

import (
	"errors"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/capacity"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
	"holdfast/internal/tenant"
)

const gib = int64(1) << 30

func (r *rig) destination() id.Destination {
	r.t.Helper()
	list, err := r.Destinations(r.t.Context())
	r.must(err)
	return list[0].ID
}

// The rows of this hour and day are written again; old hours go after two
// weeks, old days after two years.
func TestUsage_IsSampledByHourAndDayAndTidied(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.destination()
	free := 500 * gib
	for range 20 * 24 {
		r.must(r.SampleUsage(t.Context(), d, &capacity.Space{FreeBytes: free, TotalBytes: 1000 * gib}))
		r.must(r.SampleUsage(t.Context(), d, &capacity.Space{FreeBytes: free, TotalBytes: 1000 * gib}))
		free -= gib / 4 // 6 GiB a day
		r.clock.Add(time.Hour)
	}
	count := func(daily bool) int { return r.Count("SELECT count(*) FROM usage_sample WHERE daily = $1", daily) }
	if count(false) != 20*24 || count(true) != 21 {
		t.Errorf("%d rows of hours, %d of days", count(false), count(true))
	}
	v, err := r.ViewDestination(t.Context(), authz.Console(), d)
	r.must(err)
	if f := v.Forecast; f.Outlook != capacity.Fills || f.In.Hours()/24 < 60 || f.In.Hours()/24 > 67 {
		t.Errorf("%s in %.1f days, from %+v", f.Outlook, f.In.Hours()/24, f.Growth)
	}
	r.must(r.Sweep(t.Context()))
	if n := count(false); n < 13*24 || n > 14*24+1 {
		t.Errorf("%d rows of hours are left", n)
	}
	r.clock.Add(3 * 366 * 24 * time.Hour)
	r.must(r.Sweep(t.Context()))
	if count(false)+count(true) != 0 {
		t.Errorf("%d rows are left after three years", count(false)+count(true))
	}
}

// A clock that ran ahead for a while leaves samples of a time yet to come:
// they are not the newest.
func TestUsage_OfAWrongClockIsNotBelieved(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.destination()
	now := r.clock.Now()
	r.clock.Add(400 * 24 * time.Hour)
	r.must(r.SampleUsage(t.Context(), d, &capacity.Space{FreeBytes: 0, TotalBytes: 1000 * gib}))
	r.clock.Set(now)
	r.must(r.SampleUsage(t.Context(), d, &capacity.Space{FreeBytes: 900 * gib, TotalBytes: 1000 * gib}))
	v, err := r.ViewDestination(t.Context(), authz.Console(), d)
	r.must(err)
	list, err := r.ListDestinations(t.Context(), authz.Console())
	r.must(err)
	if v.Newest == nil || *v.Newest.FreeBytes != 900*gib || v.Forecast.Outlook == capacity.Full || *list[0].Newest.FreeBytes != 900*gib {
		t.Errorf("%+v", v.Newest)
	}
}

// What was not counted at the storage yet is taken from what its copies added.
func TestUsage_SaysWhatWasCountedAndWhatWasTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("own")
	r.host("host-a", 2)
	r.site("own.example", "own", "host-a")
	r.SQL("UPDATE schedule SET bytes = 1000, copies = 3")
	r.SQL("UPDATE repository SET stored_bytes = 700 WHERE kind = 'data'")
	d := r.destination()
	r.must(r.SampleUsage(t.Context(), d, nil))
	v, err := r.ViewDestination(t.Context(), authz.Console(), d)
	r.must(err)
	if n := v.Newest; n.StoredBytes != 1700 || n.Repositories != 2 || n.Measured != 1 || n.Copies != 6 || n.FreeBytes != nil {
		t.Errorf("%+v", n)
	}
	if v.Forecast.Outlook != capacity.Unbounded || v.Sites != 1 {
		t.Errorf("%+v, %d sites", v.Forecast, v.Sites)
	}
}

// At a read-only destination no run is leased and the keeper only reads; all
// of it goes on when that ends.
func TestReadOnly_StopsWritersAndTheKeeperUntilItEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("own")
	a := r.host("host-a", 4)
	r.site("own.example", "own", "host-a")
	a.hello()
	d := r.destination()
	r.must(r.SetReadOnly(t.Context(), authz.Console(), d, true, "the disk is being moved"))
	if l := a.mustPoll(); len(l) != 0 {
		t.Errorf("%d runs were leased to a read-only destination", len(l))
	}
	for _, kind := range []string{"verify_copy", "maintain"} {
		r.SQL(`INSERT INTO keeper_task (tenant_id, id, site_id, destination_id, repository_id, kind, not_before, created_at)
			SELECT tenant_id, gen_random_uuid(), site_id, destination_id, id, $1::task_kind, $2, $2 FROM repository WHERE kind = 'data'`, kind, r.clock.Now().Add(-time.Minute))
	}
	task, ok, err := r.TakeTask(t.Context(), d)
	r.must(err)
	if !ok || task.Row.Kind != "verify_copy" {
		t.Fatalf("the keeper takes %s, %v", task.Row.Kind, ok)
	}
	r.must(r.FinishTask(t.Context(), task, app.TaskOutcome{Err: errors.New("not now")}))
	if task, ok, err := r.TakeTask(t.Context(), d); err != nil || ok {
		t.Errorf("the keeper takes %s, %v", task.Row.Kind, err)
	}
	if err := r.SetReadOnly(t.Context(), authz.Console(), d, true, "again"); !errs.Is(err, errs.Conflict) {
		t.Errorf("twice: %v", err)
	}
	r.must(r.SetReadOnly(t.Context(), authz.Console(), d, false, ""))
	if l := a.mustPoll(); len(l) != 1 {
		t.Errorf("%d runs were leased afterwards, want the first of the site", len(l))
	}
	if task, ok, err := r.TakeTask(t.Context(), d); err != nil || !ok || task.Row.Kind != "maintain" {
		t.Errorf("the keeper takes %s, %v, %v", task.Row.Kind, ok, err)
	}
}

// A destination with a limit keeps no place for hosts whose runs may not be
// written anyway, and wakes them when they may.
func TestReadOnly_HoldsAlsoWithALimit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("own")
	a := r.host("host-a", 4)
	r.site("own.example", "own", "host-a")
	a.hello()
	r.must(r.SetDestinationLimit(t.Context(), authz.Console(), app.DefaultDestination, 2))
	r.must(r.SetReadOnly(t.Context(), authz.Console(), r.destination(), true, "full"))
	if l := a.mustPoll(); len(l) != 0 {
		t.Errorf("%d runs were leased", len(l))
	}
	r.must(r.SetReadOnly(t.Context(), authz.Console(), r.destination(), false, ""))
	if l := a.mustPoll(); len(l) != 1 {
		t.Errorf("%d runs were leased afterwards", len(l))
	}
}

func TestRetryTask_PutsAFailedTaskBackOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("own")
	r.host("host-a", 2)
	r.site("own.example", "own", "host-a")
	d := r.destination()
	r.must(r.MaintainSite(t.Context(), authz.Console(), "own.example"))
	for range 8 * 2 {
		r.clock.Add(2 * time.Hour)
		task, ok, err := r.TakeTask(t.Context(), d)
		r.must(err)
		if !ok {
			t.Fatal("no task")
		}
		r.must(r.FinishTask(t.Context(), task, app.TaskOutcome{Err: errs.New(errs.Unavailable, "The storage does not answer.")}))
	}
	v, err := r.ViewDestination(t.Context(), authz.Console(), d)
	r.must(err)
	if len(v.Failed) != 2 || v.Failed[0].Error != "The storage does not answer." || v.Failed[0].SiteName != "own.example" || v.Queue.Failed != 2 {
		t.Fatalf("%+v", v.Failed)
	}
	failed := v.Failed[0].ID
	for name, who := range map[string]authz.Actor{"support": {Name: "s", Staff: tenant.Support}, "auditor": {Name: "s", Staff: tenant.Auditor}} {
		if err := r.RetryTask(t.Context(), who, d, failed); !errs.Is(err, errs.Forbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.RetryTask(t.Context(), authz.Console(), id.New[id.Destination](), failed); !errs.Is(err, errs.NotFound) {
		t.Errorf("at another destination: %v", err)
	}
	r.must(r.RetryTask(t.Context(), authz.Console(), d, failed))
	if err := r.RetryTask(t.Context(), authz.Console(), d, failed); !errs.Is(err, errs.Conflict) {
		t.Errorf("twice: %v", err)
	}
	// Another of the kind that waits already makes the old one needless.
	r.SQL(`INSERT INTO keeper_task (tenant_id, id, site_id, destination_id, repository_id, kind, not_before, created_at)
		SELECT tenant_id, gen_random_uuid(), site_id, destination_id, repository_id, kind, not_before, created_at FROM keeper_task WHERE id = $1`, v.Failed[1].ID.UUID())
	if err := r.RetryTask(t.Context(), authz.Console(), d, v.Failed[1].ID); !errs.Is(err, errs.Conflict) {
		t.Errorf("overtaken: %v", err)
	}
}

func TestHost_LimitAndMaintenanceLetRunsFinish(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("own")
	a := r.host("host-a", 4)
	for _, name := range []string{"a.example", "b.example", "c.example"} {
		r.site(name, "own", "host-a")
	}
	a.hello()
	leases := a.mustPoll()
	if len(leases) != 3 {
		t.Fatalf("%d runs", len(leases))
	}
	r.must(r.SetHostLimit(t.Context(), authz.Console(), "host-a", 1))
	r.must(r.MoveHost(t.Context(), authz.Console(), "host-a", "maintenance", "new disks"))
	for _, l := range leases {
		r.must(a.start(l))
		r.must(a.complete(l, "good"))
	}
	if l := a.mustPoll(); len(l) != 0 {
		t.Errorf("%d runs were leased in maintenance", len(l))
	}
	r.must(r.MoveHost(t.Context(), authz.Console(), "host-a", "active", ""))
	if l := a.mustPoll(); len(l) != 1 {
		t.Errorf("%d runs were leased with a limit of one", len(l))
	}
	for _, n := range []int32{0, -1, 65} {
		if err := r.SetHostLimit(t.Context(), authz.Console(), "host-a", n); !errs.Is(err, errs.Invalid) {
			t.Errorf("a limit of %d: %v", n, err)
		}
	}
	for _, to := range []dbq.HostState{"active", "pending", "no such"} {
		if err := r.MoveHost(t.Context(), authz.Console(), "host-a", to, ""); !errs.Is(err, errs.Conflict) {
			t.Errorf("to %s: %v", to, err)
		}
	}
}

// Revoking a host ends the tokens that are still about, or one of them would
// undo it.
func TestHost_RevocationEndsTokensThatAreAbout(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.host("host-a", 2)
	token, err := r.NewEnrolment(t.Context(), authz.Console(), "host-a")
	r.must(err)
	hosts, err := r.LookAtHosts(t.Context(), authz.Console(), app.HostsLook{})
	r.must(err)
	v, err := r.HostByID(t.Context(), authz.Console(), hosts.Hosts[0].Row.ID)
	r.must(err)
	if v.EnrolsUntil.IsZero() {
		t.Error("the page does not know of the token")
	}
	r.must(r.MoveHost(t.Context(), authz.Console(), "host-a", "revoked", "stolen"))
	if _, err := r.Enrol(t.Context(), agentproto.EnrolRequest{Token: token, Hostname: "host-a"}); !errs.Is(err, errs.Unsigned) {
		t.Errorf("the old token enrols: %v", err)
	}
	token, err = r.NewEnrolment(t.Context(), authz.Console(), "host-a")
	r.must(err)
	if _, err := r.Enrol(t.Context(), agentproto.EnrolRequest{Token: token, Hostname: "host-a"}); err != nil {
		t.Errorf("a new token does not enrol: %v", err)
	}
}

func TestHosts_SayWhatIsAtRiskWhereTheyAreSilent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("own")
	a := r.host("host-a", 2)
	r.host("host-b", 2)
	r.site("own.example", "own", "host-a")
	a.hello()
	r.clock.Add(3 * time.Minute)
	v, err := r.LookAtHosts(t.Context(), authz.Console(), app.HostsLook{})
	r.must(err)
	all := v.Hosts
	if all[0].Reach != "silent" || all[0].Silent != 3*time.Minute || all[0].DueAt.IsZero() || all[1].Reach != "unheard" {
		t.Errorf("%+v", all)
	}
	r.clock.Add(10 * 24 * time.Hour)
	v, err = r.LookAtHosts(t.Context(), authz.Console(), app.HostsLook{})
	r.must(err)
	all = v.Hosts
	if all[0].Late != 1 {
		t.Errorf("%d sites are late", all[0].Late)
	}
	for _, role := range []tenant.Role{tenant.Admin, tenant.Viewer} {
		who := authz.Actor{Name: "c", Memberships: []authz.Membership{{Tenant: id.New[id.Tenant](), Role: role}}}
		if _, err := r.HostByID(t.Context(), who, all[0].Row.ID); !errs.Is(err, errs.NotFound) {
			t.Errorf("a customer's %s: %v", role, err)
		}
	}
}
