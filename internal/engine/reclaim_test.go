package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"holdfast/internal/engine"
)

// These tests let days pass in a repository: Kopia takes time from a clock that
// is given to it, and the blobs have times to match.

// calendar is the simulated time that a repository lives in.
type calendar struct{ t time.Time }

func (c *calendar) now() time.Time { return c.t }
func newCalendar() *calendar       { return &calendar{time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)} }

func (c *calendar) pass(d time.Duration) { c.t = c.t.Add(d) }

// onDisk gives the bytes of all files below dir.
func onDisk(t *testing.T, dir string) (n int64) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		fi, err := d.Info()
		n += fi.Size()
		return err
	}))
	return n
}

// unlike gives n bytes that occur nowhere else.
func unlike(seed string, n int) []byte {
	var key [32]byte
	copy(key[:], seed)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

// dump is a database that grows a little and changes a little from day to day.
func dump(day int) []byte {
	var b bytes.Buffer
	for i := range 60 + day {
		b.Write(unlike(fmt.Sprintf("row %d", i), 100<<10)) // 6 MB, the same every day but for the newest
	}
	b.Write(unlike(fmt.Sprintf("log of day %d", day), 2<<20))
	return b.Bytes()
}

// grow makes the tree of a day: most of it stays, some files come, some change.
func grow(t *testing.T, dir string, day int) {
	t.Helper()
	if day == 0 {
		for i := range 40 {
			write(t, dir, map[string]string{fmt.Sprintf("filedir/%02d/base", i): string(unlike(fmt.Sprintf("base %d", i), 300<<10))})
		}
	}
	for i := range 4 {
		write(t, dir, map[string]string{fmt.Sprintf("filedir/day%d/%d", day, i): string(unlike(fmt.Sprintf("new %d %d", day, i), 256<<10))})
	}
	write(t, dir, map[string]string{"muc/config.php": fmt.Sprintf("<?php // %d", day), "big": string(unlike(fmt.Sprintf("big %d", day), 1<<20))})
	if day > 0 {
		must(t, os.RemoveAll(filepath.Join(dir, fmt.Sprintf("filedir/day%d", day-1))))
	}
}

type copies struct {
	dir  string
	cal  *calendar
	kind engine.Kind
	ids  []string
	want map[string]any // by id: a dump's bytes, or a tree's inventory
}

func (c *copies) at() engine.Location { return local(c.dir).At(c.cal.now) }

func newCopies(t *testing.T, kind engine.Kind, cal *calendar) *copies {
	t.Helper()
	c := &copies{dir: filepath.Join(t.TempDir(), "repo"), cal: cal, kind: kind, want: map[string]any{}}
	must(t, engine.Create(t.Context(), c.at(), password, kind))
	return c
}

// take stores the copy of a day.
func (c *copies) take(t *testing.T, r *engine.Repository, day int, src string) {
	t.Helper()
	if c.kind == engine.Database {
		data := dump(day)
		s, err := r.StoreStream(t.Context(), engine.StreamOptions{Source: "site", FileName: "dump.sql", TakenAt: c.cal.now()},
			func(_ context.Context, w io.Writer) error { _, err := w.Write(data); return err })
		must(t, err)
		c.ids, c.want[s.ID] = append(c.ids, s.ID), data
		return
	}
	s := store(t, r, engine.TreeOptions{Roots: []engine.Root{{Name: "moodledata", Path: src}}, TakenAt: c.cal.now(), Previous: true})
	c.ids, c.want[s.ID] = append(c.ids, s.ID), inventory(t, src)
}

// forget deletes all but the copies with the given numbers.
func (c *copies) forget(t *testing.T, but ...int) {
	t.Helper()
	var gone, kept []string
	for i, id := range c.ids {
		if slices.Contains(but, i) {
			kept = append(kept, id)
		} else {
			gone = append(gone, id)
		}
	}
	must(t, open(t, c.at()).Delete(t.Context(), gone...))
	c.ids = kept
}

// intact wants every copy that is left there and whole.
func (c *copies) intact(t *testing.T) {
	t.Helper()
	r := open(t, c.at())
	list, err := r.List(t.Context())
	must(t, err)
	var ids []string
	for _, s := range list {
		ids = append(ids, s.ID)
	}
	if !slices.Equal(ids, c.ids) {
		t.Errorf("the copies are %v, want %v", ids, c.ids)
	}
	rep, err := r.Verify(t.Context(), engine.VerifyOptions{Percent: 100})
	must(t, err)
	if !rep.Proven || len(rep.Damaged) > 0 {
		t.Errorf("after %v: %+v", c.cal.now(), rep)
	}
}

// restorable wants every copy that is left to be what was stored.
func (c *copies) restorable(t *testing.T) {
	t.Helper()
	r := open(t, c.at())
	for _, id := range c.ids {
		if c.kind == engine.Data {
			same(t, inventory(t, filepath.Join(restore(t, r, id), "moodledata")), c.want[id].(map[string]string))
			continue
		}
		var got bytes.Buffer
		_, err := r.ReadStream(t.Context(), id, &got)
		must(t, err)
		if !bytes.Equal(got.Bytes(), c.want[id].([]byte)) {
			t.Errorf("dump %s came back as other bytes", id)
		}
	}
}

// upkeep maintains as the control plane does, each time when it is due, until
// no bytes are pending, and gives the time that took and the bytes rewritten.
func (c *copies) upkeep(t *testing.T, lastDelete time.Time) (took time.Duration, moved int64) {
	t.Helper()
	var last time.Time
	for range 10 {
		rep := maintain(t, open(t, c.at()), true)
		last, moved = c.cal.now(), moved+rep.RewrittenBytes
		if rep.BytesAfter > onDisk(t, c.dir) || rep.BytesBefore == 0 {
			t.Errorf("on disk are %d bytes; the report is %+v", onDisk(t, c.dir), rep)
		}
		due := engine.NextMaintenance(last, lastDelete, rep.PendingBytes)
		if rep.PendingBytes == 0 && due.Sub(last) > 24*time.Hour {
			return last.Sub(lastDelete), moved
		}
		c.cal.pass(due.Sub(last))
	}
	t.Fatal("bytes are pending for ever")
	return 0, 0
}

// history takes a copy a day for some days, of which those with the given
// numbers count, and says what they need by themselves.
func history(t *testing.T, kind engine.Kind, days int, but ...int) (c *copies, need int64) {
	t.Helper()
	c, few := newCopies(t, kind, newCalendar()), newCopies(t, kind, newCalendar())
	all, some := open(t, c.at()), open(t, few.at())
	src := filepath.Join(t.TempDir(), "src")
	for day := range days {
		if kind == engine.Data {
			grow(t, src, day)
		}
		c.take(t, all, day, src)
		if slices.Contains(but, day) {
			few.take(t, some, day, src)
		}
		c.cal.pass(24 * time.Hour)
		few.cal.pass(24 * time.Hour)
	}
	return c, onDisk(t, few.dir)
}

func TestMaintain_GivesBackTheSpaceOfWhatWasDeleted(t *testing.T) {
	t.Parallel()
	for _, kind := range []engine.Kind{engine.Database, engine.Data} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			keep := []int{4, 14, 15}
			c, need := history(t, kind, 16, keep...)
			full := onDisk(t, c.dir)
			c.forget(t, keep...)
			took, moved := c.upkeep(t, c.cal.now())
			left := onDisk(t, c.dir)
			t.Logf("16 copies %d bytes, 3 of them %d (by themselves %d), after %v, %d bytes rewritten", full, left, need, took, moved)
			if left > need*110/100 {
				t.Errorf("%d bytes are left for what needs %d", left, need)
			}
			if took > 5*24*time.Hour {
				t.Errorf("the space took %v to come back", took)
			}
			c.intact(t)
			c.restorable(t)
			if n, err := open(t, c.at()).StoredBytes(t.Context()); err != nil || n == 0 || left-n > 1<<10 {
				t.Errorf("%d bytes are said to be stored, %d are on the disk; %v", n, left, err)
			}
		})
	}
}

