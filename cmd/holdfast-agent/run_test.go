package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/uuid"

	"holdfast/internal/agentproto"
	"holdfast/internal/minimoodle"
	"holdfast/internal/sitedb"
)

// process is one running agent.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *syncBuffer
	done chan struct{}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// enrolled enrols a host that may touch roots and gives its state directory.
func enrolled(t *testing.T, p *plane, roots ...string) string {
	t.Helper()
	state := filepath.Join(t.TempDir(), "state")
	args := []string{"enrol", "--server", p.url(), "--token", "one-time", "--state-dir", state, "--json"}
	for _, r := range roots {
		args = append(args, "--allow-root", r)
	}
	good(t, nil, args...)
	fi, err := os.Stat(filepath.Join(state, "agent.json"))
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatalf("the configuration is %v, %v", fi, err)
	}
	return state
}

// launch starts an agent; the test's end kills it.
func launch(t *testing.T, state string) *process {
	t.Helper()
	a := &process{t: t, log: &syncBuffer{}, done: make(chan struct{})}
	a.cmd = exec.Command(os.Args[0], "run", "--state-dir", state) //nolint:gosec,noctx // this very test binary
	a.cmd.Env = append(os.Environ(), asAgent+"=1")
	a.cmd.Stdout, a.cmd.Stderr = a.log, a.log
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = a.cmd.Wait(); close(a.done) }()
	t.Cleanup(func() {
		_ = a.cmd.Process.Kill()
		<-a.done
		for _, secret := range []string{password, dbPassword, credential} {
			if strings.Contains(a.log.String(), secret) {
				t.Errorf("the log shows a secret:\n%s", a.log)
			}
		}
		if t.Failed() {
			t.Logf("the agent's log:\n%s", a.log)
		}
	})
	return a
}

// ends waits for the agent's exit and gives its code.
func (a *process) ends() int {
	a.t.Helper()
	select {
	case <-a.done:
	case <-time.After(60 * time.Second):
		a.t.Fatal("the agent does not end")
	}
	return a.cmd.ProcessState.ExitCode()
}

// children gives the processes that the agent started.
func (a *process) children() []int {
	var out []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, s := range stats {
		b, err := os.ReadFile(s) //nolint:gosec // the system's
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		f := strings.Fields(rest)
		if len(f) > 1 && f[1] == strconv.Itoa(a.cmd.Process.Pid) && f[0] != "Z" {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(s)))
			out = append(out, pid)
		}
	}
	return out
}

// until looks again and again at what no one tells: files and processes.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 3000 {
		if cond() {
			return
		}
		<-tick.C
	}
	t.Fatalf("waited in vain: %s", what)
}

func lease(kind string, s minimoodle.Site) agentproto.Lease {
	id := uuid.NewString()
	return agentproto.Lease{
		Run: uuid.NewString(), Kind: kind, Attempt: 1,
		Site: agentproto.Site{ID: id, Name: "north", CodeDir: s.CodeDir, AccountRoot: s.AccountRoot},
	}
}

func TestRun_TakesBothKindsAndShowsNoSecret(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	a := launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	data, db := lease(agentproto.KindData, site), lease(agentproto.KindDatabase, site)
	p.hold()
	p.offer(data, "")
	p.wait("a backup in its middle", func() bool { return p.held > 0 })
	for _, pid := range a.children() {
		if b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); bytes.Contains(b, []byte(password)) || !bytes.Contains(b, []byte("GOMEMLIMIT=200MiB")) {
			t.Errorf("the child's environment is %q", b)
		}
	}
	p.offer(db, "")
	p.wait("both starts", func() bool { return p.started[data.Run] == 1 && p.started[db.Run] == 1 })
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, l := range lines {
		b, _ := os.ReadFile(l) //nolint:gosec // the system's
		if strings.Contains(filepath.Base(strings.SplitN(string(b), "\x00", 2)[0]), "go") {
			continue
		}
		for _, secret := range []string{password, dbPassword, credential} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s shows a secret: %q", l, b)
			}
		}
	}
	p.let()
	for _, l := range []agentproto.Lease{data, db} {
		r := p.result(l.Run)
		if r.Outcome != agentproto.OutcomeGood || r.Copy == nil {
			t.Fatalf("%s: %s %s %s", l.Kind, r.Outcome, r.ErrorCode, r.Error)
		}
		if got := p.snapshots(l.Site.ID, l.Kind); len(got) != 1 || got[0].ID != r.Copy.Snapshot {
			t.Errorf("%s: the repository holds %v, the result says %s", l.Kind, got, r.Copy.Snapshot)
		}
		if r.Copy.Facts.DBName != site.DB.Name || len(r.Copy.Manifest) == 0 || r.Copy.Seconds <= 0 || r.Copy.TakenAt.IsZero() || r.Copy.Facts.Fingerprint == "" {
			t.Errorf("%s: the copy is %+v", l.Kind, r.Copy)
		}
	}
	if r := p.result(db.Run); len(r.Copy.Tables) == 0 || len(r.Copy.SHA256) != 64 {
		t.Errorf("the dump names %d tables, checksum %q", len(r.Copy.Tables), r.Copy.SHA256)
	}
	if r := p.result(data.Run); len(r.Copy.Excluded) == 0 || r.Copy.Files == 0 {
		t.Errorf("the data copy is %+v", r.Copy)
	}
}

