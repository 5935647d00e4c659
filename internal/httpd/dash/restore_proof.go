package dash

import (
	"time"

	"holdfast/internal/httpd/words"
	"holdfast/internal/restore"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// outcomes are a host's words for how a check or a step came out.
var outcomes = map[string]struct {
	state ui.State
	word  string
}{"pass": {ui.Good, "passed"}, "warn": {ui.Late, "noted"}, "fail": {ui.Failed, "failed"}}

// proofs are the evidence as a table: the safety copies, what the host checked
// before, what it measured, and its steps.
func (s restorePage) proofs() (out []dash.Proof) {
	e := s.RestoreView.Evidence
	for _, c := range e.Safety {
		out = append(out, dash.Proof{State: ui.Good, Word: "taken", What: "Safety copy of the " + c.Kind, Value: words.Exact(c.TakenAt, time.UTC)})
	}
	if e.WithoutSafety != "" {
		out = append(out, dash.Proof{State: ui.Late, Word: "none", What: "Safety copy", Value: e.WithoutSafety})
	}
	if h := e.Host; h != nil {
		out = append(out, hostProofs(h)...)
	}
	if u := e.Undo; u != nil {
		for _, st := range u.Steps {
			out = append(out, stepProof("Undoing: ", st))
		}
	}
	return out
}

func hostProofs(h *restore.Proof) (out []dash.Proof) {
	for _, c := range h.Checks {
		o := outcomes[c.Outcome]
		out = append(out, dash.Proof{State: o.state, Word: o.word, What: "Before: " + c.Name, Value: c.Words})
	}
	add := func(yes bool, what, value string) {
		if yes {
			out = append(out, dash.Proof{State: ui.Good, Word: "agrees", What: what, Value: value})
		}
	}
	add(h.Tables > 0 && !h.RolledBack, "Tables and rows", words.Many(int64(h.Tables), "table", "tables")+" with "+words.Many(h.Rows, "row", "rows")+" are as in the copy")
	add(h.Files > 0 && !h.RolledBack, "Files", words.Many(h.Files, "file", "files")+", "+words.Bytes(h.Bytes))
	add(h.Written > 0, "Files put back", words.Many(h.Written, "file", "files")+" in "+h.Into)
	if a := h.Agreement; a != nil {
		p := dash.Proof{State: ui.Good, Word: "agrees", What: "Database and files", Value: words.Many(a.Contents, "content", "contents") + " that the database names, " + words.Count(a.Missing) + " missing"}
		if !a.Good {
			p.State, p.Word = ui.Incomplete, "lacks"
			p.Value += "; before the restore, " + words.Count(a.OldBad) + " did not agree"
		}
		out = append(out, p)
	}
	for _, st := range h.Steps {
		out = append(out, stepProof("", st))
	}
	for _, w := range h.Warnings {
		out = append(out, dash.Proof{State: ui.Late, Word: "noted", What: "The host notes", Value: w})
	}
	for _, w := range h.Refused {
		out = append(out, dash.Proof{State: ui.Incomplete, Word: "refused", What: "The host did not write", Value: w})
	}
	if h.RolledBack {
		out = append(out, dash.Proof{State: ui.Good, Word: "done", What: "Put back", Value: "The site is in its old state again."})
	}
	return out
}

func stepProof(lead string, st restore.Taken) dash.Proof {
	o := outcomes[st.Outcome]
	return dash.Proof{State: o.state, Word: o.word, What: lead + st.Words, Value: "took " + words.Took(time.Duration(st.Seconds*float64(time.Second)))}
}
