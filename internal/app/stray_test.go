package app_test

import (
	"slices"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/store/dbq"
)

// maintenance has the data repository maintained, with what its storage says of
// strays, and gives the task that the keeper had.
func (r *rig) maintenance(say *app.StrayReport) app.Task {
	r.t.Helper()
	r.SQL(`INSERT INTO keeper_task (tenant_id, id, site_id, destination_id, repository_id, kind, not_before, created_at)
		SELECT tenant_id, gen_random_uuid(), site_id, destination_id, id, 'maintain', now() - interval '9 years', now() FROM repository WHERE kind = 'data'`)
	t := r.taskOf(dbq.TaskKindMaintain)
	r.must(r.FinishTask(r.t.Context(), t, app.TaskOutcome{Strays: say}))
	return t
}

func (r *rig) stray(name string) app.Stray {
	return app.Stray{Snapshot: name, Source: "s", TakenAt: r.clock.Now().Add(-time.Minute), EndedAt: r.clock.Now()}
}

func TestStrays_AreDeletedAWeekAfterTheyEndedOnceTheyWereSeenBefore(t *testing.T) {
	t.Parallel()
	r, a := truthful(t)
	l := r.take(a, agentproto.KindData, plain)
	left := app.StrayReport{Left: []app.Stray{r.stray("stray")}, Listed: 2, Named: 1}
	r.clock.Add(8 * 24 * time.Hour)
	if task := r.maintenance(&left); len(task.Strays) != 0 || !slices.Contains(task.Known, "k"+l.Run) {
		t.Fatalf("before it was ever seen: %v, known %v", task.Strays, task.Known)
	}
	soon := func() bool {
		return rows[struct{ Y bool }](r, `SELECT maintain_at <= $1::timestamptz + interval '24 hours' AS y FROM repository WHERE kind = 'data'`, r.clock.Now())[0].Y
	}
	if !soon() {
		t.Error("the next maintenance is a week away")
	}
	r.clock.Add(23 * time.Hour)
	if task := r.maintenance(&left); len(task.Strays) != 0 {
		t.Errorf("%v go after 23 hours", task.Strays)
	}
	if soon() {
		t.Error("what was seen before has it maintained daily")
	}
	r.clock.Add(time.Hour)
	task := r.maintenance(&app.StrayReport{Deleted: []string{"stray"}, Listed: 2, Named: 1})
	if !slices.Equal(task.Strays, []string{"stray"}) {
		t.Fatalf("%v go", task.Strays)
	}
	if n := r.Count(`SELECT count(*) FROM event WHERE verb = 'repository.strays_deleted' AND detail->'snapshots'->0->>'snapshot' = 'stray' AND detail->'snapshots'->0->>'source' = 's'`); n != 1 {
		t.Errorf("%d events name it", n)
	}
	if !soon() {
		t.Error("the space does not come back soon")
	}
	if task := r.maintenance(&app.StrayReport{Listed: 1, Named: 1}); len(task.Strays) != 0 {
		t.Errorf("%v go after they went", task.Strays)
	}
}

func TestStrays_StayWhileAnythingStandsAgainstIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stray  func(r *rig, s *app.Stray)
		change func(r *rig)
	}{
		"it ended six days ago": {stray: func(r *rig, s *app.Stray) { s.EndedAt = r.clock.Now().Add(48 * time.Hour) }},
		"no run explains it": {stray: func(_ *rig, s *app.Stray) {
			s.TakenAt, s.EndedAt = s.TakenAt.AddDate(0, -1, 0), s.EndedAt.AddDate(0, -1, 0)
		}},
		"a run may still tell of it": {change: func(r *rig) {
			r.SQL(`UPDATE run SET state = 'leased', fence = 99, host_epoch = 1, leased_at = $1 WHERE state = 'queued'`, r.clock.Now().Add(-8*24*time.Hour))
		}},
		"the site was removed": {change: func(r *rig) { r.SQL(`UPDATE site SET state = 'removed'`) }},
		"a legal hold":         {change: func(r *rig) { r.SQL(`UPDATE site SET legal_hold = 'case 1'`) }},
		"a tamper alarm":       {change: func(r *rig) { r.SQL(`UPDATE site SET tamper_alarm = 'half of filedir changed'`) }},
		"the clock jumped": {change: func(r *rig) {
			r.SQL(`INSERT INTO clock_watch (seen_at, jumped_at, jump_seconds) VALUES ($1, $1, 9) ON CONFLICT DO NOTHING`, r.clock.Now())
			r.SQL(`UPDATE clock_watch SET seen_at = $1, jumped_at = $1`, r.clock.Now())
		}},
		"damage": {change: func(r *rig) {
			r.SQL(`UPDATE repository SET damage = 'x', damage_state = 'found', damaged_at = $1`, r.clock.Now())
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, a := truthful(t)
			r.take(a, agentproto.KindData, plain)
			free, s := r.stray("free"), r.stray("stray")
			if c.stray != nil {
				c.stray(r, &s)
			}
			left := &app.StrayReport{Left: []app.Stray{s, free}, Listed: 4, Named: 2}
			r.maintenance(left)
			r.clock.Add(8 * 24 * time.Hour)
			want := []string{}
			if c.change != nil {
				c.change(r)
			} else {
				want = []string{"free"}
			}
			if task := r.maintenance(left); !slices.Equal(task.Strays, want) && len(task.Strays)+len(want) > 0 {
				t.Errorf("%v go, want %v", task.Strays, want)
			}
		})
	}
}

func TestStrays_OfWhichThereAreTooManyAreToldOnceAndStay(t *testing.T) {
	t.Parallel()
	r, a := truthful(t)
	r.take(a, agentproto.KindData, plain)
	doubt := &app.StrayReport{Left: []app.Stray{r.stray("s1"), r.stray("s2"), r.stray("s3")}, Listed: 4, Named: 1, Doubt: true}
	for range 3 {
		r.maintenance(doubt)
		r.clock.Add(8 * 24 * time.Hour)
	}
	if got := r.verbs("repository.strays_doubted"); len(got) != 1 {
		t.Errorf("told %d times", len(got))
	}
	if got := r.verbs("repository.strays_deleted"); len(got) != 0 {
		t.Errorf("deleted: %v", got)
	}
}

// Those of a copy whose deletion has begun are that deletion's.
func TestStrays_AreNotWhatADeletionTakesAway(t *testing.T) {
	t.Parallel()
	r, a := truthful(t)
	l := r.take(a, agentproto.KindData, plain)
	r.SQL(`UPDATE copy SET state = 'deleting'`)
	if task := r.maintenance(nil); !slices.Equal(task.Leaving, []string{"k" + l.Run}) || len(task.Known) != 0 {
		t.Errorf("leaving %v, known %v", task.Leaving, task.Known)
	}
}

func TestStrays_GoAHundredAtOnceTheOldestFirst(t *testing.T) {
	t.Parallel()
	r, a := truthful(t)
	r.take(a, agentproto.KindData, plain)
	left := &app.StrayReport{Listed: 260, Named: 140}
	for i := range 120 {
		s := r.stray("stray" + string(rune('a'+i/26)) + string(rune('a'+i%26)))
		s.EndedAt = s.EndedAt.Add(time.Duration(i) * time.Second)
		left.Left = append(left.Left, s)
	}
	r.maintenance(left)
	r.clock.Add(8 * 24 * time.Hour)
	if task := r.maintenance(left); len(task.Strays) != 100 || task.Strays[0] != "strayaa" || task.Strays[99] != left.Left[99].Snapshot {
		t.Errorf("%d go: %v", len(task.Strays), task.Strays)
	}
}