func TestMaintain_KeepsSpaceBoundedWhileCopiesComeAndGo(t *testing.T) {
	t.Parallel()
	const kept, days = 5, 13
	c := newCopies(t, engine.Database, newCalendar())
	var most, moved int64
	for day := range days {
		c.take(t, open(t, c.at()), day, "")
		c.cal.pass(23 * time.Hour)
		if len(c.ids) > kept {
			c.forget(t, slices.Collect(numbers(1, len(c.ids)))...)
		}
		moved += maintain(t, open(t, c.at()), true).RewrittenBytes
		if day > 9 {
			most = max(most, onDisk(t, c.dir))
		}
		c.cal.pass(time.Hour)
	}
	_, need := history(t, engine.Database, days, slices.Collect(numbers(days-kept, days))...)
	t.Logf("at most %d bytes for what needs %d; %d rewritten in %d days", most, need, moved, days)
	if most > need*3/2 {
		t.Errorf("%d bytes for what needs %d", most, need)
	}
	if moved > need {
		t.Errorf("%d bytes were rewritten in %d days, where %d are in use", moved, days, need)
	}
	c.intact(t)
	c.restorable(t)
}

func numbers(from, to int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := from; i < to && yield(i); i++ {
		}
	}
}

func TestNextMaintenance_IsDailyWhileSpaceIsToComeBack(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 10, 2, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		deleted time.Time
		pending int64
		want    time.Duration
	}{
		"nothing was ever deleted":                      {time.Time{}, 0, 7 * 24 * time.Hour},
		"deleted before, and all came back":             {at.Add(-time.Second), 0, 7 * 24 * time.Hour},
		"deleted since":                                 {at.Add(time.Second), 0, 24 * time.Hour},
		"deleted at that very time":                     {at, 0, 24 * time.Hour},
		"deleted before, and some is still to come":     {at.Add(-time.Hour), 1, 24 * time.Hour},
		"nothing deleted, but a dead run's left behind": {time.Time{}, 1 << 20, 24 * time.Hour},
	} {
		if got := engine.NextMaintenance(at, c.deleted, c.pending); got.Sub(at) != c.want {
			t.Errorf("%s: after %v, want %v", name, got.Sub(at), c.want)
		}
	}
}

func TestMaintain_RemovesWhatDeadWritersLeftHalfWritten(t *testing.T) {
	t.Parallel()
	c, _ := history(t, engine.Database, 2)
	pack := largest(t, blobs(t, c.dir, "p"))
	old, young := pack+".tmp.0123456789abcdef", pack+".tmp.fedcba9876543210"
	for f, age := range map[string]time.Duration{old: 25 * time.Hour, young: time.Hour} {
		must(t, os.WriteFile(f, noise(1<<20), 0o600))
		must(t, os.Chtimes(f, time.Time{}, c.cal.now().Add(-age)))
	}
	if rep := maintain(t, open(t, c.at()), true); rep.RemovedUnfinished != 1 {
		t.Errorf("report %+v", rep)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("what was left half written a day ago: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("what may still be written: %v", err)
	}
	c.intact(t)
}
