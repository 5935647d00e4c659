package dash_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/clock"
	"holdfast/internal/httpd/dash"
	"holdfast/internal/id"
	"holdfast/internal/seal"
	"holdfast/internal/site"
	"holdfast/internal/store"
	"holdfast/internal/tenant"
	"holdfast/internal/testdb"
)

// hostile is a name as somebody could choose it to break a page.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'`

const password = "correct horse battery"

// The people of the tests. All but nobody and stranger belong to the staff or
// to the tenant "own".
const (
	nobody   = "nobody"
	stranger = "stranger" // admin of the tenant "other"
	both     = "both"     // viewer of "own" and of "other"
)

func everybody() []string {
	return []string{nobody, stranger, "viewer", "member", "admin", "owner", "operator", "support", "billing", "auditor"}
}

// storage is where agents of the tests are told to store; nobody goes there.
type storage struct{}

func (storage) Address(id.Destination, string) (string, string) { return "https://vault.invalid", "" }

func (storage) Token(id.Destination, string, id.Run, int64, int64, time.Time) (string, error) {
	return "token", nil
}

func (storage) ReadToken(id.Destination, string, id.HostTask, int64, time.Time) (string, error) {
	return "token", nil
}

// house is a control plane with two tenants, of one site each, and everybody.
type house struct {
	t     *testing.T
	url   string // of the database
	store *store.Store
	app   *app.App
	clock *clock.Fixed // the door's
	web   *httptest.Server
	log   *safeBuffer
	wake  *bell
	site  id.Site // own.school.example
	other id.Site // other.school.example/moodle
	host  app.AgentHost

	instance string
	epoch    int64
	seq      int64
}

func newHouse(t *testing.T, change ...func(*dash.Config)) *house {
	t.Helper()
	h := &house{t: t, log: &safeBuffer{}, wake: newBell(), clock: clock.NewFixed(clock.System{}.Now().Truncate(time.Second))}
	h.url = testdb.NewFromTemplate(t, "holdfast", func(url string) error {
		return store.Migrate(context.Background(), url, slog.New(slog.DiscardHandler))
	})
	var err error
	h.store, err = store.Open(t.Context(), store.Options{URL: h.url})
	h.must(err)
	t.Cleanup(h.store.Close)
	key, err := seal.NewKeyFile(filepath.Join(t.TempDir(), "key"))
	h.must(err)
	h.app = app.New(h.store, key, storage{}, nil, nil)
	h.furnish()
	c := dash.Config{
		App: h.app, Logger: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Clock: h.clock, Runs: h.wake.Subscribe, Version: "1.0.0",
	}
	for _, f := range change {
		f(&c)
	}
	h.web = httptest.NewServer(dash.New(c))
	t.Cleanup(func() { h.web.CloseClientConnections(); h.web.Close() })
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) furnish() {
	h.t.Helper()
	ctx, root := h.t.Context(), authz.Console()
	h.must(h.app.EnsureDefaultDestination(ctx, json.RawMessage(`{"kind":"filesystem","path":"/nowhere"}`)))
	_, token, err := h.app.AddHost(ctx, root, "host-a", 4)
	h.must(err)
	enrolled, err := h.app.Enrol(ctx, agentproto.EnrolRequest{Token: token, Hostname: hostile, AgentVersion: "0.9.0"})
	h.must(err)
	h.host, err = h.app.HostByCredential(ctx, enrolled.Credential)
	h.must(err)
	h.host.Protocol = agentproto.Version
	for _, slug := range []string{"own", "other"} {
		_, err := h.app.AddTenant(ctx, root, slug+hostile, slug)
		h.must(err)
	}
	add := func(of, name string) id.Site {
		made, err := h.app.AddSite(ctx, root, app.NewSite{Tenant: of, Host: "host-a", Entry: site.Entry{Name: name, CodeDir: "/srv/" + of, TimeZone: "Europe/Berlin"}})
		h.must(err)
		return made
	}
	h.site, h.other = add("own", "own.school.example"), add("other", "other.school.example/moodle")
}

// addPerson adds one of everybody, who signs in with NAME@school.example.
func (h *house) addPerson(name string) {
	h.t.Helper()
	n := app.NewAccount{Email: name + "@school.example", Name: "Person " + hostile, Password: password}
	switch name {
	case stranger:
		n.Tenant, n.Role = "other", tenant.Admin
	case both:
		n.Tenant, n.Role = "own", tenant.Viewer
	case "viewer", "member", "admin":
		n.Tenant, n.Role = "own", tenant.Role(name)
	default:
		n.Staff = tenant.StaffRole(name)
	}
	made, err := h.app.AddAccount(h.t.Context(), authz.Console(), n)
	h.must(err)
	if name == both {
		h.exec(`INSERT INTO member (tenant_id, id, account_id, role, created_at) SELECT id, $1, $2, 'viewer', now() FROM tenant WHERE slug = 'other'`,
			id.New[id.Member]().UUID(), made.UUID())
	}
}

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	c, err := pgx.Connect(h.t.Context(), h.url)
	h.must(err)
	defer c.Close(context.Background()) //nolint:errcheck // done with it
	_, err = c.Exec(h.t.Context(), sql, args...)
	h.must(err)
}

