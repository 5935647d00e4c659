package figure

import (
	"encoding/json"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/httpd/words"
	"holdfast/web/ui"
)

var phases = map[string]string{
	"inspecting": "looking at the site", "dumping": "dumping", "walking": "walking the folders", "storing": "storing", "checking": "checking",
}

// ReadProgress reads what an agent said last of a run.
func ReadProgress(raw json.RawMessage) agentproto.Progress {
	var p agentproto.Progress
	_ = json.Unmarshal(raw, &p) // what cannot be read is shown as not known
	return p
}

// Progress says how far a run is, as its agent said last. began is nil where
// it has not begun.
func Progress(label string, raw json.RawMessage, began *time.Time, now time.Time) *ui.Progress {
	p := ReadProgress(raw)
	out := &ui.Progress{Label: label}
	var done, total int64
	switch {
	case p.TotalBytes > 0:
		done, total = p.DoneBytes, p.TotalBytes
	case p.AllTables > 0:
		done, total = int64(p.DoneTables), int64(p.AllTables)
	case p.TotalFiles > 0:
		done, total = p.DoneFiles, p.TotalFiles
	}
	if total > 0 {
		out.Known, out.Percent = true, int(min(max(float64(done)/float64(total), 0), 1)*100)
	}
	out.Words = progressWords(p)
	if began == nil {
		return out
	}
	spent := now.Sub(*began)
	if spent < 3*time.Second || p.DoneBytes <= 0 {
		return out
	}
	out.Rate = words.Bytes(int64(float64(p.DoneBytes)/spent.Seconds())) + "/s"
	if p.TotalBytes > p.DoneBytes {
		left := time.Duration(float64(spent) * float64(p.TotalBytes-p.DoneBytes) / float64(p.DoneBytes))
		if left < 1000*time.Hour {
			out.Left = words.Span(max(left, time.Second)) + " left"
		}
	}
	return out
}

func progressWords(p agentproto.Progress) string {
	var said string
	switch {
	case p.AllTables > 0:
		said = words.Count(int64(p.DoneTables)) + " of " + words.Many(int64(p.AllTables), "table", "tables")
	case p.TotalFiles > 0:
		said = words.Count(p.DoneFiles) + " of " + words.Many(p.TotalFiles, "file", "files")
	case p.DoneFiles > 0:
		said = words.Many(p.DoneFiles, "file", "files")
	case p.DoneBytes > 0:
		said = words.Bytes(p.DoneBytes)
	}
	phase, ok := phases[p.Phase]
	if !ok {
		phase = p.Phase
	}
	switch {
	case said == "" && phase == "":
		return "beginning"
	case said == "":
		said = phase
	case phase != "" && p.Phase != "storing" && p.Phase != "dumping":
		said = phase + ", " + said
	}
	if p.Detail != "" && p.AllTables > 0 {
		said += " · " + p.Detail
	}
	return said
}
