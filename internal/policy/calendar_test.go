package policy_test

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/policy"
)

// told is a history of a kind together with what must be in its calendar.
type told struct {
	state  policy.State
	copies []policy.Copy
	missed []policy.Ruling
	want   map[policy.Ruling]policy.SlotState // slots that runs settled
}

// tell lets runs start late, fail and rot, and copies expire, until the end.
func tell(r *rand.Rand, p policy.Policy, kind backup.Kind, tz *time.Location, from, end time.Time) told {
	h := told{state: policy.BeginKind(p, kind, from), want: map[policy.Ruling]policy.SlotState{}}
	now := from
	for n := 0; ; n++ {
		due, ok := h.state.NextRun(p, kind, tz)
		if now = later(now, due).Add(time.Duration(r.IntN(240)) * time.Minute); r.IntN(12) == 0 {
			now = now.Add(time.Duration(r.IntN(100)) * time.Hour)
		}
		if !ok || now.After(end) {
			break
		}
		if r.IntN(6) == 0 {
			continue
		}
		var served policy.Served
		served, h.state = h.state.Serve(p, kind, tz, now)
		c := policy.Copy{ID: strconv.Itoa(n), TakenAt: now.Add(time.Minute), StartedAt: now, Tiers: served.Tiers, Good: r.IntN(8) > 0}
		h.copies = append(h.copies, c)
		for _, e := range served.Tiers {
			h.want[policy.Ruling{Kind: kind, Tier: e.Tier, Slot: e.Slot}] = standsFor(c, p.LateAt(tz, policy.Due(e.Slot, tz)))
		}
		for _, m := range served.Missed {
			h.want[m] = policy.SlotMissed
		}
		h.missed = append(h.missed, served.Missed...)
		kept := h.copies[:0]
		for _, v := range policy.Retain(p, kind, h.copies, now.Add(time.Hour), policy.Alarms{}) {
			if len(v.Reasons) > 0 {
				kept = append(kept, v.Copy)
				continue
			}
			for _, e := range v.Copy.Tiers {
				h.want[policy.Ruling{Kind: kind, Tier: e.Tier, Slot: e.Slot}] = policy.SlotExpired
			}
		}
		h.copies = kept
	}
	return h
}

func standsFor(c policy.Copy, lateAt time.Time) policy.SlotState {
	switch {
	case !c.Good:
		return policy.SlotFlawed
	case c.StartedAt.After(lateAt):
		return policy.SlotLate
	}
	return policy.SlotKept
}

func TestCalendar_HasEverySlotOnceAndTellsWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	seen := map[policy.SlotState]int{}
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 5))
		tz := zone(t, trickyZones[r.IntN(len(trickyZones))])
		from := time.Date(2009+r.IntN(15), time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), 0, 0, time.UTC)
		end := from.AddDate(0, 3, 0)
		p, _ := random(r, from, end)
		checkCalendar(t, seen, p, tz, from, end, tell(r, p, backup.Data, tz, from, end))
	}
	for _, s := range policy.SlotStates() {
		if seen[s] == 0 {
			t.Errorf("no slot was %s", s)
		}
	}
}

func TestCalendar_EveryZoneAroundItsClockChanges(t *testing.T) {
	t.Parallel()
	seen := map[policy.SlotState]int{}
	p := policy.Default()
	begin, end := time.Date(2025, 9, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for i, name := range zoneNames(t) {
		tz := zone(t, name)
		for _, c := range policy.OffsetChanges(tz, begin, end) {
			from, to := c.At.AddDate(0, 0, -4), c.At.AddDate(0, 0, 4)
			r := rand.New(rand.NewPCG(uint64(i), 6))
			checkCalendar(t, seen, p, tz, from, to, tell(r, p, backup.Data, tz, from, to))
		}
	}
}

// checkCalendar looks from well before the rules began until well after end.
func checkCalendar(t *testing.T, seen map[policy.SlotState]int, p policy.Policy, tz *time.Location, from, end time.Time, h told) {
	t.Helper()
	begun := map[policy.Tier]time.Time{}
	for _, r := range p.Of(backup.Data) {
		begun[r.Tier] = from
	}
	until := end.AddDate(0, 0, 9)
	got := policy.Calendar(p, backup.Data, tz, reborn(t, h.state), begun, h.copies, h.missed, from.AddDate(0, -1, 0), until, end)
	i := 0
	for _, r := range p.Of(backup.Data) {
		for _, o := range r.Between(tz, from.Add(-1), until) {
			if i >= len(got) {
				t.Fatalf("%s: the calendar ends before %s %s", tz, r.Tier, o.Slot)
			}
			m := got[i]
			i++
			want, settled := h.want[policy.Ruling{Kind: backup.Data, Tier: r.Tier, Slot: o.Slot}]
			if !settled {
				if want = policy.SlotOwed; o.Due.After(end) {
					want = policy.SlotUpcoming
				}
			}
			seen[m.State]++
			if m.Tier != r.Tier || m.Slot != o.Slot || !m.Due.Equal(o.Due) || m.State != want {
				t.Fatalf("%s: %s %s is %s, want %s %s %s", tz, m.Tier, m.Slot, m.State, r.Tier, o.Slot, want)
			}
			held := want == policy.SlotKept || want == policy.SlotLate || want == policy.SlotFlawed
			if held != (m.Copy != "") || held == m.ServedAt.IsZero() {
				t.Fatalf("%s: %s %s is %s by %q at %s", tz, m.Tier, m.Slot, m.State, m.Copy, m.ServedAt)
			}
		}
	}
	if i != len(got) {
		t.Fatalf("%s: the calendar has %d slots more", tz, len(got)-i)
	}
}

func TestCalendar_AGoodCopyStandsBeforeAFlawedOne(t *testing.T) {
	t.Parallel()
	p, at := policy.Default(), instant(t, "2026-04-21T00:00:00Z")
	slot := policy.NewSlot(2026, 4, 21, 0)
	s := policy.BeginKind(p, backup.Database, at)
	_, s = s.Serve(p, backup.Database, time.UTC, at)
	tiers := policy.Tiers{{Tier: policy.Daily, Slot: slot}}
	copies := []policy.Copy{{ID: "bad", TakenAt: at, Tiers: tiers}, {ID: "late", TakenAt: at.Add(9 * time.Hour), Tiers: tiers, Good: true}, {ID: "good", TakenAt: at.Add(time.Hour), Tiers: tiers, Good: true}}
	got := policy.Calendar(p, backup.Database, time.UTC, s, nil, copies, nil, at, at, at.Add(time.Hour))
	if len(got) != 1 || got[0].Copy != "good" || got[0].State != policy.SlotKept {
		t.Fatalf("%+v", got)
	}
	// A rule that the state does not know is not in force: only what is to come.
	if got := policy.Calendar(p, backup.Data, time.UTC, s, nil, nil, nil, at.AddDate(0, 0, -1), at.Add(25*time.Hour), at); len(got) != 8 || got[0].State != policy.SlotUpcoming {
		t.Fatalf("%+v", got)
	}
}
