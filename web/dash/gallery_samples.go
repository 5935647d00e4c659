package dash

import (
	"strconv"
	"time"

	"holdfast/web/ui"
)

// The gallery's own site follows the published policy since five years, and
// it is always the same evening there.
var galleryNow = time.Date(2026, time.November, 21, 20, 10, 0, 0, time.UTC)

func galleryWhen(t time.Time, words string) ui.When {
	return ui.When{Words: words, Exact: t.Format("2 Jan 2006 15:04:05 MST"), Machine: t.Format(time.RFC3339)}
}

func galleryDay(t time.Time) ui.When {
	form := "Mon 2 Jan 15:04"
	if t.Year() != galleryNow.Year() {
		form = "2 Jan 2006 15:04"
	}
	return galleryWhen(t, t.Format(form))
}

func galleryNight(daysAgo int) time.Time {
	return time.Date(2026, time.November, 21-daysAgo, 0, 0, 0, 0, time.UTC)
}

// galleryDatabase and galleryData are when the copies were taken that the
// published policy keeps, newest first.
func galleryDatabase() []time.Time {
	var out []time.Time
	for i := range 7 {
		out = append(out, galleryNight(i))
	}
	for _, i := range []int{8, 15, 22} { // Fridays
		out = append(out, galleryNight(i))
	}
	for i := range 60 {
		out = append(out, time.Date(2026, time.November-time.Month(i), 1, 0, 0, 0, 0, time.UTC))
	}
	return out
}

func galleryData() []time.Time {
	var out []time.Time
	for i := range 6 {
		out = append(out, galleryNight(0).Add(time.Duration(20-4*i)*time.Hour))
	}
	for i := range 6 {
		out = append(out, galleryNight(i+1))
	}
	for _, i := range []int{6, 13, 20, 30, 51, 81} { // 15, 8, 1 November, 22 October, 1 October, 1 September
		out = append(out, galleryNight(i))
	}
	return out
}

// galleryRuler is the ruler of a site with so many copies as the published
// policy keeps, asked for four days ago.
func galleryRuler() RulerProps {
	db, data := galleryDatabase(), galleryData()
	scale := ui.Scale{Oldest: galleryNow.Sub(db[len(db)-1])}
	at := func(t time.Time) int { return scale.At(galleryNow.Sub(t)) }
	ago := func(days int) int { return scale.At(time.Duration(days) * 24 * time.Hour) }
	p := RulerProps{
		Hint: "72 database and 20 data copies, back to 1 Dec 2021", Zone: "Times of Europe/Berlin.", State: ui.Good,
		Form: &NoticedForm{Action: "/sites/1", Value: "4", Quick: []ui.Choice{
			{Label: "1 day", Href: "?noticed=1"}, {Label: "4 days", Href: "?noticed=4", Selected: true}, {Label: "2 weeks", Href: "?noticed=14"}, {Label: "6 months", Href: "?noticed=182"},
		}},
		Answer: ui.Say(ui.Text("The nearest database copy is of "), ui.Strong("Tue 17 Nov 00:00"), ui.Text(", its best data copy of "), ui.Strong("17 Nov 00:00"),
			ui.Text(", 3 min apart; "), ui.Strong("4 days of work"), ui.Text(" after it would be lost.")),
		Cursor: &RulerTick{At: ago(4), Label: "still right 4 days ago"}, Ticks: scale.Ticks("1 Dec 2021"),
		Nights: []RulerTick{{At: at(time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC)), Label: "The clocks went back on 25 Oct 2026 at 03:00"}, {At: at(time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)), Label: "The clocks went forward on 29 Mar 2026 at 02:00"}},
		Notes: []string{
			"Files older than 1 Sep 2026 come back only as far as a newer data copy still has them: the policy keeps data copies for 3 months.",
			"At the end of a month 9 to 10 days lie between two weekly data copies, for they are of the 1st, 8th, 15th and 22nd.",
		},
	}
	dbLane := RulerLane{Kind: "Database copies", Stretches: []RulerStretch{
		{From: ago(7), To: 1000, Label: "any day"}, {From: ago(35), To: ago(7) - 4, Label: "any Friday"}, {From: 0, To: ago(35) - 4, Label: "the 1st of a month"},
	}}
	dbLane.Gaps = []RulerStretch{{From: 0, To: ago(35) - 4, Label: "month-end gap, up to 31 days"}}
	for i, t := range db {
		dbLane.Marks = append(dbLane.Marks, RulerMark{At: at(t), Label: t.Format("Mon 2 Jan 2006 15:04"), Chosen: i == 4, Held: i == 8})
	}
	dataLane := RulerLane{
		Kind: "Data copies", Cliff: &RulerStretch{From: 0, To: at(data[len(data)-1]) - 4, Label: "no data copy is that old"},
		Gaps: []RulerStretch{{From: at(galleryNight(30)), To: at(galleryNight(20)), Label: "22 Oct to 1 Nov: 10 days without a copy"}},
		Stretches: []RulerStretch{
			{From: ago(1), To: 1000, Label: "any 4 h"}, {From: ago(7), To: ago(1) - 4, Label: "any day"}, {From: ago(31), To: ago(7) - 4, Label: "1, 8, 15, 22"}, {From: at(data[len(data)-1]), To: ago(31) - 4, Label: "the 1st"},
		},
	}
	for i, t := range data {
		dataLane.Marks = append(dataLane.Marks, RulerMark{At: at(t), Label: t.Format("Mon 2 Jan 2006 15:04"), Chosen: i == 9, Short: i == 0})
	}
	p.Lanes = []RulerLane{dbLane, dataLane}
	for i, t := range db {
		r := RulerRow{Database: galleryDay(t), Serves: "monthly", Note: "no data copy is that old"}
		if i < 11 {
			r = RulerRow{Database: galleryDay(t), Serves: "daily", Data: galleryDay(t), Apart: "3 min apart", Chosen: i == 4}
		}
		p.Rows = append(p.Rows, r)
	}
	return p
}

