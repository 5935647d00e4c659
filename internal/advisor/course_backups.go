package advisor

import (
	"path"
	"slices"
	"strings"
	"time"
)

// The page of Moodle's settings that most remedies lead to.
const autoSettings = "Site administration > Courses > Backups > Automated backup setup"

// alike is a finding that says to customers what it says to staff.
func alike(s Severity, title, says, remedy string) *Finding {
	return &Finding{Severity: s, Title: title, Says: says, Remedy: remedy, Customer: &Plain{Title: title, Says: says, Remedy: remedy}}
}

func (a AutoBackup) on() bool { return a.Active != 0 }

func autoBackupOff(f Facts, _ time.Time) *Finding {
	if f.Moodle.Auto.on() {
		return nil
	}
	return alike(Warning, "Automated course backups are off",
		"A teacher who loses one course has no copy of it at hand: it must be brought back out of a copy of the whole site, which takes longer.",
		"Switch them on in Moodle under "+autoSettings+", and keep at least four of each course.")
}

func autoBackupByHand(f Facts, _ time.Time) *Finding {
	if f.Moodle.Auto.Active != 2 {
		return nil
	}
	return alike(Note, "Course backups are taken only when somebody asks for them",
		"A course is as old in its backup as the last time somebody thought of it.",
		"Set “Active” to “Enabled” in Moodle under "+autoSettings+", so that they are taken every night.")
}

func keptOnce(f Facts, _ time.Time) *Finding {
	if a := f.Moodle.Auto; !a.on() || a.MaxKept != 1 {
		return nil
	}
	return alike(Warning, "Course backups keep one copy only",
		"A teacher who notices after some days that something is gone finds only the backup of last night, in which it is gone already.",
		"Set “Maximum number of backups kept” to 4 or more in Moodle under "+autoSettings+".")
}

func withoutFiles(f Facts, _ time.Time) *Finding {
	if a := f.Moodle.Auto; !a.on() || a.WithFiles {
		return nil
	}
	return alike(Warning, "Course backups hold no files",
		"Such a backup brings a course back whole only on this same site, and only while the files are still there; after a loss of files it brings back empty pages.",
		"Tick “Include files” in Moodle under "+autoSettings+".")
}

func failing(f Facts, _ time.Time) *Finding {
	a := f.Moodle.Auto
	if !a.on() || a.Failed == 0 {
		return nil
	}
	severity := Warning
	if a.OK == 0 {
		severity = Urgent
	}
	return alike(severity, many(a.Failed, "course’s automated backup fails", "courses’ automated backups fail"),
		"The teachers of these courses believe that there is a backup, and there is none, or an old one.",
		"Look at Site administration > Reports > Course backups in Moodle: it names the courses, and why.")
}

func cutShort(f Facts, _ time.Time) *Finding {
	a := f.Moodle.Auto
	if !a.on() || a.Unfinished == 0 {
		return nil
	}
	return alike(Warning, many(a.Unfinished, "course’s automated backup was not finished", "courses’ automated backups were not finished"),
		"A backup that was cut short brings nothing back. Most often the courses are too large for the time or the space that there is.",
		"Look at Site administration > Reports > Course backups in Moodle for the courses, and ask us for room if it is the space.")
}

func neverRan(f Facts, _ time.Time) *Finding {
	a := f.Moodle.Auto
	if a.Active != 1 || !a.LastEnd.IsZero() || f.Moodle.Courses == 0 {
		return nil
	}
	return alike(Warning, "Automated course backups are on, and none was ever taken",
		"No teacher could bring a course back with one yet.",
		"See that at least one day is ticked and a time set in Moodle under "+autoSettings+"; the first are there after the next such night.")
}

func stale(f Facts, now time.Time) *Finding {
	a := f.Moodle.Auto
	if a.Active != 1 || a.LastEnd.IsZero() || now.Sub(a.LastEnd) <= staleAfter {
		return nil
	}
	return alike(Warning, "The newest automated course backup is "+days(now.Sub(a.LastEnd))+" old",
		"What teachers and students did since then is in no course backup.",
		"See that days are ticked in Moodle under "+autoSettings+", and that the site’s background tasks run.")
}

// doublesFiles speaks where course backups lie in the file store, as a large
// part of it: each is a whole copy of a course's files that shares nothing
// with what is there already.
func doublesFiles(f Facts, _ time.Time) *Finding {
	m := f.Moodle
	if !m.Auto.on() || m.Auto.Storage == 1 || m.BackupBytes < gigabyte || m.BackupBytes*4 < m.FileBytes {
		return nil
	}
	severity := Note
	if m.BackupBytes*2 >= m.FileBytes {
		severity = Warning
	}
	share := percent(m.BackupBytes, m.FileBytes)
	return alike(severity, "Course backups are "+share+" of the site’s files",
		"Each of them holds all files of its course once more, so the site and its copies grow faster than what teachers put there.",
		"Keep fewer of each course, or let Moodle keep them in a folder of their own that we include, under "+autoSettings+".")
}

