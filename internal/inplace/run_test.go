package inplace

import (
	"errors"
	"strings"
	"testing"

	"holdfast/internal/sitedb"
)

func each(t *testing.T, f func(t *testing.T, s situation)) {
	t.Helper()
	for _, s := range situations {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			f(t, s)
		})
	}
}

// two is each for what does not hang on the situation much.
func two(t *testing.T, f func(t *testing.T, s situation)) {
	t.Helper()
	for _, s := range []situation{{"mariadb", true}, {"pgsql", false}} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			f(t, s)
		})
	}
}

// restored runs the restore to its good end.
func (f *fixture) restored(t *testing.T) Evidence {
	t.Helper()
	ev, err := Run(t.Context(), f.o)
	ok(t, err)
	return ev
}

func (f *fixture) state(t *testing.T) string {
	t.Helper()
	h, _, err := Report(f.o.Dir, f.o.ID)
	ok(t, err)
	return h.State
}

func (f *fixture) clean(t *testing.T) {
	t.Helper()
	if l := f.leftovers(t); len(l) > 0 {
		t.Errorf("left over: %v", l)
	}
}

// others proves that tables of other prefixes in the same database are as they were.
func (f *fixture) others(t *testing.T) {
	t.Helper()
	if f.conn.Prefix == "" {
		return
	}
	for _, name := range []string{"wp_posts", "mdlx_config"} {
		c := f.conn
		c.Prefix = name
		all, err := sitedb.Counts(t.Context(), c)
		ok(t, err)
		if len(all) != 1 || all[0].Rows != 1 {
			t.Errorf("%s, which is not the site's, is %v", name, all)
		}
	}
}

func TestRun_BringsTheWholeSiteBackAndCanBeUndone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s situation) {
		f := build(t, s, nil)
		var told []string
		f.o.Tell = func(s Step) { told = append(told, s.Words) }
		f.others(t)
		ev := f.restored(t)
		f.isNew(t, "after the restore")
		f.others(t)
		if ev.Way != s.way() || ev.Tables != len(f.src.Expect.Tables) || ev.Agreement == nil || !ev.Agreement.Good || len(ev.Kept) != 3 || ev.ClosedFor <= 0 {
			t.Errorf("evidence %+v, agreement %+v", ev, ev.Agreement)
		}
		words := strings.Join(told, "\n")
		if !strings.Contains(words, "Showing visitors the maintenance page") || s.typ == "mariadb" && !strings.Contains(words, "Loading the database: 20 of 20 tables") {
			t.Errorf("told:\n%s", words)
		}
		if _, err := Run(t.Context(), f.o); err == nil {
			t.Error("a restore was begun twice")
		}
		second := f.o
		second.ID = "another-restore"
		if _, err := Run(t.Context(), second); err == nil || !strings.Contains(err.Error(), "accept or undo it first") {
			t.Errorf("a second restore while the first is not settled: %v", err)
		}
		_, err := Undo(t.Context(), f.o)
		ok(t, err)
		f.isOld(t, "after the undo")
		ok(t, Settle(t.Context(), f.o))
		f.isOld(t, "after settling the undo")
		f.clean(t)
		f.restored(t)
		ok(t, Settle(t.Context(), f.o))
		f.isNew(t, "settled")
		f.clean(t)
		ok(t, Settle(t.Context(), f.o))
		f.others(t)
	})
}

func TestRun_GoesBackWhateverFails(t *testing.T) {
	t.Parallel()
	two(t, func(t *testing.T, s situation) {
		f := build(t, s, nil)
		wrong := errors.New("injected")
		for n := 1; ; n++ {
			seen, where := 0, ""
			f.o.at = func(point string) error {
				if strings.HasSuffix(point, ">") {
					if seen++; seen == n {
						where = point
						return wrong
					}
				}
				return nil
			}
			ev, err := Run(t.Context(), f.o)
			if where == "" {
				ok(t, err)
				break
			}
			if f.state(t) == StateKept { // it failed when the new state counted already
				f.isNew(t, "failed at "+where)
				f.o.at = nil
				_, err := Undo(t.Context(), f.o)
				ok(t, err)
				ok(t, Settle(t.Context(), f.o))
				continue
			}
			if !errors.Is(err, wrong) || !ev.RolledBack && where != "begin>" {
				t.Fatalf("failed at %s: %v, %+v", where, err, ev)
			}
			if where == "begin>" {
				f.o.at = nil
				_, err := Recover(t.Context(), f.o.Dir, f.o)
				ok(t, err)
			}
			f.isOld(t, "failed at "+where)
			f.clean(t)
		}
		f.isNew(t, "at last")
	})
}
