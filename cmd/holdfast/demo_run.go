package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/clock"
	"holdfast/internal/embedpg"
	"holdfast/internal/errs"
	"holdfast/internal/minimoodle"
	"holdfast/internal/moodle"
	"holdfast/internal/seal"
	"holdfast/internal/serve"
	"holdfast/internal/site"
	"holdfast/internal/sitedb"
)

// The demo's people. The passwords are for this machine's loopback only.
const (
	demoStaff, demoStaffPassword       = "staff@hoster.example", "demo staff password"
	demoSecond                         = "second@hoster.example" // who gives the second approval; the same password
	demoMailFrom                       = "Bright Hosting <backup@hoster.example>"
	demoCustomer, demoCustomerPassword = "admin@riverside.example", "demo customer password" //nolint:gosec // shown to everyone
)

// demoSite is one of the demo's sites.
type demoSite struct {
	name, tenant, host, tz string
	layout, prefix         string
	flavour                sitedb.Flavour
	account                bool
	seed                   int64
	missing                int // files that its database names and nobody has
}

var demoSites = []demoSite{
	{name: "learn.riverside.example", tenant: "riverside", host: "host-a", tz: "Europe/Berlin", layout: moodle.LayoutClassic, flavour: sitedb.MariaDB, account: true, seed: 1},
	{name: "campus.riverside.example", tenant: "riverside", host: "host-a", tz: "Africa/Cairo", layout: moodle.LayoutPublic, flavour: sitedb.PostgreSQL, seed: 2, missing: 2},
	{name: "moodle.hillcrest.example", tenant: "hillcrest", host: "host-b", tz: "Australia/Sydney", layout: moodle.LayoutClassic, prefix: "m_", flavour: sitedb.MariaDB, seed: 3},
}

// demoUnknown is on a host and not registered: "Find sites" finds it.
var demoUnknown = demoSite{name: "archive.hillcrest.example", host: "host-b", layout: moodle.LayoutClassic, flavour: sitedb.MariaDB, seed: 4}

// demo is a running demo.
type demo struct {
	dir, agent string
	out        io.Writer
	log        *slog.Logger
	srv        *serve.Server
	mariadb    *sitedb.Server
	postgres   *sitedb.Server
	agents     []*exec.Cmd
	payments   *demoPayments
	ended      chan string // names of agents that ended by themselves
}

func runDemo(ctx context.Context, out io.Writer, dir, agent string, fleet int, cfg serve.Config) (err error) {
	began := clock.System{}.Now()
	logFile, err := os.OpenFile(filepath.Join(dir, "demo.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // our own folder
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, logFile.Close()) }()
	cfg.Logger = slog.New(slog.NewTextHandler(logFile, nil))
	d := &demo{dir: dir, agent: agent, out: out, log: cfg.Logger, ended: make(chan string, 8)}
	defer func() { err = errors.Join(err, d.stop(context.WithoutCancel(ctx))) }()
	d.say("Holdfast demo in %s (log: demo.log)", dir)
	if d.payments, err = startPayments(ctx, dir, &cfg, cfg.Logger); err != nil {
		return err
	}
	if cfg.People.SMTPURL == "" {
		cfg.People.SMTPURL, cfg.People.MailFrom = "file://"+filepath.Join(dir, "mail"), demoMailFrom
	}
	if err := d.start(ctx, cfg); err != nil {
		return err
	}
	d.payments.hear(d.srv.WebURL)
	if err := d.seed(ctx); err != nil {
		return err
	}
	if err := d.waitForCopies(ctx); err != nil {
		return err
	}
	if err := d.seedTickets(ctx); err != nil {
		return err
	}
	if err := d.seedFleet(ctx, fleet); err != nil {
		return err
	}
	d.say("\nReady after %s.\n", clock.System{}.Now().Sub(began).Round(100*time.Millisecond))
	d.say("  Pages     %s", d.srv.WebURL)
	d.say("  Staff     %s   %s", demoStaff, demoStaffPassword)
	d.say("  Second    %s  %s (approves what changes a site, after Staff)", demoSecond, demoStaffPassword)
	d.say("  Customer  %s   %s", demoCustomer, demoCustomerPassword)
	d.say("  Payments  %s (test payments: no money moves)", d.payments.url)
	d.say("  Mails     %s", filepath.Join(dir, "mail"))
	d.say("\nTry in another terminal:\n  bin/holdfast backup learn.riverside.example --wait --state-dir %s", cfg.StateDir)
	d.say("  bin/holdfast doctor --state-dir %s", cfg.StateDir)
	d.say("\nCtrl-C stops everything; the next start finds it again; --reset starts anew.")
	select {
	case <-ctx.Done():
		d.say("\nStopping.")
		return nil
	case err := <-d.srv.Failed():
		return fmt.Errorf("the control plane ended: %w", err)
	case name := <-d.ended:
		return errs.New(errs.Unavailable, "The agent of %s ended; see %s", name, filepath.Join(dir, "demo.log"))
	}
}

func (d *demo) say(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format+"\n", args...) }