// place is where a folder of the host stands towards what is copied.
type place int

const (
	copied  place = iota
	dropped       // in a folder that is left out
	outside       // in no root that is copied
)

// neverCopied are the folders that are left out at the first level: of
// moodledata and of the account's folder.
var neverCopied = map[string][]string{
	"moodledata": {"sessions", "logs", "backup", "private", "cache", "temp", "trashdir", "upgradelogs", "localcache", "lock"},
	"root":       {"sessions", "logs", "backup", "private", "cache", "temp", "trashdir", "upgradelogs"},
}

// where tells how a folder of the host stands towards what is copied; name is
// the folder that is left out, like "moodledata/backup".
func (f Facts) where(folder string) (at place, name string) {
	folder = path.Clean(folder)
	for _, r := range []struct{ name, path string }{{"code", f.CodeDir}, {"moodledata", f.DataRoot}, {"root", f.AccountRoot}} {
		rest, in := below(folder, r.path)
		if !in {
			continue
		}
		first, _, _ := strings.Cut(rest, "/")
		if name = r.name + "/" + first; slices.Contains(neverCopied[r.name], first) && !slices.Contains(f.Keep, name) {
			return dropped, name
		}
		for _, d := range f.Drop {
			if full := r.name + "/" + rest; full == d || strings.HasPrefix(full, d+"/") {
				return dropped, d
			}
		}
		return copied, ""
	}
	return outside, ""
}

// below tells whether folder is dir or lies in it, and the rest of its path.
func below(folder, dir string) (rest string, in bool) {
	if dir == "" {
		return "", false
	}
	dir = path.Clean(dir)
	if folder == dir {
		return "", true
	}
	return strings.CutPrefix(folder, strings.TrimSuffix(dir, "/")+"/")
}

func storedWhereDropped(f Facts, _ time.Time) *Finding {
	a := f.Moodle.Auto
	if !a.on() || a.Storage == 0 {
		return nil
	}
	severity, lost := Urgent, "If the server is lost, all of them are lost with it: no copy of the site has them."
	if a.Storage == 2 {
		severity, lost = Note, "Those in the folder are in no copy of the site; those in the courses are."
	}
	if strings.TrimSpace(a.Destination) == "" {
		return alike(Urgent, "Course backups have no folder to go to", "Moodle is told to keep them in a folder, and no folder is named, so none is taken.",
			"Name a folder under “Save to” in Moodle, or choose “Course backup filearea”, under "+autoSettings+".")
	}
	if f.DataRoot == "" {
		return nil
	}
	at, name := f.where(a.Destination)
	switch at {
	case dropped:
		out := alike(severity, "Course backups are kept where copies leave them out", lost,
			"Choose “Course backup filearea” under “Automated backup storage” in Moodle, or ask us to include the folder.")
		out.Remedy = "Include " + name + " in this site’s copies (below, under what is left out), or let Moodle keep them in the courses."
		return out
	case outside:
		out := alike(severity, "Course backups are kept outside of what is copied", lost,
			"Choose “Course backup filearea” under “Automated backup storage” in Moodle, or ask us for a folder that is copied.")
		out.Remedy = "Let Moodle keep them in a folder of moodledata that copies include, or in the courses; now they go to " + a.Destination + "."
		return out
	case copied:
	}
	return nil
}

// courseFilesDropped speaks where the folder that is called backup holds
// something and is left out, whatever Moodle's settings say: older settings,
// or people, have put course backups there.
func courseFilesDropped(f Facts, _ time.Time) *Finding {
	if f.Moodle != nil && f.Moodle.Auto.on() && f.Moodle.Auto.Storage != 0 {
		if at, _ := f.where(f.Moodle.Auto.Destination); at != copied {
			return nil // said already, and better
		}
	}
	for _, x := range f.Excluded {
		if x.Path != "moodledata/backup" || x.Files == 0 || slices.Contains(f.Keep, x.Path) {
			continue
		}
		out := alike(Warning, many(x.Files, "file lies", "files lie")+" in a folder for course backups that copies leave out",
			"What teachers or Moodle kept there ("+size(x.Bytes)+") could not be brought back.",
			"Ask us to include that folder, or tell us that nobody needs it.")
		out.Remedy = "Include " + x.Path + " in this site’s copies, below under what is left out, if teachers rely on it."
		return out
	}
	return nil
}
