package advisor

import (
	"strconv"
	"strings"
	"time"
)

// What customers are told of what staff mend.
const (
	weLook   = "Our staff see this too; you need not do anything."
	askHelp  = "Ask us if you would like help with it."
	noCron   = "Mails from forums, notices, automated course backups and the clearing of deleted files wait until it runs again."
	notMails = "Until they succeed, what they do does not happen: mails, reminders, course backups or the like."
)

func cronDisabled(f Facts, _ time.Time) *Finding {
	if f.Moodle.CronEnabled {
		return nil
	}
	return &Finding{
		Severity: Urgent, Title: "Cron is switched off in Moodle", Says: "The site does nothing by itself. " + noCron,
		Remedy:   "Switch it on under Site administration > Server > Tasks > Task processing, unless this is meant: then note it on the site.",
		Customer: &Plain{"Background work of the site is switched off", "The site does nothing by itself. " + noCron, "Switch it on in Moodle under Site administration > Server > Tasks > Task processing. " + askHelp},
	}
}

// lastRun is when the site was last seen to work in the background.
func (f Facts) lastRun() time.Time {
	if f.Moodle.LastTask.After(f.Moodle.LastCron) {
		return f.Moodle.LastTask
	}
	return f.Moodle.LastCron
}

func cronHasStopped(f Facts, _ time.Time) *Finding {
	last := f.lastRun()
	if !f.Moodle.CronEnabled || !last.IsZero() && f.At.Sub(last) <= cronStopped {
		return nil
	}
	says, title := "It had not run for "+span(f.At.Sub(last))+" when the newest copy was taken. ", "Cron has stopped"
	plain := "Background work of the site has stopped"
	if last.IsZero() {
		says, title, plain = "It never ran on this site. ", "Cron was never set up", "Background work of the site was never set up"
	}
	return &Finding{
		Severity: Urgent, Title: title, Says: says + noCron,
		Remedy:   "Let the host run admin/cli/cron.php every minute as the site’s user.",
		Customer: &Plain{plain, says + noCron, weLook},
	}
}

func cronIsLate(f Facts, _ time.Time) *Finding {
	last := f.lastRun()
	late := f.At.Sub(last)
	if !f.Moodle.CronEnabled || last.IsZero() || late <= cronLateAfter || late > cronStopped {
		return nil
	}
	return &Finding{
		Severity: Warning, Title: "Cron runs late",
		Says:     "It had last run " + span(late) + " before the newest database copy; Moodle expects it every minute, and mails wait that long.",
		Remedy:   "Let the host run admin/cli/cron.php every minute, and see that no run of it hangs.",
		Customer: &Plain{"Background work of the site runs late", "Mails and notices may arrive " + span(late) + " late.", weLook},
	}
}

func tasksFailing(f Facts, _ time.Time) *Finding {
	n := f.Moodle.TasksFailing
	if n == 0 {
		return nil
	}
	return &Finding{
		Severity: Warning, Title: many(n, "background task fails", "background tasks fail"), Says: notMails,
		Remedy:   "Look at Site administration > Server > Tasks > Task logs for why.",
		Customer: &Plain{many(n, "background task of the site fails", "background tasks of the site fail"), notMails, "Moodle names them under Site administration > Server > Tasks > Task logs. " + askHelp},
	}
}

func tasksPilingUp(f Facts, _ time.Time) *Finding {
	n := f.Moodle.AdhocWaiting
	if n < manyWaiting {
		return nil
	}
	const says = "Work that was asked for is not done yet, such as course backups, copies of courses, deletions and mails."
	return &Finding{
		Severity: Warning, Title: count(n) + " ad-hoc tasks wait", Says: says,
		Remedy:   "Run more ad-hoc tasks at once (Task processing), or find the one that holds up the rest.",
		Customer: &Plain{count(n) + " pieces of background work wait", says, weLook},
	}
}

func upgradePending(f Facts, _ time.Time) *Finding {
	code, okCode := versionNumber(f.Version)
	db, okDB := versionNumber(f.DBVersion)
	if !okCode || !okDB || code == db {
		return nil
	}
	if code < db {
		return &Finding{
			Severity: Urgent, Title: "The code is older than the database",
			Says:     "Moodle refuses to run so: nobody can work on the site. Code of " + f.Version + " cannot use a database of " + f.DBVersion + ".",
			Remedy:   "Put the newer code back, or bring back a database copy of before the upgrade.",
			Customer: &Plain{"Two parts of the site are of different versions", "The site may not open until they fit again.", weLook},
		}
	}
	const says = "The new code lies there and the database was not brought along, so the site stays closed to everybody until the upgrade is finished."
	return &Finding{
		Severity: Warning, Title: "An upgrade of Moodle waits to be finished", Says: says,
		Remedy:   "Keep a copy, then run admin/cli/upgrade.php, or open the site as an administrator.",
		Customer: &Plain{"An upgrade of Moodle waits to be finished", "The site stays closed to everybody until that is done.", "Open your site as an administrator and go on with the upgrade. " + askHelp},
	}
}

// versionNumber reads "2024100706.01".
func versionNumber(s string) (float64, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return n, err == nil && n > 0
}

func upgradeUnfinished(f Facts, _ time.Time) *Finding {
	until := f.Moodle.UpgradeRunning
	if until.IsZero() || f.At.Sub(until) < upgradeLate {
		return nil
	}
	const says = "An upgrade was begun and did not come to its end. Parts of the site may be of two versions, which shows as errors."
	return &Finding{
		Severity: Warning, Title: "An upgrade was begun and never finished", Says: says,
		Remedy:   "Run admin/cli/upgrade.php again and read what it says; the copy of before the upgrade is the way back.",
		Customer: &Plain{"An upgrade was begun and never finished", says, "Open your site as an administrator and look at Notifications. " + askHelp},
	}
}

func maintenanceLong(f Facts, now time.Time) *Finding {
	if f.MaintenanceSince.IsZero() || now.Sub(f.MaintenanceSince) < maintenanceLate {
		return nil
	}
	return &Finding{
		Severity: Warning, Title: "The site has been in maintenance mode for " + span(now.Sub(f.MaintenanceSince)),
		Says:     "Teachers and students cannot work on it, and its background tasks rest.",
		Remedy:   "Switch maintenance mode off, or suspend the site’s backups if it is meant to stay closed.",
		Customer: &Plain{"Your site has been closed for maintenance for " + span(now.Sub(f.MaintenanceSince)), "Teachers and students cannot work on it.", "Switch maintenance mode off under Site administration > Server if it was forgotten."},
	}
}
