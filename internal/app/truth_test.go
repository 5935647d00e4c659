package app_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/policy"
	"holdfast/internal/store/dbq"
)

// named are references as an agent sends them, of a run's copy.
func named(l agentproto.Lease) *agentproto.References {
	return &agentproto.References{
		Snapshot: "list" + l.Run, Manifest: json.RawMessage(`{}`), Bytes: 1000, StoredBytes: 900, Rows: 30, Hashes: 20, HashBytes: 5000, FromTrash: 1, Missing: 2,
		MissingList: []agentproto.MissingFile{{Hash: strings.Repeat("ab", 20), Bytes: 7, Rows: 1, Name: "exam.pdf", Area: "mod_resource/content", Course: "BIO1"}},
		Files:       &agentproto.NamedFiles{Snapshot: "named" + l.Run, Manifest: json.RawMessage(`{}`), Files: 18, Bytes: 4800, StoredBytes: 300},
	}
}

// take has the agent take the run that waits, and say this of a database copy.
func (r *rig) take(a *agentLife, kind string, change func(*agentproto.Copy)) agentproto.Lease {
	r.t.Helper()
	leases := a.mustPoll()
	if len(leases) != 1 || leases[0].Kind != kind {
		r.t.Fatalf("leased %+v, want one %s", leases, kind)
	}
	r.must(a.start(leases[0]))
	r.must(a.say(leases[0], change))
	return leases[0]
}

// say completes a run with a copy as change has it.
func (a *agentLife) say(l agentproto.Lease, change func(*agentproto.Copy)) error {
	c := &agentproto.Copy{Snapshot: "k" + l.Run, Manifest: json.RawMessage(`{}`), TakenAt: a.r.clock.Now(), Files: 1, Bytes: 2}
	if l.Kind == agentproto.KindDatabase {
		c.Tables, c.SHA256 = []agentproto.Table{{Name: "mdl_config", Rows: 3}}, strings.Repeat("a", 64)
	}
	change(c)
	err := a.r.Complete(a.r.t.Context(), a.host, agentproto.CompleteRequest{
		Instance: a.instance, Epoch: a.epoch, Run: l.Run, Fence: l.Fence, Outcome: agentproto.OutcomeGood, Copy: c,
	})
	if err == nil {
		a.drop(l.Run)
	}
	return err
}

// truthful is a site of one host, whose data run goes first.
func truthful(t *testing.T) (*rig, *agentLife) {
	t.Helper()
	r := newRig(t)
	r.tenant("a")
	a := r.host("host-a", 1)
	r.site("a.example", "a", "host-a")
	r.SQL("UPDATE run SET priority = 1 WHERE kind = 'data'")
	a.hello()
	return r, a
}

func plain(*agentproto.Copy) {}

func TestLease_TellsWhereTheNamedFilesAreKept(t *testing.T) {
	t.Parallel()
	r, a := truthful(t)
	r.take(a, agentproto.KindData, plain)
	l := a.mustPoll()[0]
	if l.Kind != agentproto.KindDatabase || l.Files == nil || l.Files.Name == l.Repository.Name || !strings.HasSuffix(l.Files.Name, "/data") ||
		l.Files.Token == l.Repository.Token || !strings.Contains(l.Files.Token, l.Run) || l.Files.Password == "" || l.Files.Password == l.Repository.Password {
		t.Fatalf("%+v", l)
	}
	r.must(a.start(l))
	r.clock.Add(16 * time.Minute)
	answer := a.beat(l, agentproto.Progress{})
	if len(answer.Tokens) != 2 || answer.Tokens[0].Repository != l.Repository.Name || answer.Tokens[1].Repository != l.Files.Name {
		t.Fatalf("renewed %+v", answer.Tokens)
	}
	r.must(a.say(l, plain))

	for name, change := range map[string]func(){
		"an older agent": func() { a.host.Protocol = 3 },
		"a repository that is not ready": func() {
			r.SQL("UPDATE repository SET state = 'damaged' WHERE kind = 'data'")
		},
		"a policy without it": func() {
			r.SQL("UPDATE repository SET state = 'ready'")
			p := policy.Default()
			p.KeepReferencedFiles = false
			_, err := r.CreatePolicy(t.Context(), authz.Console(), "lean", p, "")
			r.must(err)
			r.must(r.AssignPolicy(t.Context(), authz.Console(), "lean", []string{"a.example"}))
		},
	} {
		change()
		r.again("a.example", backup.Database)
		if l := r.take(a, agentproto.KindDatabase, plain); l.Files != nil {
			t.Errorf("%s: %+v", name, l.Files)
		}
		a.host.Protocol = agentproto.Version
	}
}

