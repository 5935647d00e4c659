package dash

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/backup"
	"holdfast/internal/httpd/words"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// why says why a run waits, or does not move; nil for one that goes well. The
// row is how the lists show it.
func (s runPage) why(row dash.RunRow) *dash.Problem {
	switch s.Run.State {
	case backup.Planned:
		return s.whyPlanned()
	case backup.Queued:
		p := s.whyQueued()
		if s.Run.Error != "" {
			p.Detail += " The attempt before: " + words.Stop(words.Capital(s.Run.Error))
		}
		return p
	case backup.Leased:
		return s.whyHeldUp(row)
	case backup.Good, backup.Incomplete, backup.Failed, backup.Cancelled:
	}
	return nil
}

func waiting(title, detail string) *dash.Problem {
	return &dash.Problem{State: ui.Waiting, Title: title, Detail: detail}
}

// whyPlanned is about a run that is in no line yet.
func (s runPage) whyPlanned() *dash.Problem {
	if s.Wait.SiteState != dbq.SiteStateActive {
		return waiting("The site is "+string(s.Wait.SiteState), "No copy is taken until it is resumed; the run waits for that.")
	}
	if at := s.Run.NotBefore; s.Run.ClosesAt != nil && at.After(s.now) && s.Run.Error == "" {
		return waiting("Waits for the backup window, "+words.Day(s.now, at, s.zone)+" "+words.Zone(at, s.zone), "The window closed before it could begin. It begins "+words.Ago(s.now, at)+", by itself; a backup that somebody asks for begins at once.")
	} else if at.After(s.now) {
		p := waiting("Planned for "+words.Day(s.now, at, s.zone)+" "+words.Zone(at, s.zone), "It begins "+words.Ago(s.now, at)+", by itself.")
		if s.Run.Error != "" {
			p.State, p.Word = ui.Late, "tried again"
			p.Detail = "The attempt before: " + words.Stop(words.Capital(s.Run.Error)) + " The next one begins " + words.Ago(s.now, at) + ", by itself."
		}
		return p
	}
	switch s.Wait.RepositoryState {
	case "", "new":
		p := waiting("Its place in storage is being made", "The first copy of a kind needs one. It goes on by itself as soon as it is there, most often within a minute.")
		if s.staff && s.Wait.RepositoryError != "" {
			p.State, p.Word = ui.Late, "tried again"
			p.Detail = "Making it failed: " + words.Stop(words.Capital(s.Wait.RepositoryError)) + " It is tried again by itself; look at the storage if it stays so."
		}
		return p
	case "damaged":
		return &dash.Problem{State: ui.Failed, Title: "Its place in storage is damaged", Detail: "Nothing can be stored there until the hoster has repaired it. Nothing else is touched by this."}
	}
	return waiting("It is put in line", "That takes a few seconds.")
}

