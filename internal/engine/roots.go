package engine

import (
	"context"
	"fmt"
	"sort"

	"github.com/kopia/kopia/snapshot"

	"holdfast/internal/errs"
)

// Roots gives the names of the directories at the top of a tree snapshot,
// sorted: "code", "moodledata", …
func (r *Repository) Roots(ctx context.Context, id string) ([]string, error) {
	m, err := r.load(ctx, id)
	if err != nil {
		return nil, err
	}
	if m.RootEntry.Type != snapshot.EntryTypeDirectory {
		return nil, errs.New(errs.Invalid, "Snapshot %s is a stream, not a tree.", id)
	}
	entries, err := r.readDir(ctx, m.RootEntry.ObjectID)
	if err != nil {
		return nil, fmt.Errorf("read the roots of snapshot %s: %w", id, err)
	}
	var names []string
	for _, e := range entries {
		if name := fromStored(e.Name); e.Type == snapshot.EntryTypeDirectory && plainName(name) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names, nil
}
