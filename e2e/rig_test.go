package e2e

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/minimoodle"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
	"holdfast/internal/testdb"
)

// rig is one control plane with its hosts, all of them processes.
type rig struct {
	dir     string // the control plane's state folder
	sites   string // what the agents may touch, a folder for each host
	env     []string
	web     string // address of the pages
	door    string // address of the agents' door, behind the lines
	pin     string
	admin   string // URL of the database for looking into it
	serve   *process
	hosts   map[string]*host
	control map[string]*line // by host: to the agents' door
	vault   map[string]*line // by host: to the vault
}

// host is a machine with an agent.
type host struct {
	name, state, root string
	agent             *process
}

// moodleSite is a miniature with what the tests need to know of it.
type moodleSite struct {
	minimoodle.Site
	name, host string
	conn       sitedb.Conn
}

// newRig starts a control plane on its embedded PostgreSQL, and two agents.
// Each host has a line of its own to the control plane and one to its vault,
// which is a destination named after it.
func newRig(t *testing.T) *rig {
	t.Helper()
	dir, err := testdb.Scratch("holdfast-e2e-rig-")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		dir: dir, sites: filepath.Join(shared.dir, "sites", filepath.Base(dir)), hosts: map[string]*host{},
		web: freePort(t), door: freePort(t), control: map[string]*line{}, vault: map[string]*line{},
	}
	r.admin = "postgres://postgres@/holdfast?host=" + filepath.Join(dir, "postgres", "socket") + "&port=5432"
	r.env = environment("HOLDFAST_STATE_DIR="+dir, "HOLDFAST_LISTEN="+r.web, "HOLDFAST_AGENT_LISTEN="+r.door, "HOLDFAST_AGENT_URL=https://"+r.door)
	r.say(t, "key", "new", "--file", filepath.Join(dir, "master.key"))
	keepSecretFile(t, filepath.Join(dir, "master.key"))
	r.startServe(t)
	t.Cleanup(func() {
		for _, h := range r.hosts {
			h.agent.kill(t)
		}
		r.serve.signal(t, syscall.SIGTERM, 30*time.Second)
		if t.Failed() {
			t.Logf("the control plane's log ends:\n%s", r.serve.said(6000))
		}
	})
	r.say(t, "tenant", "add", "Riverside Academy", "--slug", "riverside")
	r.addQuietPolicy(t)
	for _, name := range []string{"host-a", "host-b"} {
		r.addHost(t, name, r.door)
	}
	return r
}

// startServe starts the control plane and waits until its pages answer.
func (r *rig) startServe(t testing.TB) {
	t.Helper()
	r.serve = launch(t, "serve", filepath.Join(r.dir, "serve.log"), r.env, shared.holdfast, "serve")
	awaitPages(t, r.serve, r.web)
}

// addQuietPolicy makes a policy that owes nothing for months, so that no slot
// comes due in the middle of a test.
func (r *rig) addQuietPolicy(t testing.TB) {
	t.Helper()
	month := int(time.Now().AddDate(0, 6, 0).Month())
	file := filepath.Join(r.dir, "quiet.json")
	text := fmt.Sprintf(`{"rules":[{"kind":"database","tier":"yearly","months":[%d],"days":[15],"keep":3},{"kind":"data","tier":"yearly","months":[%[1]d],"days":[15],"keep":3}]}`, month)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.say(t, "policy", "create", "quiet", "--file", file)
}

func awaitPages(t testing.TB, p *process, address string) {
	t.Helper()
	eventually(t, time.Minute, "the pages answer", func() (bool, string) {
		if !p.alive() {
			t.Fatalf("serve ended:\n%s", p.said(4000))
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/sign-in", nil)
		if err != nil {
			return false, err.Error()
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false, err.Error()
		}
		_ = resp.Body.Close()
		return resp.StatusCode < 500, resp.Status
	})
}

// addHost adds a host by the command line, enrols its agent over a line of its
// own and starts it. The host's vault is a destination of its own.
func (r *rig) addHost(t testing.TB, name string, doors ...string) *host {
	t.Helper()
	var made struct{ Token, Pin string }
	r.ask(t, &made, "host", "add", name, "--json")
	r.pin = made.Pin
	keepSecret(made.Token)
	h := &host{name: name, state: filepath.Join(r.dir, "agents", name), root: filepath.Join(r.sites, name)}
	r.hosts[name], r.control[name], r.vault[name] = h, newLine(t, doors...), newLine(t, doors...)
	for _, d := range []string{h.root, h.state, filepath.Join(r.dir, "stores", name)} {
		if err := os.MkdirAll(d, 0o755); err != nil { //nolint:gosec // a test's
			t.Fatal(err)
		}
	}
	r.addDestination(t, name, filepath.Join(r.dir, "stores", name), r.vault[name])
	r.enrol(t, h, made.Token)
	r.startAgent(t, h)
	return h
}

func (r *rig) addDestination(t testing.TB, name, path string, l *line, more ...string) {
	t.Helper()
	file := filepath.Join(r.dir, name+".json")
	if err := os.WriteFile(file, []byte(`{"kind":"filesystem","path":"`+path+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r.say(t, append([]string{"destination", "add", name, "--kind", "filesystem", "--backend-file", file, "--vault-url", "https://" + l.address() + "#" + r.pin}, more...)...)
}

func (r *rig) enrol(t testing.TB, h *host, token string) {
	t.Helper()
	out, complaints, code := call(t, environment(), token, shared.agent, "enrol", "--server", "https://"+r.control[h.name].address(), "--pin", r.pin,
		"--token-file", "-", "--state-dir", h.state, "--allow-root", h.root)
	if code != 0 {
		t.Fatalf("enrol %s: exit %d: %s%s", h.name, code, out, complaints)
	}
	var kept struct{ Credential string }
	raw, err := os.ReadFile(filepath.Join(h.state, "agent.json"))
	if err != nil || json.Unmarshal(raw, &kept) != nil || kept.Credential == "" {
		t.Fatalf("%s has no credential in its agent.json (%v)", h.name, err)
	}
	keepSecret(kept.Credential)
}

func (r *rig) startAgent(t testing.TB, h *host) {
	t.Helper()
	h.agent = launch(t, "agent of "+h.name, filepath.Join(r.dir, h.name+".log"), environment(), shared.agent, "run", "--state-dir", h.state)
}

// child gives the pid of the one working child of the host's agent.
func (h *host) child(t testing.TB) int {
	t.Helper()
	var got []running
	eventually(t, 10*time.Second, "the agent of "+h.name+" has one working child", func() (bool, string) {
		got = children(h.agent.pid())
		return len(got) == 1, fmt.Sprint(got)
	})
	return got[0].pid
}

// run runs one command line of the control plane.
func (r *rig) run(t testing.TB, stdin string, args ...string) (out, complaints string, code int) {
	t.Helper()
	return call(t, r.env, stdin, shared.holdfast, args...)
}

// say runs a command that must succeed.
func (r *rig) say(t testing.TB, args ...string) string {
	t.Helper()
	out, complaints, code := r.run(t, "", args...)
	if code != 0 {
		t.Fatalf("holdfast %s: exit %d: %s%s", strings.Join(args, " "), code, out, complaints)
	}
	return out
}

// ask runs a command that must succeed and decodes its JSON.
func (r *rig) ask(t testing.TB, into any, args ...string) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.say(t, args...)), into); err != nil {
		t.Fatalf("holdfast %s: %v", strings.Join(args, " "), err)
	}
}