// hello begins the agent's life, once.
func (h *house) hello() {
	h.t.Helper()
	if h.instance != "" {
		return
	}
	h.instance = uuid.NewString()
	a, err := h.app.Hello(h.t.Context(), h.host, agentproto.HelloRequest{Instance: h.instance, AgentVersion: "0.9.0", Now: clock.System{}.Now().Format(time.RFC3339)})
	h.must(err)
	h.epoch = a.Epoch
}

// dispatch makes every repository and puts every planned run in its line.
func (h *house) dispatch() {
	h.t.Helper()
	ctx := h.t.Context()
	for range 2 { // the first round asks for repositories, the second finds them
		runs, err := h.app.ListRuns(ctx, authz.Console(), app.RunQuery{OnlyOpen: true})
		h.must(err)
		for _, r := range runs {
			h.must(h.app.DispatchRun(ctx, r.ID))
		}
		ds, err := h.app.Destinations(ctx)
		h.must(err)
		for {
			task, ok, err := h.app.TakeTask(ctx, ds[0].ID)
			h.must(err)
			if !ok {
				break
			}
			h.must(h.app.FinishTask(ctx, task, app.TaskOutcome{}))
		}
	}
}

// lease gives the agent whatever waits for it, as started.
func (h *house) lease() []agentproto.Lease {
	h.t.Helper()
	h.hello()
	h.dispatch()
	h.seq++
	a, err := h.app.Poll(h.t.Context(), h.host, agentproto.PollRequest{Instance: h.instance, Epoch: h.epoch, PollSeq: h.seq}, true)
	h.must(err)
	for _, l := range a.Leases {
		h.must(h.app.RunStarted(h.t.Context(), h.host, agentproto.StartedRequest{Instance: h.instance, Epoch: h.epoch, Run: l.Run, Fence: l.Fence}))
	}
	return a.Leases
}

func (h *house) beat(l agentproto.Lease, p agentproto.Progress) {
	h.t.Helper()
	_, err := h.app.Heartbeat(h.t.Context(), h.host, agentproto.HeartbeatRequest{
		Instance: h.instance, Epoch: h.epoch, Runs: []agentproto.RunBeat{{Run: l.Run, Fence: l.Fence, Progress: p}},
	})
	h.must(err)
}

func (h *house) complete(l agentproto.Lease, outcome, sentence string, c *agentproto.Copy) {
	h.t.Helper()
	h.must(h.app.Complete(h.t.Context(), h.host, agentproto.CompleteRequest{
		Instance: h.instance, Epoch: h.epoch, Run: l.Run, Fence: l.Fence, Outcome: outcome, Error: sentence, Copy: c,
	}))
}

// fill completes the first runs: a good database copy and an incomplete data
// copy of own, and a refused run of other, 2 h 10 min ago.
func (h *house) fill() {
	h.t.Helper()
	facts := agentproto.Facts{Layout: "classic", Release: "4.5.6+ (Build: 20260918)", DBType: "mariadb", ServerVersion: "10.11.14-MariaDB", DataRoot: "/srv/data", ReadBy: "php", Prefix: "mdl_", Warnings: []string{hostile}}
	done := map[string]bool{}
	for range 2 { // a site's second run waits for its first
		for _, l := range h.lease() {
			c := &agentproto.Copy{
				Snapshot: "s", Manifest: json.RawMessage(`{}`), TakenAt: h.clock.Now(), Seconds: 41, Files: 412331,
				Bytes: 44_238_912_311, StoredBytes: 41_230_000, Facts: facts, Excluded: []agentproto.Excluded{{Path: "moodledata/cache", Files: 18402, Bytes: 212_000_000}},
			}
			switch {
			case l.Site.ID == h.other.String():
				h.complete(l, agentproto.OutcomeRefused, "the folder "+hostile+" is outside the allowed roots", nil)
			case l.Kind == agentproto.KindDatabase:
				c.Tables, c.SHA256 = []agentproto.Table{{Name: "mdl_user", Rows: 40615}}, strings.Repeat("a", 64)
				h.complete(l, agentproto.OutcomeGood, "", c)
			default:
				c.Problems = []agentproto.Problem{{Path: "moodledata/" + hostile, Reason: "permission denied"}, {Path: "b", Reason: "x"}}
				h.complete(l, agentproto.OutcomeIncomplete, "2 files could not be read", c)
			}
			done[l.Site.ID+l.Kind] = true
		}
	}
	if len(done) != 4 {
		h.t.Fatalf("%d of 4 first runs were leased", len(done))
	}
	h.exec(`UPDATE copy SET taken_at = taken_at - interval '130 minutes', started_at = started_at - interval '130 minutes'`)
	h.exec(`UPDATE schedule SET newest_good_at = newest_good_at - interval '130 minutes'`)
}

// openRun gives an open run of own, asking for one if there is none.
func (h *house) openRun() id.Run {
	h.t.Helper()
	s, err := h.app.StartBackup(h.t.Context(), authz.Console(), h.site.String(), []backup.Kind{backup.Data}, app.Protection{})
	h.must(err)
	return s[0].Run
}
