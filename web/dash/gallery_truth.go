package dash

import "holdfast/web/ui"

func galleryAdvice() Advice {
	return Advice{
		Title: "Advice", Hint: "7 findings of 35 checks, as of the copies of 21 Nov 16:00",
		Findings: []Finding{
			{ID: "moodledata-in-web", State: ui.Failed, Word: "urgent", Title: "moodledata lies inside the web folder", Says: "Unless the web server is told otherwise, anybody can fetch students’ files and grades without signing in.", Remedy: "Move it out of the web folder and change dataroot in config.php; until then deny it in the web server."},
			{ID: "autobackup-kept-once", State: ui.Late, Word: "to mend", Title: "Course backups keep one copy only", Says: "A teacher who notices after some days that something is gone finds only the backup of last night, in which it is gone already.", Remedy: "Set “Maximum number of backups kept” to 4 or more."},
			{ID: "cron-late", State: ui.Late, Word: "to mend", Title: "Cron runs late", Says: "It had last run 5 hours before the newest database copy; Moodle expects it every minute, and mails wait that long.", Remedy: "Let the host run admin/cli/cron.php every minute."},
			{ID: "object-store", State: ui.Late, Word: "to mend", Title: "9,120 files lie in an object store alone", Says: "They are not on the site’s disk, so they are in no copy.", Remedy: "Give the bucket a backup of its own."},
			{ID: "many-administrators", State: ui.None, Word: "good to know", Title: "14 people are administrators of the site", Says: "Each of their passwords opens every course, grade and setting.", Remedy: "Keep two or three."},
			{ID: "php-support-ends", State: ui.None, Word: "good to know", Title: "PHP 8.2.29 gets security fixes until 31 December 2026", Says: "After that day, holes that are found stay open.", Remedy: "Plan the move to a newer PHP before that day."},
			{ID: "config-read-statically", State: ui.None, Word: "good to know", Title: "config.php is read without PHP", Says: "Settings that PHP works out are not seen.", Remedy: "Install php-cli of the site’s version on the host."},
		},
		Looked:   []string{"automated course backups", "background tasks", "upgrades and maintenance mode", "where files lie and what copies leave out"},
		Unjudged: []Unjudged{{What: "Files that courses name", Why: "The newest database copy has no list of the files that it names. The next one has, once the host’s agent is up to date."}},
	}
}

func galleryFiles(id string) *Files {
	return &Files{
		ID: id, State: ui.Incomplete, Words: "99.98 % of files, 3 missing",
		Notes: []string{"The copy of the files that fits it best was taken 12 min after it.", "2 files of them came too late for that copy, or were gone by then; we kept them with the database copy."},
		Groups: []MissingGroup{
			{Course: "Biology 9b", Area: "Assignment submissions", Files: galleryAmount("2", "2 files"), Bytes: galleryAmount("4.1 MB", "4,120,331 bytes")},
			{Course: "outside courses", Area: "People’s pictures", Files: galleryAmount("1", "1 file"), Bytes: galleryAmount("18 kB", "18,204 bytes")},
		},
		Names: []MissingName{{Name: "Photosynthese – Übung 3.pdf", Area: "Assignment submissions", Course: "Biology 9b", Size: galleryAmount("2.2 MB", "")}}, Others: "And 1 more.",
	}
}

func galleryAmount(words, exact string) ui.Amount { return ui.Amount{Words: words, Exact: exact} }

func galleryCopyFacts() []ui.Fact {
	return []ui.Fact{
		{Label: "Moodle", Value: "4.5.6+ (Build: 20250811)", Note: "2024100706.01"},
		{Label: "Plug-ins", Value: "448", Note: "in the database"},
		{Label: "Courses", Value: "214"},
		{Label: "People", Value: "1,902", Note: "3 administrators"},
		{Label: "Course backups", Value: "on, 4 kept", Note: "courses: 210 fine and 2 failed"},
		{Label: "Cron", Value: "ran right before the copy"},
		{Label: "Database server", Value: "10.11.14-MariaDB", Note: "dumped with mariadb-dump 10.11.14"},
	}
}