func TestLease_ReadsEverythingOnceAWeekAndForARepair(t *testing.T) {
	t.Parallel()
	r, a := truthful(t)
	read := func(s *agentproto.Signals) string {
		t.Helper()
		l := r.take(a, agentproto.KindData, func(c *agentproto.Copy) { c.Signals = s })
		return l.Reading
	}
	step := func(s *agentproto.Signals, want string) {
		t.Helper()
		if got := read(s); got != want {
			t.Fatalf("read by %q, want %q", got, want)
		}
		r.clock.Add(24 * time.Hour)
		r.SQL("UPDATE run SET state = 'cancelled', finished_at = now() WHERE kind = 'database' AND state IN ('planned', 'queued')")
		r.again("a.example", backup.Data)
	}
	fast := &agentproto.Signals{}
	step(&agentproto.Signals{First: true}, agentproto.ReadingWalk) // nothing was ever read
	for range 6 {
		step(fast, agentproto.ReadingFast)
	}
	step(fast, agentproto.ReadingWalk)
	step(&agentproto.Signals{Reading: agentproto.ReadingWalk}, agentproto.ReadingWalk) // the last one did not do as it was told
	step(fast, agentproto.ReadingFast)
	r.SQL("UPDATE repository SET repair_wanted = 'three contents are damaged' WHERE kind = 'data'")
	step(fast, agentproto.ReadingAll)
	step(&agentproto.Signals{Reading: agentproto.ReadingAll}, agentproto.ReadingAll)
	step(fast, agentproto.ReadingFast)
}

func TestComplete_KeepsWhatADatabaseCopyNames(t *testing.T) {
	t.Parallel()
	r, a := truthful(t)
	r.take(a, agentproto.KindData, plain)
	l := a.mustPoll()[0]
	r.must(a.start(l))
	for range 2 { // the answer was lost
		r.must(a.say(l, func(c *agentproto.Copy) { c.References = named(l) }))
	}
	if n := r.Count(`SELECT count(*) FROM reference_list l JOIN copy c ON c.id = l.copy_id JOIN repository p ON p.id = l.files_repository_id
		WHERE c.kind = 'database' AND p.kind = 'data' AND l.hashes = 20 AND l.missing = 2 AND l.files_stored_bytes = 300`); n != 1 {
		t.Fatalf("%d lists", n)
	}
	got, err := r.Completeness(t.Context(), authz.Console(), "a.example")
	r.must(err)
	c := got[0]
	if len(got) != 1 || !c.Listed || !c.Kept || c.Referenced != 20 || c.MissingAtSource != 2 || c.MissingList[0].Name != "exam.pdf" || c.KeptStoredBytes != 300 || c.Best == nil || c.Best.Measured {
		t.Fatalf("%+v", got)
	}
	// All of it is what the keeper counts on.
	for kind, want := range map[string][]string{"database": {"k" + l.Run, "list" + l.Run}, "data": {"named" + l.Run}} {
		r.SQL(`INSERT INTO keeper_task (tenant_id, id, site_id, destination_id, repository_id, kind, not_before, created_at)
			SELECT tenant_id, gen_random_uuid(), site_id, destination_id, id, 'maintain', now() - interval '9 years', now() FROM repository WHERE kind = $1::text::backup_kind`, kind)
		task := r.taskOf(dbq.TaskKindMaintain)
		for _, w := range want {
			if !slices.Contains(task.Known, w) {
				t.Errorf("of the %s repository the keeper knows %v, not %s", kind, task.Known, w)
			}
		}
		r.must(r.FinishTask(t.Context(), task, app.TaskOutcome{}))
	}
}

