package ticket_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"holdfast/internal/ticket"
)

func hours(t *testing.T, week map[string][]string, zone string) ticket.Hours {
	t.Helper()
	h, err := ticket.NewHours(week, zone)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func office() map[string][]string {
	week := map[string][]string{}
	for _, d := range []string{"mon", "tue", "wed", "thu", "fri"} {
		week[d] = []string{"09:00-12:30", "13:30-17:00"}
	}
	return week
}

func at(t *testing.T, s string) time.Time {
	t.Helper()
	p, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestHours_PassOverNightsWeekendsAndLunch(t *testing.T) {
	t.Parallel()
	h := hours(t, office(), "Europe/Madrid")
	for _, c := range []struct {
		from string
		d    time.Duration
		want string
	}{
		{"2026-11-20T16:30:00+01:00", time.Hour, "2026-11-23T09:30:00+01:00"},     // Friday to Monday
		{"2026-11-20T12:00:00+01:00", time.Hour, "2026-11-20T14:00:00+01:00"},     // over lunch
		{"2026-11-21T03:00:00+01:00", 7 * time.Hour, "2026-11-23T17:00:00+01:00"}, // all of Monday
		{"2026-11-23T08:00:00+01:00", time.Minute, "2026-11-23T09:01:00+01:00"},
		{"2026-11-23T10:00:00+01:00", 0, "2026-11-23T10:00:00+01:00"},
	} {
		if got := h.Add(at(t, c.from), c.d); !got.Equal(at(t, c.want)) {
			t.Errorf("%s and %s: %s, want %s", c.from, c.d, got.In(at(t, c.want).Location()), c.want)
		}
	}
}

// Where clocks change, an open hour that comes twice counts twice, and one that
// is skipped does not come.
func TestHours_FollowTheWallClockOnNightsThatChange(t *testing.T) {
	t.Parallel()
	h := hours(t, map[string][]string{"sun": {"00:00-06:00"}}, "Europe/Berlin")
	for _, c := range []struct {
		from, to string
		want     time.Duration
	}{
		{"2026-10-25T00:00:00+02:00", "2026-10-25T06:00:00+01:00", 7 * time.Hour},
		{"2026-03-29T00:00:00+01:00", "2026-03-29T06:00:00+02:00", 5 * time.Hour},
		{"2026-06-07T00:00:00+02:00", "2026-06-07T06:00:00+02:00", 6 * time.Hour},
	} {
		if got := h.Between(at(t, c.from), at(t, c.to)); got != c.want {
			t.Errorf("%s to %s: %s, want %s", c.from, c.to, got, c.want)
		}
		if got := h.Add(at(t, c.from), c.want); !got.Equal(at(t, c.to)) {
			t.Errorf("%s and %s: %s, want %s", c.from, c.want, got, c.to)
		}
	}
}

// Whatever the week, the zone and the moment: time that is added has passed,
// more time is later, and the parts make the whole.
func TestHours_WhatIsAddedHasPassed(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 11)) //nolint:gosec // a test's
	zones := []string{"UTC", "Europe/Madrid", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "America/St_Johns", "Africa/Casablanca"}
	days := []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	spans := [][]string{{"09:00-17:00"}, {"00:00-24:00"}, {"00:00-02:30", "02:30-04:00", "23:00-24:00"}, {"08:00-12:00", "13:00-13:01"}, {"02:10-02:50"}, {"00:00-00:30"}}
	for range 4000 {
		week := map[string][]string{days[r.IntN(7)]: spans[r.IntN(len(spans))]}
		for range r.IntN(6) {
			week[days[r.IntN(7)]] = spans[r.IntN(len(spans))]
		}
		zone := zones[r.IntN(len(zones))]
		h := hours(t, week, zone)
		from := time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.Int64N(int64(10 * 365 * 24 * time.Hour)))).Truncate(time.Second)
		d := time.Duration(r.Int64N(int64(100 * time.Hour))).Truncate(time.Second)
		to := h.Add(from, d)
		if got := h.Between(from, to); got != d {
			t.Fatalf("%v %s: %s and %s of business time is %s, and %s passed", week, zone, from, d, to, got)
		}
		if got := h.Between(to, from); got != -d {
			t.Fatalf("backwards it is %s, not %s", got, -d)
		}
		more := time.Duration(r.Int64N(int64(20 * time.Hour))).Truncate(time.Second)
		if !h.Add(to, more).Equal(h.Add(from, d+more)) && d > 0 && more > 0 {
			t.Fatalf("%v %s: %s, %s and then %s is not both at once", week, zone, from, d, more)
		}
		if h.Add(from, d+more).Before(to) {
			t.Fatalf("more time is earlier")
		}
	}
}

