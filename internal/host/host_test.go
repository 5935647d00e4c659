package host_test

import (
	"testing"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/host"
)

func TestApply_RefusesWhatTheTableOmits(t *testing.T) {
	t.Parallel()
	want := map[host.State]map[host.Verb]host.State{
		host.Pending:     {host.Enrol: host.Active, host.Revoke: host.Revoked},
		host.Active:      {host.Enrol: host.Active, host.Maintain: host.Maintenance, host.Revoke: host.Revoked},
		host.Maintenance: {host.Enrol: host.Active, host.Resume: host.Active, host.Revoke: host.Revoked},
		host.Revoked:     {host.Enrol: host.Active},
	}
	for _, s := range append(host.States(), "no such") {
		for _, v := range append(host.Verbs(), "no such") {
			to, err := host.Apply(s, v)
			if w, ok := want[s][v]; ok && (err != nil || to != w) {
				t.Errorf("%s %s: %s, %v", s, v, to, err)
			} else if !ok && (!errs.Is(err, errs.Conflict) || to != s) {
				t.Errorf("%s %s: %s, %v", s, v, to, err)
			}
		}
	}
}

func TestToward_NamesTheOneWayAndNeverEnrols(t *testing.T) {
	t.Parallel()
	for _, from := range host.States() {
		for _, to := range host.States() {
			verb, err := host.Toward(from, to)
			if err != nil {
				if !errs.Is(err, errs.Conflict) {
					t.Errorf("%s to %s: %v", from, to, err)
				}
				continue
			}
			if got, err := host.Apply(from, verb); err != nil || got != to || verb == host.Enrol {
				t.Errorf("%s to %s by %s: %s, %v", from, to, verb, got, err)
			}
		}
	}
	if _, err := host.Toward(host.Pending, host.Active); err == nil {
		t.Error("a host becomes active without an agent")
	}
}

func TestReach_CountsSilenceFromTwoMinutes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		f    host.Facts
		want host.Reach
	}{
		{host.Facts{State: host.Pending}, host.Unenrolled},
		{host.Facts{State: host.Revoked, LastSeen: now}, host.Refused},
		{host.Facts{State: host.Active}, host.Unheard},
		{host.Facts{State: host.Active, LastSeen: now.Add(-2 * time.Minute)}, host.Answers},
		{host.Facts{State: host.Active, LastSeen: now.Add(-2*time.Minute - 1)}, host.Silent},
		{host.Facts{State: host.Maintenance, LastSeen: now.Add(-time.Hour)}, host.Silent},
		{host.Facts{State: host.Active, LastSeen: now, Skew: -6 * time.Second}, host.Skewed},
		{host.Facts{State: host.Active, LastSeen: now.Add(time.Hour)}, host.Answers}, // a clock that jumped
	} {
		if got := c.f.Reach(now); got != c.want {
			t.Errorf("%+v: %s, want %s", c.f, got, c.want)
		}
	}
}

func TestCompare_OrdersOnlyWhatHasAnOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		agent, build string
		want         host.Age
	}{
		{"1.2.3", "1.2.3", host.Same},
		{"1.2.3", "1.10.0", host.Older},
		{"v1.2.3", "1.2.4", host.Older},
		{"2.0.0", "1.9.9", host.Newer},
		{"1.2.3-rc1", "1.2.3", host.Different},
		{"1.2.3", "1.2.3+g12", host.Different},
		{"dev", "1.2.3", host.Different},
		{"", "1.0.0", host.Same},
		{"1.2", "1.2.0", host.Different},
		{"1.-2.0", "1.0.0", host.Different},
	} {
		if got := host.Compare(c.agent, c.build); got != c.want {
			t.Errorf("%q against %q: %d, want %d", c.agent, c.build, got, c.want)
		}
	}
}
