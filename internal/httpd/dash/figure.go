package dash

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/backup"
	"holdfast/internal/httpd/words"
	"holdfast/web/ui"
)

// when writes a moment as how long ago it is.
func when(now, t time.Time, zone *time.Location) ui.When {
	if t.IsZero() || t.Unix() <= 0 {
		return ui.When{}
	}
	return ui.When{Words: words.Ago(now, t), Exact: words.Exact(t, zone), Machine: t.In(zone).Format(time.RFC3339)}
}

// dated writes a moment as its date and time of day.
func dated(now, t time.Time, zone *time.Location) ui.When {
	w := when(now, t, zone)
	if w.Words != "" {
		w.Words = words.Day(now, t, zone)
	}
	return w
}

func size(n int64) ui.Amount { return ui.Amount{Words: words.Bytes(n), Exact: words.ExactBytes(n)} }

func number(n int64, one, more string) ui.Amount {
	return ui.Amount{Words: words.Count(n), Exact: words.Many(n, one, more)}
}

func zoneOf(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return time.UTC
	}
	return zone
}

func kindWord(k backup.Kind) string {
	if k == backup.Data {
		return "Data"
	}
	return "Database"
}

// copyWord is the kind's copy in the middle of a sentence.
func copyWord(k backup.Kind) string { return strings.ToLower(kindWord(k)) + " copy" }

func readFacts(raw json.RawMessage) agentproto.Facts {
	var f agentproto.Facts
	_ = json.Unmarshal(raw, &f) // what cannot be read is shown as not known
	return f
}

var build = regexp.MustCompile(`\s*\(Build:[^)]*\)`)

// release names the Moodle: "Moodle 4.5.6+".
func release(f agentproto.Facts) string {
	if f.Release == "" {
		return ""
	}
	return "Moodle " + build.ReplaceAllString(f.Release, "")
}

var databases = map[string]string{
	"mariadb": "MariaDB", "mysqli": "MySQL", "auroramysql": "MySQL", "pgsql": "PostgreSQL",
}

var serverNumber = regexp.MustCompile(`\d+(\.\d+)+`)

// databaseOf names the site's database server: "MariaDB 10.11.14".
func databaseOf(f agentproto.Facts) string {
	name, ok := databases[f.DBType]
	if !ok {
		name = f.DBType
	}
	if strings.Contains(strings.ToLower(f.ServerVersion), "mariadb") {
		name = "MariaDB" // whatever driver config.php names
	}
	return strings.TrimSpace(name + " " + serverNumber.FindString(f.ServerVersion))
}

var phases = map[string]string{
	"inspecting": "looking at the site", "dumping": "dumping", "walking": "walking the folders", "storing": "storing", "checking": "checking",
}

func readProgress(raw json.RawMessage) agentproto.Progress {
	var p agentproto.Progress
	_ = json.Unmarshal(raw, &p) // what cannot be read is shown as not known
	return p
}

// progress says how far a run is, as its agent said last. began is nil where
// it has not begun.
func progress(label string, raw json.RawMessage, began *time.Time, now time.Time) *ui.Progress {
	p := readProgress(raw)
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