// taskOf gives the next task of a kind, doing those before it.
func (r *rig) taskOf(kind dbq.TaskKind) app.Task {
	r.t.Helper()
	list, err := r.Destinations(r.t.Context())
	r.must(err)
	for {
		task, ok, err := r.TakeTask(r.t.Context(), list[0].ID)
		r.must(err)
		if !ok {
			r.t.Fatalf("the keeper has no task %s", kind)
		}
		if task.Row.Kind == kind {
			return task
		}
		r.must(r.FinishTask(r.t.Context(), task, app.TaskOutcome{}))
	}
}

func TestComplete_RefusesReferencesThatCannotBe(t *testing.T) {
	t.Parallel()
	r, a := truthful(t)
	first := r.take(a, agentproto.KindData, plain)
	l := a.mustPoll()[0]
	r.must(a.start(l))
	for name, change := range map[string]func(*agentproto.Copy){
		"no snapshot":           func(c *agentproto.Copy) { c.References.Snapshot = "" },
		"a long snapshot":       func(c *agentproto.Copy) { c.References.Snapshot = strings.Repeat("x", 129) },
		"the dump itself":       func(c *agentproto.Copy) { c.References.Snapshot = c.Snapshot },
		"no manifest":           func(c *agentproto.Copy) { c.References.Manifest = nil },
		"a nul in the manifest": func(c *agentproto.Copy) { c.References.Manifest = json.RawMessage(`{"a":"\u0000"}`) },
		"a huge manifest": func(c *agentproto.Copy) {
			c.References.Files.Manifest = json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)
		},
		"negative":             func(c *agentproto.Copy) { c.References.Rows = -1 },
		"beyond every site":    func(c *agentproto.Copy) { c.References.Files.StoredBytes = 1 << 60 },
		"more gone than named": func(c *agentproto.Copy) { c.References.Missing = 21 },
		"a hash of capitals":   func(c *agentproto.Copy) { c.References.MissingList[0].Hash = strings.Repeat("AB", 20) },
		"another's snapshot":   func(c *agentproto.Copy) { c.References.Files.Snapshot = "k" + first.Run },
		"an unknown reading":   func(c *agentproto.Copy) { c.Signals = &agentproto.Signals{Reading: "none"} },
		"negative signals":     func(c *agentproto.Copy) { c.Signals = &agentproto.Signals{Gone: -1} },
		"negative facts":       func(c *agentproto.Copy) { c.Facts.Moodle = &agentproto.MoodleFacts{Users: -1} },
	} {
		err := a.say(l, func(c *agentproto.Copy) { c.References = named(l); change(c) })
		if !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := r.Count("SELECT count(*) FROM reference_list") + r.Count("SELECT count(*) FROM copy WHERE kind = 'database'"); n != 0 {
		t.Fatalf("%d rows", n)
	}
	r.must(a.say(l, func(c *agentproto.Copy) { // what is only long is cut
		c.References = named(l)
		one := c.References.MissingList[0]
		one.Name = strings.Repeat("ö\x00", 400)
		c.References.MissingList = slices.Repeat([]agentproto.MissingFile{one}, 3000)
	}))
	got, err := r.Completeness(t.Context(), authz.Console(), "a.example")
	r.must(err)
	if n := len(got[0].MissingList); n != 1000 || len(got[0].MissingList[0].Name) > 255 {
		t.Fatalf("%d are listed, a name of %d bytes", n, len(got[0].MissingList[0].Name))
	}
}

// measured is what the keeper's child says of a task's pairs.
func measured(t app.Task, present int64) app.TaskOutcome {
	var o app.TaskOutcome
	for _, p := range t.Pairs {
		o.Pairs = append(o.Pairs, app.PairResult{
			Database: p.Database, Data: p.Data, Referenced: 20, ReferencedBytes: 5000, Present: present - 1, PresentBytes: 10, WithNamed: present, WithNamedBytes: 20,
			Missing: app.Missing{Files: 20 - present, By: []app.MissingGroup{{Course: "BIO1", Area: "mod_resource/content", Files: 20 - present}}},
		})
	}
	return o
}

