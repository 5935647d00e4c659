package policy_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/policy"
)

func hours(t *testing.T, s string) policy.Hours {
	t.Helper()
	h, err := policy.ParseHours("window", s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestParseHours_TakesWhatItWritesAndNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]struct{ text, words string }{
		"":                               {"", "at any hour"},
		"00:00-24:00":                    {"", "at any hour"},
		"22:00-06:00":                    {"22:00-06:00", "between 22:00 and 06:00"},
		" 22:00–6:00 ":                   {"22:00-06:00", "between 22:00 and 06:00"},
		"18:00-24:00":                    {"18:00-24:00", "between 18:00 and 24:00"},
		"00:00-05:30 Sat,sunday":         {"00:00-05:30 sun,sat", "between 00:00 and 05:30, beginning on Sunday and Saturday"},
		"00:00-24:00 sun":                {"00:00-24:00 sun", "between 00:00 and 24:00, beginning on Sundays"},
		"22:00-06:00 mon,tue,wed,thu":    {"22:00-06:00 mon,tue,wed,thu", "between 22:00 and 06:00, beginning on Monday, Tuesday, Wednesday and Thursday"},
		"1:00-2:00 sun mon tue":          {"01:00-02:00 sun,mon,tue", "between 01:00 and 02:00, beginning on Sunday, Monday and Tuesday"},
		"1:00-2:00 s":                    {},
		"22:00":                          {},
		"22:00-22:30":                    {},
		"22:00-22:00":                    {},
		"25:00-06:00":                    {},
		"22-06":                          {},
		"22:00-06:00 mon-fri":            {},
		"22:00-06:00 funday":             {},
		"22:00-06:00; DROP TABLE tenant": {},
	} {
		h, err := policy.ParseHours("window", in)
		if want.words == "" {
			if f := new(errs.Error); err == nil || !errs.Is(err, errs.Invalid) {
				t.Errorf("%q is taken as %q (%v)", in, h, f)
			}
			continue
		}
		if err != nil || h.String() != want.text || h.Words() != want.words {
			t.Errorf("%q: %q, %q, %v; want %q, %q", in, h.String(), h.Words(), err, want.text, want.words)
		}
		if again, err := policy.ParseHours("window", h.String()); err != nil || !reflect.DeepEqual(again, h) {
			t.Errorf("%q is not read as it was written: %v, %v", h, again, err)
		}
	}
}

// clockNights are stretches in which clocks change, and one in which they do not.
var clockNights = []struct{ zone, from string }{
	{"Europe/Berlin", "2026-03-27T00:00:00Z"},
	{"Europe/Berlin", "2026-10-23T00:00:00Z"},
	{"Africa/Cairo", "2026-04-22T00:00:00Z"},
	{"Africa/Cairo", "2026-10-28T00:00:00Z"},
	{"America/Havana", "2026-03-06T00:00:00Z"},
	{"America/Havana", "2026-10-30T00:00:00Z"},
	{"Australia/Lord_Howe", "2026-04-03T00:00:00Z"},
	{"Pacific/Apia", "2011-12-28T00:00:00Z"},
	{"UTC", "2026-06-01T00:00:00Z"},
}

var someHours = []string{
	"22:00-06:00", "02:00-03:00", "02:15-03:15", "01:30-02:30", "00:00-01:00", "23:30-00:30", "00:00-24:00 fri", "03:00-02:00", "22:00-06:00 sat,sun", "12:00-13:00",
}

