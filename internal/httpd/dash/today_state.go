package dash

import (
	"net/url"
	"strconv"

	"holdfast/internal/capacity"
	"holdfast/internal/httpd/words"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// storage is what is wrong where copies lie.
func (t todayPage) storage() (out []weighed) {
	for _, s := range t.Storage {
		href := destinationPath(s.DestinationID)
		if full := t.filling(s); full != nil {
			full.Href, full.Action, full.About = href, "Open storage", s.Name
			out = append(out, weighed{*full, rankSoon, 0})
		}
		if s.State == dbq.DestinationStateReadOnly {
			out = append(out, weighed{rank: rankFailed, Risk: dash.Risk{
				State: ui.Late, Word: "read-only", Title: s.Name + " takes no new copies",
				Detail: "It is set to read-only. Copies there can be read; new ones of its sites wait until it is writable again.", Href: href, Action: "Open storage", About: s.Name,
			}})
		}
		if s.Failed > 0 {
			r := dash.Risk{
				State: ui.Failed, Title: words.Capital(words.Many(s.Failed, "piece", "pieces")) + " of work at " + s.Name + " failed in the last week",
				Detail: "The last: " + words.Stop(s.Error) + " Verifying, sealing, deleting or making room stands still for what it was about; copies are not touched by it.", Href: href, Action: "Open storage", About: s.Name,
			}
			out = append(out, weighed{r, rankFailed, 0})
		}
	}
	return out
}

// filling says that a destination has little room left, or will soon have none;
// nil where neither is so, or where nobody knows.
func (t todayPage) filling(s dbq.TodayStorageRow) *dash.Risk {
	r := &dash.Risk{State: ui.Late, Word: "filling"}
	used := int64(0)
	switch {
	case s.QuotaBytes > 0:
		used = s.StoredBytes * 100 / s.QuotaBytes
		r.Detail = words.Bytes(s.StoredBytes) + " of the " + words.Bytes(s.QuotaBytes) + " that it may take up are used."
	case s.TotalBytes != nil && s.FreeBytes != nil && *s.TotalBytes > 0:
		used = 100 - *s.FreeBytes*100 / *s.TotalBytes
		r.Detail = words.Bytes(*s.FreeBytes) + " of " + words.Bytes(*s.TotalBytes) + " are free."
	}
	f := t.Forecasts[s.DestinationID]
	soon := f.Outlook == capacity.Fills && f.Alarm() != capacity.Calm
	if used < storageLate && !soon {
		return nil
	}
	r.Title = s.Name + " is " + strconv.FormatInt(min(used, 100), 10) + " % full"
	switch {
	case soon && used < storageLate:
		r.Title = s.Name + " is full in " + aboutDays(f.In)
	case f.Outlook == capacity.Fills:
		r.Title += ", and full in " + aboutDays(f.In)
	}
	if note := rangeWords(f); f.Outlook == capacity.Fills && note != "" {
		r.Detail += " As it grew so far: " + words.Stop(note)
	}
	r.Detail += " When it is full, no copy of its sites can be taken. Give it more room, keep less by policy, or move sites to other storage."
	if used >= storageFull || soon && f.Alarm() == capacity.Urgent {
		r.State = ui.Failed
	}
	return r
}

// apart is what somebody decided, so that it is not forgotten.
func (t todayPage) apart() (out []dash.Risk) {
	a := t.Apart
	if a.Tampered > 0 {
		out = append(out, dash.Risk{
			State: ui.Failed, Word: "tamper alarm", Title: named(a.Tampered, a.TamperedName, "is", "are") + " under a tamper alarm",
			Detail: words.Stop(words.Capital(a.TamperAlarm)) + " Nothing of it is deleted while the alarm is on.", Href: sitesHref(a.TamperedName), Action: "Open site", About: a.TamperedName,
		})
	}
	if a.Held > 0 {
		out = append(out, dash.Risk{
			State: ui.Waiting, Word: "legal hold", Title: named(a.Held, a.HeldName, "is", "are") + " under a legal hold",
			Detail: "Nothing of it is deleted until the hold is lifted, so its storage only grows.", Href: sitesHref(a.HeldName), Action: "Open site", About: a.HeldName,
		})
	}
	if a.Suspended > 0 {
		out = append(out, dash.Risk{
			State: ui.Cancelled, Word: "suspended", Title: named(a.Suspended, a.SuspendedName, "is", "are") + " suspended",
			Detail: "No copy is taken until it is resumed; the copies that are there are kept.", Href: sitesHref(a.SuspendedName), Action: "Open site", About: a.SuspendedName,
		})
	}
	return out
}

// named names the one, or counts them and names the first.
func named(n int64, name, one, more string) string {
	if n == 1 {
		return name + " " + one
	}
	return words.Count(n) + " sites, " + name + " first, " + more
}

func sitesHref(name string) string { return dash.SitesPath + "/" + url.PathEscape(name) }

// more says what the list leaves out.
func (t todayPage) more() string {
	var parts []string
	add := func(shown int, all int64, one, many string) {
		if n := all - int64(shown); n > 0 {
			parts = append(parts, words.Many(n, one, many))
		}
	}
	if len(t.Late) > 0 {
		add(len(t.Late), t.Late[0].Groups, "more host has late sites", "more hosts have late sites")
	}
	if len(t.Failed) > 0 {
		add(len(t.Failed), t.Failed[0].Groups, "more cause of failed runs", "more causes of failed runs")
	}
	if len(t.Incomplete) > 0 {
		add(len(t.Incomplete), t.Incomplete[0].Groups, "more host has copies that lack something", "more hosts have copies that lack something")
	}
	if len(parts) == 0 {
		return ""
	}
	return "And " + words.List(parts...) + "."
}

// basis is what "nothing needs you" rests on.
func (t todayPage) basis() string {
	b := t.Basis
	if b.Sites == 0 {
		return "There is no site yet. Add a host, then a site; this page watches them from then on."
	}
	said := "Every kind of copy of " + words.Many(b.Sites, "site", "sites") + " is as new as its policy promises, no run failed since, and " + words.Many(b.Hosts, "host answers", "hosts answer") + ". "
	if b.PlannerAt.Unix() > 0 {
		said += "The planner looked " + words.Ago(t.now, b.PlannerAt) + ". "
	}
	if b.NewestCopyAt.Unix() > 0 {
		said += "The newest copy came in " + words.Ago(t.now, b.NewestCopyAt)
		if b.VerifiedAt.Unix() > 0 {
			said += "; one was last read back from storage " + words.Ago(t.now, b.VerifiedAt)
		} else {
			said += "; none was read back from storage yet"
		}
		said += "."
	}
	return said
}

// sentence is what the reader came for: does anything need them?
func (t todayPage) sentence(risks []dash.Risk) (ui.State, []ui.Phrase) {
	n := int64(len(risks))
	if n == 0 && t.Basis.Sites == 0 {
		return ui.None, ui.Say(ui.Text("There is no site yet, so nothing is watched."))
	}
	if n == 0 {
		out := ui.Say(ui.Text("Nothing needs you. "), ui.Strong(words.Many(t.Basis.Sites, "site has", "sites have")), ui.Text(" copies as new as promised"))
		if t.Basis.Sites == 1 {
			out = ui.Say(ui.Text("Nothing needs you. The one site has copies as new as promised"))
		}
		if t.Basis.NewestCopyAt.Unix() > 0 {
			return ui.Good, append(out, ui.Text(", the last from "), ui.Strong(words.Ago(t.now, t.Basis.NewestCopyAt)), ui.Text("."))
		}
		return ui.Good, append(out, ui.Text("."))
	}
	if onlyNew(risks) {
		return ui.None, ui.Say(ui.Text("Nothing is wrong. "), ui.Strong(risks[0].Title), ui.Text("."))
	}
	needs := "things need you"
	if n == 1 {
		needs = "thing needs you"
	}
	return risks[0].State, ui.Say(ui.Strong(words.Count(n)+" "+needs+". "), ui.Text("The worst: "), ui.Strong(risks[0].Title), ui.Text("."))
}

func onlyNew(risks []dash.Risk) bool {
	for _, r := range risks {
		if r.State != ui.None {
			return false
		}
	}
	return true
}

// desk is the tickets that wait for us: those that are late, and the others.
func (t todayPage) desk() (out []weighed) {
	c := t.tickets
	if c.Overdue > 0 {
		out = append(out, weighed{rank: rankLate, Risk: dash.Risk{
			State: ui.Late, Title: words.Capital(words.Many(int64(c.Overdue), "ticket is", "tickets are")) + " late",
			Detail: "An answer or an end was promised for before now, in business hours.", Href: dash.TicketsPath + "?look=late", Action: "Open them", About: "late tickets",
		}})
	}
	if n := c.WaitsForUs - c.Overdue; n > 0 {
		out = append(out, weighed{rank: rankSoon, Risk: dash.Risk{
			State: ui.Waiting, Word: "waiting", Title: words.Capital(words.Many(int64(n), "ticket waits", "tickets wait")) + " for us",
			Detail: "None of them is late.", Href: dash.TicketsPath, Action: "Open tickets", About: "tickets that wait",
		}})
	}
	return out
}
