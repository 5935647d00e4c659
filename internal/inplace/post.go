package inplace

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/moodle"
)

// How long Moodle's own scripts may take.
const (
	upgradeTime = 2 * time.Hour
	scriptTime  = 10 * time.Minute
)

// maxOutput is how much of a script's output is looked at, in bytes.
const maxOutput = 256 << 10

// script is one run of a script of Moodle's.
type script struct {
	name   string
	code   int
	output []byte
}

// php runs a script of the site's admin/cli, by its absolute path and as the
// site's own user. errNoPHP where this host has none, or may not run it.
func (w *work) php(ctx context.Context, limit time.Duration, name string, args ...string) (script, error) {
	out := script{name: name}
	if w.PHP == "none" {
		return out, errNoPHP
	}
	bin := w.PHP
	if bin == "" {
		bin = "php"
	}
	bin, err := exec.LookPath(bin)
	if err != nil {
		return out, errNoPHP
	}
	path := filepath.Join(w.j.CodeDir, "admin", "cli", name)
	if fi, err := os.Stat(path); err != nil || !fi.Mode().IsRegular() {
		return out, errNoScript
	}
	who, err := moodle.RunAs(filepath.Join(w.j.CodeDir, "config.php"), w.j.DataRoot)
	if err != nil {
		return out, errNoPHP
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	said := &head{limit: maxOutput}
	cmd := exec.CommandContext(ctx, bin, append([]string{"-d", "display_errors=stderr", "-d", "log_errors=0", "-d", "memory_limit=1024M", path}, args...)...)
	cmd.Dir, cmd.Env = filepath.Dir(path), moodle.Environment(w.Env)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: who}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	out.output = said.buf.Bytes()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return out, errs.Wrap(errs.Unavailable, ctx.Err(), "Moodle's %s did not end within %s.", name, limit)
	case errors.As(err, &exit):
		out.code = exit.ExitCode()
	case err != nil:
		return out, fmt.Errorf("run Moodle's %s: %w", name, err)
	}
	return out, nil
}

var (
	errNoPHP    = errors.New("there is no PHP command that may be run")
	errNoScript = errors.New("this Moodle has no such script")
)

type head struct {
	buf   bytes.Buffer
	limit int
}

