package app_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/clock"
	"holdfast/internal/id"
	"holdfast/internal/site"
	"holdfast/internal/testkit"
)

type rig struct {
	*testkit.App
	t     *testing.T
	clock *clock.Fixed
}

func newRig(t *testing.T) *rig {
	t.Helper()
	c := clock.NewFixed(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	return &rig{App: testkit.NewApp(t, c), t: t, clock: c}
}

func (r *rig) must(err error) { r.t.Helper(); r.Must(err) }

func (r *rig) tenant(slug string) {
	r.t.Helper()
	_, err := r.AddTenant(r.t.Context(), authz.Console(), slug, slug)
	r.must(err)
}

// host adds a host and enrols its agent.
func (r *rig) host(name string, maxRuns int32) *agentLife {
	r.t.Helper()
	_, token, err := r.AddHost(r.t.Context(), authz.Console(), name, maxRuns)
	r.must(err)
	a, err := r.Enrol(r.t.Context(), agentproto.EnrolRequest{Token: token, Hostname: name})
	r.must(err)
	h, err := r.HostByCredential(r.t.Context(), a.Credential)
	r.must(err)
	h.Protocol = agentproto.Version
	return &agentLife{r: r, host: h, token: token, credential: a.Credential}
}

// site adds a site whose repositories are ready and whose first two runs are queued.
func (r *rig) site(name, tenant, host string) id.Site {
	r.t.Helper()
	made, err := r.AddSite(r.t.Context(), authz.Console(), app.NewSite{
		Tenant: tenant, Host: host, Entry: site.Entry{Name: name, CodeDir: "/srv/" + strings.ReplaceAll(name, ".", "/")},
	})
	r.must(err)
	r.dispatch(name)
	r.keep()
	r.dispatch(name)
	return made
}

// dispatch does what the River job of each planned run does.
func (r *rig) dispatch(name string) {
	r.t.Helper()
	rows, err := r.ListRuns(r.t.Context(), authz.Console(), app.RunQuery{Site: name, OnlyOpen: true})
	r.must(err)
	for _, row := range rows {
		r.must(r.DispatchRun(r.t.Context(), row.ID))
	}
}

// keep does every task of the keeper, with success.
func (r *rig) keep() {
	r.t.Helper()
	list, err := r.Destinations(r.t.Context())
	r.must(err)
	for {
		t, ok, err := r.TakeTask(r.t.Context(), list[0].ID)
		r.must(err)
		if !ok {
			return
		}
		r.must(r.FinishTask(r.t.Context(), t, app.TaskOutcome{Proven: true, SealedName: "x/sealed/y.hfs", SealedSHA256: strings.Repeat("0", 64)}))
	}
}

func (r *rig) again(name string, kind backup.Kind) app.Started {
	r.t.Helper()
	s, err := r.StartBackup(r.t.Context(), authz.Console(), name, []backup.Kind{kind}, app.Protection{})
	r.must(err)
	r.must(r.DispatchRun(r.t.Context(), s[0].Run))
	return s[0]
}

// agentLife is one life of a host's agent, played by hand.
type agentLife struct {
	r                 *rig
	host              app.AgentHost
	token, credential string
	instance          string
	epoch, seq        int64
	held              []agentproto.Held
}

func (a *agentLife) hello() {
	a.r.t.Helper()
	a.instance, a.seq, a.held = uuid.NewString(), 0, nil
	h, err := a.r.Hello(a.r.t.Context(), a.host, agentproto.HelloRequest{Instance: a.instance})
	a.r.must(err)
	a.epoch = h.Epoch
}

func (a *agentLife) poll() (agentproto.PollAnswer, error) {
	a.seq++
	p, err := a.r.Poll(a.r.t.Context(), a.host, agentproto.PollRequest{Instance: a.instance, Epoch: a.epoch, PollSeq: a.seq, Held: a.held}, true)
	for _, l := range p.Leases {
		a.held = append(a.held, agentproto.Held{Run: l.Run, Fence: l.Fence})
	}
	return p, err
}

func (a *agentLife) mustPoll() []agentproto.Lease {
	a.r.t.Helper()
	p, err := a.poll()
	a.r.must(err)
	return p.Leases
}

func (a *agentLife) start(l agentproto.Lease) error {
	return a.r.RunStarted(a.r.t.Context(), a.host, agentproto.StartedRequest{Instance: a.instance, Epoch: a.epoch, Run: l.Run, Fence: l.Fence})
}

func (a *agentLife) complete(l agentproto.Lease, outcome string) error {
	m := agentproto.CompleteRequest{Instance: a.instance, Epoch: a.epoch, Run: l.Run, Fence: l.Fence, Outcome: outcome, Error: "it broke"}
	if outcome == agentproto.OutcomeGood || outcome == agentproto.OutcomeIncomplete {
		m.Copy = &agentproto.Copy{Snapshot: "k" + l.Run, Manifest: json.RawMessage(`{}`), TakenAt: a.r.clock.Now(), Files: 1, Bytes: 2}
		if l.Kind == agentproto.KindDatabase {
			m.Copy.Tables, m.Copy.SHA256 = []agentproto.Table{{Name: "mdl_config", Rows: 3}}, strings.Repeat("a", 64)
		}
	}
	err := a.r.Complete(a.r.t.Context(), a.host, m)
	if err == nil {
		kept := a.held[:0]
		for _, h := range a.held {
			if h.Run != l.Run {
				kept = append(kept, h)
			}
		}
		a.held = kept
	}
	return err
}
