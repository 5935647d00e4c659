package backup_test

import (
	"testing"

	"holdfast/internal/backup"
	"holdfast/internal/errs"
)

func TestApply_RefusesWhatTheTableOmits(t *testing.T) {
	t.Parallel()
	allowed := map[backup.State]map[backup.Verb]backup.State{
		backup.Planned: {backup.Dispatch: backup.Queued, backup.Cancel: backup.Cancelled, backup.PutOff: backup.Planned},
		backup.Queued:  {backup.Lease: backup.Leased, backup.Cancel: backup.Cancelled, backup.PutOff: backup.Planned},
		backup.Leased: {
			backup.Lose: backup.Queued, backup.FinishGood: backup.Good, backup.FinishShort: backup.Incomplete,
			backup.Retry: backup.Planned, backup.Fail: backup.Failed, backup.Cancel: backup.Cancelled,
		},
	}
	for _, s := range backup.States() {
		for _, v := range backup.Verbs() {
			got, err := backup.Apply(s, v)
			want, ok := allowed[s][v]
			if ok && (err != nil || got != want) {
				t.Errorf("Apply(%s, %s) = %s, %v, want %s", s, v, got, err, want)
			}
			if !ok && (!errs.Is(err, errs.Conflict) || got != s) {
				t.Errorf("Apply(%s, %s) = %s, %v, want a refusal", s, v, got, err)
			}
		}
	}
}

func TestApply_NothingLeavesAnEndedRun(t *testing.T) {
	t.Parallel()
	for _, s := range backup.States() {
		if s.Open() {
			continue
		}
		for _, v := range backup.Verbs() {
			if _, err := backup.Apply(s, v); err == nil {
				t.Errorf("%s left %s", v, s)
			}
		}
	}
}

func TestPriority_PutsWhatAPersonWaitsForFirst(t *testing.T) {
	t.Parallel()
	if !(backup.Manual.Priority() < backup.Initial.Priority() && backup.Initial.Priority() < backup.Scheduled.Priority()) {
		t.Fatal("manual, initial, scheduled must be in this order")
	}
}
