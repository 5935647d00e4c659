package app_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/advisor"
	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/site"
	"holdfast/internal/tenant"
)

// adviser is a site whose agent tells all of its life.
func adviser(t *testing.T) (*rig, *agentLife, func(kind backup.Kind, m *agentproto.MoodleFacts)) {
	t.Helper()
	r := newRig(t)
	r.tenant("school")
	a := r.host("host-a", 4)
	a.hello()
	r.site("learn.school.example", "school", "host-a")
	first := true
	return r, a, func(kind backup.Kind, m *agentproto.MoodleFacts) {
		t.Helper()
		if !first {
			r.clock.Add(time.Hour)
			r.again("learn.school.example", kind)
		}
		first = false
		told := false
		for range 3 {
			for _, l := range a.mustPoll() {
				if l.Kind == string(kind) {
					r.must(a.tell(l, m))
					told = true
				} else {
					r.must(a.tell(l, nil))
				}
			}
			r.keep()
		}
		if !told {
			t.Fatalf("no lease of a %s copy", kind)
		}
	}
}

// tell completes a lease with what a version 4 agent says.
func (a *agentLife) tell(l agentproto.Lease, m *agentproto.MoodleFacts) error {
	a.r.t.Helper()
	a.r.must(a.start(l))
	c := &agentproto.Copy{
		Snapshot: "k" + l.Run, Manifest: []byte("{}"), TakenAt: a.r.clock.Now(), Files: 10, Bytes: 1000,
		Facts: agentproto.Facts{
			Release: "4.5.6 (Build: 20250811)", Version: "2024100706", Layout: "classic", ReadBy: "php", DataRoot: "/srv/learn/moodledata", DBType: "mariadb",
			Plugins: []agentproto.Plugin{{Component: "mod_quiz", Version: "1"}, {Component: "mod_forum", Version: "1"}},
		},
	}
	if l.Kind == agentproto.KindDatabase {
		c.Tables, c.SHA256 = []agentproto.Table{{Name: "mdl_config", Rows: 3}}, strings.Repeat("a", 64)
		c.Facts.Moodle, c.Facts.DBVersion, c.Facts.ServerVersion, c.Facts.Plugins = m, "2024100706.00", "10.11.14-MariaDB", nil
	} else {
		c.Excluded = []agentproto.Excluded{{Path: "moodledata/backup", Files: 12, Bytes: 8_000_000_000}, {Path: "moodledata/cache", Files: 5, Bytes: 100}}
	}
	if err := a.r.Complete(a.r.t.Context(), a.host, agentproto.CompleteRequest{Instance: a.instance, Epoch: a.epoch, Run: l.Run, Fence: l.Fence, Outcome: agentproto.OutcomeGood, Copy: c}); err != nil {
		return err
	}
	a.held = slices.DeleteFunc(a.held, func(h agentproto.Held) bool { return h.Run == l.Run })
	return nil
}

// alive is a site's life of which nothing is to be said but where its course
// backups go.
func (r *rig) alive() *agentproto.MoodleFacts {
	now := r.clock.Now()
	return &agentproto.MoodleFacts{
		CronEnabled: true, LastCron: now, LastTask: now, Courses: 5, Users: 50, Admins: 2, FileBytes: 1000, PHPVersion: "8.3.10", ServerFlavour: "mariadb",
		AutoBackup: agentproto.AutoBackup{Active: 1, Storage: 1, Destination: "/srv/learn/moodledata/backup", MaxKept: 4, WithFiles: true, OK: 5, LastEnd: now},
	}
}

func (r *rig) advice() (out []advisor.Rule, a app.Advice) {
	r.t.Helper()
	a, err := r.Advice(r.t.Context(), authz.Console(), "learn.school.example")
	r.must(err)
	for _, f := range a.Report.Findings {
		out = append(out, f.Rule)
	}
	return out, a
}