// galleryRulerFew is the ruler of a site that was backed up twice.
func galleryRulerFew() RulerProps {
	first, second := galleryNow.Add(-26*time.Hour), galleryNow.Add(-20*time.Hour)
	scale := ui.Scale{Oldest: galleryNow.Sub(first)}
	lane := func(kind string, t time.Time) RulerLane {
		return RulerLane{Kind: kind, Marks: []RulerMark{{At: scale.At(galleryNow.Sub(t)), Label: t.Format("Mon 2 Jan 2006 15:04")}}}
	}
	return RulerProps{
		Hint: "1 database and 1 data copy, back to 20 Nov", Form: &NoticedForm{Action: "/sites/1", Value: "last Thursday", Problem: "“last Thursday” is neither a number of days nor a moment like 2026-10-17 12:00."},
		Ticks: scale.Ticks("20 Nov"), Lanes: []RulerLane{lane("Database copies", first), lane("Data copies", second)},
		Rows: []RulerRow{{Database: galleryDay(first), Serves: "the first copy", Data: galleryDay(second), Apart: "6 h apart"}},
	}
}

func gallerySlots(n int, state func(i int) SlotState, name func(i int) (label, full string)) []Slot {
	out := make([]Slot, n)
	for i := range out {
		label, full := name(i)
		out[i] = Slot{State: state(i), Label: label, Name: full}
		switch out[i].State {
		case SlotKept:
			out[i].Note = "copy of " + full
		case SlotFlawed:
			out[i].Note = "a part of its copy could not be read"
		case SlotLate:
			out[i].Note = "served by the copy of the next day"
		case SlotMissed:
			out[i].Note = "host-b was silent from 00:00 to 06:40"
		case SlotExpired:
			out[i].Note = "its copy was deleted as the policy says"
		case SlotOwed:
			out[i].Note = "waits for host-b"
		case SlotUpcoming:
		}
	}
	return out
}

