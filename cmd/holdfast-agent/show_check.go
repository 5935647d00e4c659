package main

import (
	"fmt"
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

// showInspected prints what is known of a site.
func showInspected(w io.Writer, in agent.Inspected) error {
	t := newTable(w)
	t.row("code", in.Code)
	t.row("layout", in.Layout)
	t.row("release", in.Release)
	t.row("wwwroot", in.WWWRoot)
	t.row("dataroot", in.DataRoot)
	t.row("database", fmt.Sprintf("%s %s at %s, prefix %s", in.DBType, in.DBName, in.DBHost, in.Prefix))
	t.row("config.php", "read by "+in.ReadBy)
	t.row("plug-ins", count(int64(in.Plugins)))
	if in.Fingerprint != "" {
		t.row("fingerprint", in.Fingerprint)
	}
	for _, r := range in.Roots {
		t.row("copied", r.Name+": "+r.Path)
	}
	for _, e := range in.Excluded {
		t.row("left out", fmt.Sprintf("%s (%s files, %s)", e.Path, count(e.Files), size(e.Bytes)))
	}
	for _, warning := range in.Warnings {
		t.row("warning", warning)
	}
	return bad(t.flush())
}
