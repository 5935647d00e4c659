// Package job names the work that River carries: args of ids only, and how
// each kind is inserted. What a job does is app's, through worker.
package job

import (
	"github.com/riverqueue/river"

	"holdfast/internal/id"
)

// The queues. Each has its own workers, so that upkeep never waits behind a
// flood of dispatches, a run that a person asked for never behind those of
// midnight, and the planner behind nothing.
const (
	QueueDispatch = "dispatch"
	QueueHosts    = "hosts"
	QueuePlan     = "plan"
	QueueUpkeep   = "upkeep"
)

// Plan is the planner's tick: it plans what is due. Several at once are safe.
type Plan struct{}

// Kind names the job in River's table.
func (Plan) Kind() string { return "plan" }

// InsertOpts puts it in the planner's queue. A tick that failed is not tried
// again: the next one does what it left.
func (Plan) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueuePlan, MaxAttempts: 1}
}

// DispatchHost queues all planned runs of a host that are due, after making
// sure that their repositories exist. One job stands for any number of runs.
type DispatchHost struct {
	Host id.Host `json:"host"`
}

// Kind names the job in River's table.
func (DispatchHost) Kind() string { return "dispatch_host" }

// InsertOpts puts it in the hosts' queue.
func (DispatchHost) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueHosts, MaxAttempts: 10}
}

// DispatchRun queues one planned run for its host, after making sure that its
// repository exists: one that a person asked for, or that is tried again.
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

// AdoptPolicy brings the sites of a policy under its newest version.
type AdoptPolicy struct {
	Policy id.Policy `json:"policy"`
}

// Kind names the job in River's table.
func (AdoptPolicy) Kind() string { return "adopt_policy" }

// InsertOpts puts it in the upkeep queue.
func (AdoptPolicy) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueUpkeep, MaxAttempts: 10}
}

// Retain is retention's tick: expired copies go to the bin, and on. Several
// at once are safe.
type Retain struct{}

// Kind names the job in River's table.
func (Retain) Kind() string { return "retain" }

// InsertOpts puts it in the upkeep queue. A tick that failed is not tried
// again: the next one does what it left.
func (Retain) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueUpkeep, MaxAttempts: 1}
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