// spec says which miniature to make.
type spec struct {
	name, host, layout, prefix string
	flavour                    sitedb.Flavour
	account                    bool
	seed                       int64
}

// build makes a site on a host, with a database of its own.
func (r *rig) build(t testing.TB, s spec) *moodleSite {
	t.Helper()
	server, kind := shared.mariadb, "mariadb"
	if s.flavour == sitedb.PostgreSQL {
		server, kind = shared.postgres, "pgsql"
	}
	conn := freshDatabase(t, server)
	made, err := minimoodle.Build(t.Context(), minimoodle.Spec{
		Dir: filepath.Join(r.sites, s.host, s.name), Layout: s.layout, Prefix: s.prefix, AccountRoot: s.account, WWWRoot: "https://" + s.name,
		DB:    moodle.Database{Type: kind, Library: "native", Host: conn.Host, Port: conn.Port, Name: conn.Name, User: conn.User, Password: conn.Password},
		Users: 40, Courses: 5, Files: 120, FileBytes: 8000, CodeFiles: 120, Seed: s.seed,
	})
	if err != nil {
		t.Fatal(err)
	}
	conn.Prefix = made.DB.Prefix
	return &moodleSite{Site: made, name: s.name, host: s.host, conn: conn}
}

// freshDatabase makes an empty database whose password is watched for.
func freshDatabase(t testing.TB, server *sitedb.Server) sitedb.Conn {
	t.Helper()
	name, password := "d_"+strings.ToLower(rand.Text()[:12]), "pw"+rand.Text()
	conn, err := server.CreateDatabase(t.Context(), name, name, password)
	if err != nil {
		t.Fatal(err)
	}
	conn.Socket = ""
	t.Cleanup(func() {
		if err := server.DropDatabase(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	keepSecret(password)
	return conn
}

// register makes the site known; its first copies begin.
func (r *rig) register(t testing.TB, s *moodleSite, destination string) {
	t.Helper()
	args := []string{"site", "add", s.name, "--tenant", "riverside", "--host", s.host, "--code", s.CodeDir, "--tz", "Europe/Berlin", "--destination", destination}
	if s.AccountRoot != "" {
		args = append(args, "--root", s.AccountRoot)
	}
	r.say(t, args...)
	r.say(t, "policy", "assign", "quiet", s.name)
}

// grow adds so many MiB that no program can make smaller, as Moodle would:
// contents with their rows.
func (s *moodleSite) grow(t testing.TB, mib int) {
	t.Helper()
	site := s.Site
	site.DB.Password = s.conn.Password
	live, err := site.Live(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close() //nolint:errcheck // a test's
	b := make([]byte, 1<<20)
	for range mib {
		_, _ = rand.Read(b)
		if _, err := live.Create(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
}

// growTable adds so many MiB of random bytes to the site's database.
func (s *moodleSite) growTable(t testing.TB, mib int) {
	t.Helper()
	site := s.Site
	site.DB.Password = s.conn.Password
	live, err := site.Live(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close() //nolint:errcheck // a test's
	kind := "LONGBLOB"
	if s.conn.Flavour == sitedb.PostgreSQL {
		kind = "BYTEA"
	}
	if err := live.Exec(t.Context(), "CREATE TABLE {heavy} (id BIGINT PRIMARY KEY, body "+kind+" NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1<<20)
	for i := range mib {
		_, _ = rand.Read(b)
		if err := live.Exec(t.Context(), "INSERT INTO {heavy} (id, body) VALUES (?, ?)", i, b); err != nil {
			t.Fatal(err)
		}
	}
}

// query asks the control plane's database, as one who sees everything.
func (r *rig) query(ctx context.Context, into []any, sql string, args ...any) error {
	conn, err := pgx.Connect(ctx, r.admin)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // only looked
	return conn.QueryRow(ctx, sql, args...).Scan(into...)
}
