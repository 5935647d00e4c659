package app_test

import (
	"strconv"
	"testing"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/tenant"
)

func TestQueue_IsReadPageByPage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	r.tenant("own")
	r.host("host-a", 2)
	for i := range 7 {
		r.site("s"+strconv.Itoa(i)+".example", "own", "host-a")
	}
	all, err := r.ListJobs(ctx, authz.Console(), app.QueueQuery{Size: 200})
	r.must(err)
	if len(all.Jobs) < 7 || all.Next != 0 {
		t.Fatalf("%d jobs, next %d", len(all.Jobs), all.Next)
	}
	var seen []int64
	for ask := (app.QueueQuery{Size: 3}); ; {
		v, err := r.ListJobs(ctx, authz.Console(), ask)
		r.must(err)
		for _, j := range v.Jobs {
			seen = append(seen, j.ID)
		}
		if ask.Before = v.Next; v.Next == 0 {
			break
		}
	}
	if len(seen) != len(all.Jobs) {
		t.Fatalf("%d of %d jobs on the pages", len(seen), len(all.Jobs))
	}
	for i, j := range all.Jobs {
		if seen[i] != j.ID {
			t.Fatalf("place %d: %d, want %d", i, seen[i], j.ID)
		}
	}
	if _, err := r.ListJobs(ctx, authz.Console(), app.QueueQuery{Before: -1}); !errs.Is(err, errs.Invalid) {
		t.Errorf("before the beginning: %v", err)
	}
}

func TestQueue_AnOperatorCancelsAJobAndHasItTriedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	r.tenant("own")
	r.host("host-a", 2)
	r.site("s.example", "own", "host-a")
	v, err := r.ListJobs(ctx, authz.Console(), app.QueueQuery{State: "available"})
	r.must(err)
	if len(v.Jobs) == 0 {
		t.Fatal("no job waits")
	}
	of := v.Jobs[0].ID
	operator := authz.Actor{Name: "staff:o", Staff: tenant.Operator}
	if _, err := r.RetryJob(ctx, operator, of); !errs.Is(err, errs.Conflict) {
		t.Errorf("a job that waits is tried again: %v", err)
	}
	if _, err := r.CancelJob(ctx, authz.Actor{Name: "staff:s", Staff: tenant.Support}, of); !errs.Is(err, errs.Forbidden) {
		t.Errorf("support: %v", err)
	}
	j, err := r.CancelJob(ctx, operator, of)
	if err != nil || j.State != "cancelled" {
		t.Fatalf("%+v, %v", j, err)
	}
	if _, err := r.CancelJob(ctx, operator, of); !errs.Is(err, errs.Conflict) {
		t.Errorf("twice: %v", err)
	}
	j, err = r.RetryJob(ctx, operator, of)
	if err != nil || j.State != "available" {
		t.Fatalf("%+v, %v", j, err)
	}
	if _, err := r.RetryJob(ctx, operator, 1<<40); !errs.Is(err, errs.NotFound) {
		t.Errorf("no such job: %v", err)
	}
	page, err := r.Audit(ctx, authz.Console(), app.AuditQuery{Verb: "job.cancelled"})
	if err != nil || len(page.Events) != 1 {
		t.Errorf("%d events, %v", len(page.Events), err)
	}
}
