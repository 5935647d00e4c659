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

// history takes copies by a random policy; some fail, some are
// damaged later, some are protected for a while.
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
		c := policy.Copy{ID: strconv.Itoa(len(copies)), TakenAt: now, Tiers: served.Tiers, Good: r.IntN(6) > 0}
		if r.IntN(5) == 0 {
			c.ProtectedUntil = now.AddDate(0, 0, r.IntN(30))
		}
		copies = append(copies, c)
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
		if len(all) > 0 {
			now = all[len(all)-1].TakenAt
		}
		again := policy.Retain(p, backup.Data, stored, now, policy.Alarms{})
		if slices.ContainsFunc(again, func(v policy.Verdict) bool { return len(v.Reasons) == 0 }) {
			t.Fatalf("seed %d: a second look drops more", seed)
		}
	}
}

func TestJudge_SaysWhatRetainSaysInTheMemoryOfTheSiteBefore(t *testing.T) {
	t.Parallel()
	var judge policy.Judge
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 9))
		p, all, now := history(r)
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		got, want := judge.Retain(p, backup.Data, all, now, policy.Alarms{}), policy.Retain(p, backup.Data, all, now, policy.Alarms{})
		if len(got) != len(want) || len(got) != len(all) {
			t.Fatalf("seed %d: %d verdicts, want %d of %d", seed, len(got), len(want), len(all))
		}
		for i := range got {
			if got[i].Copy.ID != want[i].Copy.ID || !slices.Equal(got[i].Tiers, want[i].Tiers) || !slices.Equal(got[i].Reasons, want[i].Reasons) {
				t.Fatalf("seed %d: %+v, want %+v", seed, got[i], want[i])
			}
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
		"protected, though it serves": {
			old: with(old, func(c *policy.Copy) { c.ProtectedUntil, c.Tiers = now.Add(1), newer.Tiers }), newer: []policy.Copy{newer},
			want: []policy.Reason{policy.ByProtection},
		},
		"no longer protected": {old: with(old, func(c *policy.Copy) { c.ProtectedUntil = now }), newer: []policy.Copy{newer}},
		"the first":           {old: with(old, func(c *policy.Copy) { c.Initial = true }), newer: []policy.Copy{with(newer, func(c *policy.Copy) { c.Tiers = nil })}, want: []policy.Reason{policy.ByInitial}},
		"the first, outlived": {old: with(old, func(c *policy.Copy) { c.Initial = true }), newer: []policy.Copy{newer}},
		"tampered":            {old: old, newer: []policy.Copy{newer}, alarms: policy.Alarms{Tamper: true}, want: []policy.Reason{policy.ByTamper}},
		"damage beside it":    {old: old, newer: []policy.Copy{newer}, alarms: policy.Alarms{Damage: true}, want: []policy.Reason{policy.ByDamage}},
		"a clock that jumped": {old: old, newer: []policy.Copy{newer}, alarms: policy.Alarms{ClockJumped: true}, want: []policy.Reason{policy.ByClock}},
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

func TestRetain_AProtectedCopyTakesNoPlaceInTheCounts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	var copies []policy.Copy
	for i := range 10 {
		copies = append(copies, policy.Copy{ID: strconv.Itoa(i), TakenAt: now.AddDate(0, 0, -i), Good: true, Tiers: policy.Tiers{{Tier: policy.Daily}}})
	}
	copies[1].ProtectedUntil = now.AddDate(0, 0, 30)
	kept := func(at time.Time) (ids []string) {
		for _, v := range policy.Retain(policy.Default(), backup.Database, copies, at, policy.Alarms{}) {
			if len(v.Tiers) > 0 {
				ids = append(ids, v.Copy.ID)
			}
		}
		return ids
	}
	if got := kept(now); !slices.Equal(got, []string{"7", "6", "5", "4", "3", "2", "0"}) {
		t.Errorf("seven and the protected one, not %v", got)
	}
	if got := kept(now.AddDate(0, 0, 30)); !slices.Equal(got, []string{"6", "5", "4", "3", "2", "1", "0"}) {
		t.Errorf("once its date has come it counts again: %v", got)
	}
}

func TestReason_EachHasWords(t *testing.T) {
	t.Parallel()
	for _, r := range policy.Reasons() {
		if w := r.Words(); w == "" || w == string(r) {
			t.Errorf("%s has no words", r)
		}
	}
}

func TestTiers_KeepTheirOrder(t *testing.T) {
	t.Parallel()
	var tiers policy.Tiers
	for _, tier := range []policy.Tier{policy.Weekly, policy.Daily, policy.Monthly, policy.Daily} {
		tiers = tiers.With(tier, policy.NewSlot(2026, 4, 24, 0))
	}
	b, err := tiers.Without(policy.Weekly).MarshalJSON()
	if err != nil || string(b) != `{"daily":"2026-04-24T00:00","monthly":"2026-04-24T00:00"}` || len(tiers) != 3 {
		t.Errorf("%s, %v, of %v", b, err, tiers)
	}
}

// BenchmarkRetain_EightMillion judges 80 copies of each of 100,000 sites: the
// newest that the published policy keeps, and two that expire. A thousand
// sites have copies of their own, which the rest share.
func BenchmarkRetain_EightMillion(b *testing.B) {
	const sites, distinct = 100_000, 1000
	p, now := policy.Default(), instant(b, "2026-04-27T12:00:00Z")
	history, err := policy.Simulate(zone(b, "Europe/Berlin"), now.AddDate(-6, 0, 0), now, nil, p)
	if err != nil {
		b.Fatal(err)
	}
	type site map[backup.Kind][]policy.Copy
	all := make([]site, distinct)
	for i := range all {
		all[i] = site{}
		for n, c := range history.Copies {
			all[i][c.Kind] = append(all[i][c.Kind], policy.Copy{ID: strconv.Itoa(n), TakenAt: c.At, Good: true, Tiers: slices.Clone(c.Tiers)})
		}
		extra := len(history.Copies) - 78
		all[i][backup.Database] = all[i][backup.Database][extra:]
		for _, id := range []string{"a", "b"} {
			last := all[i][backup.Database][0]
			expired := policy.Copy{ID: id, TakenAt: last.TakenAt.Add(-time.Hour), Good: true, Tiers: policy.Tiers{{Tier: policy.Daily}}}
			all[i][backup.Database] = slices.Insert(all[i][backup.Database], 0, expired)
		}
	}
	b.ReportAllocs()
	judged := 0
	var judge policy.Judge
	for b.Loop() {
		copies, expired := 0, 0
		for i := range sites {
			for _, kind := range backup.Kinds() {
				verdicts := judge.Retain(p, kind, all[i%distinct][kind], now, policy.Alarms{})
				copies += len(verdicts)
				for i := range verdicts {
					if len(verdicts[i].Reasons) == 0 {
						expired++
					}
				}
			}
		}
		if copies != 80*sites || expired != 2*sites {
			b.Fatalf("%d copies, %d expired", copies, expired)
		}
		judged += copies
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(judged), "ns/copy")
}
