package engine

import (
	"context"
	"iter"

	"holdfast/internal/errs"
)

// Names gives the names of the files below dir of a tree snapshot, like
// "moodledata/filedir", in no order and without their folders, and reads no
// file. A dir that is not there is errs.NotFound. An error is the last pair.
func (r *Repository) Names(_ context.Context, _, _ string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		yield("", errs.New(errs.Unavailable, "The names of a copy's files cannot be listed yet."))
	}
}