// An opening is what the rules of slots make of its two ends, minute by minute,
// also where clocks are put forward or back in its midst.
func TestHours_OpenByTheWallClockOnNightsOfClockChanges(t *testing.T) {
	t.Parallel()
	for _, n := range clockNights {
		loc, from := zone(t, n.zone), instant(t, n.from)
		for _, text := range someHours {
			h := hours(t, text)
			open := map[int64]bool{} // by brute force, from the days around
			for d := -9; d <= 14; d++ {
				y, m, day := from.AddDate(0, 0, d).Date()
				wall := time.Date(y, m, day, 0, 0, 0, 0, time.UTC)
				if len(h.Days) > 0 && !slices.Contains(h.Days, wall.Weekday()) {
					continue
				}
				end := day
				if h.To <= h.From {
					end++
				}
				first, last := policy.Due(policy.NewSlot(y, m, day, h.From), loc), policy.Due(policy.NewSlot(y, m, end, h.To), loc)
				for at := first; at.Before(last); at = at.Add(time.Minute) {
					open[at.Unix()/60] = true
				}
			}
			for step := range 4 * 24 * 20 {
				minute := 3*step + int(from.Unix()/60)%3
				at := from.Add(time.Duration(minute) * time.Minute)
				if got, want := h.Open(loc, at), open[at.Unix()/60]; got != want {
					t.Fatalf("%s %s at %s: open is %v, want %v", n.zone, text, at, got, want)
				}
				if minute%7 != 0 {
					continue
				}
				next := h.Next(loc, at)
				if next.Before(at) || !h.Open(loc, next) || next.Sub(at) > 9*24*time.Hour {
					t.Fatalf("%s %s: the next after %s is %s", n.zone, text, at, next)
				}
				if !next.Equal(at) && (h.Open(loc, at) || h.Open(loc, next.Add(-time.Nanosecond))) {
					t.Fatalf("%s %s: from %s on it was open before %s", n.zone, text, at, next)
				}
			}
		}
	}
}

func TestStartIn_LiesInTheHoursAndStays(t *testing.T) {
	t.Parallel()
	for range 4000 {
		n := clockNights[rand.N(len(clockNights))]
		loc := zone(t, n.zone)
		p := policy.Default()
		p.Hours = hours(t, someHours[rand.N(len(someHours))])
		site := id.New[id.Site]().UUID()
		due := instant(t, n.from).Add(rand.N(5 * 24 * time.Hour).Truncate(time.Minute))
		now := due.Add(rand.N(4*24*time.Hour) - 24*time.Hour)
		start, closes := p.StartIn(loc, site, due, now)
		if start.Before(due) || !start.Before(closes) || !p.Hours.Open(loc, start) || !closes.After(now) {
			t.Fatalf("%s %s: due %s, at %s, starts %s before %s", n.zone, p.Hours, due, now, start, closes)
		}
		// A restart within the same hours changes nothing.
		if later := now.Add(closes.Sub(now) / 3); !now.Before(start) || later.Before(closes) {
			again, ends := p.StartIn(loc, site, due, later)
			if !again.Equal(start) || !ends.Equal(closes) {
				t.Fatalf("%s %s: due %s: at %s it starts %s, at %s it starts %s", n.zone, p.Hours, due, now, start, later, again)
			}
		}
		p.Hours = policy.Hours{}
		if plain, none := p.StartIn(loc, site, due, now); !none.IsZero() || !plain.Equal(due.Add(policy.Spread(site, p.Window))) {
			t.Fatalf("without hours it starts %s, ends %s", plain, none)
		}
	}
}