func TestPairs_AreMeasuredOnceAndFollowTheCopies(t *testing.T) {
	t.Parallel()
	r, a := truthful(t)
	next := func(kind backup.Kind, change func(*agentproto.Copy)) id.Copy {
		t.Helper()
		r.take(a, string(kind), change)
		c := r.newest("a.example", kind)
		for range 2 {
			r.must(r.FollowCopy(t.Context(), c))
		}
		return c
	}
	list := func(c *agentproto.Copy) {
		c.References = named(agentproto.Lease{Run: c.Snapshot})
	}
	old := next(backup.Data, plain)
	r.clock.Add(time.Hour)
	db := next(backup.Database, list)
	if n := r.Count("SELECT count(*) FROM keeper_task WHERE kind = 'measure_pair'"); n != 1 {
		t.Fatalf("%d tasks", n)
	}
	task := r.taskOf(dbq.TaskKindMeasurePair)
	if len(task.Pairs) != 1 || task.Pairs[0].Database != db || task.Pairs[0].Data != old || task.Pairs[0].Named == "" || task.Second == nil || task.Second.Password == task.Password {
		t.Fatalf("%+v", task)
	}
	r.must(r.FinishTask(t.Context(), task, measured(task, 17))) // one is lacking: 20 named, 2 nowhere
	view := func() app.Completeness {
		t.Helper()
		got, err := r.Completeness(t.Context(), authz.Console(), "a.example")
		r.must(err)
		return got[0]
	}
	if v := view(); v.Best.Data != old || !v.Best.Measured || v.Best.Share() != 0.85 || v.Best.ShareOfData() != 0.8 || v.Best.Missing.By[0].Course != "BIO1" || v.MeasuresWaiting != 0 {
		t.Fatalf("%+v", v.Best)
	}
	// A data copy after it could be better; one further on could not.
	var later []id.Copy
	for range 2 {
		r.clock.Add(2 * time.Hour)
		r.again("a.example", backup.Data)
		later = append(later, next(backup.Data, plain))
	}
	if v := view(); v.MeasuresWaiting != 1 || v.Best.Data != old {
		t.Fatalf("%+v, %+v", v, v.Best)
	}
	task = r.taskOf(dbq.TaskKindMeasurePair)
	if len(task.Pairs) != 1 || task.Pairs[0].Data != later[0] {
		t.Fatalf("%+v", task.Pairs)
	}
	r.must(r.FinishTask(t.Context(), task, measured(task, 18)))
	if v := view(); v.Best.Data != later[0] || v.Best.Skew != 2*time.Hour {
		t.Fatalf("%+v", v.Best)
	}
	// A damaged one is never the best, and what is left is looked at anew.
	r.SQL("UPDATE copy SET state = 'damaged' WHERE id = $1", later[0].String())
	r.must(r.FollowCopy(t.Context(), db))
	if v := view(); v.Best.Data == later[0] || v.MeasuresWaiting != 1 {
		t.Fatalf("%+v, %+v", v, v.Best)
	}
	task = r.taskOf(dbq.TaskKindMeasurePair)
	for n := 1; ; n++ { // it cannot be measured: tried three times, then left
		fail := measured(task, 18)
		fail.Pairs[0].Error = "The list is damaged."
		r.must(r.FinishTask(t.Context(), task, fail))
		if r.Count("SELECT count(*) FROM keeper_task WHERE kind = 'measure_pair' AND state = 'queued'") == 0 {
			if n != 3 {
				t.Fatalf("tried %d times", n)
			}
			break
		}
		task = r.taskOf(dbq.TaskKindMeasurePair)
	}
	if v := view(); v.MeasuresFailed != 1 || v.LastMeasureError == "" || v.Best.Data != old {
		t.Fatalf("%+v, %+v", v, v.Best)
	}
}

