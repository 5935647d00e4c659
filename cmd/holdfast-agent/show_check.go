package main

import (
	"io"

	"holdfast/internal/agent"
)

func showChecked(w io.Writer, c agent.Checked) error {
	t := newTable(w)
	t.row("filedir", c.FileDir)
	t.row("contents", count(c.Hashes)+" in "+count(c.Rows)+" rows, "+size(c.Bytes))
	for _, bad := range []struct {
		what string
		n    int64
	}{
		{"missing", c.MissingCount},
		{"wrong length", c.SizeCount},
		{"wrong content", c.ContentCount},
		{"unreadable", c.UnreadCount},
		{"hashes that are none", c.BadHashCount},
		{"only in trashdir", c.InTrashCount},
	} {
		if bad.n > 0 {
			t.row(bad.what, count(bad.n))
		}
	}
	for _, f := range c.Missing {
		t.row("missing", f.Hash)
	}
	t.row("outcome", word(c.Good, "the files table and filedir agree", "NOT GOOD: they disagree"))
	return bad(t.flush())
}
