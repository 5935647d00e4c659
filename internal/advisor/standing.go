package advisor

import (
	"fmt"
	"strings"
	"time"
)

func date(t time.Time) string { return t.Format("2 January 2006") }

// until says up to when a line is or was supported.
func (r release) untilWords(older bool) string {
	if older {
		return "long ago"
	}
	return "on " + date(r.until)
}

func moodleName(f Facts) string { return "Moodle " + short(f.Release) }

func moodleUnsupported(f Facts, now time.Time) *Finding {
	line, known, older := find(moodles, f.Release)
	if !known || line.at(now, older) != ended {
		return nil
	}
	return &Finding{
		Severity: Warning, Title: moodleName(f) + " gets no security fixes any more",
		Says:     "Their time ended " + line.untilWords(older) + ". Holes that are found since then stay open, and grades and personal data lie behind them.",
		Remedy:   "Upgrade to a release that is supported; keep a copy right before.",
		Customer: &Plain{"Your Moodle gets no security fixes any more", "Their time ended " + line.untilWords(older) + ". Holes that are found since then stay open.", "Ask us for an upgrade; we keep a copy right before it."},
	}
}

func moodleEnding(f Facts, now time.Time) *Finding {
	line, known, older := find(moodles, f.Release)
	if !known || line.at(now, older) != ending {
		return nil
	}
	return &Finding{
		Severity: Note, Title: moodleName(f) + " gets security fixes until " + date(line.until),
		Says: "After that day, holes that are found stay open.", Remedy: "Plan an upgrade before that day.",
		Customer: &Plain{"Your Moodle gets security fixes until " + date(line.until), "After that day, holes that are found stay open.", "Plan an upgrade with us before that day."},
	}
}

func phpUnsupported(f Facts, now time.Time) *Finding {
	line, known, older := find(phps, f.PHP)
	if !known || line.at(now, older) != ended {
		return nil
	}
	return &Finding{
		Severity: Warning, Title: "PHP " + short(f.PHP) + " gets no security fixes any more",
		Says:   "Their time ended " + line.untilWords(older) + " at php.net; a distribution may still mend it. A hole in it opens every site on the host.",
		Remedy: "Move the site to a newer PHP that its Moodle runs on, or to one that the distribution maintains.",
	}
}

func phpEnding(f Facts, now time.Time) *Finding {
	line, known, older := find(phps, f.PHP)
	if !known || line.at(now, older) != ending {
		return nil
	}
	return &Finding{
		Severity: Note, Title: "PHP " + short(f.PHP) + " gets security fixes until " + date(line.until),
		Says: "After that day, holes that are found stay open, unless the distribution mends them.", Remedy: "Plan the move to a newer PHP before that day.",
	}
}

// phpUnfit speaks where Moodle does not run on the PHP that was seen.
func phpUnfit(f Facts, _ time.Time) *Finding {
	line, known, older := find(moodles, f.Release)
	major, minor, ok := firstNumbers(f.PHP)
	if !known || older || !ok {
		return nil
	}
	at := func(v float64) (int, int) { return int(v), int(v*10+0.5) % 10 }
	oldMajor, oldMinor := at(line.php[0])
	newMajor, newMinor := at(line.php[1])
	word := ""
	switch {
	case major < oldMajor || major == oldMajor && minor < oldMinor:
		word = "too old"
	case major > newMajor || major == newMajor && minor > newMinor:
		word = "too new"
	default:
		return nil
	}
	return &Finding{
		Severity: Warning, Title: fmt.Sprintf("PHP %d.%d is %s for %s", major, minor, word, moodleName(f)),
		Says:   fmt.Sprintf("This Moodle runs on PHP %.1f to %.1f. On another, pages fail for teachers in ways that nobody has tested.", line.php[0], line.php[1]),
		Remedy: "See which PHP the web server gives the site (this is the one of the command line), and move it to one in between.",
	}
}

func serverUnsupported(f Facts, now time.Time) *Finding {
	line, known, older := find(database(f.Flavour), f.ServerVersion)
	if !known || line.at(now, older) != ended {
		return nil
	}
	return &Finding{
		Severity: Warning, Title: flavourName(f.Flavour) + " " + short(f.ServerVersion) + " gets no fixes any more",
		Says:   "Their time ended " + line.untilWords(older) + ". All grades lie in this server.",
		Remedy: "Plan the move to a newer server, or to one that the distribution maintains; drill the restore there first.",
	}
}

func serverEnding(f Facts, now time.Time) *Finding {
	line, known, older := find(database(f.Flavour), f.ServerVersion)
	if !known || line.at(now, older) != ending {
		return nil
	}
	return &Finding{
		Severity: Note, Title: flavourName(f.Flavour) + " " + short(f.ServerVersion) + " gets fixes until " + date(line.until),
		Says: "After that day, faults and holes that are found stay, unless the distribution mends them.", Remedy: "Plan the move to a newer server before that day.",
	}
}

