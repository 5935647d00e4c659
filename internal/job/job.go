// Package job names the work that River carries: args of ids only, and how
// each kind is inserted. What a job does is app's, through worker.
package job

import (
	"github.com/riverqueue/river"

	"holdfast/internal/id"
)

// The queues. Each has its own workers, so that upkeep never waits behind a
// flood of dispatches.
const (
	QueueDispatch = "dispatch"
	QueueUpkeep   = "upkeep"
)

// DispatchRun queues a planned run for its host, after making sure that its
// repository exists.
type DispatchRun struct {
	Run id.Run `json:"run"`
}

// Kind names the job in River's table.
func (DispatchRun) Kind() string { return "dispatch_run" }

// InsertOpts puts it in the dispatch queue.
func (DispatchRun) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueDispatch, MaxAttempts: 10}
}

// FollowCopy plans what a fresh copy needs: verification, and a sealed file
// where the month has none.
type FollowCopy struct {
	Copy id.Copy `json:"copy"`
}

// Kind names the job in River's table.
func (FollowCopy) Kind() string { return "follow_copy" }

// InsertOpts puts it in the upkeep queue.
func (FollowCopy) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueUpkeep, MaxAttempts: 10}
}

// Sweep is the periodic net under everything: planned runs whose job is lost,
// expired sessions.
type Sweep struct{}

// Kind names the job in River's table.
func (Sweep) Kind() string { return "sweep" }

// InsertOpts puts it in the upkeep queue.
func (Sweep) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueUpkeep, MaxAttempts: 1}
}