func galleryExcluded() SiteProps {
	return SiteProps{
		ExcludedAs: "as of the data copy of 21 Nov 16:00, before: 21 Nov 12:00", ExcludedBefore: true,
		Excluded: []ExcludedRow{
			{Path: "moodledata/backup", Why: "the policy leaves it out; automated course backups may lie here", Files: galleryAmount("212", ""), Bytes: galleryAmount("18.2 GB", ""), Before: galleryAmount("17.9 GB", ""), Unusual: "moodledata/backup holds 212 course backups (.mbz files) that no copy has; keep that folder if teachers rely on them."},
			{Path: "moodledata/cache", Why: "Moodle makes it anew", Files: galleryAmount("18,402", ""), Bytes: galleryAmount("212 MB", ""), Before: galleryAmount("208 MB", "")},
			{Path: "moodledata/old-videos", Why: "this site leaves it out besides", Files: galleryAmount("", ""), Bytes: galleryAmount("", ""), Before: galleryAmount("41.2 GB", "")},
		},
		Exclude: &ExcludeForm{
			Action: "/sites/1/exclusions", Version: "3", Open: true,
			Lifts: []Tick{{Value: "moodledata/backup", Label: "moodledata/backup", Note: "the policy leaves it out; 212 files, 18.2 GB", On: true}, {Value: "moodledata/private", Label: "moodledata/private", Note: "the policy leaves it out"}},
			Drops: []Tick{{Value: "moodledata:old-videos", Label: "moodledata/old-videos", On: true}},
			Roots: []ui.Choice{{Value: "moodledata", Label: "moodledata", Selected: true}, {Value: "root", Label: "the account’s folder, beside code and moodledata"}},
			Path:  Field{Value: "../etc", Problem: "“../etc” must be a plain path, like old-videos/2019, without . and .."},
			Preview: &ExcludePreview{
				Rows:    []ExcludeChange{{Path: "moodledata/backup", State: ui.Good, Word: "in copies from now on", Size: "212 files, 18.2 GB, as of the newest copy."}, {Path: "moodledata/old-videos", State: ui.Late, Word: "left out from now on", Size: "How much that is was not measured: the next copy tells."}},
				Settles: []string{"That settles: Course backups are kept where copies leave them out"}, Note: "The next data copy follows it. Copies that are there stay as they are, and nothing on the site changes.",
			},
		},
	}
}

func galleryLooked() LookedAgain {
	return LookedAgain{Rows: []LookedRow{
		{Kind: "Database", State: ui.Good, Word: "sound", Whole: galleryWhen(galleryNight(6), "6 d ago"), Next: galleryWhen(galleryNight(-22), "in 22 d"), Proven: "12 copies of 14 were read to the last byte since they were taken"},
		{Kind: "Data", State: ui.Failed, Word: "being mended", Whole: galleryWhen(galleryNight(2), "2 d ago"), Note: "One pack holds bytes that are not what was stored; the next run brings back what the site still has."},
	}, Lost: &PinForm{Action: "/sites/1/damage/acknowledgement", Why: "Only when it is clear that neither the site nor another copy has it. Old copies are deleted again as the policy says, the damaged ones too; until then none is."}}
}

func galleryEvidence() *Evidence {
	return &Evidence{
		Points: []string{"412 of 900 files that were looked at do not hold what their names say; 0 did before.", "moodledata/filedir/ab/cd/abcd0123456789abcdef0123456789abcdef0123", "code/lib/setup.php holds no PHP any more."},
		Safe:   "The newest good copies from before it are protected, and new copies are still taken. Look at the files above on the host; if this was meant, say why and clear the alarm.",
		Clear:  &PinForm{Action: "/sites/1/alarm/end", Reason: Field{Problem: "say why, in a few words"}, Open: true},
	}
}
