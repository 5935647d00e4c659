package app_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/restore"
)

// Runs and tasks of several sites, leased, lost, cancelled and ended in any
// order: never two leases of one site, never more than the host's limit, and in
// the end nothing is lost.
func TestLeases_NeverTwoOfOneSite(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			newStorm(t, seed).rage(240)
		})
	}
}

type storm struct {
	*restorable
	rng      *rand.Rand
	names    []string
	restores []id.Restore
	leases   []agentproto.Lease
}

const stormLimit = 3

func newStorm(t *testing.T, seed uint64) *storm {
	t.Helper()
	s := &storm{restorable: newRestorable(t, stormLimit), rng: rand.New(rand.NewPCG(seed, 1))}
	s.names = []string{s.name, "b.example", "c.example", "d.example"}
	for _, n := range s.names[1:] {
		s.rig.site(n, "a", "host-a")
	}
	s.takeCopies(s.agent)
	return s
}

func (s *storm) rage(steps int) {
	s.t.Helper()
	for range steps {
		s.clock.Add(time.Duration(s.rng.IntN(60)) * time.Second)
		s.step()
		s.holds()
	}
	for range 30 { // and now everything goes well
		s.clock.Add(10 * time.Minute)
		s.settle()
		s.holds()
	}
	if n := s.Count("SELECT count(*) FROM restore WHERE ended_at IS NULL AND state <> 'restored'"); n != 0 {
		s.t.Errorf("%d restores were lost: %s", n, s.text("SELECT string_agg(state::text, ',') FROM restore WHERE ended_at IS NULL"))
	}
	if n := s.Count("SELECT count(*) FROM run WHERE state IN ('planned', 'queued', 'leased')"); n != 0 {
		s.t.Errorf("%d runs were lost", n)
	}
	if n := s.Count("SELECT count(*) FROM copy_use u JOIN restore r ON r.id = u.restore_id WHERE r.ended_at IS NOT NULL"); n != 0 {
		s.t.Errorf("%d holds of restores that ended", n)
	}
}

func (s *storm) site() string { return s.names[s.rng.IntN(len(s.names))] }

// step does one thing at random; refusals are right answers.
func (s *storm) step() {
	ctx := s.t.Context()
	switch s.rng.IntN(14) {
	case 0, 1:
		name := s.site()
		n := app.NewRestore{Site: name, What: restore.Whats()[s.rng.IntN(3)]}
		if s.rng.IntN(2) == 0 {
			n.WithoutSafety = "in the middle of a storm"
		}
		if of, err := s.StartRestore(ctx, authz.Console(), n); err == nil {
			s.restores = append(s.restores, of)
		}
	case 2:
		_, err := s.StartBackup(ctx, authz.Console(), s.site(), backup.Kinds(), app.Protection{})
		s.must(err)
	case 3:
		s.agent.hello() // it died
		s.leases = nil
	case 4, 12, 13:
		if len(s.restores) > 0 {
			of := s.restores[s.rng.IntN(len(s.restores))]
			do := []func() error{
				func() error { return s.CancelRestore(ctx, authz.Console(), of, "") },
				func() error { return s.AcceptRestore(ctx, authz.Console(), of) },
				func() error { return s.UndoRestore(ctx, authz.Console(), of, "") },
			}[s.rng.IntN(3)]
			if err := do(); err != nil && !errs.Is(err, errs.Conflict) {
				s.t.Errorf("%v", err)
			}
		}
	case 5, 6:
		s.jobs()
	case 7, 8, 9:
		s.poll()
	default:
		s.report(s.rng.IntN(4) > 0)
	}
}

// jobs runs what River would.
func (s *storm) jobs() {
	for _, name := range s.names {
		s.dispatch(name)
	}
	for _, of := range s.restores {
		s.move(of)
	}
}

func (s *storm) poll() {
	p, err := s.agent.poll()
	s.must(err)
	s.leases = append(s.leases, p.Leases...)
	for _, stop := range p.Stop {
		for i, l := range s.leases {
			if l.Run == stop.Run && l.Fence == stop.Fence {
				s.leases = append(s.leases[:i:i], s.leases[i+1:]...)
				s.end(l, agentproto.OutcomeStopped)
				break
			}
		}
	}
}

// report ends one of the leases.
func (s *storm) report(good bool) {
	if len(s.leases) == 0 {
		return
	}
	i := s.rng.IntN(len(s.leases))
	l := s.leases[i]
	s.leases = append(s.leases[:i:i], s.leases[i+1:]...)
	outcome := agentproto.OutcomeGood
	if !good {
		outcome = []string{agentproto.OutcomeFailed, agentproto.OutcomeRefused, agentproto.OutcomeStopped}[s.rng.IntN(3)]
	}
	s.end(l, outcome)
}

func (s *storm) end(l agentproto.Lease, outcome string) {
	_ = s.agent.start(l)
	if l.Restore == nil {
		_ = s.agent.complete(l, outcome)
	} else {
		code := []string{"failed", "child-died", "not-rolled-back"}[s.rng.IntN(3)]
		_ = s.agent.done(l, outcome, code, "")
	}
	s.agent.drop(l.Run)
}

// settle brings everything on as it should go.
func (s *storm) settle() {
	s.must(s.Sweep(s.t.Context()))
	s.jobs()
	s.poll()
	for len(s.leases) > 0 {
		s.report(true)
	}
}

// holds are the rules that no order of events may break.
func (s *storm) holds() {
	s.t.Helper()
	if n := s.Count(`SELECT count(*) FROM (SELECT site_id FROM (SELECT site_id FROM run WHERE state = 'leased' UNION ALL SELECT site_id FROM host_task WHERE state = 'leased') l GROUP BY 1 HAVING count(*) > 1) x`); n != 0 {
		s.t.Fatalf("%d sites have two leases", n)
	}
	if n := s.Count(`SELECT (SELECT count(*) FROM run WHERE state = 'leased') + (SELECT count(*) FROM host_task WHERE state = 'leased')`); n > stormLimit {
		s.t.Fatalf("%d leases on a host of %d", n, stormLimit)
	}
	if n := s.Count(`SELECT count(*) FROM restore r WHERE (r.state IN ('queued', 'running')) <> EXISTS (SELECT 1 FROM host_task k WHERE k.restore_id = r.id AND k.kind IN ('restore', 'files') AND k.state IN ('queued', 'leased'))`); n != 0 {
		s.t.Fatalf("%d restores do not agree with their tasks", n)
	}
}
