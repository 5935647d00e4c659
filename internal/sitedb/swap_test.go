package sitedb_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"holdfast/internal/errs"
	"holdfast/internal/sitedb"
)

// mayCreate lets a test's user create databases: on MySQL those of names that
// begin with its own database's.
func mayCreate(t *testing.T, c sitedb.Conn) {
	t.Helper()
	if err := server(t, c.Flavour).Grant(t.Context(), c.Name+"%", c.User); err != nil {
		t.Fatal(err)
	}
}

// site is a database with a dump of an older state of it.
type site struct {
	c        sitedb.Conn
	old, new map[string]string // checksums
	raw      []byte
	id       string
}

func newSite(t *testing.T, f sitedb.Flavour, way string) *site {
	t.Helper()
	s := &site{c: fresh(t, f), id: "ab12"}
	fill(t, s.c)
	run(t, s.c, "CREATE TABLE gone_soon (id int)", "DROP TABLE gone_soon")
	s.new = sums(t, s.c)
	s.raw, _ = dump(t, s.c)
	if way == sitedb.WayDatabase {
		mayCreate(t, s.c)
	} else {
		run(t, s.c, "CREATE TABLE wp_posts (id int)", "CREATE TABLE mdlx_config (id int)", "INSERT INTO wp_posts VALUES (7)")
	}
	run(t, s.c, "UPDATE mdl_config SET value = '2025' WHERE name = 'version'", "DELETE FROM mdl_user", "CREATE TABLE mdl_later (id int)", "DROP TABLE mdl_empty", "INSERT INTO mdl_later VALUES (1)")
	s.old = sums(t, s.c)
	return s
}

func (s *site) is(t *testing.T, what string, want map[string]string) {
	t.Helper()
	got := sums(t, s.c)
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: %s is %q, want %q", what, name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d tables, want %d", what, len(got), len(want))
	}
}

func ways(t *testing.T, f func(t *testing.T, flavour sitedb.Flavour, way string)) {
	t.Helper()
	flavours(t, func(t *testing.T, flavour sitedb.Flavour) {
		for _, way := range []string{sitedb.WayDatabase, sitedb.WayAside} {
			t.Run(way, func(t *testing.T) {
				t.Parallel()
				f(t, flavour, way)
			})
		}
	})
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSwap_GoesForthAndBackAndLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, f sitedb.Flavour, way string) {
		s := newSite(t, f, way)
		x, err := sitedb.PlanSwap(t.Context(), s.c, s.id)
		ok(t, err)
		if x.Way != way {
			t.Fatalf("the way is %s (%s), want %s", x.Way, x.Why, way)
		}
		s.is(t, "after the plan", s.old)
		forth := func() {
			ok(t, x.Prepare(t.Context(), s.c))
			ok(t, x.NoteOld(t.Context(), s.c))
			ok(t, x.MoveAside(t.Context(), s.c))
			to, o := x.Target(s.c)
			told := sitedb.LoadProgress{}
			o.Progress = func(p sitedb.LoadProgress) { told = p }
			ok(t, sitedb.Load(t.Context(), to, bytes.NewReader(s.raw), o))
			if told.Bytes < int64(len(s.raw))*9/10 || f == sitedb.MariaDB && told.Tables != 5 {
				t.Errorf("told of %d of %d bytes and %d tables", told.Bytes, len(s.raw), told.Tables)
			}
			ok(t, x.Switch(t.Context(), s.c))
			s.is(t, "switched", s.new)
			ok(t, x.Switch(t.Context(), s.c))
			s.is(t, "switched again", s.new)
		}
		forth()
		ok(t, x.Back(t.Context(), s.c))
		s.is(t, "back", s.old)
		ok(t, x.Back(t.Context(), s.c))
		ok(t, x.DropNew(t.Context(), s.c))
		ok(t, x.DropNew(t.Context(), s.c))
		s.is(t, "back and dropped", s.old)
		x.NewOID = 0
		forth()
		ok(t, x.DropOld(t.Context(), s.c))
		ok(t, x.DropOld(t.Context(), s.c))
		s.is(t, "settled", s.new)
		if way == sitedb.WayAside {
			run(t, s.c, "INSERT INTO wp_posts VALUES (8)", "INSERT INTO mdlx_config VALUES (8)")
		}
		again, err := sitedb.PlanSwap(t.Context(), s.c, s.id)
		ok(t, err)
		if again.Way != way {
			t.Errorf("what is left of the exchange stands in the way of the next: %s", again.Why)
		}
	})
}

func TestPlanSwap_RefusesWhatHangsOnTheTablesOfPostgres(t *testing.T) {
	t.Parallel()
	c := fresh(t, sitedb.PostgreSQL)
	fill(t, c)
	for _, make := range []string{"CREATE VIEW report AS SELECT id FROM mdl_user", "CREATE TABLE report (id bigint REFERENCES mdl_user (id))"} {
		run(t, c, make)
		if _, err := sitedb.PlanSwap(t.Context(), c, "ab12"); !errs.Is(err, errs.Conflict) || !strings.Contains(errs.Sentence(err), "report") {
			t.Errorf("%s: %v", make, err)
		}
		run(t, c, "DROP "+strings.Fields(make)[1]+" report")
	}
	_, err := sitedb.PlanSwap(t.Context(), c, "ab12")
	ok(t, err)
}