// A season under hours: each run starts within them and in no outage, there are
// no more runs than at any hour, and a restart at any moment changes nothing.
func TestSimulation_KeepsToTheHoursAndToTheCounts(t *testing.T) {
	t.Parallel()
	for _, n := range clockNights {
		loc, from := zone(t, n.zone), instant(t, n.from).AddDate(0, 0, -20)
		for _, i := range rand.Perm(len(someHours))[:3] {
			text := someHours[i]
			p := policy.Default()
			p.Hours = hours(t, text)
			to := from.AddDate(0, 0, 60)
			down := []policy.Outage{{From: from.AddDate(0, 0, 15), To: from.AddDate(0, 0, 18).Add(9 * time.Hour)}}
			whole := policy.NewSimulation(p, from)
			whole.Advance(p, loc, to, down)
			parts := policy.NewSimulation(p, from)
			for at := from; at.Before(to); {
				at = at.Add(rand.N(50 * time.Hour))
				if at.After(to) {
					at = to
				}
				parts.Advance(p, loc, at, down)
				body, err := json.Marshal(parts)
				if err != nil {
					t.Fatal(err)
				}
				parts = &policy.Simulation{}
				if err := json.Unmarshal(body, parts); err != nil {
					t.Fatal(err)
				}
			}
			if !reflect.DeepEqual(whole.Result(), parts.Result()) {
				t.Fatalf("%s %s: restarts changed the outcome", n.zone, text)
			}
			r := whole.Result()
			for _, c := range r.Copies {
				if !p.Hours.Open(loc, c.At) || !c.At.Before(down[0].From) && c.At.Before(down[0].To) {
					t.Errorf("%s %s: a %s run at %s", n.zone, text, c.Kind, c.At)
				}
			}
			// Runs never exceed the openings and the slots that fall into them.
			plain := p
			plain.Hours = policy.Hours{}
			free, err := policy.Simulate(loc, from, to, down, plain)
			if err != nil {
				t.Fatal(err)
			}
			for _, kind := range backup.Kinds() {
				if r.Runs[kind] > free.Runs[kind] {
					t.Errorf("%s %s: %d %s runs, and %d at any hour", n.zone, text, r.Runs[kind], kind, free.Runs[kind])
				}
			}
		}
	}
}

func TestForesee_SaysWhichSlotsOfThePublishedPolicySuffer(t *testing.T) {
	t.Parallel()
	p := policy.Default()
	from := instant(t, "2026-06-01T10:00:00Z")
	p.Hours = hours(t, "22:00-06:00")
	want := []string{
		"The data copies (hourly) of 08:00, 12:00 and 16:00 are never taken: a later one is taken in their stead.",
		"The data copies (hourly) of 20:00 are taken up to 2 h later than they are due.",
	}
	if got := policy.Warnings(policy.Foresee(p, zone(t, "Europe/Berlin"), from)); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	p.Hours = hours(t, "01:30-05:00")
	got := policy.Warnings(policy.Foresee(p, zone(t, "Europe/Berlin"), from))
	if len(got) != 8 || got[0] != "The database copies (daily) of 00:00 are taken up to 1 h 30 min later than they are due." {
		t.Errorf("%q", got)
	}
	p.Hours = policy.Hours{}
	if d := policy.Foresee(p, zone(t, "Europe/Berlin"), from); d != nil {
		t.Errorf("at any hour: %v", d)
	}
}

// What hours put off is not late: lateness counts from when they open.
func TestLateAt_CountsFromTheOpening(t *testing.T) {
	t.Parallel()
	p, loc := policy.Default(), zone(t, "Europe/Berlin")
	p.Hours = hours(t, "22:00-06:00")
	allowed := p.Window + p.Grace
	for due, from := range map[string]string{
		"2026-06-10T10:00:00Z": "2026-06-10T20:00:00Z", // noon there waits for 22:00
		"2026-06-10T22:00:00Z": "2026-06-10T22:00:00Z", // midnight is open
	} {
		if got := p.LateAt(loc, instant(t, due)); !got.Equal(instant(t, from).Add(allowed)) {
			t.Errorf("due %s is late at %s", due, got)
		}
	}
	registered := instant(t, "2026-06-10T10:00:00Z")
	if got := p.OverdueAt(loc, registered, time.Time{}); !got.Equal(registered.Add(allowed)) {
		t.Errorf("a first copy waits for the hours: late at %s", got)
	}
	s := policy.Stand(p, backup.Data, loc, policy.Begin(p, registered), registered.AddDate(0, 0, -1), registered, registered.Add(6*time.Hour))
	if s.Late || len(s.Owed) != 2 || !s.LateAt.Equal(instant(t, "2026-06-10T20:00:00Z").Add(allowed)) {
		t.Errorf("%+v", s)
	}
}
