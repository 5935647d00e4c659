package engine

import (
	"context"

	"holdfast/internal/errs"
)

// RebuildIndex makes the index of a repository anew from its packs, each of
// which carries its own at its end, and gives how many contents the index had
// lost. It is for a lost index blob, and for a broken one, with which the
// repository does not open: that blob is taken out first. Keeper's side only,
// with nothing else at work on the repository.
func RebuildIndex(_ context.Context, l Location, _ string) (n int, err error) {
	if l.Door != nil {
		return 0, errNotKeeper
	}
	return 0, errs.New(errs.Unavailable, "The index cannot be made anew yet.")
}