func TestDeletion_TakesTheListAndTheNamedFilesAlong(t *testing.T) {
	t.Parallel()
	r, a := truthful(t)
	r.take(a, agentproto.KindData, plain)
	l := r.take(a, agentproto.KindDatabase, func(c *agentproto.Copy) {
		c.References = named(agentproto.Lease{Run: strings.TrimPrefix(c.Snapshot, "k")})
	})
	db := r.newest("a.example", backup.Database)
	r.must(r.FollowCopy(t.Context(), db))
	r.keep()
	r.clock.Add(time.Hour)
	r.again("a.example", backup.Database)
	r.take(a, agentproto.KindDatabase, plain)
	r.SQL("UPDATE copy SET initial = false, tiers = '{}', binned_at = $2, protected_until = NULL WHERE id = $1", db.String(), r.clock.Now().Add(-25*time.Hour))
	r.SQL("UPDATE schedule SET retain_at = $1", r.clock.Now())
	_, err := r.Retention(t.Context())
	r.must(err)
	task := r.taskOf(dbq.TaskKindDeleteNamed)
	if task.Snapshot != "named"+l.Run || task.Kind != backup.Data || task.SealedName != "" || len(task.Beside) != 0 || slices.Contains(task.Known, task.Snapshot) {
		t.Fatalf("%+v", task)
	}
	if n := r.Count("SELECT count(*) FROM keeper_task WHERE kind = 'delete_copy'"); n != 0 {
		t.Fatal("the copy is deleted before the files kept with it are gone")
	}
	r.SQL("DELETE FROM keeper_task WHERE kind = 'delete_named'") // lost: sweeping plans it again
	r.must(r.Sweep(t.Context()))
	r.must(r.FinishTask(t.Context(), r.taskOf(dbq.TaskKindDeleteNamed), app.TaskOutcome{}))
	task = r.taskOf(dbq.TaskKindDeleteCopy)
	if task.Snapshot != "k"+l.Run || !slices.Equal(task.Beside, []string{"list" + l.Run}) || task.Kind != backup.Database {
		t.Fatalf("%+v", task)
	}
	r.must(r.FinishTask(t.Context(), task, app.TaskOutcome{}))
	if s := r.copyState(db); s != "not there" || r.Count("SELECT (SELECT count(*) FROM reference_list) + (SELECT count(*) FROM pair WHERE database_copy_id = $1)", db.String()) != 0 {
		t.Fatalf("the copy is %s", s)
	}
	if n := r.Count("SELECT count(*) FROM repository WHERE deleted_at IS NOT NULL AND maintain_at IS NOT NULL"); n != 2 {
		t.Fatalf("%d repositories are to be maintained", n)
	}
}

func TestTask_ARestoreOfADatabaseBringsTheFilesThatItNames(t *testing.T) {
	t.Parallel()
	x := newRestorable(t, 1)
	x.again(x.name, backup.Database)
	l := x.take(x.agent, agentproto.KindDatabase, func(c *agentproto.Copy) {
		c.References = named(agentproto.Lease{Run: strings.TrimPrefix(c.Snapshot, "k")})
	})
	x.database = x.newest(x.name, backup.Database)
	of := x.begin(func(n *app.NewRestore) {
		n.What, n.Data, n.WithoutSafety = "database", id.Copy{}, "for the test of leases"
	})
	x.move(of)
	got := x.work(agentproto.KindRestore)
	r := got.Restore
	if r.Database.References != "list"+l.Run || r.Named == nil || r.Named.Snapshot != "named"+l.Run || !strings.HasSuffix(r.Named.Repository.Name, "/data") ||
		!strings.HasPrefix(r.Named.Repository.Token, "read ") || r.Named.Copy != x.database.String() || r.Data != nil {
		t.Fatalf("%+v", r)
	}
	x.must(x.agent.start(got))
	x.agent.beat(got, agentproto.Progress{})
	x.clock.Add(16 * time.Minute)
	if answer := x.agent.beat(got, agentproto.Progress{}); len(answer.Tokens) != 2 || answer.Tokens[1].Repository != r.Named.Repository.Name {
		t.Fatalf("%+v", answer.Tokens)
	}
}