// start brings up the control plane and the sites' two database servers, all
// at once.
func (d *demo) start(ctx context.Context, cfg serve.Config) error {
	if _, err := os.Stat(cfg.MasterKeyFile); errors.Is(err, os.ErrNotExist) {
		if _, err := seal.NewKeyFile(cfg.MasterKeyFile); err != nil {
			return err
		}
	}
	// The CLI finds the key beside the control plane's state.
	if err := os.MkdirAll(cfg.StateDir, 0o755); err != nil { //nolint:gosec // the database's account passes through
		return err
	}
	if err := os.Symlink(cfg.MasterKeyFile, filepath.Join(cfg.StateDir, masterKeyName)); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	var all sync.WaitGroup
	problems := make([]error, 3)
	all.Go(func() { d.srv, problems[0] = serve.Start(ctx, cfg) })
	all.Go(func() {
		d.mariadb, problems[1] = sitedb.StartMariaDB(ctx, sitedb.ServerOptions{Dir: filepath.Join(d.dir, "mariadb"), Logger: d.log})
	})
	all.Go(func() {
		d.postgres, problems[2] = sitedb.StartPostgres(ctx, sitedb.ServerOptions{Dir: filepath.Join(d.dir, "site-postgres"), Logger: d.log})
	})
	all.Wait()
	return errors.Join(problems...)
}

// seed makes what is not there yet, so that a demo that was cut short goes on.
func (d *demo) seed(ctx context.Context) error {
	console := authz.Console()
	for _, t := range [][2]string{{"Riverside Academy", "riverside"}, {"Hillcrest College", "hillcrest"}} {
		if _, err := d.srv.App.AddTenant(ctx, console, t[0], t[1]); ignoreTaken(err) != nil {
			return err
		}
	}
	for _, p := range []app.NewAccount{
		{Email: demoStaff, Name: "Sam Staff", Password: demoStaffPassword, Staff: "owner"},
		{Email: demoSecond, Name: "Olga Operator", Password: demoStaffPassword, Staff: "operator"},
		{Email: demoCustomer, Name: "Ana Admin", Password: demoCustomerPassword, Tenant: "riverside", Role: "admin"},
	} {
		if _, err := d.srv.App.AddAccount(ctx, console, p); ignoreTaken(err) != nil {
			return err
		}
	}
	var all sync.WaitGroup
	built := append(slices.Clone(demoSites), demoUnknown)
	problems := make([]error, len(built))
	for i, s := range built {
		all.Go(func() { problems[i] = d.build(ctx, s) })
	}
	all.Wait()
	if err := errors.Join(problems...); err != nil {
		return err
	}
	for _, host := range []string{"host-a", "host-b"} {
		if err := d.runAgent(ctx, host); err != nil {
			return err
		}
	}
	for _, s := range demoSites {
		entry := site.Entry{Name: s.name, CodeDir: filepath.Join(d.siteDir(s), "moodle"), TimeZone: s.tz}
		if s.account {
			entry.AccountRoot = d.siteDir(s)
		}
		_, err := d.srv.App.AddSite(ctx, console, app.NewSite{Tenant: s.tenant, Host: s.host, Entry: entry})
		if ignoreTaken(err) != nil {
			return err
		}
	}
	return nil
}

// ignoreTaken lets pass that something is there already.
func ignoreTaken(err error) error {
	var e *errs.Error
	if errors.As(err, &e) && (strings.Contains(e.Public, "is taken") || strings.Contains(e.Public, "registered already")) {
		return nil
	}
	return err
}

func (d *demo) siteDir(s demoSite) string { return filepath.Join(d.dir, "sites", s.host, s.name) }

// build makes one miniature site with its database, unless it is there.
func (d *demo) build(ctx context.Context, s demoSite) error {
	dir := d.siteDir(s)
	if minimoodle.Exists(dir) {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil { // a build that was cut short
		return err
	}
	server := d.mariadb
	if s.flavour == sitedb.PostgreSQL {
		server = d.postgres
	}
	name := strings.ReplaceAll(strings.TrimSuffix(s.name, ".example"), ".", "_")
	if err := server.DropDatabase(ctx, name); err != nil {
		return err
	}
	conn, err := server.CreateDatabase(ctx, name, name, rand.Text())
	if err != nil {
		return err
	}
	uid, gid := siteOwner()
	_, err = minimoodle.Build(ctx, minimoodle.Spec{
		UID: uid, GID: gid,
		Dir: dir, Layout: s.layout, Prefix: s.prefix, DB: moodleDatabase(conn, s.prefix), WWWRoot: "https://" + s.name, AccountRoot: s.account,
		Users: 200, Courses: 12, Files: 400, FileBytes: 20_000, CodeFiles: 400, Seed: s.seed, Faults: minimoodle.Faults{Missing: s.missing},
	})
	if err != nil {
		return fmt.Errorf("build %s: %w", s.name, err)
	}
	d.say("  built %-26s %s on %s", s.name, s.layout, s.flavour)
	return nil
}

// siteOwner is the account that the sites' files belong to where root builds
// them: the web server's, else nobody's. An ordinary user's are its own.
func siteOwner() (uid, gid int) {
	if os.Geteuid() != 0 {
		return 0, 0
	}
	for _, name := range []string{"www-data", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ = strconv.Atoi(u.Uid)
			gid, _ = strconv.Atoi(u.Gid)
			return uid, gid
		}
	}
	return 0, 0
}

