package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/inplace"
)

func TestPlace_IsOneHoweverItIsNamed(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	code := filepath.Join(base, "moodle")
	if err := os.MkdirAll(filepath.Join(code, "public"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(code, filepath.Join(base, "link")); err != nil {
		t.Fatal(err)
	}
	want := placeOf(code)
	for _, same := range []string{filepath.Join(base, "link"), code + "/", filepath.Join(base, "x", "..", "moodle"), filepath.Join(code, "public"), filepath.Join(base, "link", "public")} {
		if placeOf(same) != want {
			t.Errorf("%s is another place", same)
		}
	}
	if placeOf(base) == want {
		t.Error("its parent is the same place")
	}
	// A code folder that a restore has moved aside has its place still.
	if err := os.RemoveAll(code); err != nil {
		t.Fatal(err)
	}
	if placeOf(code) != want {
		t.Error("a folder that is gone is another place")
	}
}

func TestHoldSite_BackupsShareAPlaceAndARestoreHasItAlone(t *testing.T) {
	t.Parallel()
	state, code := t.TempDir(), t.TempDir()
	hold := func(site string, alone bool) (*hold, error) {
		return holdSite(t.Context(), state, site, code, alone, 0)
	}
	one, err := hold("one", false)
	if err != nil {
		t.Fatal(err)
	}
	other, err := hold("other", false)
	if err != nil {
		t.Fatalf("two names of one place cannot be backed up at once: %v", err)
	}
	if _, err := hold("third", true); codeIn(err) != CodeSiteBusy {
		t.Errorf("a restore beside backups: %v", err)
	}
	if _, err := hold("one", false); codeIn(err) != CodeSiteBusy {
		t.Errorf("a second worker of one site: %v", err)
	}
	one.release()
	other.release()
	alone, err := hold("third", true)
	if err != nil {
		t.Fatalf("a restore of a free place: %v", err)
	}
	defer alone.release()
	if _, err := hold("one", false); codeIn(err) != CodeSiteBusy {
		t.Errorf("a backup beside a restore: %v", err)
	}
}

func TestJournals_OneThatCannotBeReadIsNotOverlooked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if held, err := journals(filepath.Join(dir, "none")); err != nil || len(held) != 0 {
		t.Errorf("no folder: %v %v", held, err)
	}
	bad := filepath.Join(dir, "r-0001")
	if err := os.MkdirAll(bad, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := journals(dir); err != nil {
		t.Errorf("a folder with no journal yet: %v", err)
	}
	if err := os.WriteFile(filepath.Join(bad, "journal.json"), []byte(`{"versi`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := journals(dir); codeIn(err) != CodeNotRolledBack || !errs.Is(errors.Unwrap(err), errs.Incomplete) {
		t.Errorf("half a journal: %v", err)
	}
	m := mending{StateDir: t.TempDir()}
	if err := os.MkdirAll(journalRoot(m.StateDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, journalDir(m.StateDir, "s")); err != nil {
		t.Fatal(err)
	}
	if err := m.mend(t.Context(), "s"); codeIn(err) != CodeNotRolledBack {
		t.Errorf("work goes on over half a journal: %v", err)
	}
}

func TestBallast_IsThrownOffOnceAndTwice(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "site")
	b, err := takeBallast(dir)
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(b.path); err != nil || fi.Size() != ballastBytes {
		t.Errorf("the ballast is %v, %v", fi, err)
	}
	b.drop()
	b.drop()
	if _, err := os.Stat(b.path); err == nil {
		t.Error("the ballast is there still")
	}
	if held, err := journals(dir); err != nil || len(held) != 0 {
		t.Errorf("a ballast is taken for a journal: %v %v", held, err)
	}
}

func TestRestoreResult_NotRolledBackIsSaidEvenWhenStopped(t *testing.T) {
	t.Parallel()
	cause := &codedError{code: CodeNotRolledBack, err: errs.New(errs.Incomplete, "It is between.")}
	stopped, cancel := contextCancelled(t)
	defer cancel()
	if r := restoreResult(stopped, cause, time.Time{}); r.ErrorCode != CodeNotRolledBack || r.Error != "It is between." {
		t.Errorf("it says %+v", r)
	}
	if r := restoreResult(stopped, errors.New("x"), time.Time{}); r.Outcome != "stopped" {
		t.Errorf("it says %+v", r)
	}
}

func TestForget_RemovesOldJournalsThatKeepNothing(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 24, 0, 0, 0, 0, time.UTC)
	a := &Agent{opt: Options{StateDir: t.TempDir(), Clock: clock.NewFixed(now)}, log: slog.New(slog.DiscardHandler)}
	want := map[string]bool{}
	for i, c := range []struct {
		state string
		days  int
		stays bool
	}{{inplace.StateSettled, 91, false}, {inplace.StateRolledBack, 91, false}, {inplace.StateSettled, 89, true}, {inplace.StateKept, 400, true}, {inplace.StateUndone, 400, true}} {
		id := fmt.Sprintf("restore-%d", i)
		dir := filepath.Join(journalDir(a.opt.StateDir, "s"), id)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(map[string]any{"version": 1, "id": id, "state": c.state, "began": now.AddDate(0, 0, -c.days)})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "journal.json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		want[id] = c.stays
	}
	a.mendAll(t.Context())
	for id, stays := range want {
		if had, err := journal(journalDir(a.opt.StateDir, "s"), id); err != nil || (had.State != "") != stays {
			t.Errorf("%s: %+v, %v; it should stay: %v", id, had, err, stays)
		}
	}
}

func contextCancelled(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx, cancel
}
