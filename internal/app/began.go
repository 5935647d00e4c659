package app

import (
	"time"

	"holdfast/internal/policy"
	"holdfast/internal/store/dbq"
)

// startOf is when the attempt that ends began. One whose beginning was never
// told began when it was given out, or later: slots since then stay owed.
func startOf(run dbq.Run, now time.Time) time.Time {
	told := run.StartedAt != nil && run.StartedFence != nil && run.Fence != nil && *run.StartedFence == *run.Fence
	switch {
	case told:
		return *run.StartedAt
	case run.LeasedAt != nil:
		return *run.LeasedAt
	case run.StartedAt != nil:
		return *run.StartedAt
	}
	return now
}

// plausible is when a copy was taken: not before its run began. A host whose
// clock is behind would date its copies before those that are there, and the
// newest would be held to be the oldest. A date in the future stays as it is:
// retention deletes nothing for it.
func plausible(run dbq.Run, told, now time.Time) time.Time {
	if start := startOf(run, now); told.Before(start.Add(-policy.Tolerance)) {
		return start
	}
	return told
}
