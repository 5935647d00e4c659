package job

import (
	"github.com/riverqueue/river"

	"holdfast/internal/id"
)

// MoveRestore moves a restore on from wherever it stands: it begins it, looks
// whether its safety copies are there, or gives its host what it lacks. Several
// at once are safe.
type MoveRestore struct {
	Restore id.Restore `json:"restore"`
}

// Kind names the job in River's table.
func (MoveRestore) Kind() string { return "move_restore" }

// InsertOpts puts it in the dispatch queue: a person waits for it.
func (MoveRestore) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueDispatch, MaxAttempts: 10}
}
