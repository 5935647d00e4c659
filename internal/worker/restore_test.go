package worker_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/restore"
	"holdfast/internal/testkit"
)

// player is an agent that does with success whatever it is given.
type player struct {
	*testkit.App
	host     app.AgentHost
	instance string
	epoch    int64
	seq      int64
}

func newPlayer(t *testing.T, a *testkit.App) *player {
	t.Helper()
	_, token, err := a.AddHost(t.Context(), authz.Console(), "host-p", 2)
	a.Must(err)
	e, err := a.Enrol(t.Context(), agentproto.EnrolRequest{Token: token, Hostname: "host-p"})
	a.Must(err)
	p := &player{App: a, instance: uuid.NewString()}
	p.host, err = a.HostByCredential(t.Context(), e.Credential)
	a.Must(err)
	p.host.Protocol = agentproto.Version
	h, err := a.Hello(t.Context(), p.host, agentproto.HelloRequest{Instance: p.instance})
	a.Must(err)
	p.epoch = h.Epoch
	return p
}

// play takes and does what waits, and gives how much that was.
func (p *player) play(t *testing.T) int {
	t.Helper()
	p.seq++
	got, err := p.Poll(t.Context(), p.host, agentproto.PollRequest{Instance: p.instance, Epoch: p.epoch, PollSeq: p.seq}, true)
	p.Must(err)
	for _, l := range got.Leases {
		p.Must(p.RunStarted(t.Context(), p.host, agentproto.StartedRequest{Instance: p.instance, Epoch: p.epoch, Run: l.Run, Fence: l.Fence}))
		m := agentproto.CompleteRequest{Instance: p.instance, Epoch: p.epoch, Run: l.Run, Fence: l.Fence, Outcome: agentproto.OutcomeGood}
		if l.Restore == nil {
			m.Copy = &agentproto.Copy{Snapshot: "k" + l.Run, Manifest: json.RawMessage(`{}`), TakenAt: time.Now(), Files: 1, Bytes: 2, SHA256: strings.Repeat("a", 64), Tables: []agentproto.Table{{Name: "mdl_config", Rows: 3}}}
		}
		p.Must(p.Complete(t.Context(), p.host, m))
	}
	return len(got.Leases)
}

// Two processes work on one restore, and one of them goes on the way: each step
// is done, and none twice.
func TestRiver_TwoProcessesBringARestoreToItsEnd(t *testing.T) {
	t.Parallel()
	a := testkit.NewApp(t, nil)
	first, second := start(t, a), start(t, a)
	p := newPlayer(t, a)
	newSite(t, a)
	a.SQL("UPDATE site SET host_id = (SELECT id FROM host WHERE name = 'host-p')")
	a.SQL("UPDATE run SET host_id = (SELECT id FROM host WHERE name = 'host-p')")
	until(t, a, "SELECT count(*) FROM keeper_task WHERE kind = 'create_repository' AND state = 'queued'", 2)
	list, err := a.Destinations(t.Context())
	a.Must(err)
	for range 2 {
		task, _, err := a.TakeTask(t.Context(), list[0].ID)
		a.Must(err)
		a.Must(a.FinishTask(t.Context(), task, app.TaskOutcome{}))
	}
	until(t, a, "SELECT count(*) FROM run WHERE state = 'queued'", 2)
	for p.play(t) > 0 {
	}
	of, err := a.StartRestore(t.Context(), authz.Console(), app.NewRestore{Site: "a.example", What: restore.Everything})
	a.Must(err)
	until(t, a, "SELECT count(*) FROM run WHERE reason = 'manual' AND state = 'queued'", 2)
	a.Must(first.Stop(t.Context()))
	for p.play(t) > 0 {
	}
	until(t, a, "SELECT count(*) FROM restore WHERE state = 'queued'", 1)
	p.play(t)
	until(t, a, "SELECT count(*) FROM restore WHERE state = 'restored'", 1)
	a.Must(a.AcceptRestore(t.Context(), authz.Console(), of))
	p.play(t)
	until(t, a, "SELECT count(*) FROM restore WHERE state = 'settled'", 1)
	a.Must(second.Stop(t.Context()))
	if n := a.Count("SELECT count(*) FROM run WHERE reason = 'manual'"); n != 2 {
		t.Errorf("%d safety runs", n)
	}
	if n := a.Count("SELECT count(*) FROM host_task"); n != 2 {
		t.Errorf("%d tasks; one restores, one tidies up", n)
	}
	if n := a.Count("SELECT count(*) FROM river.river_job WHERE kind = 'move_restore' AND state IN ('retryable', 'discarded', 'cancelled')"); n != 0 {
		t.Errorf("%d jobs of the restore did not end well", n)
	}
}
