package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
)

// discovered is what a host answers of n sites.
func discovered(n int) agentproto.Discovery {
	d := agentproto.Discovery{Folders: int64(10 * n)}
	for i := range n {
		d.Sites = append(d.Sites, agentproto.FoundSite{
			CodeDir: fmt.Sprintf("/srv/f%d/moodle", i), AccountRoot: fmt.Sprintf("/srv/f%d", i), WWWRoot: fmt.Sprintf("https://F%d.Example.org/", i),
			DataRoot: fmt.Sprintf("/srv/f%d/moodledata", i), Release: "4.5.6", Layout: "classic", Warnings: []string{},
		})
	}
	return d
}

// answer completes a lease with what was found.
func (a *agentLife) found(l agentproto.Lease, d agentproto.Discovery) error {
	raw, err := json.Marshal(d)
	a.r.must(err)
	return a.r.Complete(a.r.t.Context(), a.host, agentproto.CompleteRequest{
		Instance: a.instance, Epoch: a.epoch, Run: l.Run, Fence: l.Fence, Outcome: agentproto.OutcomeGood, Evidence: raw,
	})
}

// looked gives a host whose agent has found n sites.
func (r *rig) looked(name string, n int) *agentLife {
	r.t.Helper()
	h := r.host(name, 1)
	h.hello()
	r.must(r.DiscoverSites(r.t.Context(), authz.Console(), name))
	r.must(h.found(h.mustPoll()[0], discovered(n)))
	return h
}

func (r *rig) look(name string) app.Look {
	r.t.Helper()
	l, err := r.Discovery(r.t.Context(), authz.Console(), name)
	r.must(err)
	return l
}

// A look is leased beside the runs, its progress and its result are seen, and
// what is a site already is told from what is free.
func TestDiscover_FindsWhatIsFree(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	h := r.host("host-a", 1)
	r.site("f0.moodle", "a", "host-a") // /srv/f0/moodle
	h.hello()
	if l := r.look("host-a"); l.State != "" || l.Cannot != "" || l.Open() {
		t.Fatalf("before any: %+v", l)
	}
	r.must(r.DiscoverSites(t.Context(), authz.Console(), "host-a"))
	if err := r.DiscoverSites(t.Context(), authz.Console(), "host-a"); !errs.Is(err, errs.Conflict) {
		t.Fatalf("a second look at once: %v", err)
	}
	leases := h.mustPoll()
	if len(leases) != 2 || leases[0].Kind != agentproto.KindDiscover || leases[0].Discover == nil {
		t.Fatalf("leased %+v", leases)
	}
	l := leases[0]
	r.must(h.start(l))
	beat, err := r.Heartbeat(t.Context(), h.host, agentproto.HeartbeatRequest{
		Instance: h.instance, Epoch: h.epoch, Runs: []agentproto.RunBeat{{Run: l.Run, Fence: l.Fence, Progress: agentproto.Progress{Phase: "looking", DoneFiles: 77}}},
	})
	r.must(err)
	if now := r.look("host-a"); len(beat.Keep) != 1 || !now.Open() || now.Progress.DoneFiles != 77 || now.Started.IsZero() {
		t.Fatalf("at work: %+v %+v", beat, now)
	}
	r.must(h.found(l, discovered(3)))
	r.must(h.found(l, discovered(3))) // said again
	got := r.look("host-a")
	if got.State != dbq.DiscoveryStateDone || len(got.Sites) != 3 || got.Free() != 2 || got.Sites[0].SiteName != "f0.moodle" || got.Sites[1].Name != "f1.example.org" || got.Folders != 30 {
		t.Fatalf("found %+v", got)
	}
	if p := h.mustPoll(); len(p) != 0 {
		t.Fatalf("a look that ended is leased again: %+v", p)
	}
}

// Whoever cannot be asked says why, and is asked nothing.
func TestDiscover_SaysWhyAHostCannotBeAsked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for word, prepare := range map[string]string{
		"offline":              "UPDATE host SET last_seen_at = last_seen_at - interval '1 hour' WHERE name = $1",
		"install the newer":    "UPDATE host SET protocol = 3 WHERE name = $1",
		"in maintenance":       "UPDATE host SET state = 'maintenance' WHERE name = $1",
		"has not been heard":   "UPDATE host SET last_seen_at = NULL WHERE name = $1",
		"Its agent is revoked": "UPDATE host SET state = 'revoked', credential_hash = NULL WHERE name = $1",
	} {
		name := "host-" + strings.ToLower(strings.Fields(word)[0])
		h := r.host(name, 1)
		h.hello()
		r.SQL(prepare, name)
		err := r.DiscoverSites(t.Context(), authz.Console(), name)
		if !errs.Is(err, errs.Conflict) || !strings.Contains(errs.Sentence(err), word) || r.look(name).Cannot != errs.Sentence(err) {
			t.Errorf("%s: %v", word, err)
		}
	}
	if n := r.Count("SELECT count(*) FROM discovery"); n != 0 {
		t.Errorf("%d looks were written", n)
	}
}