func TestRun_KillMinus9EndsTheChildAndFreesTheSite(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.PostgreSQL, nil)
	state := enrolled(t, p, filepath.Dir(site.CodeDir))
	a := launch(t, state)
	l := lease(agentproto.KindData, site)
	p.hold()
	p.offer(l, "")
	p.wait("a backup in its middle", func() bool { return p.held > 0 })
	children := a.children()
	lock := filepath.Join(state, "locks", l.Site.ID+".lock")
	if len(children) != 1 || !locked(t, lock) {
		t.Fatalf("children %v, locked %v", children, locked(t, lock))
	}
	if err := a.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	until(t, "the child's end", func() bool { return syscall.Kill(children[0], 0) != nil })
	until(t, "the site's lock", func() bool { return !locked(t, lock) })
	p.let()
	if got := p.snapshots(l.Site.ID, l.Kind); len(got) != 0 {
		t.Errorf("half a backup left %v", got)
	}
	launch(t, state)
	r := p.result(l.Run)
	if r.Outcome != agentproto.OutcomeGood || p.grants[l.Run] != 2 || len(p.snapshots(l.Site.ID, l.Kind)) != 1 {
		t.Errorf("after the restart: %s %s, %d grants", r.Outcome, r.Error, p.grants[l.Run])
	}
}

func locked(t *testing.T, path string) bool {
	t.Helper()
	f, err := os.Open(path) //nolint:gosec // a test's
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()                                                           //nolint:errcheck // read only
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil //nolint:gosec // fits
}

func TestRun_ACutLineAndARestartLoseNothing(t *testing.T) {
	t.Parallel()
	for _, agentDies := range []bool{false, true} {
		t.Run(fmt.Sprintf("the agent dies too: %v", agentDies), func(t *testing.T) {
			t.Parallel()
			p := newPlane(t)
			site := siteOf(t, sitedb.MariaDB, nil)
			state := enrolled(t, p, filepath.Dir(site.CodeDir))
			a := launch(t, state)
			l := lease(agentproto.KindData, site)
			p.hold()
			p.offer(l, "")
			p.wait("a backup in its middle", func() bool { return p.held > 0 })
			p.update(func() { p.cut = true })
			p.restart() // the line to the vault is cut as well
			p.let()
			until(t, "the spooled result", func() bool {
				found, _ := filepath.Glob(filepath.Join(state, "spool", "*.json"))
				return len(found) == 1
			})
			if agentDies {
				_ = a.cmd.Process.Kill()
				<-a.done
				launch(t, state)
			}
			p.update(func() { p.cut, p.order = false, nil })
			r := p.result(l.Run)
			if r.Outcome != agentproto.OutcomeGood || p.grants[l.Run] != 1 {
				t.Errorf("the result is %s %s after %d grants", r.Outcome, r.Error, p.grants[l.Run])
			}
			until(t, "an empty spool", func() bool {
				found, _ := filepath.Glob(filepath.Join(state, "spool", "*"))
				return len(found) == 0
			})
			p.mu.Lock()
			defer p.mu.Unlock()
			if agentDies && (len(p.order) < 2 || p.order[0] != agentproto.PathHello || p.order[1] != agentproto.PathComplete) {
				t.Errorf("the new agent began with %v; the spooled result goes before the first poll", p.order)
			}
		})
	}
}

