package policy_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/policy"
)

// history takes copies by a random policy; some fail, some are damaged later.
func history(r *rand.Rand) (policy.Policy, []policy.Copy, time.Time) {
	from := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	p, _ := random(r, from, from.AddDate(0, 3, 0))
	state := policy.Begin(p, from)
	now := from
	var copies []policy.Copy
	for range 150 {
		due, ok := state.NextRun(p, backup.Data, time.UTC)
		if !ok {
			break
		}
		if now = later(now, due).Add(time.Duration(r.IntN(90)) * time.Minute); r.IntN(5) == 0 {
			continue // the run failed: it settles nothing
		}
		var served policy.Served
		served, state = state.Serve(p, backup.Data, time.UTC, now)
		copies = append(copies, policy.Copy{ID: strconv.Itoa(len(copies)), TakenAt: now, Tiers: served.Tiers, Good: r.IntN(6) > 0})
	}
	return p, copies, now
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func TestRetain_NeverFewerGoodCopiesThanARuleKeeps(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2))
		p, all, now := history(r)
		var stored []policy.Copy
		for _, c := range all {
			stored = append(stored, c)
			r.Shuffle(len(stored), func(i, j int) { stored[i], stored[j] = stored[j], stored[i] })
			verdicts := policy.Retain(p, backup.Data, stored, c.TakenAt, policy.Alarms{})
			stored = stored[:0]
			for _, v := range verdicts {
				if len(v.Tiers) > 0 && len(v.Reasons) == 0 {
					t.Fatalf("seed %d: a copy that %v keep may go", seed, v.Tiers)
				}
				if len(v.Reasons) > 0 {
					stored = append(stored, v.Copy)
				}
			}
		}
		for _, rule := range p.Of(backup.Data) {
			good := func(list []policy.Copy) (ids []string) {
				for _, c := range list {
					if _, ok := c.Tiers.Get(rule.Tier); ok && c.Good {
						ids = append(ids, c.ID)
					}
				}
				return ids[max(0, len(ids)-rule.Keep):]
			}
			if got, want := good(stored), good(all); !slices.Equal(got, want) {
				t.Fatalf("seed %d: %s keeps %v, want %v", seed, rule.Tier, got, want)
			}
		}
		again := policy.Retain(p, backup.Data, stored, now, policy.Alarms{})
		if slices.ContainsFunc(again, func(v policy.Verdict) bool { return len(v.Reasons) == 0 }) {
			t.Fatalf("seed %d: a second look drops more", seed)
		}
	}
}

func TestRetain_BrakeSaysWhy(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	old := policy.Copy{ID: "old", TakenAt: now.AddDate(-1, 0, 0), Good: true}
	newer := policy.Copy{ID: "new", TakenAt: now.Add(-time.Hour), Good: true, Tiers: policy.Tiers{{Tier: policy.Daily}}}
	with := func(c policy.Copy, fn func(*policy.Copy)) policy.Copy { fn(&c); return c }
	for name, c := range map[string]struct {
		old    policy.Copy
		newer  []policy.Copy
		alarms policy.Alarms
		want   []policy.Reason
	}{
		"nothing holds it":        {old: old, newer: []policy.Copy{newer}},
		"the last copy":           {old: old, want: []policy.Reason{policy.ByLast}},
		"only a bad one is newer": {old: old, newer: []policy.Copy{with(newer, func(c *policy.Copy) { c.Good = false })}, want: []policy.Reason{policy.ByLast}},
		"newer by a wrong clock":  {old: old, newer: []policy.Copy{with(newer, func(c *policy.Copy) { c.TakenAt = now.Add(time.Hour) })}, want: []policy.Reason{policy.ByLast}},
		"pinned":                  {old: with(old, func(c *policy.Copy) { c.Pinned = true }), newer: []policy.Copy{newer}, want: []policy.Reason{policy.ByPin}},
		"held":                    {old: with(old, func(c *policy.Copy) { c.LegalHold = true }), newer: []policy.Copy{newer}, want: []policy.Reason{policy.ByHold}},
		"the site is held":        {old: old, newer: []policy.Copy{newer}, alarms: policy.Alarms{LegalHold: true}, want: []policy.Reason{policy.ByHold}},
		"in use":                  {old: with(old, func(c *policy.Copy) { c.InUse = true }), newer: []policy.Copy{newer}, want: []policy.Reason{policy.ByUse}},
		"protected":               {old: with(old, func(c *policy.Copy) { c.ProtectedUntil = now.Add(1) }), newer: []policy.Copy{newer}, want: []policy.Reason{policy.ByProtection}},
		"no longer protected":     {old: with(old, func(c *policy.Copy) { c.ProtectedUntil = now }), newer: []policy.Copy{newer}},
		"the first":               {old: with(old, func(c *policy.Copy) { c.Initial = true }), newer: []policy.Copy{with(newer, func(c *policy.Copy) { c.Tiers = nil })}, want: []policy.Reason{policy.ByInitial}},
		"the first, outlived":     {old: with(old, func(c *policy.Copy) { c.Initial = true }), newer: []policy.Copy{newer}},
		"tampered":                {old: old, newer: []policy.Copy{newer}, alarms: policy.Alarms{Tamper: true}, want: []policy.Reason{policy.ByTamper}},
		"a clock that jumped":     {old: old, newer: []policy.Copy{newer}, alarms: policy.Alarms{ClockJumped: true}, want: []policy.Reason{policy.ByClock}},
		"the future": {
			old: with(old, func(c *policy.Copy) { c.TakenAt = now.Add(1) }), newer: []policy.Copy{newer},
			want: []policy.Reason{policy.ByFuture, policy.ByLast},
		},
	} {
		for _, v := range policy.Retain(policy.Default(), backup.Database, append(c.newer, c.old), now, c.alarms) {
			if v.Copy.ID == "old" && !reflect.DeepEqual(v.Reasons, c.want) {
				t.Errorf("%s: %v, want %v", name, v.Reasons, c.want)
			}
		}
	}
}

func TestRetain_AWrongClockPushesNoGoodCopyOut(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	daily := policy.Tiers{{Tier: policy.Daily}}
	var copies []policy.Copy
	for i := range 7 {
		copies = append(copies, policy.Copy{ID: "good" + strconv.Itoa(i), TakenAt: now.AddDate(0, 0, -i), Good: true, Tiers: daily})
		copies = append(copies, policy.Copy{ID: "future" + strconv.Itoa(i), TakenAt: now.AddDate(1, 0, i), Good: true, Tiers: daily})
		copies = append(copies, policy.Copy{ID: "bad" + strconv.Itoa(i), TakenAt: now.Add(-time.Duration(i) * time.Minute), Tiers: daily})
	}
	for _, v := range policy.Retain(policy.Default(), backup.Database, copies, now, policy.Alarms{}) {
		if v.Copy.ID[:4] == "good" && v.Expired() {
			t.Errorf("%s expired", v.Copy.ID)
		}
	}
}