// Write keeps the beginning.
func (h *head) Write(p []byte) (int, error) {
	if room := h.limit - h.buf.Len(); room > 0 {
		h.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// upgrade lets Moodle upgrade the database, where the code is newer and that
// was asked for. It is the only script whose failure brings the old site back.
func (w *work) upgrade(ctx context.Context) error {
	if !w.mustUpgrade() {
		return nil
	}
	run, err := w.php(ctx, upgradeTime, "upgrade.php", "--non-interactive")
	if errors.Is(err, errNoPHP) || errors.Is(err, errNoScript) {
		return errs.Wrap(errs.Unsupported, err, "The code is newer than the database that came back, and this host has no PHP command to let Moodle upgrade it.")
	}
	if err != nil {
		return err
	}
	if run.code != 0 {
		w.Log.Error("Moodle's upgrade failed", "restore", w.j.ID, "code", run.code, "output", lastLine(run.output))
		return errs.New(errs.Incomplete, "Moodle's own upgrade of the restored database failed with code %d.", run.code)
	}
	w.warn("Moodle upgraded the restored database to the version of the code.")
	return nil
}

// mustUpgrade tells whether the versions ask for an upgrade.
func (w *work) mustUpgrade() bool {
	n := &w.j.Note
	if !w.AllowUpgrade || n.CodeVersion == "" || w.j.DB == nil && !w.Parts.Code {
		return false
	}
	return n.DBVersion != "" && compareVersions(n.CodeVersion, n.DBVersion) > 0 || w.Parts.Code != w.Parts.Database
}

// moodleSteps runs what makes a restored Moodle whole, and looks at it through
// its own eyes. What fails here is told; it does not undo the restore.
func (w *work) moodleSteps(ctx context.Context) error {
	for _, s := range []struct {
		name string
		read func(script)
	}{{"purge_caches.php", w.plain}, {"kill_all_sessions.php", w.plain}, {"check_database_schema.php", w.readSchema}, {"checks.php", w.readChecks}} {
		if s.name != "purge_caches.php" && w.j.DB == nil {
			continue // no other database came
		}
		run, err := w.php(ctx, scriptTime, s.name)
		switch {
		case errors.Is(err, errNoPHP):
			w.warn("This host has no PHP command that may be run, so Moodle's own scripts (purge_caches, kill_all_sessions, check_database_schema, checks) were not; caches and sessions were emptied by us.")
			w.askServers()
			return nil
		case errors.Is(err, errNoScript):
			w.warn("This Moodle has no %s.", s.name)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			w.warn("%s", sentence(err))
		default:
			s.read(run)
		}
		if w.at != nil {
			if err := w.at(s.name); err != nil {
				return err
			}
		}
	}
	return nil
}

// askServers warns of caches that lie in a server, which only Moodle's own
// purge empties: they speak of the database as it was.
func (w *work) askServers() {
	root, err := os.OpenRoot(w.j.DataRoot)
	if err != nil {
		return
	}
	defer root.Close() //nolint:errcheck // read only
	text, _, err := readIn(root, "muc/config.php")
	text = bytes.ToLower(text)
	if err == nil && (bytes.Contains(text, []byte("redis")) || bytes.Contains(text, []byte("memcached"))) {
		w.warn("The site keeps caches in Redis or Memcached, which could not be emptied; run admin/cli/purge_caches.php where its PHP is, before people use it.")
	}
}

// purge empties what caches outside moodledata hold of the state that goes.
func (w *work) purge(ctx context.Context) {
	if run, err := w.php(ctx, scriptTime, "purge_caches.php"); err == nil {
		w.plain(run)
	}
}

func (w *work) plain(run script) {
	if run.code != 0 {
		w.Log.Warn("a script of Moodle's failed", "restore", w.j.ID, "script", run.name, "code", run.code, "output", lastLine(run.output))
		w.warn("Moodle's %s ended with code %d.", run.name, run.code)
	}
}

// readSchema reads what check_database_schema says. The tables that we keep
// aside in the same database are none of its business.
func (w *work) readSchema(run script) {
	if bytes.Contains(run.output, []byte("structure is ok")) {
		return
	}
	if run.code == 0 && len(bytes.TrimSpace(run.output)) == 0 {
		return
	}
	found := 0
	for line := range lines(run.output) {
		switch {
		case strings.HasPrefix(line, "---") || strings.Contains(line, "holdfast_"):
		case strings.HasPrefix(line, "* ") || strings.HasPrefix(line, " * "):
			found++
		}
	}
	if found > 0 {
		w.warn("Moodle's check of its database's structure names %d differences; it may have had them when the copy was taken.", found)
	} else if run.code != 0 && !bytes.Contains(run.output, []byte("holdfast_")) {
		w.plain(run)
	}
}

var checkLine = regexp.MustCompile(`(?i)^\W*(OK|INFO|N/?A|UNKNOWN|WARNING|ERROR|CRITICAL)\b\s*[|:]\s*(.{1,200})`)

// readChecks reads checks.php line by line: its exit code is 1 for a warning
// like a late cron already.
func (w *work) readChecks(run script) {
	seen := 0
	for line := range lines(run.output) {
		m := checkLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		seen++
		if level := strings.ToUpper(m[1]); level == "ERROR" || level == "CRITICAL" {
			w.warn("Moodle's own check, %s: %s", strings.ToLower(level), strings.TrimSpace(m[2]))
		}
	}
	if seen == 0 && run.code != 0 {
		w.plain(run)
	}
}

func lines(raw []byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for s := bufio.NewScanner(bytes.NewReader(raw)); s.Scan(); {
			if !yield(strings.ToValidUTF8(s.Text(), "?")) {
				return
			}
		}
	}
}

// lastLine gives the last line that says something, shortened: more of it may
// speak of the site's people.
func lastLine(raw []byte) string {
	last := ""
	for line := range lines(raw) {
		if strings.TrimSpace(line) != "" {
			last = line
		}
	}
	return last[:min(len(last), 200)]
}
