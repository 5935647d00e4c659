package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/httpd/api"
)

func (p *plane) copies() []api.Copy {
	p.t.Helper()
	var out []api.Copy
	p.json(&out, "copies", "list", someSite)
	return out
}

func (p *plane) copyOf(of string) api.Copy {
	p.t.Helper()
	for _, c := range p.copies() {
		if c.Copy == of {
			return c
		}
	}
	p.t.Fatalf("copy %s is not listed", of)
	return api.Copy{}
}

func TestCopiesList_NamesEveryReason(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	all := p.copies()
	if len(all) != 2 {
		t.Fatalf("%d copies", len(all))
	}
	for _, c := range all {
		if len(c.Reasons) == 0 || len(c.Reasons) != len(c.Words) || c.Served == nil || c.KeptBy == nil || c.Protected != nil || c.Pinned != "" || c.InUse || c.BinnedAt != nil {
			t.Errorf("%+v", c)
		}
		if !slices.Contains(c.Reasons, "no_newer_good") {
			t.Errorf("the only copy of its kind may be deleted: %v", c.Reasons)
		}
	}
	if out := p.good("copies", "list", someSite); !strings.Contains(out, "no newer good copy exists") || !strings.Contains(out, "STAYS BECAUSE") {
		t.Error(out)
	}
}

func TestCopies_ProtectPinHoldAndBack(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	of := p.copies()[0].Copy
	has := func(reason string, want bool) {
		t.Helper()
		if got := p.copyOf(of).Reasons; slices.Contains(got, reason) != want {
			t.Errorf("%s among the reasons: want %v, got %v", reason, want, got)
		}
	}
	var state copyState
	p.json(&state, "copies", "protect", of, "--for", "14d", "--reason", "before the upgrade")
	if c := p.copyOf(of); state.Protected == nil || c.Protected == nil || c.Why != "before the upgrade" || c.Protected.Sub(c.TakenAt).Round(time.Hour) != 14*24*time.Hour {
		t.Errorf("%+v, %+v", state, c)
	}
	has("protected", true)
	p.good("copies", "unprotect", of)
	has("protected", false)
	if out := p.good("copies", "pin", of, "--reason", "the customer asked"); !strings.Contains(out, "pinned (the customer asked)") {
		t.Error(out)
	}
	has("pinned", true)
	p.good("copies", "unpin", of)
	has("pinned", false)
	p.good("copies", "hold", of, "--reason", "case 24")
	has("legal_hold", true)
	p.good("copies", "release", of)
	has("legal_hold", false)
	p.bad(1, "not in the bin", "copies", "take-back", of)
	p.sql("UPDATE copy SET binned_at = now() WHERE id = $1", of)
	p.json(&state, "copies", "take-back", of, "--for", "3d")
	if c := p.copyOf(of); c.BinnedAt != nil || c.Protected == nil || c.Why != "Taken back from the bin." {
		t.Errorf("%+v", c)
	}
}

func TestCopies_BadInputAndWrongStates(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	of := p.copies()[0].Copy
	p.bad(2, "copy", "copies", "protect", "rubbish")
	p.bad(2, "for", "copies", "protect", of, "--for", "a month")
	p.bad(2, "for", "copies", "protect", of, "--for", "-1")
	p.bad(2, "3650", "copies", "protect", of, "--for", "4000d")
	p.bad(2, "reason", "copies", "pin", of)
	p.bad(2, "reason", "copies", "pin", of, "--reason", "  ")
	p.bad(2, "reason", "copies", "hold", of)
	p.bad(2, "300", "copies", "pin", of, "--reason", strings.Repeat("x", 301))
	p.bad(1, "no copy", "copies", "protect", someCopy)
	p.bad(1, "no site", "copies", "list", "none.example")
	p.bad(2, "arguments", "copies", "unpin")
}

func TestSite_SuspendResumeHoldRelease(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	var standing api.Standing
	p.json(&standing, "site", "standing", someSite)
	if len(standing.Kinds) != 2 || standing.State != "active" || standing.Policy != "published" || standing.TimeZone != "Europe/Berlin" || len(standing.Stopped) != 0 {
		t.Fatalf("%+v", standing)
	}
	for _, k := range standing.Kinds {
		if k.NewestGood == nil || k.AgeSeconds == nil || *k.AgeSeconds > 600 || k.Late || k.NextStart == nil {
			t.Errorf("%+v", k)
		}
	}
	if out := p.good("site", "standing", someSite); !strings.Contains(out, "not late") {
		t.Error(out)
	}
	p.bad(1, "not suspended", "site", "resume", someSite)
	p.good("site", "suspend", someSite, "--reason", "contract ended")
	p.json(&standing, "site", "standing", someSite)
	if standing.State != "suspended" || standing.Kinds[0].NextStart != nil {
		t.Errorf("%+v", standing)
	}
	p.bad(1, "suspended", "backup", someSite)
	p.bad(1, "not active", "site", "suspend", someSite)
	var changed map[string]any
	p.json(&changed, "site", "resume", someSite)
	if changed["state"] != "active" {
		t.Errorf("%v", changed)
	}
	p.bad(2, "reason", "site", "hold", someSite)
	p.good("site", "hold", someSite, "--reason", "case 24")
	p.json(&standing, "site", "standing", someSite)
	if !slices.Equal(standing.Stopped, []string{"legal_hold"}) || !slices.Contains(p.copies()[0].Reasons, "legal_hold") {
		t.Errorf("%v, %v", standing.Stopped, p.copies()[0].Reasons)
	}
	p.good("site", "release", someSite)
	if got := p.copies()[0].Reasons; slices.Contains(got, "legal_hold") {
		t.Errorf("released, and yet %v", got)
	}
}

