package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/clock"
	"holdfast/internal/httpd/api"
	"holdfast/internal/id"
	"holdfast/internal/site"
	"holdfast/internal/tenant"
	"holdfast/internal/testkit"
)

// Whom the tests ask as. All but nobody and stranger are of the staff or of
// the tenant "own".
const (
	nobody   = "nobody"
	stranger = "stranger" // admin of the tenant "other"
)

func everybody() []string {
	return []string{nobody, stranger, "viewer", "member", "admin", "operator", "support", "auditor"}
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// house is a control plane with two tenants of one site each, and everybody.
type house struct {
	*testkit.App
	t      *testing.T
	clock  *clock.Fixed
	web    *httptest.Server
	log    *safeBuffer
	tokens map[string]string
	site   id.Site // own.school.example
	other  id.Site // other.school.example/moodle
	agent  app.AgentHost
}

func newHouse(t *testing.T) *house {
	t.Helper()
	c := clock.NewFixed(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	h := &house{App: testkit.NewApp(t, c), t: t, clock: c, log: &safeBuffer{}, tokens: map[string]string{}}
	ctx, root := t.Context(), authz.Console()
	_, token, err := h.AddHost(ctx, root, "host-a", 8)
	h.Must(err)
	enrolled, err := h.Enrol(ctx, agentproto.EnrolRequest{Token: token, Hostname: "host-a"})
	h.Must(err)
	h.agent, err = h.HostByCredential(ctx, enrolled.Credential)
	h.Must(err)
	h.agent.Protocol = agentproto.Version
	add := func(of, name string) id.Site {
		_, err := h.AddTenant(ctx, root, of, of)
		h.Must(err)
		made, err := h.AddSite(ctx, root, app.NewSite{Tenant: of, Host: "host-a", Entry: site.Entry{Name: name, CodeDir: "/srv/" + of, TimeZone: "Europe/Berlin"}})
		h.Must(err)
		return made
	}
	h.site, h.other = add("own", "own.school.example"), add("other", "other.school.example/moodle")
	for _, name := range everybody()[1:] {
		n := app.NewToken{Name: name}
		switch name {
		case stranger:
			n.Tenant, n.Role = "other", tenant.Admin
		case "viewer", "member", "admin":
			n.Tenant, n.Role = "own", tenant.Role(name)
		default:
			n.Staff = tenant.StaffRole(name)
		}
		h.tokens[name], _, err = h.MakeToken(ctx, root, n)
		h.Must(err)
	}
	h.web = httptest.NewServer(api.New(api.Config{App: h.App.App, Clock: c, Logger: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}))
	t.Cleanup(h.web.Close)
	return h
}

// fill takes the first copies of both sites.
func (h *house) fill() {
	h.t.Helper()
	ctx := h.t.Context()
	instance := uuid.NewString()
	hello, err := h.Hello(ctx, h.agent, agentproto.HelloRequest{Instance: instance})
	h.Must(err)
	seq := int64(0)
	for range 3 { // repositories first, and a site's second run waits for its first
		h.dispatch()
		seq++
		p, err := h.Poll(ctx, h.agent, agentproto.PollRequest{Instance: instance, Epoch: hello.Epoch, PollSeq: seq}, true)
		h.Must(err)
		for _, l := range p.Leases {
			h.Must(h.RunStarted(ctx, h.agent, agentproto.StartedRequest{Instance: instance, Epoch: hello.Epoch, Run: l.Run, Fence: l.Fence}))
			c := &agentproto.Copy{Snapshot: "k" + l.Run, Manifest: json.RawMessage(`{}`), TakenAt: h.clock.Now(), Files: 1, Bytes: 2, StoredBytes: 1}
			if l.Kind == agentproto.KindDatabase {
				c.Tables, c.SHA256 = []agentproto.Table{{Name: "mdl_config", Rows: 3}}, strings.Repeat("a", 64)
			}
			h.Must(h.Complete(ctx, h.agent, agentproto.CompleteRequest{Instance: instance, Epoch: hello.Epoch, Run: l.Run, Fence: l.Fence, Outcome: agentproto.OutcomeGood, Copy: c}))
		}
	}
	if n := h.Count("SELECT count(*) FROM copy"); n != 4 {
		h.t.Fatalf("%d of 4 first copies were taken", n)
	}
}

func (h *house) dispatch() {
	h.t.Helper()
	ctx := h.t.Context()
	for range 2 {
		runs, err := h.ListRuns(ctx, authz.Console(), app.RunQuery{OnlyOpen: true})
		h.Must(err)
		for _, r := range runs {
			h.Must(h.DispatchRun(ctx, r.ID))
		}
		ds, err := h.Destinations(ctx)
		h.Must(err)
		for {
			task, ok, err := h.TakeTask(ctx, ds[0].ID)
			h.Must(err)
			if !ok {
				break
			}
			h.Must(h.FinishTask(ctx, task, app.TaskOutcome{SealedName: "x.hfs", SealedSHA256: strings.Repeat("0", 64)}))
		}
	}
}

// aCopy gives a copy of own.
func (h *house) aCopy() string {
	h.t.Helper()
	v, err := h.ViewSite(h.t.Context(), authz.Console(), h.site.String())
	h.Must(err)
	return v.Copies[0].ID.String()
}

// openRun gives an open run of own, asking for one if there is none.
func (h *house) openRun() string {
	h.t.Helper()
	s, err := h.StartBackup(h.t.Context(), authz.Console(), h.site.String(), []backup.Kind{backup.Data}, app.Protection{})
	h.Must(err)
	return s[0].Run.String()
}

type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request with a body ("" for none) as one of everybody.
func (h *house) ask(name, method, path, body string, change ...func(*http.Request)) answer {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.web.URL+path, strings.NewReader(body))
	h.Must(err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token := h.tokens[name]; token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, f := range change {
		f(r)
	}
	res, err := h.web.Client().Do(r)
	h.Must(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	h.Must(err)
	return answer{res.StatusCode, res.Header, string(b)}
}

// get gives a good answer's JSON.
func (h *house) get(name, path string, into any) {
	h.t.Helper()
	a := h.ask(name, http.MethodGet, path, "")
	if a.status != http.StatusOK {
		h.t.Fatalf("%s for %s: %d %s", path, name, a.status, a.body)
	}
	h.Must(json.Unmarshal([]byte(a.body), into))
}
