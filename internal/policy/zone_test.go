package policy_test

import (
	"archive/zip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/policy"
)

func TestDue_AtChangesOfTheClock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, slot, due string }{
		{"Africa/Cairo", "2026-04-24T00:00", "2026-04-23T22:00:00Z"},        // midnight is skipped
		{"Africa/Cairo", "2026-10-29T23:30", "2026-10-29T20:30:00Z"},        // the hour before it occurs twice
		{"America/Havana", "2026-11-01T00:00", "2026-11-01T04:00:00Z"},      // midnight occurs twice
		{"America/Havana", "2026-03-08T00:00", "2026-03-08T05:00:00Z"},      // the same on the other side of UTC
		{"America/New_York", "2026-03-08T02:30", "2026-03-08T07:00:00Z"},    // a gap
		{"America/New_York", "2026-11-01T01:30", "2026-11-01T05:30:00Z"},    // a double hour
		{"Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45:00Z"}, // half an hour twice
		{"Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30:00Z"}, // half an hour skipped
		{"Pacific/Apia", "2011-12-29T20:00", "2011-12-30T06:00:00Z"},
		{"Pacific/Apia", "2011-12-30T00:00", "2011-12-30T10:00:00Z"}, // a day that never was
		{"Pacific/Apia", "2011-12-30T20:00", "2011-12-30T10:00:00Z"},
		{"Pacific/Apia", "2011-12-31T00:00", "2011-12-30T10:00:00Z"},
		{"Pacific/Kwajalein", "1993-08-21T12:00", "1993-08-21T12:00:00Z"}, // another: 12 hours behind, then ahead
		{"Europe/London", "2096-12-31T12:00", "2096-12-31T12:00:00Z"},     // the last day of a leap year by rule
		{"America/New_York", "2096-12-31T20:00", "2097-01-01T01:00:00Z"},
		{"UTC", "1969-12-31T23:59", "1969-12-31T23:59:00Z"},
	} {
		slot, err := policy.ParseSlot(c.slot)
		if err != nil {
			t.Fatal(err)
		}
		if got := policy.Due(slot, zone(t, c.zone)); !got.Equal(instant(t, c.due)) {
			t.Errorf("%s %s is due %s, want %s", c.zone, c.slot, got.Format(time.RFC3339), c.due)
		}
	}
}

// zoneNames are those of the database that comes with Go.
func zoneNames(t *testing.T) []string {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = z.Close() }()
	var names []string
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, "/") && f.Name != "Factory" {
			names = append(names, f.Name)
		}
	}
	if len(names) < 500 {
		t.Fatalf("only %d zones", len(names))
	}
	return names
}

// wallSeconds is what the wall says at t, as seconds since 1970 on the wall.
func wallSeconds(t time.Time, tz *time.Location) int64 {
	_, offset := t.In(tz).Zone()
	return t.Unix() + int64(offset)
}

// TestDue_EveryZoneForTenYears compares with an oracle that knows only which
// wall time an instant has: due is the first instant of the day before to the
// day after whose wall time is not before the slot.
func TestDue_EveryZoneForTenYears(t *testing.T) {
	t.Parallel()
	daily := policy.Schedule{At: []policy.TimeOfDay{0, 90, 12 * 60}}
	rule := policy.Rule{Kind: "data", Tier: "hourly", Keep: 1, Schedule: daily}
	from, to := time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, name := range zoneNames(t) {
		tz := zone(t, name)
		var last policy.Occurrence
		all := rule.Between(tz, from, to)
		for i, o := range all {
			slot, err := time.Parse("2006-01-02T15:04", o.Slot.String())
			if err != nil {
				t.Fatal(err)
			}
			want := slot.Unix()
			at, before := wallSeconds(o.Due, tz), wallSeconds(o.Due.Add(-time.Second), tz)
			switch {
			case i > 0 && (o.Slot.Compare(last.Slot) <= 0 || !o.Due.After(last.Due)):
				t.Fatalf("%s: %s is due %s, after %s at %s", name, o.Slot, o.Due, last.Slot, last.Due)
			case i > 0 && o.Due.Sub(last.Due) > 16*time.Hour:
				t.Fatalf("%s: nothing between %s and %s", name, last.Slot, o.Slot)
			case at == want && before < want: // it occurs, and starts then
			case at > want && before < want: // a gap ends then
			default:
				t.Fatalf("%s: %s is due %s, when the wall says %s, and %s just before", name, o.Slot, o.Due, time.Unix(at, 0).UTC(), time.Unix(before, 0).UTC())
			}
			for back := 30 * time.Minute; back <= 3*time.Hour; back += time.Hour {
				if wallSeconds(o.Due.Add(-back), tz) >= want {
					t.Fatalf("%s: %s has an earlier instant than %s", name, o.Slot, o.Due)
				}
			}
			last = o
		}
		if want := 3 * 3652; len(all) < want-5 || len(all) > want+5 {
			t.Fatalf("%s: %d slots in ten years", name, len(all))
		}
	}
}

