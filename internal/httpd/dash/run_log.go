package dash

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/httpd/words"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// runDetail is what the detail of a run's event may say.
type runDetail struct {
	Reason      string    `json:"reason"`
	Error       string    `json:"error"`
	Attempt     int64     `json:"attempt"`
	NotBefore   time.Time `json:"not_before"`
	ProtectDays int64     `json:"protect_days"`
	ProtectWhy  string    `json:"protect_why"`
	State       string    `json:"state"`
	Bytes       int64     `json:"bytes"`
	Problems    int64     `json:"problems"`
	Damage      string    `json:"damage"`
	Run         string    `json:"run"`
}

// log is what happened to the run, the oldest first.
func (s runPage) log() []dash.LogRow {
	var out []dash.LogRow
	var before time.Time
	for _, e := range s.Events {
		var d runDetail
		_ = json.Unmarshal(e.Detail, &d) // what cannot be read is not said
		row := s.told(e, d)
		if row.Text == "" {
			continue
		}
		row.When = ui.When{Words: e.At.In(s.zone).Format("15:04:05"), Exact: words.Exact(e.At, s.zone), Machine: e.At.In(s.zone).Format(time.RFC3339)}
		if !before.IsZero() && e.At.Sub(before) >= time.Second {
			row.Since = "+ " + words.Took(e.At.Sub(before))
		}
		if y, m, day := e.At.In(s.zone).Date(); before.IsZero() || !sameDay(before.In(s.zone), y, m, day) {
			row.When.Words = words.Day(s.now, e.At, s.zone) + e.At.In(s.zone).Format(":05")
		}
		before = e.At
		row.Note = strings.TrimSpace(row.Note)
		out = append(out, row)
	}
	return out
}

func sameDay(t time.Time, y int, m time.Month, d int) bool {
	ty, tm, td := t.Date()
	return ty == y && tm == m && td == d
}

// told words one event; no text for what is nobody's concern.
func (s runPage) told(e dbq.Event, d runDetail) dash.LogRow {
	host := words.Capital(s.host)
	who := whoWords(e.Actor, s.person, s.Wait.TenantName, s.names)
	switch e.Verb {
	case "run.planned":
		row := dash.LogRow{State: ui.Waiting, Text: "The run was planned.", Who: who}
		if d.ProtectDays > 0 {
			row.Note = "Its copy will be protected for " + words.Many(d.ProtectDays, "day", "days") + because(d.ProtectWhy)
		}
		return row
	case "run.protected":
		return dash.LogRow{State: ui.Good, Text: "Its copy will be protected for " + words.Many(d.ProtectDays, "day", "days") + ".", Note: d.ProtectWhy, Who: who}
	case "run.queued":
		return dash.LogRow{State: ui.Waiting, Text: "It stood in line for " + s.host + "."}
	case "run.leased":
		return dash.LogRow{State: ui.Running, Text: host + " took it."}
	case "run.started":
		return dash.LogRow{State: ui.Running, Text: "Attempt " + words.Count(d.Attempt) + " began."}
	case "run.lost":
		return dash.LogRow{State: ui.Late, Text: host + " came back without it, so it stood in line again.", Note: "Its agent was started anew, or was stopped."}
	case "run.will_retry":
		row := dash.LogRow{State: ui.Late, Text: "The attempt failed.", Note: words.Stop(words.Capital(d.Error))}
		if !d.NotBefore.IsZero() {
			row.Note += " The next one was put off to " + d.NotBefore.In(s.zone).Format("15:04:05") + "."
		}
		return row
	case "run.failed":
		said := cmp.Or(d.Error, s.Run.Error)
		return dash.LogRow{State: ui.Failed, Text: "It failed for good.", Note: words.Stop(words.Capital(said))}
	case "run.cancelled":
		return dash.LogRow{State: ui.Cancelled, Text: "It was cancelled.", Note: words.Stop(words.Capital(d.Reason)), Who: who}
	case "run.retried":
		return dash.LogRow{State: ui.Waiting, Text: "A new run was asked for in its place.", Who: who}
	}
	return toldOfCopy(e.Verb, d)
}

func toldOfCopy(verb string, d runDetail) dash.LogRow {
	switch verb {
	case "copy.taken":
		if d.State == string(backup.Incomplete) {
			return dash.LogRow{State: ui.Incomplete, Text: "The copy was stored, and lacks something.", Note: words.Many(d.Problems, "thing", "things") + " could not be read; " + words.Bytes(d.Bytes) + " could."}
		}
		return dash.LogRow{State: ui.Good, Text: "The copy was stored, whole.", Note: words.Bytes(d.Bytes) + " were read."}
	case "copy.verified":
		return dash.LogRow{State: ui.Good, Text: "The copy was read back from storage."}
	case "copy.sealed":
		return dash.LogRow{State: ui.Good, Text: "The copy was also written as a sealed file."}
	case "copy.damaged":
		return dash.LogRow{State: ui.Failed, Text: "The copy is damaged.", Note: words.Stop(words.Capital(d.Damage))}
	}
	return dash.LogRow{}
}

func because(why string) string {
	if why == "" {
		return "."
	}
	return ": " + words.Stop(why)
}
