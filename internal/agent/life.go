package agent

import (
	"context"
	"os/exec"
	"regexp"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
)

// noteLife puts what the database says of the site's life into the facts of its
// copy. What cannot be read is a warning; the error is ctx's alone.
func (w Work) noteLife(ctx context.Context, f *agentproto.Facts, conn sitedb.Conn, in moodle.Install, named sitedb.NamedReport) error {
	l, warnings, err := sitedb.ReadLife(ctx, conn)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		warnings = append(warnings, "The site could not be asked about its settings: "+reason(err))
	}
	for _, s := range warnings {
		f.Warnings = append(f.Warnings, clip(s, maxWarning))
	}
	if err != nil {
		return nil
	}
	f.Moodle = &agentproto.MoodleFacts{
		SiteHash: l.SiteHash, Theme: clip(l.Theme, 100), Lang: clip(l.Lang, 30), Auth: short(l.Auth, 50), MaintenanceEnabled: l.MaintenanceEnabled,
		UpgradeRunning: l.UpgradeRunning, CronEnabled: l.CronEnabled, LastCron: l.LastCron, FilesLastCleanup: l.FilesLastCleanup,
		Courses: l.Courses, Users: l.Users, Admins: l.Admins, TasksFailing: l.TasksFailing, AdhocWaiting: l.AdhocWaiting, LastTask: l.LastTask,
		FileRows: named.Rows, FileBytes: named.Bytes, BackupRows: named.Backups, BackupBytes: named.BackupBytes,
		AutoBackup: agentproto.AutoBackup{
			Active: l.AutoBackup.Active, Storage: l.AutoBackup.Storage, Destination: clip(l.AutoBackup.Destination, 1000),
			MaxKept: l.AutoBackup.MaxKept, DeleteDays: l.AutoBackup.DeleteDays, WithFiles: l.AutoBackup.WithFiles,
			OK: l.AutoBackup.OK, Failed: l.AutoBackup.Failed, Unfinished: l.AutoBackup.Unfinished, Skipped: l.AutoBackup.Skipped,
			Warned: l.AutoBackup.Warned, NotYet: l.AutoBackup.NotYet, LastEnd: l.AutoBackup.LastEnd,
		},
		DatabaseRights: short(l.Rights, 20), ServerFlavour: string(l.Flavour),
	}
	if in.ReadBy == moodle.ReadByPHP {
		f.Moodle.PHPVersion = phpVersion(ctx, w.PHP)
	}
	return nil
}

// short gives at most n of the texts, each cut short.
func short(in []string, n int) []string {
	out := make([]string, 0, len(in))
	for _, s := range in[:min(len(in), n)] {
		out = append(out, clip(s, 100))
	}
	return out
}

// phpPatience is how long PHP may take to tell its version.
const phpPatience = 5 * time.Second

var phpVersionForm = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+`)

// phpVersion asks the php that reads config.php, without any of the site's code
// or settings; "" where it does not say.
func phpVersion(ctx context.Context, bin string) string {
	if bin == "" {
		bin = "php"
	}
	ctx, cancel := context.WithTimeout(ctx, phpPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, "-n", "-r", "echo PHP_VERSION;") //nolint:gosec // the operator's own choice of php
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin"}
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return phpVersionForm.FindString(string(out))
}