// moodleDatabase says a connection in config.php's words. The miniature reaches
// its server by 127.0.0.1, as most sites do.
func moodleDatabase(c sitedb.Conn, prefix string) moodle.Database {
	kind := "mariadb"
	if c.Flavour == sitedb.PostgreSQL {
		kind = "pgsql"
	}
	return moodle.Database{
		Type: kind, Library: "native", Host: c.Host, Port: c.Port, Name: c.Name, User: c.User, Password: c.Password, Prefix: prefix,
	}
}

// runAgent enrols a host if need be and starts its agent as a process.
func (d *demo) runAgent(ctx context.Context, host string) error {
	state := filepath.Join(d.dir, "hosts", host)
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	root := filepath.Join(d.dir, "sites", host)
	mark := filepath.Join(state, "enrolled-at")
	if at, err := os.ReadFile(mark); err != nil || string(at) != d.srv.AgentURL+d.srv.Pin { //nolint:gosec // our own folder
		if err := d.enrol(ctx, host, state, root); err != nil {
			return err
		}
		if err := os.WriteFile(mark, []byte(d.srv.AgentURL+d.srv.Pin), 0o600); err != nil {
			return err
		}
	}
	cmd := exec.Command(d.agent, "run", "--state-dir", state) //nolint:gosec,noctx // our own program; stopped in stop
	logFile, err := os.OpenFile(filepath.Join(d.dir, host+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true, // Ctrl-C reaches us alone; we stop it in order
		Pdeathsig: syscall.SIGTERM,
	}
	begun := make(chan error)
	go func() {
		// The kernel's signal at our death goes by the thread that started the agent.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		begun <- err
		if err == nil {
			_ = cmd.Wait()
			d.ended <- host
		}
	}()
	if err := <-begun; err != nil {
		return errors.Join(fmt.Errorf("start the agent of %s: %w", host, err), logFile.Close())
	}
	_ = logFile.Close()
	d.agents = append(d.agents, cmd)
	return nil
}

func (d *demo) enrol(ctx context.Context, host, state, root string) error {
	_, token, err := d.srv.App.AddHost(ctx, authz.Console(), host, 2)
	if err != nil {
		if ignoreTaken(err) != nil {
			return err
		}
		if token, err = d.srv.App.NewEnrolment(ctx, authz.Console(), host); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, d.agent, "enrol", "--server", d.srv.AgentURL, "--pin", d.srv.Pin, //nolint:gosec // our own program
		"--token-file", "-", "--state-dir", state, "--allow-root", root)
	cmd.Stdin = strings.NewReader(token)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("enrol the agent of %s: %w: %s", host, err, said)
	}
	return nil
}

// stop ends everything in order: agents, control plane, databases.
func (d *demo) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 45*time.Second)
	defer cancel()
	for _, a := range d.agents {
		_ = a.Process.Signal(syscall.SIGTERM)
	}
	late := time.NewTimer(15 * time.Second)
	defer late.Stop()
wait:
	for range d.agents {
		select {
		case <-d.ended:
		case <-late.C:
			for _, a := range d.agents {
				_ = a.Process.Kill()
			}
			break wait
		}
	}
	var problems []error
	if d.srv != nil {
		problems = append(problems, d.srv.Stop(ctx))
	}
	if d.payments != nil {
		problems = append(problems, d.payments.stop(ctx))
	}
	if d.mariadb != nil {
		problems = append(problems, d.mariadb.Stop(ctx))
	}
	if d.postgres != nil {
		problems = append(problems, d.postgres.Stop(ctx))
	}
	return errors.Join(problems...)
}

// stopLeftovers stops the servers that a killed demo left running, by taking
// them over and stopping them in order.
func stopLeftovers(ctx context.Context, dir string) error {
	var problems []error
	quiet := slog.New(slog.DiscardHandler)
	if _, err := os.Stat(filepath.Join(dir, "mariadb")); err == nil {
		if m, err := sitedb.StartMariaDB(ctx, sitedb.ServerOptions{Dir: filepath.Join(dir, "mariadb"), Logger: quiet}); err == nil {
			problems = append(problems, m.Stop(ctx))
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "site-postgres")); err == nil {
		if p, err := sitedb.StartPostgres(ctx, sitedb.ServerOptions{Dir: filepath.Join(dir, "site-postgres"), Logger: quiet}); err == nil {
			problems = append(problems, p.Stop(ctx))
		}
	}
	at := filepath.Join(dir, "control", "postgres")
	if _, err := os.Stat(at); err == nil {
		if p, err := embedpg.Start(ctx, embedpg.Options{StateDir: at, Logger: quiet}); err == nil {
			problems = append(problems, p.Stop(ctx))
		}
	}
	return errors.Join(problems...)
}
