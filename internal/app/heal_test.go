package app_test

import (
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/authz"
)

// A site whose policy cannot be read any more holds up no other: the others'
// schedules are healed, and what else the sweep does is done.
func TestSweep_HealsAroundWhatCannotBeHealed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	r.host("host-a", 4)
	_, err := r.CreatePolicy(t.Context(), authz.Console(), "broken", prompt(), "")
	r.must(err)
	r.siteIn("a.example", "UTC")
	r.siteIn("b.example", "UTC")
	r.must(r.AssignPolicy(t.Context(), authz.Console(), "broken", []string{"a.example"}))
	r.SQL(`UPDATE policy_version SET body = '{"rules": "none"}'`)
	r.SQL(`UPDATE repository SET state = 'ready'`)
	r.SQL(`DELETE FROM schedule`)
	r.must(r.Sweep(t.Context()))
	if n := r.Count(`SELECT count(*) FROM schedule d JOIN site s ON s.id = d.site_id WHERE s.name = 'b.example'`); n != 2 {
		t.Errorf("%d rows of the site that can be healed", n)
	}
	if n := r.Count(`SELECT count(*) FROM schedule`); n != 2 {
		t.Errorf("%d rows in all", n)
	}
}

// A task that cannot be prepared is put behind the others, and fails for good
// like any other, instead of keeping the destination's keeper for itself.
func TestTakeTask_PassesByWhatCannotBePrepared(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenant("a")
	a := r.host("host-a", 4)
	a.hello()
	r.site("a.example", "a", "host-a")
	r.site("b.example", "a", "host-a")
	r.keep()
	r.SQL(`UPDATE repository SET password_sealed = '\x00' FROM site s WHERE s.id = repository.site_id AND s.name = 'a.example'`)
	r.SQL(`UPDATE repository SET maintain_at = $1`, r.clock.Now())
	r.must(r.Sweep(t.Context()))
	list, err := r.Destinations(t.Context())
	r.must(err)
	done := 0
	for range 20 {
		for {
			task, ok, err := r.TakeTask(t.Context(), list[0].ID)
			r.must(err)
			if !ok {
				break
			}
			done++
			r.must(r.FinishTask(t.Context(), task, app.TaskOutcome{}))
		}
		r.clock.Add(time.Hour)
	}
	if done != 2 {
		t.Errorf("%d tasks of the other site were done, want 2", done)
	}
	if n := r.Count(`SELECT count(*) FROM keeper_task WHERE state = 'failed'`); n != 2 {
		t.Errorf("%d tasks failed for good, want 2", n)
	}
}