func TestAdvice_FollowsTheNewestFacts(t *testing.T) {
	t.Parallel()
	r, _, take := adviser(t)
	if got, a := r.advice(); len(got) > 0 || len(a.Report.Looked) > 0 || len(a.Report.Unjudged) == 0 {
		t.Errorf("before any copy: %v, %+v", got, a.Report)
	}
	take(backup.Database, r.alive())
	if got, a := r.advice(); !slices.Equal(got, []advisor.Rule{advisor.AutoBackupDropped}) || slices.Contains(a.Report.Looked, advisor.Content) {
		t.Errorf("%v, looked at %v", got, a.Report.Looked)
	}
	off := r.alive()
	off.AutoBackup.Active, off.CronEnabled, off.DatabaseRights = 0, false, []string{"SUPER"}
	take(backup.Database, off)
	want := []advisor.Rule{advisor.CronDisabled, advisor.AutoBackupOff, advisor.CourseFilesDropped, advisor.DatabaseRights}
	if got, _ := r.advice(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	take(backup.Database, nil) // an agent of before
	if got, a := r.advice(); slices.Contains(got, advisor.CronDisabled) || slices.Contains(a.Report.Looked, advisor.Background) {
		t.Errorf("an older agent's copy is judged by a newer one's facts: %v", got)
	}
}

func TestAdvice_KnowsSinceWhenASiteIsClosed(t *testing.T) {
	t.Parallel()
	r, _, take := adviser(t)
	closed := func() *agentproto.MoodleFacts {
		m := r.alive()
		m.MaintenanceEnabled = true
		return m
	}
	take(backup.Database, r.alive())
	take(backup.Database, closed())
	since := r.clock.Now()
	r.clock.Add(23 * time.Hour)
	if got, _ := r.advice(); slices.Contains(got, advisor.MaintenanceLong) {
		t.Error("a day had not passed")
	}
	take(backup.Database, closed())
	r.clock.Add(2 * time.Hour)
	if got, a := r.advice(); !slices.Contains(got, advisor.MaintenanceLong) || !a.Facts.MaintenanceSince.Equal(since) {
		t.Errorf("%v since %s, want %s", got, a.Facts.MaintenanceSince, since)
	}
	take(backup.Database, r.alive())
	if got, _ := r.advice(); slices.Contains(got, advisor.MaintenanceLong) {
		t.Error("it is open again")
	}
}

func TestFactsOfCopies_CountPlugInsAndLeaveTheirListsOut(t *testing.T) {
	t.Parallel()
	r, _, take := adviser(t)
	take(backup.Database, r.alive())
	all, err := r.FactsOfCopies(t.Context(), authz.Console(), "learn.school.example")
	r.must(err)
	if len(all) != 2 {
		t.Fatalf("%d copies", len(all))
	}
	for _, c := range all {
		if len(c.Facts.Plugins)+len(c.Facts.DBPlugins) > 0 || c.Facts.Release == "" || (c.Kind == backup.Data) != (c.Plugins == 2) || (c.Kind == backup.Database) != (c.Facts.Moodle != nil) {
			t.Errorf("%+v", c)
		}
	}
}

func TestExclusions_ArePreviewedSavedOnceAndLeased(t *testing.T) {
	t.Parallel()
	r, a, take := adviser(t)
	take(backup.Database, r.alive())
	ctx, root, name := t.Context(), authz.Console(), "learn.school.example"
	want := site.Exclusions{Keep: []string{"moodledata/backup"}, Drop: []site.Folder{{Root: site.InData, Path: "old-videos/2019"}}}
	p, err := r.PreviewExclusions(ctx, root, name, want)
	r.must(err)
	if len(p.Changes) != 2 || !p.Changes[0].Kept || !p.Changes[0].Measured || p.Changes[0].Bytes != 8_000_000_000 || p.Changes[1].Kept || p.Changes[1].Measured || len(p.Raised) > 0 {
		t.Errorf("%+v", p)
	}
	if len(p.Settled) != 1 || p.Settled[0].Rule != advisor.AutoBackupDropped {
		t.Errorf("what it settles: %+v", p.Settled)
	}
	if v, err := r.Exclusions(ctx, root, name); err != nil || !v.Exact.Empty() || v.Version != 0 || len(v.Newest.Folders) != 2 {
		t.Errorf("a preview changed something: %+v %v", v, err)
	}
	_, err = r.ChangeExclusions(ctx, root, name, 0, want)
	r.must(err)
	if _, err := r.ChangeExclusions(ctx, root, name, 0, site.Exclusions{}); !errs.Is(err, errs.Conflict) {
		t.Errorf("an old page saved: %v", err)
	}
	if _, err := r.ChangeExclusions(ctx, root, name, 1, site.Exclusions{Drop: []site.Folder{{Root: site.InData, Path: "filedir"}}}); !errs.Is(err, errs.Invalid) {
		t.Errorf("filedir may be left out: %v", err)
	}
	if got, _ := r.advice(); len(got) > 0 {
		t.Errorf("the advice does not follow: %v", got)
	}
	r.clock.Add(time.Hour)
	r.again(name, backup.Data)
	var leased *agentproto.Exclusions
	for _, l := range a.mustPoll() {
		leased = l.Site.Exclusions
	}
	if leased == nil || !slices.Equal(leased.Keep, want.Keep) || len(leased.Drop) != 1 || leased.Drop[0].Path != "old-videos/2019" || leased.Drop[0].Root != "moodledata" {
		t.Errorf("the lease says %+v", leased)
	}
	v, err := r.ViewSite(ctx, root, name)
	r.must(err)
	n := 0
	for _, e := range v.Events {
		if e.Verb == "site.exclusions_changed" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestExclusions_WarnOfWhatTheyWouldDrop(t *testing.T) {
	t.Parallel()
	r, _, take := adviser(t)
	m := r.alive()
	m.AutoBackup.Destination = "/srv/learn/moodledata/courses/auto"
	take(backup.Database, m)
	p, err := r.PreviewExclusions(t.Context(), authz.Console(), "learn.school.example", site.Exclusions{Drop: []site.Folder{{Root: site.InData, Path: "courses"}}})
	r.must(err)
	if len(p.Raised) != 1 || p.Raised[0].Rule != advisor.AutoBackupDropped || p.Raised[0].Severity != advisor.Urgent {
		t.Errorf("%+v", p.Raised)
	}
}

func TestExclusions_AreStaffsToChange(t *testing.T) {
	t.Parallel()
	r, _, take := adviser(t)
	take(backup.Database, r.alive())
	ctx, name := t.Context(), "learn.school.example"
	tenants, err := r.ListTenants(ctx, authz.Console())
	r.must(err)
	admin := authz.Actor{Account: id.New[id.Account](), Name: "customer:x", Memberships: []authz.Membership{{Tenant: tenants[0].ID, Role: tenant.Admin}}}
	stranger := authz.Actor{Account: id.New[id.Account](), Name: "customer:y", Memberships: []authz.Membership{{Tenant: id.New[id.Tenant](), Role: tenant.Admin}}}
	if _, err := r.Advice(ctx, admin, name); err != nil {
		t.Errorf("a customer may not see the advice: %v", err)
	}
	if _, err := r.Exclusions(ctx, admin, name); err != nil {
		t.Errorf("a customer may not see what is left out: %v", err)
	}
	if _, err := r.FactsOfCopies(ctx, admin, name); err != nil {
		t.Errorf("a customer may not see the facts: %v", err)
	}
	if _, err := r.ChangeExclusions(ctx, admin, name, 0, site.Exclusions{}); !errs.Is(err, errs.Forbidden) {
		t.Errorf("a customer changes what is left out: %v", err)
	}
	for _, err := range []error{second(r.Advice(ctx, stranger, name)), second(r.Exclusions(ctx, stranger, name)), second(r.FactsOfCopies(ctx, stranger, name))} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("a stranger hears %v", err)
		}
	}
	if _, err := r.PreviewExclusions(ctx, stranger, name, site.Exclusions{}); err == nil {
		t.Error("a stranger previews")
	}
}

func second[T any](_ T, err error) error { return err }