// An agent that comes back without its look is given it once more, and then it
// is given up; an agent too old is never given one.
func TestDiscover_IsTriedAgainAndGivenUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.host("host-a", 1)
	h.hello()
	r.must(r.DiscoverSites(t.Context(), authz.Console(), "host-a"))
	old := h.host
	h.host.Protocol = 3
	if p := h.mustPoll(); len(p) != 0 {
		t.Fatalf("an old agent was leased %+v", p)
	}
	h.host = old
	for range 2 {
		l := h.mustPoll()
		if len(l) != 1 {
			t.Fatalf("leased %+v", l)
		}
		r.must(h.start(l[0]))
		h.hello() // it died, and lives again
	}
	if p := h.mustPoll(); len(p) != 0 {
		t.Fatalf("a third time: %+v", p)
	}
	if got := r.look("host-a"); got.State != dbq.DiscoveryStateFailed || !strings.Contains(got.Error, "every attempt") {
		t.Fatalf("%+v", got)
	}
}

// A result that is no result, or of another's lease, changes nothing, and what
// was found before stays.
func TestDiscover_TakesNoNonsense(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.looked("host-a", 2)
	r.must(r.DiscoverSites(t.Context(), authz.Console(), "host-a"))
	l := h.mustPoll()[0]
	complete := func(m agentproto.CompleteRequest) error {
		m.Instance, m.Epoch, m.Run = h.instance, h.epoch, l.Run
		return r.Complete(t.Context(), h.host, m)
	}
	if err := complete(agentproto.CompleteRequest{Fence: l.Fence + 1, Outcome: agentproto.OutcomeGood, Evidence: json.RawMessage(`{}`)}); !errs.Is(err, errs.Stale) {
		t.Errorf("another fence: %v", err)
	}
	if err := complete(agentproto.CompleteRequest{Fence: l.Fence, Outcome: agentproto.OutcomeGood, Evidence: json.RawMessage(`[1]`)}); !errs.Is(err, errs.Invalid) {
		t.Errorf("no discovery: %v", err)
	}
	other := r.host("host-b", 1)
	other.hello()
	if err := r.Complete(t.Context(), other.host, agentproto.CompleteRequest{Instance: other.instance, Epoch: other.epoch, Run: l.Run, Fence: l.Fence, Outcome: agentproto.OutcomeGood}); !errs.Is(err, errs.Stale) {
		t.Errorf("another host: %v", err)
	}
	r.must(complete(agentproto.CompleteRequest{Fence: l.Fence, Outcome: agentproto.OutcomeFailed, Error: "The disk went away."}))
	if got := r.look("host-a"); got.State != dbq.DiscoveryStateFailed || got.Error != "The disk went away." || len(got.Sites) != 2 || got.FoundAt.IsZero() {
		t.Errorf("after a failure: %+v", got)
	}
	r.must(r.DiscoverSites(t.Context(), authz.Console(), "host-a"))
	l = h.mustPoll()[0]
	bad := discovered(2)
	bad.Sites[0].CodeDir = "relative/path"
	bad.Sites[1].WWWRoot = "https://x\x00y\x1b[31m.example/" + strings.Repeat("z", 9000)
	r.must(h.found(l, bad))
	if got := r.look("host-a"); len(got.Sites) != 1 || len(got.Sites[0].WWWRoot) > 4096 || strings.ContainsRune(got.Sites[0].WWWRoot, 0x1b) || got.Sites[0].Name != "" {
		t.Errorf("nonsense is kept: %d sites", len(got.Sites))
	}
}

