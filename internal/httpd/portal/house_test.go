package portal_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/clock"
	"holdfast/internal/httpd/dash"
	"holdfast/internal/httpd/portal"
	"holdfast/internal/id"
	"holdfast/internal/seal"
	"holdfast/internal/site"
	"holdfast/internal/store"
	"holdfast/internal/tenant"
	"holdfast/internal/testdb"
	"holdfast/web/ui"
)

// hostile is a name as somebody could choose it to break a page.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'`

const (
	password = "correct horse battery"
	hoster   = "Brightside Hosting"
	host     = "host-that-nobody-is-told-of"
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

// house is a control plane with two tenants, of one site each.
type house struct {
	t        *testing.T
	url      string // of the database
	app      *app.App
	clock    *clock.Fixed // the doors'
	handler  http.Handler
	web      *httptest.Server
	bell     *bell
	site     id.Site // of "own"
	other    id.Site // of "other"
	ticket   string  // the page of the last one that was opened
	host     app.AgentHost
	instance string
	epoch    int64
	seq      int64
}

func newHouse(t *testing.T, more ...func(*house)) *house {
	t.Helper()
	h := &house{t: t, bell: &bell{ears: map[chan struct{}]bool{}}, clock: clock.NewFixed(clock.System{}.Now().Truncate(time.Second))}
	h.url = testdb.NewFromTemplate(t, "holdfast", func(url string) error {
		return store.Migrate(context.Background(), url, slog.New(slog.DiscardHandler))
	})
	s, err := store.Open(t.Context(), store.Options{URL: h.url})
	h.must(err)
	t.Cleanup(s.Close)
	key, err := seal.NewKeyFile(filepath.Join(t.TempDir(), "key"))
	h.must(err)
	h.app = app.New(s, key, storage{}, nil, nil)
	h.must(h.app.UseAttachments(t.TempDir()))
	h.furnish()
	for _, fn := range more {
		fn(h)
	}
	mark, err := portal.ReadMark([]byte(`<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9"/></svg>`))
	h.must(err)
	h.handler = dash.New(dash.Config{
		App: h.app, Clock: h.clock, Runs: h.bell.subscribe, Brand: ui.Brand{Name: hoster, Mark: mark.Path()},
		Customers: func(in dash.Inside) dash.Beside {
			return portal.New(portal.Config{App: h.app, Clock: h.clock, Mark: mark}, in)
		},
	})
	h.web = httptest.NewServer(h.handler)
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
	_, token, err := h.app.AddHost(ctx, root, host, 4)
	h.must(err)
	enrolled, err := h.app.Enrol(ctx, agentproto.EnrolRequest{Token: token, Hostname: host, AgentVersion: "1.0.0"})
	h.must(err)
	h.host, err = h.app.HostByCredential(ctx, enrolled.Credential)
	h.must(err)
	h.host.Protocol = agentproto.Version
	for _, slug := range []string{"own", "other"} {
		_, err := h.app.AddTenant(ctx, root, slug+hostile, slug)
		h.must(err)
	}
	h.site, h.other = h.addSite("own", "own.school.example"), h.addSite("other", "other.school.example/moodle")
}

func (h *house) addSite(of, name string) id.Site {
	h.t.Helper()
	made, err := h.app.AddSite(h.t.Context(), authz.Console(), app.NewSite{Tenant: of, Host: host, Entry: site.Entry{Name: name, CodeDir: "/srv/" + name, TimeZone: "Europe/Berlin"}})
	h.must(err)
	return made
}

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	c, err := pgx.Connect(h.t.Context(), h.url)
	h.must(err)
	defer c.Close(context.Background()) //nolint:errcheck // done with it
	_, err = c.Exec(h.t.Context(), sql, args...)
	h.must(err)
}

