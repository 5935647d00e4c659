package app_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/id"
	"holdfast/internal/restore"
)

// restorable is a site with one good copy of each kind, and its host's agent.
type restorable struct {
	*rig
	agent          *agentLife
	name           string
	site           id.Site
	tenantID       id.Tenant
	database, data id.Copy
}

func newRestorable(t *testing.T, maxRuns int32) *restorable {
	t.Helper()
	r := newRig(t)
	r.tenant("a")
	x := &restorable{rig: r, agent: r.host("host-a", maxRuns), name: "a.example"}
	x.site = r.site(x.name, "a", "host-a")
	x.agent.hello()
	x.takeCopies(x.agent)
	x.database, x.data = x.newest(x.name, backup.Database), x.newest(x.name, backup.Data)
	x.tenantID = x.tenantNamed("a")
	return x
}

// takeCopies has the agent take every copy that waits, one after another.
func (r *rig) takeCopies(a *agentLife) {
	r.t.Helper()
	for {
		leases := a.mustPoll()
		if len(leases) == 0 {
			return
		}
		for _, l := range leases {
			r.must(a.start(l))
			r.must(a.complete(l, agentproto.OutcomeGood))
		}
	}
}

func (r *rig) text(query string, args ...any) (s string) {
	r.t.Helper()
	c, err := pgx.Connect(r.t.Context(), r.URL)
	r.must(err)
	defer func() { _ = c.Close(context.WithoutCancel(r.t.Context())) }()
	r.must(c.QueryRow(r.t.Context(), query, args...).Scan(&s))
	return s
}

func (r *rig) tenantNamed(slug string) id.Tenant {
	r.t.Helper()
	out, err := id.Parse[id.Tenant](r.text("SELECT id::text FROM tenant WHERE slug = $1", slug))
	r.must(err)
	return out
}

func (r *rig) newest(site string, kind backup.Kind) id.Copy {
	r.t.Helper()
	out, err := id.Parse[id.Copy](r.text("SELECT c.id::text FROM copy c JOIN site s ON s.id = c.site_id WHERE s.name = $1 AND c.kind = $2 ORDER BY c.taken_at DESC, c.id DESC LIMIT 1", site, string(kind)))
	r.must(err)
	return out
}

// begin starts a restore of everything.
func (x *restorable) begin(change ...func(*app.NewRestore)) id.Restore {
	x.t.Helper()
	n := app.NewRestore{Site: x.name, What: restore.Everything, Database: x.database, Data: x.data, Why: "somebody deleted a course"}
	for _, c := range change {
		c(&n)
	}
	made, err := x.StartRestore(x.t.Context(), authz.Console(), n)
	x.must(err)
	return made
}

// move does what the River job of the restore does.
func (r *rig) move(of id.Restore) {
	r.t.Helper()
	r.must(r.MoveRestore(r.t.Context(), of))
}

// safeguard takes the restore's safety copies, and gives it to its host.
func (x *restorable) safeguard(of id.Restore) {
	x.t.Helper()
	x.move(of)
	x.dispatch(x.name)
	x.takeCopies(x.agent)
	x.move(of)
	x.wants(of, restore.Queued)
}

// work has the agent take the one lease that waits for it.
func (x *restorable) work(kind string) agentproto.Lease {
	x.t.Helper()
	leases := x.agent.mustPoll()
	if len(leases) != 1 || leases[0].Kind != kind {
		x.t.Fatalf("leased %+v, want one %s", leases, kind)
	}
	return leases[0]
}

// done reports the end of a task.
func (a *agentLife) done(l agentproto.Lease, outcome, code, evidence string) error {
	m := agentproto.CompleteRequest{Instance: a.instance, Epoch: a.epoch, Run: l.Run, Fence: l.Fence, Outcome: outcome, Evidence: json.RawMessage(evidence)}
	if outcome != agentproto.OutcomeGood {
		m.Error, m.ErrorCode = "It broke on the host.", code
	}
	err := a.r.Complete(a.r.t.Context(), a.host, m)
	if err == nil {
		a.drop(l.Run)
	}
	return err
}

// drop forgets a lease, as an agent does that died.
func (a *agentLife) drop(run string) {
	kept := a.held[:0]
	for _, h := range a.held {
		if h.Run != run {
			kept = append(kept, h)
		}
	}
	a.held = kept
}

func (a *agentLife) beat(l agentproto.Lease, p agentproto.Progress) agentproto.HeartbeatAnswer {
	a.r.t.Helper()
	out, err := a.r.Heartbeat(a.r.t.Context(), a.host, agentproto.HeartbeatRequest{
		Instance: a.instance, Epoch: a.epoch, Runs: []agentproto.RunBeat{{Run: l.Run, Fence: l.Fence, Progress: p}},
	})
	a.r.must(err)
	return out
}

// restored brings a restore to where it waits for acceptance.
func (x *restorable) restored(of id.Restore) {
	x.t.Helper()
	x.safeguard(of)
	l := x.work(agentproto.KindRestore)
	x.must(x.agent.start(l))
	x.must(x.agent.done(l, agentproto.OutcomeGood, "", proof))
	x.wants(of, restore.Restored)
}

const proof = `{"began":"2026-11-22T10:00:00Z","ended":"2026-11-22T10:02:00Z","closed_seconds":41.5,"tables":494,"rows":40615,"files":29007,"bytes":130000000,
  "checks":[{"name":"disk","outcome":"pass","words":"There is room."}],"steps":[{"name":"switch","words":"Switching","seconds":0.2,"outcome":"pass"}],"kept":[{"what":"code","where":"/srv/a/old"}],"warnings":[]}`

func (x *restorable) view(of id.Restore) app.RestoreView {
	x.t.Helper()
	v, err := x.Restore(x.t.Context(), authz.Console(), of)
	x.must(err)
	return v
}

// wants fails the test where the restore stands elsewhere.
func (x *restorable) wants(of id.Restore, state restore.State) app.RestoreView {
	x.t.Helper()
	v := x.view(of)
	if v.Row.State != state {
		x.t.Fatalf("the restore is %s (%s), want %s", v.Row.State, v.Row.Error, state)
	}
	return v
}