func TestSwap_LoadThatFailsLeavesTheOldTables(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, f sitedb.Flavour, way string) {
		s := newSite(t, f, way)
		x, err := sitedb.PlanSwap(t.Context(), s.c, s.id)
		ok(t, err)
		ok(t, x.Prepare(t.Context(), s.c))
		ok(t, x.NoteOld(t.Context(), s.c))
		ok(t, x.MoveAside(t.Context(), s.c))
		to, o := x.Target(s.c)
		broken := errors.New("the network went away")
		err = sitedb.Load(t.Context(), to, iotest.TimeoutReader(&breaking{r: bytes.NewReader(s.raw), left: len(s.raw) / 2, err: broken}), o)
		if err == nil {
			t.Fatal("a broken dump was loaded")
		}
		ok(t, x.Back(t.Context(), s.c))
		ok(t, x.DropNew(t.Context(), s.c))
		s.is(t, "back", s.old)
	})
}

type breaking struct {
	r    *bytes.Reader
	left int
	err  error
}

func (f *breaking) Read(p []byte) (int, error) {
	if f.left <= 0 {
		return 0, f.err
	}
	n, err := f.r.Read(p[:min(len(p), f.left)])
	f.left -= n
	return n, err
}

func TestLoad_BesideRefusesTablesOfOthersAndItsOwn(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		from, to := fresh(t, f), fresh(t, f)
		fill(t, from)
		raw, _ := dump(t, from)
		run(t, to, "CREATE TABLE mdl_config (id int)", "CREATE TABLE wp_posts (id int)")
		if err := sitedb.Load(t.Context(), to, bytes.NewReader(raw), sitedb.LoadOptions{Beside: true, Replace: true}); !errs.Is(err, errs.Conflict) {
			t.Errorf("loaded among tables of the site: %v", err)
		}
		run(t, to, "DROP TABLE mdl_config")
		cut := raw[:len(raw)*3/4]
		if err := sitedb.Load(t.Context(), to, bytes.NewReader(cut), sitedb.LoadOptions{Beside: true}); err == nil {
			t.Error("a cut dump was loaded")
		}
		run(t, to, "INSERT INTO wp_posts VALUES (1)")
		if n := len(counts(t, to)); n != 0 {
			t.Errorf("%d tables are left of a load that failed", n)
		}
		if f == sitedb.MariaDB {
			foreign := bytes.ReplaceAll(raw, []byte("`mdl_user`"), []byte("`wp_posts`"))
			if err := sitedb.Load(t.Context(), to, bytes.NewReader(foreign), sitedb.LoadOptions{Beside: true}); !errs.Is(err, errs.Invalid) {
				t.Errorf("a dump with another's table: %v", err)
			}
			run(t, to, "INSERT INTO wp_posts VALUES (1)")
		}
	})
}

func TestFits_SaysBeforehandWhatTheServerLacks(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		c := fresh(t, f)
		fill(t, c)
		raw, _ := dump(t, c)
		ok(t, sitedb.Fits(t.Context(), c, raw[:min(len(raw), 200<<10)]))
		if f == sitedb.PostgreSQL {
			newer := bytes.Clone(raw[:1000])
			newer[6] = 16
			if err := sitedb.Fits(t.Context(), c, newer); !errs.Is(err, errs.Unsupported) {
				t.Errorf("a dump of a newer PostgreSQL: %v", err)
			}
			return
		}
		for _, name := range []string{"utf8mb4_0900_ai_ci", "utf8mb4_uca1400_xy_ci"} {
			err := sitedb.Fits(t.Context(), c, bytes.ReplaceAll(raw, []byte("utf8mb4_unicode_ci"), []byte(name)))
			if !errs.Is(err, errs.Unsupported) || !strings.Contains(errs.Sentence(err), name) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestLook_AndDisconnect(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		c := fresh(t, f)
		fill(t, c)
		s, err := sitedb.Look(t.Context(), c)
		ok(t, err)
		if s.Tables != 5 || s.Bytes == 0 || s.ClientVersion == "" || s.Flavour != f {
			t.Errorf("standing %+v", s)
		}
		run(t, c, "CREATE TABLE mdl_task_adhoc (id int)", "INSERT INTO mdl_task_adhoc VALUES (1), (2)",
			"CREATE TABLE mdl_forum_posts (id int, mailed int)", "INSERT INTO mdl_forum_posts VALUES (1, 0), (2, 1), (3, 2)")
		if w, err := sitedb.AskWaiting(t.Context(), c); err != nil || w.AdhocTasks != 2 || w.ForumPosts != 1 {
			t.Errorf("waiting %+v: %v", w, err)
		}
		names, err := sitedb.Names(t.Context(), c)
		ok(t, err)
		if !slices.Contains(names, "mdl_user") {
			t.Errorf("names %v", names)
		}
		ended := make(chan error, 1)
		sleep := "DO SLEEP(60)"
		if f == sitedb.PostgreSQL {
			sleep = "SELECT pg_sleep(60)"
		}
		go func() { ended <- try(context.Background(), c, sleep) }()
		for n := 0; n == 0; {
			n, err = sitedb.Sessions(t.Context(), c)
			ok(t, err)
		}
		ok(t, sitedb.Disconnect(t.Context(), c))
		if err := <-ended; err == nil && f == sitedb.PostgreSQL {
			t.Error("a session outlived its end")
		}
	})
}