// whyQueued is about a run that waits for its host.
func (s runPage) whyQueued() *dash.Problem {
	w := s.Wait
	if w.SiteState != dbq.SiteStateActive {
		return waiting("The site is "+string(w.SiteState), "No copy is taken until it is resumed; the run waits for that.")
	}
	switch w.HostState {
	case dbq.HostStateMaintenance:
		return waiting(words.Capital(s.host)+" is in maintenance", "It is given no runs until that ends. The run waits for it, and keeps its place.")
	case dbq.HostStateRevoked, dbq.HostStatePending:
		return &dash.Problem{State: ui.Unreachable, Word: "no agent", Title: words.Capital(s.host) + " has no agent", Detail: "Its agent is not enrolled, or was refused. The run begins when it is enrolled."}
	case dbq.HostStateActive:
	}
	if w.LastSeenAt == nil || s.now.Sub(*w.LastSeenAt) > silence {
		p := &dash.Problem{State: ui.Unreachable, Title: words.Capital(s.host) + " was never heard of", Detail: "The run begins by itself when its agent answers."}
		if w.LastSeenAt != nil {
			p.Title = words.Capital(s.host) + " has not answered for " + words.Span(s.now.Sub(*w.LastSeenAt))
		}
		return p
	}
	switch {
	case w.SiteRestored:
		return waiting("The site is being restored", "A restore goes before every copy. This one is taken after it; nothing that is owed is lost.")
	case w.SiteBusy:
		return waiting("Another copy of this site is being taken", "A site takes one copy at a time. This one begins by itself after it.")
	case w.DestinationState == string(dbq.DestinationStateReadOnly):
		return waiting("The storage takes no new copies now", s.named("It is set to read-only. ", w.DestinationName+" is set to read-only. ")+"The run begins when it is writable again.")
	case w.HostBusy != "":
		return waiting(words.Capital(s.host)+" is busy", s.named("Copies give way to its sites for now.", "It takes no backups for now: "+words.Stop(w.HostBusy))+" The run begins by itself when the host is calm, or when it has waited for long enough.")
	case w.HostRunning >= int64(w.MaxRuns):
		return waiting(words.Capital(s.host)+" is full"+s.named("", ": "+count(w.HostRunning)+" of "+strconv.Itoa(int(w.MaxRuns))+" at once"), s.line())
	case w.DestinationMax > 0 && w.DestinationRunning >= int64(w.DestinationMax):
		return waiting("The storage is full"+s.named("", ": "+count(w.DestinationRunning)+" of "+strconv.Itoa(int(w.DestinationMax))+" copies at once go to "+w.DestinationName), s.line())
	case w.Ahead > 0:
		return waiting("It waits in line", s.line())
	}
	return waiting("Its host takes it next", "It asks for work all the time; this takes some seconds.")
}

// named gives staff what names hosts and storage, and others the rest.
func (s runPage) named(others, staff string) string {
	if s.staff {
		return staff
	}
	return others
}

func count(n int64) string { return words.Count(n) }

// line says how many are before it.
func (s runPage) line() string {
	if s.Wait.Ahead == 0 {
		return "It is the first in line, and begins by itself when a place is free."
	}
	return words.Capital(words.Many(s.Wait.Ahead, "run is", "runs are")) + " before it in line; each customer's first goes before another's second. It begins by itself."
}

// whyHeldUp is about a run that its host has.
func (s runPage) whyHeldUp(row dash.RunRow) *dash.Problem {
	if row.State == ui.Unreachable {
		heard := s.heard()
		return &dash.Problem{
			State: ui.Unreachable, Title: words.Capital(s.host) + " has not answered for " + words.Span(s.now.Sub(heard)),
			Detail: "The run goes on there if the host is alive, and is taken up again when it answers. Nothing is lost by the silence.",
		}
	}
	if why, paused := pausedFor(s.Run); paused {
		return waiting(words.Capital(s.host)+" is busy, and the run pauses", s.named("Copies give way to the site for now.", words.Stop(why))+" It goes on by itself when the host is calm, or when it has paused for long enough.")
	}
	still := stalledFor(s.Run, s.now)
	if still <= app.RunStall {
		return nil
	}
	return &dash.Problem{
		State: ui.Late, Word: "stalled", Title: "Nothing moved for " + words.Span(still),
		Detail: "The agent answers and says the same as then: a table is locked, a disk hangs, or the line to the storage does. It may go on by itself; if it does not, cancel the run and look at the host.",
	}
}

func (s runPage) heard() time.Time {
	heard := s.Run.CreatedAt
	for _, t := range []*time.Time{s.Run.LeasedAt, s.Run.LastProgressAt} {
		if t != nil && t.After(heard) {
			heard = *t
		}
	}
	return heard
}

// stalledFor is how long a run at work has said the same of itself; 0 where it
// moves, or where that was not noted.
func stalledFor(r dbq.Run, now time.Time) time.Duration {
	if r.State != backup.Leased || r.MovedAt == nil {
		return 0
	}
	if _, paused := pausedFor(r); paused {
		return 0 // on purpose
	}
	return now.Sub(*r.MovedAt)
}

// pausedFor tells whether a run stands still because its host is busy, and
// what its agent says of it.
func pausedFor(r dbq.Run) (why string, paused bool) {
	var p agentproto.Progress
	if r.State != backup.Leased || json.Unmarshal(r.Progress, &p) != nil || !strings.HasPrefix(p.Detail, agentproto.Paused) {
		return "", false
	}
	return p.Detail, true
}
