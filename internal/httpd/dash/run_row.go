package dash

import (
	"time"

	"holdfast/internal/app"
	"holdfast/internal/backup"
	"holdfast/internal/httpd/words"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// silence is how long an agent may say nothing of a run before its host counts
// as out of reach. It speaks every ten seconds.
const silence = time.Minute

// place says where a run is, for its row.
type place struct {
	site, host string
	zone       *time.Location
}

// runRow is a run in words, with the figures of the copy it made, if any.
func runRow(r dbq.Run, at place, made *dbq.CopiesOfSiteRow, now time.Time) dash.RunRow {
	row := dash.RunRow{Href: runPath(r.ID), Kind: kindWord(r.Kind), Host: at.host, Serves: serves(r.Reason), Started: started(r, at.zone, now)}
	if at.site != "" {
		row.Site, row.SiteHref = at.site, sitePath(r.SiteID)
	}
	switch r.State {
	case backup.Planned, backup.Queued:
		waits(&row, r, now)
	case backup.Leased:
		runs(&row, r, at, now)
	case backup.Good:
		row.State, row.Word = ui.Good, "complete"
	case backup.Incomplete:
		row.State = ui.Incomplete
		row.Error = words.Stop(words.Capital(r.Error))
	case backup.Failed:
		row.State, row.Error = ui.Failed, words.Stop(words.Capital(r.Error))
	case backup.Cancelled:
		row.State, row.Error = ui.Cancelled, words.Stop(words.Capital(r.Error))
	}
	if r.StartedAt != nil && r.FinishedAt != nil {
		row.Took = words.Took(r.FinishedAt.Sub(*r.StartedAt))
	}
	if made != nil {
		row.Error = "" // the note says what is missing
		row.Read, row.Stored, row.Note = size(made.Bytes), size(made.StoredBytes), copyNote(*made)
	}
	return row
}

func serves(r backup.Reason) string {
	switch r {
	case backup.Initial:
		return "the site's first copy"
	case backup.Scheduled:
		return "the schedule"
	case backup.Manual:
		return "asked for by hand"
	}
	return ""
}

func started(r dbq.Run, zone *time.Location, now time.Time) ui.When {
	if r.StartedAt == nil {
		return ui.When{Words: "not yet"}
	}
	return when(now, *r.StartedAt, zone)
}

// waits words a run that no host has.
func waits(row *dash.RunRow, r dbq.Run, now time.Time) {
	row.State, row.Note = ui.Waiting, "waits for its host"
	if r.State == backup.Planned {
		row.Note = "waits for its place in storage"
	}
	row.Started = ui.When{Words: "not yet"}
	if r.Error == "" {
		return
	}
	row.State, row.Word, row.Note = ui.Late, "tried again", ""
	row.Error = words.Stop(words.Capital(r.Error)) + " It is tried again "
	if r.NotBefore.After(now) {
		row.Error += words.Ago(now, r.NotBefore) + "."
	} else {
		row.Error += "as soon as its host takes it."
	}
}

// runs words a run that a host has.
func runs(row *dash.RunRow, r dbq.Run, at place, now time.Time) {
	heard := r.CreatedAt
	for _, t := range []*time.Time{r.LeasedAt, r.LastProgressAt} {
		if t != nil && t.After(heard) {
			heard = *t
		}
	}
	if r.StartedAt != nil {
		row.Took = words.Took(now.Sub(*r.StartedAt))
	}
	if quiet := now.Sub(heard); quiet > silence {
		row.State = ui.Unreachable
		row.Error = words.Capital(at.host) + " has not answered for " + words.Span(quiet) +
			". The run goes on there if the host is alive, and is taken up again when it answers."
		return
	}
	row.State = ui.Running
	if still := stalledFor(r, now); still > app.RunStall {
		row.State, row.Word = ui.Late, "stalled"
		row.Error = "Its agent answers, but nothing moved for " + words.Span(still) + ". It may go on by itself; its page says what to do."
	}
	label := kindWord(r.Kind) + " copy"
	if at.site != "" {
		label += " of " + at.site
	}
	row.Progress = progress(label, r.Progress, r.StartedAt, now)
}

// runOf takes the run out of a listing's row.
func runOf(r dbq.ListRunsRow) dbq.Run {
	return dbq.Run{
		TenantID: r.TenantID, ID: r.ID, SiteID: r.SiteID, HostID: r.HostID, Kind: r.Kind, Reason: r.Reason, State: r.State, Priority: r.Priority,
		Attempt: r.Attempt, MaxAttempts: r.MaxAttempts, NotBefore: r.NotBefore, HostEpoch: r.HostEpoch, Fence: r.Fence, LeasedAt: r.LeasedAt,
		StartedAt: r.StartedAt, LastProgressAt: r.LastProgressAt, Progress: r.Progress, FinishedAt: r.FinishedAt, Error: r.Error,
		ErrorCode: r.ErrorCode, CreatedAt: r.CreatedAt, MovedAt: r.MovedAt, DestinationID: r.DestinationID,
	}
}