func TestRun_RefusesWhatLiesOutsideItsRoots(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	inside, outside := siteOf(t, sitedb.MariaDB, nil), siteOf(t, sitedb.MariaDB, nil)
	allowed := filepath.Dir(inside.CodeDir)
	link := filepath.Join(allowed, "link")
	if err := os.Symlink(outside.CodeDir, link); err != nil {
		t.Fatal(err)
	}
	// Code inside, moodledata outside.
	split := minimoodle.Site{CodeDir: filepath.Join(allowed, "split")}
	if err := os.CopyFS(split.CodeDir, os.DirFS(outside.CodeDir)); err != nil {
		t.Fatal(err)
	}
	// A folder of moodledata that is a link to outside would be copied as a root of its own.
	linked := siteOf(t, sitedb.MariaDB, nil)
	elsewhere := filepath.Join(openDir(t), "lang")
	if err := os.Rename(filepath.Join(linked.DataRoot, "lang"), elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(linked.DataRoot, "lang")); err != nil {
		t.Fatal(err)
	}
	launch(t, enrolled(t, p, allowed, filepath.Dir(linked.CodeDir)))
	for name, s := range map[string]minimoodle.Site{
		"code outside":         outside,
		"a link to outside":    {CodeDir: link},
		"climbing out":         {CodeDir: allowed + "/../" + filepath.Base(filepath.Dir(outside.CodeDir)) + "/moodle"},
		"moodledata outside":   split,
		"a linked folder":      linked,
		"account root outside": {CodeDir: inside.CodeDir, AccountRoot: filepath.Dir(outside.CodeDir)},
		"the system":           {CodeDir: "/etc"},
	} {
		run := p.offer(lease(agentproto.KindData, s), "")
		if r := p.result(run); r.Outcome != agentproto.OutcomeRefused || r.ErrorCode != "outside-allowed-roots" || r.Copy != nil {
			t.Errorf("%s: %s %s %s", name, r.Outcome, r.ErrorCode, r.Error)
		}
	}
	run := p.offer(lease(agentproto.KindData, inside), "")
	if r := p.result(run); r.Outcome != agentproto.OutcomeGood {
		t.Errorf("what is inside: %s %s %s", r.Outcome, r.ErrorCode, r.Error)
	}
}

func TestRun_WaitsForARunningUpgrade(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	site := siteOf(t, sitedb.MariaDB, nil)
	until := time.Now().Add(10 * time.Minute).Truncate(time.Second)
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName = "tcp", fmt.Sprintf("%s:%d", site.DB.Host, site.DB.Port), site.DB.User, dbPassword, site.DB.Name
	if site.DB.Socket != "" {
		cfg.Net, cfg.Addr = "unix", site.DB.Socket
	}
	db, err := sql.Open("mysql", cfg.FormatDSN())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // a test's
	if _, err := db.ExecContext(context.Background(), "REPLACE INTO mdl_config (name, value) VALUES ('upgraderunning', ?)", strconv.FormatInt(until.Unix(), 10)); err != nil {
		t.Fatal(err)
	}
	launch(t, enrolled(t, p, filepath.Dir(site.CodeDir)))
	run := p.offer(lease(agentproto.KindDatabase, site), "")
	r := p.result(run)
	if r.Outcome != agentproto.OutcomeFailed || r.ErrorCode != "upgrade-running" || r.NotBefore != until.UTC().Format(time.RFC3339) {
		t.Errorf("%s %s not before %s: %s", r.Outcome, r.ErrorCode, r.NotBefore, r.Error)
	}
}

func TestDoctor_SaysWhatIsWrongAndDisturbsNoOne(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	state := enrolled(t, p, t.TempDir())
	a := launch(t, state)
	p.wait("the first poll", func() bool { return p.count(agentproto.PathPoll) > 0 })
	var d struct{ Good bool }
	good(t, &d, "doctor", "--state-dir", state, "--json")
	if !d.Good {
		t.Error("a sound agent is called bad")
	}
	p.wait("the next poll", func() bool { return p.count(agentproto.PathPoll) > 2 })
	select {
	case <-a.done:
		t.Error("the doctor ended the running agent")
	default:
	}
	if o := agentRun(t, "run", "--state-dir", state); o.code != 1 || !strings.Contains(o.errors, "Another holdfast-agent runs") {
		t.Errorf("a second agent ended with %d: %s", o.code, o.errors)
	}
	p.update(func() { p.revoked = true })
	if o := agentRun(t, "doctor", "--state-dir", state); o.code != 1 || !strings.Contains(o.out, "enrol this host again") {
		t.Errorf("a revoked credential: %d\n%s", o.code, o.out)
	}
	if o := agentRun(t, "doctor", "--state-dir", t.TempDir()); o.code != 1 {
		t.Errorf("no configuration: %d", o.code)
	}
	if o := agentRun(t, "enrol", "--server", p.url(), "--token", "used", "--state-dir", t.TempDir(), "--allow-root", "/srv"); o.code != 1 || strings.Contains(o.errors, "used,") == false {
		t.Errorf("a used token: %d %s", o.code, o.errors)
	}
}
