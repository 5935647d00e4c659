package main

import (
	"strings"
	"testing"

	"holdfast/internal/id"
)

func TestRestore_WrongInputIsNamed(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	all := []string{"restore", someSite, "--what", "everything", "--yes", someSite}
	with := func(more ...string) []string { return append(append([]string{}, all...), more...) }
	p.bad(2, "arguments", "restore")
	p.bad(2, "what", "restore", someSite)
	p.bad(2, "everything, database, data or files", "restore", someSite, "--what", "tables", "--yes", someSite)
	p.bad(2, "--yes "+someSite, "restore", someSite, "--what", "everything")
	p.bad(2, "yes", "restore", someSite, "--what", "data", "--yes", "another.example")
	p.bad(2, "yes", "restore", someSite, "--what", "files", "--path", "lang", "--in-place")
	p.bad(2, "point", with("--point", "yesterday")...)
	p.bad(2, "no copy of this site", with("--point", someCopy)...)
	p.bad(2, "contrary", with("--in-place", "--side")...)
	p.bad(2, "side", with("--side")...)
	p.bad(2, "never restored in part", "restore", someSite, "--what", "database", "--path", "mdl_course", "--yes", someSite)
	p.bad(2, "leads out", "restore", someSite, "--what", "files", "--path", "../../etc")
	p.bad(2, "without-safety", with("--without-safety", "no")...)
	p.bad(2, "without-safety", with("--without-safety", "")...)
	p.bad(1, "no site", "restore", "none.example", "--what", "everything", "--yes", "none.example")
	p.bad(2, "restore", "restore", "show", "rubbish")
	p.bad(1, "no restore", "restore", "show", someRestore)
	p.bad(1, "no restore", "restore", "accept", someRestore)
	p.bad(2, "arguments", "restore", "cancel")
}

func TestRestore_StartedShownListedAndCancelled(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	var database, data string
	for _, c := range p.copies() {
		if c.Kind == "database" {
			database = c.Copy
		} else {
			data = c.Copy
		}
	}
	p.bad(2, "does not read one", "restore", someSite, "--what", "data", "--point", database, "--yes", someSite)
	var r restoreJSON
	p.json(&r, "restore", someSite, "--what", "everything", "--point", database, "--yes", someSite, "--reason", "a course was deleted")
	if r.State != "planned" || r.Database != database || r.Data != data || r.Site != someSite || r.Why != "a course was deleted" || r.AskedBy != "cli" {
		t.Fatalf("%+v", r)
	}
	p.bad(1, r.Restore, "restore", someSite, "--what", "data", "--yes", someSite) // one at a time, and which
	of, err := id.Parse[id.Restore](r.Restore)
	p.must(err)
	p.must(p.MoveRestore(t.Context(), of))
	if out := p.good("restore", "show", r.Restore); !strings.Contains(out, "everything of "+someSite+", safeguarding") || !strings.Contains(out, "safety copy") {
		t.Error(out)
	}
	var list []restoreRow
	p.json(&list, "restore", "list", "--site", someSite, "--open")
	if len(list) != 1 || list[0].Restore != r.Restore {
		t.Fatalf("%+v", list)
	}
	p.bad(1, "cannot be accepted", "restore", "accept", r.Restore)
	p.bad(1, "cannot be undone", "restore", "undo", r.Restore)
	p.json(&r, "restore", "cancel", r.Restore, "--reason", "found it again")
	if r.State != "cancelled" || r.Error != "found it again" {
		t.Fatalf("%+v", r)
	}
	if out := p.good("restore", "list"); !strings.Contains(out, "cancelled") {
		t.Error(out)
	}
	var files restoreJSON
	p.json(&files, "restore", someSite, "--what", "files", "--path", "lang/de_local", "--path", "repository")
	if files.Data != data || files.Database != "" || files.What != "files" {
		t.Fatalf("%+v", files)
	}
}
