package sitedb

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/errs"
)

// Life is what a site's database says of its daily life: settings, counts and
// how its tasks go. Times are zero where Moodle has none.
type Life struct {
	SiteHash           string // SHA-256 of siteidentifier, hex; the value itself is a secret of the site
	Theme, Lang        string
	Auth               []string
	MaintenanceEnabled bool
	UpgradeRunning     time.Time
	CronEnabled        bool
	LastCron           time.Time
	FilesLastCleanup   time.Time
	Courses            int64 // without the site's own
	Users              int64 // without deleted ones
	Admins             int64
	TasksFailing       int64
	AdhocWaiting       int64
	LastTask           time.Time
	AutoBackup         AutoBackup
	Rights             []string // of the site's user beyond its own database; at most 20
	Flavour            Flavour  // of the server, whatever config.php calls it
}

// AutoBackup is how Moodle's own automated course backups are set and went.
type AutoBackup struct {
	Active      int // 0 off, 1 on, 2 by hand
	Storage     int // 0 in the course (filedir), 1 in a folder, 2 both
	Destination string
	MaxKept     int // 0 means all
	DeleteDays  int
	WithFiles   bool
	// Courses by their last status.
	OK, Failed, Unfinished, Skipped, Warned, NotYet int64
	LastEnd                                         time.Time
}

// maxSetting is how many characters of a setting are asked for.
const maxSetting = 1000

// lifePatience bounds each question: a big table may be slow to count.
const lifePatience = 30 * time.Second

// ReadLife asks a site's database about its life. It never fails for a table
// that an old or odd Moodle has not, or that its user may not read: each such
// thing is a sentence in warnings, and its fields stay zero. The error is for a
// database that is not reached at all.
func ReadLife(ctx context.Context, c Conn) (life Life, warnings []string, err error) {
	db, inv, err := survey(ctx, c)
	if err != nil {
		return Life{}, nil, err
	}
	defer db.Close() //nolint:errcheck // read only
	l := &living{Life: Life{CronEnabled: true, Flavour: inv.flavour, Auth: []string{}, Rights: []string{}}, c: c, db: db, inv: inv}
	l.AutoBackup.MaxKept, l.AutoBackup.WithFiles = 1, true // Moodle's own defaults
	for _, q := range []struct {
		what, table string
		ask         func(context.Context) error
	}{
		{"its settings", "config", l.settings},
		{"the settings of its course backups", "config_plugins", l.backupSettings},
		{"the results of its course backups", "backup_courses", l.backupResults},
		{"its courses", "course", l.count(&l.Courses, "course", "category <> 0")},
		{"its users", "user", l.count(&l.Users, "user", "deleted = 0")},
		{"its scheduled tasks", "task_scheduled", l.scheduled},
		{"its ad-hoc tasks", "task_adhoc", l.adhoc},
		{"the rights of its user", "", l.rights},
	} {
		if q.table != "" && !l.has(q.table) {
			warnings = append(warnings, fmt.Sprintf("The database has no table %s%s, so nothing is known of %s.", c.Prefix, q.table, strings.TrimPrefix(q.what, "its ")))
			continue
		}
		asking, stop := context.WithTimeout(ctx, lifePatience)
		err := q.ask(asking)
		stop()
		if ctx.Err() != nil {
			return Life{}, nil, context.Cause(ctx)
		}
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("The site could not be asked about %s: %s", q.what, plainly(err)))
		}
	}
	return l.Life, warnings, nil
}

// plainly gives an error in words that hold nothing of the site's rows.
func plainly(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "its database did not answer in " + lifePatience.String() + "."
	}
	var said *errs.Error
	if errors.As(err, &said) {
		return errs.Sentence(err)
	}
	return err.Error()
}

type living struct {
	Life
	c   Conn
	db  *sql.DB
	inv *inventory
}

func (l *living) has(table string) bool {
	_, ok := slices.BinarySearch(l.inv.tables, l.c.Prefix+table)
	return ok
}

func (l *living) name(table string) string { return l.c.Flavour.quote(l.c.Prefix + table) }

// count gives a question for a number of rows.
func (l *living) count(into *int64, table, where string) func(context.Context) error {
	return func(ctx context.Context) error {
		//nolint:gosec // the one name is quoted, the condition is ours
		return l.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+l.name(table)+" WHERE "+where).Scan(into)
	}
}

