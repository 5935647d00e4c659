package agent

import (
	"context"

	"holdfast/internal/copyback"
	"holdfast/internal/engine"
	"holdfast/internal/inplace"
)

// named opens what is kept beside the database copy. Where it cannot be had the
// restore goes on without it: the database is whole, and what then is missing
// is counted at the end.
func (b Bring) named(ctx context.Context, source copyback.Source) (named inplace.Named, shut func()) {
	if b.Named == nil || b.Database == nil || b.Database.References == "" || source.Database == nil {
		return nil, func() {}
	}
	r, err := engine.Open(ctx, b.Named.Location, b.Named.Password)
	if err != nil {
		b.Log.Warn("the files that the database copy names cannot be had", "error", err)
		return copyback.Unnamed{Why: err}, func() {}
	}
	shut = func() {
		if err := r.Close(context.WithoutCancel(ctx)); err != nil {
			b.Log.Warn("a repository could not be closed", "error", err)
		}
	}
	list := copyback.Copy{Repository: source.Database.Repository, Snapshot: b.Database.References}
	return copyback.Named{List: list, Files: copyback.Copy{Repository: r, Snapshot: b.Named.Snapshot}}, shut
}
