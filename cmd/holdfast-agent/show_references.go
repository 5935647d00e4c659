package main

import (
	"fmt"

	"holdfast/internal/agentproto"
)

// shownMissing is how many missing files are named one by one.
const shownMissing = 20

// showReferences tells which files a database copy names, and what of them is
// missing.
func showReferences(t table, r *agentproto.References) {
	kept := "not kept beside it"
	if r.Files != nil {
		kept = size(r.Files.StoredBytes) + " of them newly kept beside it"
	}
	t.row("names", fmt.Sprintf("%s files, %s, %s", count(r.Hashes), size(r.HashBytes), kept))
	if r.External > 0 {
		t.row("elsewhere", count(r.External)+" files in an object store alone")
	}
	for i, m := range r.MissingList {
		if i == shownMissing {
			break
		}
		where := m.Area
		if m.Course != "" {
			where += " of " + m.Course
		}
		t.row("MISSING", fmt.Sprintf("%s (%s, %s)", m.Name, where, size(m.Bytes)))
	}
	if more := r.Missing - int64(min(len(r.MissingList), shownMissing)); more > 0 {
		t.row("MISSING", fmt.Sprintf("and %s more", count(more)))
	}
}