func (l *living) settings(ctx context.Context) error {
	//nolint:gosec // the one name is quoted
	rows, err := pairs(ctx, l.db, fmt.Sprintf("SELECT name, LEFT(value, %d) FROM %s WHERE name IN ('siteidentifier', 'siteadmins', 'theme', 'lang', 'auth', "+
		"'maintenance_enabled', 'upgraderunning', 'cron_enabled', 'fileslastcleanup') LIMIT 30", maxSetting, l.name("config")))
	if err != nil {
		return err
	}
	for _, r := range rows {
		switch v := r[1]; r[0] {
		case "siteidentifier":
			if v != "" {
				sum := sha256.Sum256([]byte(v))
				l.SiteHash = hex.EncodeToString(sum[:])
			}
		case "siteadmins":
			l.Admins = int64(len(listed(v)))
		case "theme":
			l.Theme = v
		case "lang":
			l.Lang = v
		case "auth":
			l.Auth = listed(v)
		case "maintenance_enabled":
			l.MaintenanceEnabled = v != "" && v != "0"
		case "cron_enabled":
			l.CronEnabled = v != "" && v != "0"
		case "upgraderunning":
			l.UpgradeRunning = instant(v)
		case "fileslastcleanup":
			l.FilesLastCleanup = instant(v)
		}
	}
	return nil
}

func (l *living) backupSettings(ctx context.Context) error {
	//nolint:gosec // the one name is quoted
	rows, err := pairs(ctx, l.db, fmt.Sprintf("SELECT name, LEFT(value, %d) FROM %s WHERE (plugin = 'tool_task' AND name = 'lastcronstart') OR "+
		"(plugin = 'backup' AND name IN ('backup_auto_active', 'backup_auto_storage', 'backup_auto_destination', 'backup_auto_max_kept', 'backup_auto_delete_days', 'backup_auto_files')) LIMIT 30",
		maxSetting, l.name("config_plugins")))
	if err != nil {
		return err
	}
	a := &l.AutoBackup
	for _, r := range rows {
		v := r[1]
		n, _ := strconv.Atoi(v)
		switch r[0] {
		case "lastcronstart":
			l.LastCron = instant(v)
		case "backup_auto_active":
			a.Active = n
		case "backup_auto_storage":
			a.Storage = n
		case "backup_auto_destination":
			a.Destination = v
		case "backup_auto_max_kept":
			a.MaxKept = n
		case "backup_auto_delete_days":
			a.DeleteDays = n
		case "backup_auto_files":
			a.WithFiles = v != "" && v != "0"
		}
	}
	return nil
}

func (l *living) backupResults(ctx context.Context) error {
	// The status is a number in old Moodles and a letter's width of text in new ones.
	text := "CAST(laststatus AS CHAR(8))"
	//nolint:gosec // the one name is quoted
	rows, err := l.db.QueryContext(ctx, "SELECT "+text+", COUNT(*), COALESCE(MAX(lastendtime), 0) FROM "+l.name("backup_courses")+" GROUP BY laststatus")
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // its error is asked for below
	a := &l.AutoBackup
	for rows.Next() {
		var status string
		var n, end int64
		if err := rows.Scan(&status, &n, &end); err != nil {
			return err
		}
		switch strings.TrimSpace(status) {
		case "0":
			a.Failed += n
		case "1":
			a.OK += n
		case "2":
			a.Unfinished += n
		case "3":
			a.Skipped += n
		case "4":
			a.Warned += n
		default: // 5 not yet run, 6 queued
			a.NotYet += n
		}
		if t := seconds(end); t.After(a.LastEnd) {
			a.LastEnd = t
		}
	}
	return rows.Err()
}

func (l *living) scheduled(ctx context.Context) error {
	var last sql.NullInt64
	var failing int64
	//nolint:gosec // the one name is quoted
	if err := l.db.QueryRowContext(ctx, "SELECT MAX(lastruntime), COUNT(CASE WHEN faildelay > 0 THEN 1 END) FROM "+l.name("task_scheduled")).Scan(&last, &failing); err != nil {
		return err
	}
	l.LastTask = seconds(last.Int64)
	l.TasksFailing += failing
	return nil
}

func (l *living) adhoc(ctx context.Context) error {
	var failing int64
	//nolint:gosec // the one name is quoted
	if err := l.db.QueryRowContext(ctx, "SELECT COUNT(*), COUNT(CASE WHEN faildelay > 0 THEN 1 END) FROM "+l.name("task_adhoc")).Scan(&l.AdhocWaiting, &failing); err != nil {
		return err
	}
	l.TasksFailing += failing
	return nil
}

// listed gives the parts of a list with commas.
func listed(s string) []string {
	out := []string{}
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// instant reads a Unix time; zero for none.
func instant(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return seconds(n)
}

// maxInstant is 9999-12-31: what lies after is no time, and JSON has no word for it.
const maxInstant = 253402214400

func seconds(n int64) time.Time {
	if n <= 0 || n > maxInstant {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