// Every row that is wrong is named, and then none is registered.
func TestRegisterFound_AllOrNone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	r.looked("host-a", 4)
	r.host("host-b", 1)
	r.site("taken.example", "a", "host-b")
	pick := func(i int, change func(*app.Choice)) app.Choice {
		c := app.Choice{CodeDir: fmt.Sprintf("/srv/f%d/moodle", i), Tenant: "a", Name: fmt.Sprintf("f%d.example.org", i), AccountRoot: fmt.Sprintf("/srv/f%d", i)}
		if change != nil {
			change(&c)
		}
		return c
	}
	_, err := r.RegisterFound(t.Context(), authz.Console(), "host-a", []app.Choice{
		pick(0, nil),
		pick(1, func(c *app.Choice) { c.Name = "taken.example" }),
		pick(2, func(c *app.Choice) { c.Tenant = "" }),
		pick(3, func(c *app.Choice) { c.Name = "f0.example.org"; c.TimeZone = "Mars/Base" }),
		pick(9, nil),
		pick(0, func(c *app.Choice) { c.Name = "other.example"; c.Destination = "moon" }),
	})
	var rows *app.RowsError
	if !errs.Is(err, errs.Invalid) || !errors.As(err, &rows) {
		t.Fatalf("got %v", err)
	}
	got := map[string]bool{}
	for _, w := range rows.Rows {
		got[fmt.Sprintf("%d %s", w.Row, w.Field)] = true
	}
	for _, want := range []string{"1 name", "2 tenant", "3 tz", "3 name", "4 code", "5 code", "5 destination"} {
		if !got[want] {
			t.Errorf("%s is not named: %+v", want, rows.Rows)
		}
	}
	if n := r.Count("SELECT count(*) FROM site WHERE name <> 'taken.example'"); n != 0 {
		t.Fatalf("%d sites were registered all the same", n)
	}
	made, err := r.RegisterFound(t.Context(), authz.Console(), "host-a", []app.Choice{pick(0, nil), pick(2, nil)})
	r.must(err)
	if len(made) != 2 || r.look("host-a").Free() != 2 || r.Count("SELECT count(*) FROM run WHERE site_id = $1 AND reason = 'initial'", made[1].UUID()) != 2 {
		t.Fatalf("made %v", made)
	}
	if _, err := r.RegisterFound(t.Context(), authz.Console(), "host-a", []app.Choice{pick(0, nil)}); !errs.Is(err, errs.Invalid) {
		t.Fatalf("once more: %v", err)
	}
}

// Two people who register the same find at once: one of them does.
func TestRegisterFound_TwiceAtOnceIsOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	r.looked("host-a", 1)
	var wg sync.WaitGroup
	var mu sync.Mutex
	good := 0
	for range 4 {
		wg.Go(func() {
			_, err := r.RegisterFound(t.Context(), authz.Console(), "host-a", []app.Choice{{CodeDir: "/srv/f0/moodle", Tenant: "a", Name: "f0.example.org"}})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				good++
			} else if !errs.Is(err, errs.Invalid) {
				t.Errorf("refused with %v", err)
			}
		})
	}
	wg.Wait()
	if good != 1 {
		t.Errorf("%d registrations", good)
	}
}

// A host of 300 sites is registered in one go.
func TestRegisterFound_ThreeHundredInOneGo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	r.looked("host-a", 300)
	var all []app.Choice
	for _, f := range r.look("host-a").Sites {
		all = append(all, app.Choice{CodeDir: f.CodeDir, Tenant: "a", Name: f.Name, AccountRoot: f.AccountRoot})
	}
	began := time.Now() //nolint:forbidigo // the test tells how long it took
	made, err := r.RegisterFound(t.Context(), authz.Console(), "host-a", all)
	r.must(err)
	t.Logf("300 sites in %s", time.Since(began).Round(time.Millisecond))
	if len(made) != 300 || r.look("host-a").Free() != 0 {
		t.Errorf("made %d", len(made))
	}
}

// Customers see no host, and so nothing of what was found on one.
func TestDiscover_IsTheStaffsAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	r.looked("host-a", 1)
	customer := authz.Actor{Name: "someone", Account: id.New[id.Account]()}
	if _, err := r.Discovery(t.Context(), customer, "host-a"); !errs.Is(err, errs.NotFound) {
		t.Errorf("Discovery says %v", err)
	}
	if err := r.DiscoverSites(t.Context(), customer, "host-a"); !errs.Is(err, errs.Forbidden) {
		t.Errorf("DiscoverSites says %v", err)
	}
	if _, err := r.RegisterFound(t.Context(), customer, "host-a", []app.Choice{{}}); !errs.Is(err, errs.Forbidden) {
		t.Errorf("RegisterFound says %v", err)
	}
}
