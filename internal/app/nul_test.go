package app_test

import (
	"strings"
	"testing"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/store/dbq"
)

// A site's database, or a host, may put characters into names that the catalog
// cannot hold: the copy counts, and its measure does.
func TestReports_NamesWithNULAreTakenIn(t *testing.T) {
	t.Parallel()
	r, a := truthful(t)
	r.take(a, agentproto.KindData, func(c *agentproto.Copy) {
		plain(c)
		c.Facts.Warnings = []string{"odd \x00 one"}
		c.Facts.Fingerprint = "code1:\x00"
		c.Problems = []agentproto.Problem{{Path: "a\x00b", Reason: `\u0000 as it is typed`}}
		c.Excluded = []agentproto.Excluded{{Path: "moodledata/\x00"}}
	})
	r.must(r.FollowCopy(t.Context(), r.newest("a.example", backup.Data)))
	r.take(a, agentproto.KindDatabase, func(c *agentproto.Copy) {
		c.Facts.DBPlugins = []agentproto.Plugin{{Component: "mod_\x00", Version: "1"}}
		c.Tables[0].Name += "\x00"
		c.References = named(agentproto.Lease{Run: c.Snapshot})
	})
	r.must(r.FollowCopy(t.Context(), r.newest("a.example", backup.Database)))
	task := r.taskOf(dbq.TaskKindMeasurePair)
	o := measured(task, 17)
	o.Pairs[0].Missing.By[0] = app.MissingGroup{Course: "BIO\x00\u202e1", Area: strings.Repeat("x", 1<<16), Files: 3}
	r.must(r.FinishTask(t.Context(), task, o))
	got, err := r.Completeness(t.Context(), authz.Console(), "a.example")
	r.must(err)
	if g := got[0].Best.Missing.By[0]; g.Course != "BIO\u202e1" || len(g.Area) != 255 {
		t.Errorf("%q, an area of %d bytes", g.Course, len(g.Area))
	}
}
