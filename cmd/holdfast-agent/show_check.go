package main

import (
	"io"

	"holdfast/internal/agent"
)

func showChecked(w io.Writer, c agent.Checked) error {
	t := newTable(w)
	t.row("filedir", c.FileDir)
	t.row("contents", count(c.Hashes)+" in "+count(c.Rows)+" rows, "+size(c.Bytes))
	t.row("outcome", word(c.Good, "the files table and filedir agree", "NOT GOOD: they disagree"))
	return bad(t.flush())
}