// However often and long the customer is waited for: what is left of a promise
// when the clocks come to stand is left when they go on.
func TestClock_StandsStillWhileItWaits(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's
	h := hours(t, office(), "Europe/Madrid")
	for range 2000 {
		now := at(t, "2026-01-01T00:00:00Z").Add(time.Duration(r.Int64N(int64(300 * 24 * time.Hour)))).Truncate(time.Second)
		c := ticket.Begin(h, ticket.Priorities()[r.IntN(4)], now)
		ran := time.Duration(0)
		first := h.Between(now, c.ResolveDue)
		for range 1 + r.IntN(5) {
			runs := time.Duration(r.Int64N(int64(30 * time.Hour))).Truncate(time.Second)
			if ran += h.Between(now, now.Add(runs)); ran >= first {
				break
			}
			now = now.Add(runs)
			c = c.Wait(now)
			left := c.Left(h, c.ResolveDue, now)
			now = now.Add(time.Duration(r.Int64N(int64(400 * time.Hour))).Truncate(time.Second))
			if c.Late(c.ResolveDue, now) || c.Left(h, c.ResolveDue, now) != left || c.Wait(now) != c {
				t.Fatal("the clocks run while the customer is waited for")
			}
			if c = c.GoOn(h, now); c.Left(h, c.ResolveDue, now) != left {
				t.Fatalf("%s left before, %s after", left, c.Left(h, c.ResolveDue, now))
			}
			if left != first-ran {
				t.Fatalf("%s of %s ran, and %s is left", ran, first, left)
			}
		}
	}
}

func TestClock_WhatWasLateStaysLate(t *testing.T) {
	t.Parallel()
	h := hours(t, office(), "Europe/Madrid")
	c := ticket.Begin(h, ticket.Urgent, at(t, "2026-11-23T09:00:00Z"))
	c = c.Wait(at(t, "2026-11-25T09:00:00Z"))
	due := c.ResolveDue
	if c = c.GoOn(h, at(t, "2026-11-26T09:00:00Z")); !c.ResolveDue.Equal(due) || !c.Late(c.ResolveDue, at(t, "2026-11-26T09:00:00Z")) {
		t.Errorf("due %s, was %s", c.ResolveDue, due)
	}
}

// A change of priority there and back changes nothing.
func TestClock_ReprioritiseKeepsWhatStood(t *testing.T) {
	t.Parallel()
	h := hours(t, office(), "Europe/Madrid")
	begin := at(t, "2026-11-23T09:00:00Z")
	c := ticket.Begin(h, ticket.Normal, begin).Wait(at(t, "2026-11-23T11:00:00Z")).GoOn(h, at(t, "2026-11-24T11:00:00Z"))
	up := c.Reprioritise(h, begin, ticket.Normal, ticket.Urgent)
	if !up.ResolveDue.Before(c.ResolveDue) || h.Between(begin, up.ResolveDue) != 4*time.Hour+7*time.Hour {
		t.Errorf("urgent is due %s, normal %s", up.ResolveDue, c.ResolveDue)
	}
	if back := up.Reprioritise(h, begin, ticket.Urgent, ticket.Normal); back != c {
		t.Errorf("there and back: %+v, %+v", back, c)
	}
}

func TestNewHours_RefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	for _, week := range []map[string][]string{
		nil,
		{"mon": nil},
		{"monday": {"09:00-17:00"}},
		{"mon": {"9-17"}},
		{"mon": {"17:00-09:00"}},
		{"mon": {"09:00-12:00", "11:00-13:00"}},
		{"mon": {"09:00-25:00"}},
		{"mon": {"09:00-24:01"}},
		{"mon": {"09:60-10:00"}},
		{"mon": {""}},
	} {
		if _, err := ticket.NewHours(week, "UTC"); err == nil {
			t.Errorf("%v was taken", week)
		}
	}
	if _, err := ticket.NewHours(office(), "Mars/Olympus"); err == nil {
		t.Error("a zone that is none was taken")
	}
}