func TestOverdue_ListsWhatIsLate(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	if out := p.good("overdue"); out != "Nothing is late.\n" {
		t.Error(out)
	}
	p.sql("UPDATE schedule SET overdue_at = now() - interval '3 hours', due_at = now() - interval '7 hours' WHERE kind = 'data'")
	var late struct {
		Total   int
		Overdue []api.Late
	}
	p.json(&late, "overdue")
	if late.Total != 1 || len(late.Overdue) != 1 {
		t.Fatalf("%+v", late)
	}
	l := late.Overdue[0]
	if l.Site != someSite || l.Kind != "data" || l.Host != "host-a" || l.Tenant != "School" || l.NewestGood == nil || l.AgeSeconds == nil || l.DueSince == nil || l.LateSince.IsZero() {
		t.Errorf("%+v", l)
	}
	if out := p.good("overdue"); !strings.Contains(out, someSite) || !strings.Contains(out, "host-a") {
		t.Error(out)
	}
	p.bad(2, "limit", "overdue", "--limit", "0")
	p.bad(2, "overdue", "overdue", "now")
}

func TestClockTrust_EndsTheStopOfDeletions(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	p.sql("INSERT INTO clock_watch (one, seen_at, jumped_at, jump_seconds) VALUES (true, now(), now(), 100000) ON CONFLICT (one) DO UPDATE SET jumped_at = now(), jump_seconds = 100000")
	stopped := func() []string {
		var s api.Standing
		p.json(&s, "site", "standing", someSite)
		return s.Stopped
	}
	if got := stopped(); !slices.Equal(got, []string{"clock_jumped"}) {
		t.Fatalf("%v", got)
	}
	p.good("clock", "trust")
	if got := stopped(); len(got) != 0 {
		t.Errorf("%v", got)
	}
	p.bad(2, "clock", "clock", "distrust")
}

func TestBackup_ProtectsWithAReason(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	var runs []struct {
		Run, Kind string
		Joined    bool
	}
	p.json(&runs, "backup", someSite, "--kind", "data", "--protect", "45d", "--reason", "before the upgrade")
	if len(runs) != 1 || runs[0].Kind != "data" || runs[0].Joined {
		t.Fatalf("%+v", runs)
	}
	days, why := 0, ""
	p.row(&days, &why, "SELECT protect_days, protect_why FROM run WHERE id = $1", runs[0].Run)
	if days != 45 || why != "before the upgrade" {
		t.Errorf("the run is protected for %d days: %q", days, why)
	}
	p.json(&runs, "backup", someSite, "--kind", "data", "--protect", "60")
	if len(runs) != 1 || !runs[0].Joined {
		t.Errorf("a second one was planned: %+v", runs)
	}
	p.bad(2, "protect", "backup", someSite, "--protect", "0d")
	p.bad(2, "protect", "backup", someSite, "--protect", "4000d")
	p.bad(2, "300", "backup", someSite, "--reason", strings.Repeat("x", 301))
}

func TestToken_CreateListRevoke(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	var made struct {
		Name, Token string
		Expires     time.Time
	}
	p.json(&made, "token", "create", "monitoring", "--role", "auditor", "--expires", "30d")
	if !strings.HasPrefix(made.Token, "hft_") || made.Expires.IsZero() {
		t.Fatalf("%+v", made)
	}
	if b, err := p.TokenBearer(t.Context(), made.Token); err != nil || b.Actor.Staff != "auditor" {
		t.Errorf("%+v, %v", b, err)
	}
	if out := p.good("token", "create", "ci", "--tenant", "school", "--role", "member"); !strings.HasPrefix(out, "hft_") || !strings.Contains(out, "this once") {
		t.Error(out)
	}
	out := p.good("token", "list", "--json")
	if strings.Contains(out, made.Token) || !strings.Contains(out, `"tenant": "school"`) {
		t.Error(out)
	}
	p.good("token", "revoke", "monitoring")
	if _, err := p.TokenBearer(t.Context(), made.Token); err == nil {
		t.Error("a revoked token is good")
	}
	p.bad(1, "no token in force", "token", "revoke", "monitoring")
	p.bad(2, "role", "token", "create", "x")
	p.bad(2, "role", "token", "create", "x", "--role", "owner")
	p.bad(2, "role", "token", "create", "x", "--role", "operator", "--tenant", "school")
	p.bad(2, "expires", "token", "create", "x", "--role", "auditor", "--expires", "never")
	p.bad(2, "expires", "token", "create", "x", "--role", "auditor", "--expires", "9999d")
	p.bad(2, "name", "token", "create", "No Name", "--role", "auditor")
	p.bad(2, "ci", "token", "create", "ci", "--role", "auditor")
	p.bad(1, "no tenant", "token", "create", "x", "--tenant", "none", "--role", "viewer")
}