func TestNext_GivesWhatBetweenGives(t *testing.T) {
	t.Parallel()
	for _, name := range trickyZones {
		tz := zone(t, name)
		for _, rule := range policy.Default().Of("data") {
			at := time.Date(2011, 12, 1, 0, 0, 0, 0, time.UTC)
			end := at.AddDate(1, 0, 0)
			var dues []time.Time
			for _, o := range rule.Between(tz, at, end) {
				if n := len(dues); n == 0 || o.Due.After(dues[n-1]) {
					dues = append(dues, o.Due)
				}
			}
			for i := 0; ; i++ {
				o, ok := rule.Next(tz, at)
				if !ok || o.Due.After(end) {
					if i != len(dues) {
						t.Fatalf("%s %s: %d steps, want %d", name, rule.Tier, i, len(dues))
					}
					break
				}
				if i >= len(dues) || !o.Due.Equal(dues[i]) {
					t.Fatalf("%s %s: step %d is %s", name, rule.Tier, i, o.Due)
				}
				at = o.Due
			}
		}
	}
}

func TestNext_FindsTheRarestDay(t *testing.T) {
	t.Parallel()
	r := policy.Rule{Kind: "data", Tier: "leap", Keep: 1, Schedule: policy.Schedule{
		Months: []time.Month{time.February}, Days: []int{29}, Weekdays: []time.Weekday{time.Friday}, At: []policy.TimeOfDay{0},
	}}
	if o, ok := r.Next(time.UTC, time.Date(2080, 2, 1, 0, 0, 0, 0, time.UTC)); !ok || o.Slot.String() != "2108-02-29T00:00" && o.Slot.String() != "2092-02-29T00:00" {
		t.Fatalf("Next = %v, %v", o, ok)
	}
}

func TestLoadZone_RefusesWhatIsNoZone(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "Local", "localtime", "Nowhere/Else", "../etc/passwd", "right/UTC", "Europe", "posix/UTC", "Europe/Berlin\x00", "/etc/localtime"} {
		if _, err := policy.LoadZone("tz", s); !errs.Is(err, errs.Invalid) {
			t.Errorf("LoadZone(%q) = %v", s, err)
		}
	}
}

// TestOffsetChanges_EveryZoneForTenYears compares with a look at every hour.
func TestOffsetChanges_EveryZoneForTenYears(t *testing.T) {
	t.Parallel()
	from, to := time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, name := range zoneNames(t) {
		tz := zone(t, name)
		got := policy.OffsetChanges(tz, from, to)
		i := 0
		_, before := from.In(tz).Zone()
		for at := from; !at.After(to); at = at.Add(time.Hour) {
			_, after := at.In(tz).Zone()
			if after == before {
				continue
			}
			if i == len(got) || got[i].At.After(at) || !got[i].At.After(at.Add(-time.Hour)) ||
				got[i].Before != time.Duration(before)*time.Second || got[i].After != time.Duration(after)*time.Second {
				t.Fatalf("%s: the clock changes before %s; change %d of %v", name, at, i, got)
			}
			if _, just := got[i].At.Add(-time.Second).In(tz).Zone(); just != before {
				t.Fatalf("%s: the clock had changed before %s", name, got[i].At)
			}
			before = after
			i++
		}
		if i != len(got) {
			t.Fatalf("%s: %d changes, want %d", name, len(got), i)
		}
	}
}

func TestSpacing_IsTheLongestTimeBetweenTwoSlots(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, c := range []struct {
		schedule policy.Schedule
		want     time.Duration
	}{
		{policy.Schedule{}, day},
		{policy.Schedule{At: []policy.TimeOfDay{0, 240, 480}}, 16 * time.Hour},
		{policy.Schedule{Weekdays: []time.Weekday{time.Friday}}, 7 * day},
		{policy.Schedule{Weekdays: []time.Weekday{time.Friday, time.Monday}}, 4 * day},
		{policy.Schedule{Days: []int{1, 8, 15, 22}}, 10 * day},
		{policy.Schedule{Days: []int{1}}, 31 * day},
		{policy.Schedule{Days: []int{31}}, 61 * day},
		{policy.Schedule{Days: []int{13}, Weekdays: []time.Weekday{time.Friday}}, 427 * day},
		{policy.Schedule{Months: []time.Month{time.January}, Days: []int{1}}, 366 * day},
		{policy.Schedule{Months: []time.Month{time.February}, Days: []int{29}}, 4*365*day + day},
	} {
		p := policy.Policy{Rules: []policy.Rule{{Kind: "data", Tier: "x", Keep: 1, Schedule: c.schedule}}}
		if got := p.Of("data")[0].Spacing(); got != c.want {
			t.Errorf("%s: %s, want %s", c.schedule.Any(), got, c.want)
		}
	}
}

func TestAny_SaysWhichMoments(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]policy.Schedule{
		"any day":                                {},
		"any of 2 times a day":                   {At: []policy.TimeOfDay{0, 720}},
		"any Friday":                             {Weekdays: []time.Weekday{time.Friday}},
		"any Monday or Friday":                   {Weekdays: []time.Weekday{time.Monday, time.Friday}},
		"any 1st of a month":                     {Days: []int{1}},
		"any 1st, 8th or 15th of a month":        {Days: []int{1, 8, 15}},
		"any 1st of January":                     {Days: []int{1}, Months: []time.Month{time.January}},
		"any Sunday in June or July":             {Weekdays: []time.Weekday{time.Sunday}, Months: []time.Month{time.June, time.July}},
		"any day in June":                        {Months: []time.Month{time.June}},
		"any Friday that is the 13th of a month": {Weekdays: []time.Weekday{time.Friday}, Days: []int{13}},
	} {
		if got := s.Any(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