// lease gives the agent whatever waits for it, as started.
func (h *house) lease() []agentproto.Lease {
	h.t.Helper()
	ctx := h.t.Context()
	if h.instance == "" {
		h.instance = uuid.NewString()
		a, err := h.app.Hello(ctx, h.host, agentproto.HelloRequest{Instance: h.instance, AgentVersion: "1.0.0", Now: clock.System{}.Now().Format(time.RFC3339)})
		h.must(err)
		h.epoch = a.Epoch
	}
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
	h.seq++
	a, err := h.app.Poll(ctx, h.host, agentproto.PollRequest{Instance: h.instance, Epoch: h.epoch, PollSeq: h.seq}, true)
	h.must(err)
	for _, l := range a.Leases {
		h.must(h.app.RunStarted(ctx, h.host, agentproto.StartedRequest{Instance: h.instance, Epoch: h.epoch, Run: l.Run, Fence: l.Fence}))
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

// complete ends a run: good, incomplete with two unreadable files, or refused.
func (h *house) complete(l agentproto.Lease, outcome string) {
	h.t.Helper()
	r := agentproto.CompleteRequest{Instance: h.instance, Epoch: h.epoch, Run: l.Run, Fence: l.Fence, Outcome: outcome}
	if outcome == agentproto.OutcomeRefused {
		r.Error = "the folder of " + host + hostile + " is outside the allowed roots"
		h.must(h.app.Complete(h.t.Context(), h.host, r))
		return
	}
	r.Copy = &agentproto.Copy{
		Snapshot: "s", Manifest: json.RawMessage(`{}`), TakenAt: h.clock.Now(), Seconds: 41, Files: 412331, Bytes: 44_238_912_311, StoredBytes: 41_230_000,
		Excluded: []agentproto.Excluded{{Path: "moodledata/cache", Files: 18402, Bytes: 212_000_000}, {Path: "moodledata/backup", Files: 3, Bytes: 8_200_000_000}},
	}
	if l.Kind == agentproto.KindDatabase {
		r.Copy.Tables, r.Copy.SHA256 = []agentproto.Table{{Name: "mdl_user", Rows: 40615}}, strings.Repeat("a", 64)
	}
	if outcome == agentproto.OutcomeIncomplete {
		r.Copy.Problems, r.Error = []agentproto.Problem{{Path: "moodledata/" + hostile, Reason: "permission denied"}, {Path: "moodledata/b", Reason: "x"}}, "2 files could not be read"
	}
	h.must(h.app.Complete(h.t.Context(), h.host, r))
}

// fill completes the first runs of both sites, as outcome says of own's data.
func (h *house) fill(ofData string) {
	h.t.Helper()
	n := 0
	for range 2 { // a site's second run waits for its first
		for _, l := range h.lease() {
			outcome := agentproto.OutcomeGood
			if l.Site.ID == h.site.String() && l.Kind == agentproto.KindData {
				outcome = ofData
			}
			h.complete(l, outcome)
			n++
		}
	}
	if n != 4 {
		h.t.Fatalf("%d of 4 first runs were leased", n)
	}
	// Nobody believes a copy that is older than its run: these become so.
	ago := h.clock.Now().Add(-130 * time.Minute)
	h.exec(`UPDATE copy SET taken_at = $1`, ago)
	h.exec(`UPDATE schedule SET newest_good_at = $1 WHERE newest_good_at IS NOT NULL`, ago)
}

// bell is what wakes streams in tests.
type bell struct {
	mu   sync.Mutex
	ears map[chan struct{}]bool
}

func (b *bell) subscribe() (<-chan struct{}, func()) {
	ch := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ears[ch] = true
	return ch, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.ears, ch)
	}
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ch := range b.ears {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// addAs adds a person of "own" besides everybody.
func (h *house) addAs(name, role string) {
	h.t.Helper()
	_, err := h.app.AddAccount(h.t.Context(), authz.Console(), app.NewAccount{Email: name + "@school.example", Name: "Person " + hostile, Password: password, Tenant: "own", Role: tenant.Role(role)})
	h.must(err)
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

// browser is somebody's browser. It does not follow redirects by itself.
type browser struct {
	h   *house
	web *http.Client
}

// signIn adds the person and gives their browser, signed in; nobody's is not.
func (h *house) signIn(name string) *browser {
	h.t.Helper()
	if name != nobody {
		h.addPerson(name)
	}
	return h.visitor(name)
}

// visitor gives the browser of somebody who was added before, signed in.
func (h *house) visitor(name string) *browser {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	h.must(err)
	b := &browser{h, &http.Client{
		Jar: jar, Transport: h.web.Client().Transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if name == nobody {
		return b
	}
	if got := b.post("/sign-in", "email", name+"@school.example", "password", password); got.status != http.StatusSeeOther {
		h.t.Fatalf("%s cannot sign in: %d %s", name, got.status, got.body)
	}
	return b
}

// answer is what a browser got.
type answer struct {
	status int
	body   string
	header http.Header
}

func (a answer) to() string { return a.header.Get("Location") }

func (b *browser) get(path string) answer {
	b.h.t.Helper()
	return b.do(http.MethodGet, path, nil)
}

func (b *browser) post(path string, form ...string) answer {
	b.h.t.Helper()
	v := url.Values{}
	for i := 0; i < len(form); i += 2 {
		v.Set(form[i], form[i+1])
	}
	return b.do(http.MethodPost, path, v)
}

func (b *browser) do(method, path string, form url.Values, header ...string) answer {
	b.h.t.Helper()
	r, err := http.NewRequestWithContext(b.h.t.Context(), method, b.h.web.URL+path, strings.NewReader(form.Encode()))
	b.h.must(err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := b.web.Do(r)
	b.h.must(err)
	defer res.Body.Close() //nolint:errcheck // read as far as wanted
	var body []byte
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		body = []byte(next(bufio.NewReader(res.Body)))
	} else {
		body, err = io.ReadAll(res.Body)
		b.h.must(err)
	}
	return answer{res.StatusCode, string(body), res.Header}
}

// next is the next message of a stream.
func next(r *bufio.Reader) string {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil || line == "\n" {
			return b.String()
		}
		b.WriteString(strings.TrimPrefix(line, "data: "))
	}
}

var tags = regexp.MustCompile(`<[^>]*>|\s+`)

// text is what a reader sees of a page.
func text(a answer) string {
	s := tags.ReplaceAllString(a.body, " ")
	for _, r := range [][2]string{{"&#34;", `"`}, {"&#39;", "'"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}} {
		s = strings.ReplaceAll(s, r[0], r[1])
	}
	return strings.Join(strings.Fields(s), " ")
}

func says(t *testing.T, a answer, wants ...string) {
	t.Helper()
	got := text(a)
	if a.status != http.StatusOK {
		t.Errorf("status %d", a.status)
	}
	for _, w := range wants {
		if !strings.Contains(got, w) {
			t.Errorf("the page does not say %q:\n%s", w, got)
		}
	}
}