func galleryKept() KeptProps {
	all := func(int) SlotState { return SlotKept }
	oneLate := func(i int) SlotState {
		switch i {
		case 1:
			return SlotFlawed
		case 2:
			return SlotLate
		}
		return SlotKept
	}
	oneMissed := func(i int) SlotState {
		if i == 3 {
			return SlotMissed
		}
		return SlotKept
	}
	lastOwed := func(i int) SlotState {
		if i == 5 {
			return SlotOwed
		}
		return SlotKept
	}
	daily := func(i int) (string, string) {
		t := galleryNight(6 - i)
		return t.Format("2"), t.Format("Mon 2 Jan 15:04")
	}
	weekly := func(i int) (string, string) {
		t := galleryNight(1 + 7*(4-i))
		return t.Format("2"), t.Format("Mon 2 Jan 15:04")
	}
	monthly := func(n int) func(i int) (string, string) {
		return func(i int) (string, string) {
			t := time.Date(2026, time.November-time.Month(n-1-i), 1, 0, 0, 0, 0, time.UTC)
			return t.Format("Jan"), t.Format("2 Jan 2006 15:04")
		}
	}
	hourly := func(i int) (string, string) {
		t := galleryNight(0).Add(time.Duration(4*i) * time.Hour)
		return t.Format("15"), t.Format("Mon 2 Jan 15:04")
	}
	return KeptProps{
		Hint: "92 copies · 41.2 GB stored of 1.3 TB logical",
		Groups: []KeptGroup{
			{Kind: "Database", Rules: []KeptRule{
				{Tier: "daily", When: "every day at 00:00", State: ui.Good, Count: "7 of 7", Slots: gallerySlots(7, all, daily)},
				{Tier: "weekly", When: "every Friday at 00:00", State: ui.Incomplete, Count: "4 of 5", Words: "3 of 5 kept in time, 1 served late, 1 flawed", Slots: gallerySlots(5, oneLate, weekly)},
				{Tier: "monthly", When: "the 1st of every month at 00:00", State: ui.Good, Count: "60 of 60", Slots: gallerySlots(60, all, monthly(60))},
			}},
			{Kind: "Data", Rules: []KeptRule{
				{Tier: "hourly", When: "every 4 h from 00:00", State: ui.Late, Count: "5 of 6", Slots: gallerySlots(6, lastOwed, hourly)},
				{Tier: "daily", When: "every day at 00:00", State: ui.Incomplete, Count: "6 of 7", Slots: gallerySlots(7, oneMissed, daily)},
				{Tier: "weekly", When: "the 1st, 8th, 15th and 22nd at 00:00", State: ui.Good, Count: "4 of 4", Slots: gallerySlots(4, all, weekly)},
				{Tier: "monthly", When: "the 1st of every month at 00:00", State: ui.Good, Count: "3 of 3", Slots: gallerySlots(3, all, monthly(3))},
			}},
		},
		Notes: []string{
			"Weekly database copy of Fri 6 Nov: Friday failed, Saturday’s copy serves it.",
			"Daily data copy of Wed 18 Nov: missed, for host-b was silent from 00:00 to 06:40.",
			"Data copy of 20:00: owed since 10 min, it starts as soon as host-b has a free place.",
		},
	}
}

func galleryCalendar() CalendarProps {
	month := func(name string, m time.Month, state func(day int) SlotState) CalendarMonth {
		first := time.Date(2026, m, 1, 0, 0, 0, 0, time.UTC)
		days := first.AddDate(0, 1, -1).Day()
		return CalendarMonth{Name: name, Blank: (int(first.Weekday()) + 6) % 7, Slots: gallerySlots(days, func(i int) SlotState { return state(i + 1) }, func(i int) (string, string) {
			t := first.AddDate(0, 0, i)
			return strconv.Itoa(i + 1), t.Format("Mon 2 Jan 15:04")
		})}
	}
	november := func(day int) SlotState {
		switch {
		case day > 21:
			return SlotUpcoming
		case day == 18:
			return SlotMissed
		case day > 14:
			return SlotKept
		default:
			return SlotExpired
		}
	}
	october := func(day int) SlotState {
		if day == 9 || day == 10 {
			return SlotMissed
		}
		return SlotExpired
	}
	hours := func(i, n int) CalendarStrip {
		t := galleryNight(i)
		return CalendarStrip{Label: t.Format("Mon 2 Jan"), Slots: gallerySlots(6, func(h int) SlotState {
			switch {
			case i == 0 && h == 5:
				return SlotOwed
			case i == 1 && h == 2:
				return SlotMissed
			case 6*i-h > n:
				return SlotExpired
			default:
				return SlotKept
			}
		}, func(h int) (string, string) {
			x := t.Add(time.Duration(4*h) * time.Hour)
			return x.Format("15"), x.Format("Mon 2 Jan 15:04")
		})}
	}
	months := func(year int) CalendarStrip {
		return CalendarStrip{Label: strconv.Itoa(year), Slots: gallerySlots(12, func(m int) SlotState {
			if year == 2026 && m > 10 {
				return SlotUpcoming
			}
			return SlotKept
		}, func(m int) (string, string) {
			t := time.Date(year, time.Month(m+1), 1, 0, 0, 0, 0, time.UTC)
			return t.Format("Jan"), t.Format("2 Jan 2006 15:04")
		})}
	}
	return CalendarProps{Hint: "the last 90 days, in Europe/Berlin", Rules: []CalendarRule{
		{ID: "data-daily", Title: "Data, daily", When: "every day at 00:00", State: ui.Incomplete, Count: "6 of 7 kept", Months: []CalendarMonth{month("September 2026", 9, func(int) SlotState { return SlotExpired }), month("October 2026", 10, october), month("November 2026", 11, november)}},
		{ID: "data-hourly", Title: "Data, hourly", Open: true, When: "every 4 h from 00:00", State: ui.Late, Count: "5 of 6 kept", Strips: []CalendarStrip{hours(2, 5), hours(1, 5), hours(0, 5)}},
		{ID: "database-monthly", Title: "Database, monthly", Open: true, When: "the 1st of every month at 00:00", State: ui.Good, Count: "60 of 60 kept", Strips: []CalendarStrip{months(2024), months(2025), months(2026)}},
	}}
}
