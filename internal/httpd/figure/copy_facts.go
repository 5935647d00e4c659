package figure

import (
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/backup"
	"holdfast/internal/httpd/words"
	"holdfast/web/ui"
)

// CopyFacts words what a copy saw of its site on the day.
func CopyFacts(c app.CopyFacts) []ui.Fact {
	var out []ui.Fact
	add := func(label, value, note string) {
		if value != "" {
			out = append(out, ui.Fact{Label: label, Value: value, Note: note})
		}
	}
	x := c.Facts
	add("Moodle", x.Release, x.Version)
	if c.Plugins > 0 {
		where := "in the code"
		if c.Kind == backup.Database {
			where = "in the database"
		}
		add("Plug-ins", words.Count(int64(c.Plugins)), where)
	}
	if m := x.Moodle; m != nil {
		add("Courses", words.Count(m.Courses), "")
		add("People", words.Count(m.Users), words.Many(m.Admins, "administrator", "administrators"))
		add("Course backups", autoBackup(x.Moodle.AutoBackup), autoResult(x.Moodle.AutoBackup))
		add("Cron", cronWords(*m, c.TakenAt), tasksWords(m.TasksFailing, m.AdhocWaiting))
		if m.MaintenanceEnabled {
			add("Maintenance mode", "on", "")
		}
		add("PHP", m.PHPVersion, "")
	}
	if x.ServerVersion != "" {
		note := ""
		if x.ClientVersion != "" {
			note = "dumped with " + x.ClientVersion
		}
		add("Database server", x.ServerVersion, note)
	}
	return out
}

func autoBackup(a agentproto.AutoBackup) string {
	kept := "all kept"
	if a.MaxKept > 0 {
		kept = words.Count(int64(a.MaxKept)) + " kept"
	}
	switch a.Active {
	case 0:
		return "off"
	case 1:
		return "on, " + kept
	}
	return "by hand, " + kept
}

// autoResult says how they went.
func autoResult(a agentproto.AutoBackup) string {
	var parts []string
	for _, p := range []struct {
		n    int64
		word string
	}{{a.OK, "fine"}, {a.Warned, "with warnings"}, {a.Skipped, "skipped"}, {a.Failed, "failed"}, {a.Unfinished, "unfinished"}, {a.NotYet, "not yet"}} {
		if p.n > 0 {
			parts = append(parts, words.Count(p.n)+" "+p.word)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "courses: " + words.List(parts...)
}

// cronWords says how long before the copy the site's cron had run.
func cronWords(m agentproto.MoodleFacts, taken time.Time) string {
	last := m.LastCron
	if m.LastTask.After(last) {
		last = m.LastTask
	}
	switch {
	case !m.CronEnabled:
		return "switched off"
	case last.IsZero():
		return "never ran"
	case taken.Sub(last) < 2*time.Minute:
		return "ran right before the copy"
	}
	return "ran " + words.Span(taken.Sub(last)) + " before the copy"
}

func tasksWords(failing, waiting int64) string {
	switch {
	case failing == 0 && waiting == 0:
		return ""
	case failing == 0:
		return words.Many(waiting, "task waits", "tasks wait")
	}
	return words.Many(failing, "task fails", "tasks fail") + ", " + words.Many(waiting, "waits", "wait")
}