// tableOld says of the table itself that nobody has looked at it for long.
func tableOld(_ Facts, now time.Time) *Finding {
	if now.Sub(SupportAsOf) <= tableLife {
		return nil
	}
	return &Finding{
		Severity: Note, Title: "What we know of support dates is of " + date(SupportAsOf),
		Says:   "Newer releases are not in our table, and dates may have moved, so what is said of support here may be wrong.",
		Remedy: "Bring Holdfast up to date; the dates come with it. Until then look at " + SupportSource + ".",
	}
}

// dataInWeb speaks where moodledata lies below what the web server serves.
func dataInWeb(f Facts, _ time.Time) *Finding {
	web := f.CodeDir
	if f.Layout == "public" && web != "" {
		web = strings.TrimSuffix(web, "/") + "/public"
	}
	if _, in := below(f.DataRoot, web); !in || f.DataRoot == "" {
		return nil
	}
	return &Finding{
		Severity: Urgent, Title: "moodledata lies inside the web folder",
		Says:   "Unless the web server is told otherwise, anybody can fetch students’ files and grades without signing in.",
		Remedy: "Move " + f.DataRoot + " out of " + web + " and change dataroot in config.php; until then deny it in the web server.",
	}
}

func configStatic(f Facts, _ time.Time) *Finding {
	if f.ReadBy != "static" {
		return nil
	}
	return &Finding{
		Severity: Note, Title: "config.php is read without PHP",
		Says:   "Settings that PHP works out, such as those from the environment, are not seen; a move of a folder by one of them would go unnoticed.",
		Remedy: "Install php-cli of the site’s version on the host, so that config.php is read as the site reads it.",
	}
}

// storeLeftovers speaks of files in the file store that were never finished.
func storeLeftovers(f Facts, _ time.Time) *Finding {
	for _, x := range f.Excluded {
		if !strings.HasSuffix(x.Path, "*.tmp") || !strings.Contains(x.Path, "filedir") || x.Files < manyLeftovers && x.Bytes < gigabyte {
			continue
		}
		return &Finding{
			Severity: Note, Title: many(x.Files, "unfinished file lies", "unfinished files lie") + " in the file store",
			Says:   "Uploads that broke off left " + size(x.Bytes) + " behind. Teachers miss nothing by it; often the disk was full, or PHP was stopped.",
			Remedy: "Remove *.tmp in filedir that are older than a week, and see why uploads break off.",
		}
	}
	return nil
}

func contentMissing(f Facts, _ time.Time) *Finding {
	r := f.References
	if r.Missing == 0 {
		return nil
	}
	return &Finding{
		Severity: Warning, Title: many(r.Missing, "file that courses name is nowhere on the site", "files that courses name are nowhere on the site"),
		Says:     "Whoever opens them sees an error, and no copy since then can bring them back; of " + count(r.Hashes) + " files that is " + share(r.Missing, r.Hashes) + ".",
		Remedy:   "See below which they are; an older copy of the files may still have them.",
		Customer: &Plain{many(r.Missing, "file that courses name is missing on your site", "files that courses name are missing on your site"), "Whoever opens them sees an error. They are listed below with their courses.", "Put them there again if you have them, or ask us whether an older copy has."},
	}
}

// share is a part so small that whole per cents would hide it.
func share(part, whole int64) string {
	if whole <= 0 {
		return "all"
	}
	p := float64(part) / float64(whole) * 100
	if p < 0.01 {
		return "less than 0.01 %"
	}
	return fmt.Sprintf("%.2f %%", p)
}

func objectStore(f Facts, _ time.Time) *Finding {
	r := f.References
	if r.External == 0 {
		return nil
	}
	return &Finding{
		Severity: Warning, Title: many(r.External, "file lies in an object store alone", "files lie in an object store alone"),
		Says:   "They are not on the site’s disk, so they are in no copy. A restored site shows them only while the bucket is there.",
		Remedy: "Give the bucket a backup of its own, with versions kept, or bring the files back onto the disk.",
	}
}

func noAdmins(f Facts, _ time.Time) *Finding {
	if f.Moodle.Admins > 0 || f.Moodle.Users == 0 {
		return nil
	}
	return alike(Warning, "The site has no administrator", "Nobody can change its settings, or finish an upgrade or a restore of a course.", "Name one; if nobody can, ask us: it takes the site’s command line.")
}

func hasManyAdmins(f Facts, _ time.Time) *Finding {
	n := f.Moodle.Admins
	if n <= manyAdmins {
		return nil
	}
	return alike(Note, count(n)+" people are administrators of the site", "Each of their passwords opens every course, grade and setting, and each can delete them.", "Keep two or three, and give the others the role of a manager, under Site administration > Users > Permissions.")
}

func databaseRights(f Facts, _ time.Time) *Finding {
	if len(f.Moodle.Rights) == 0 {
		return nil
	}
	rights := f.Moodle.Rights
	more := ""
	if len(rights) > 5 {
		more = " and " + count(int64(len(rights)-5)) + " more"
		rights = rights[:5]
	}
	return &Finding{
		Severity: Warning, Title: "The site’s database user may do more than it needs",
		Says:   "Beyond its own database it has " + strings.Join(rights, ", ") + more + ". A hole in this Moodle then opens other sites’ grades too.",
		Remedy: "Give the user all rights on its own database and none beyond.",
	}
}
