package engine

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"

	"holdfast/internal/errs"
	"holdfast/internal/vault"
)

// Kopia ends the process where a repository cannot be used any more. These
// tests are of what is done instead; they look inside to bring that about.

const testPassword = "correct horse battery"

func made(t *testing.T) Location {
	t.Helper()
	l := Location{Backend: &vault.Backend{Kind: vault.Filesystem, Path: filepath.Join(t.TempDir(), "repo")}}
	if err := Create(t.Context(), l, testPassword, Database); err != nil {
		t.Fatal(err)
	}
	return l
}

func opened(t *testing.T, l Location) *Repository {
	t.Helper()
	r, err := Open(t.Context(), l, testPassword)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func storeWord(ctx context.Context, r *Repository, produce func(io.Writer) error) error {
	_, err := r.StoreStream(ctx, StreamOptions{Source: "site", FileName: "dump.sql"},
		func(_ context.Context, w io.Writer) error { return produce(w) })
	return err
}

func word(w io.Writer) error {
	_, err := io.WriteString(w, "word")
	return err
}

// sameKind makes one element for a list whose type is Kopia's own secret.
func sameKind[T any]([]T) []T { return make([]T, 1) }

// A newer Kopia elsewhere may turn on a feature that this one does not know;
// it is noticed when the format is read again, after a quarter of an hour. The
// bubble's clock is not the wall's, so nobody waits.
func TestFatalError_EndsTheOperationAndNotTheProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := made(t)
		r, newer := opened(t, l), opened(t, l)
		ctx := t.Context()
		fm := newer.rep.FormatManager()
		mp, err := fm.GetMutableParameters(ctx)
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := fm.BlobCfgBlob(ctx)
		if err != nil {
			t.Fatal(err)
		}
		none, err := fm.RequiredFeatures(ctx)
		if err != nil {
			t.Fatal(err)
		}
		need := sameKind(none)
		need[0].Feature = "of-the-future"
		if err := fm.SetParameters(ctx, mp, cfg, need); err != nil {
			t.Fatal(err)
		}
		if err := storeWord(ctx, r, word); err != nil {
			t.Errorf("before the format is read again: %v", err)
		}
		time.Sleep(time.Hour)
		for name, do := range map[string]func() error{
			"store":    func() error { return storeWord(ctx, r, word) },
			"scan":     func() error { _, err := r.Scan(ctx, true); return err },
			"verify":   func() error { _, err := r.Verify(ctx, VerifyOptions{Percent: 100}); return err },
			"list":     func() error { _, err := r.List(ctx); return err },
			"packs":    func() error { _, err := r.Packs(ctx); return err },
			"maintain": func() error { _, err := r.Maintain(ctx, true); return err },
			"forget":   func() error { _, err := r.Forget(ctx, []Damage{{Path: "x"}}); return err },
		} {
			if err := do(); err == nil || !strings.Contains(err.Error(), "of-the-future") {
				t.Errorf("%s: error %v, want the feature that is not known", name, err)
			}
		}
		if err := r.failed(); err == nil {
			t.Error("the hook was not called")
		}
		_ = r.Close(ctx)
		_ = newer.Close(ctx)
	})
}

func TestPanic_EndsTheOperationAndNotTheProcess(t *testing.T) {
	t.Parallel()
	l := made(t)
	r := opened(t, l)
	err := storeWord(t.Context(), r, func(w io.Writer) error {
		_ = word(w)
		panic("an invariant is broken")
	})
	if err == nil || !strings.Contains(err.Error(), "an invariant is broken") || !strings.Contains(err.Error(), "TestPanic_") {
		t.Fatalf("error %v, want what was broken and where", err)
	}
	if err := storeWord(t.Context(), r, word); err == nil {
		t.Error("a repository whose invariants are broken was used again")
	}
	if err := r.Close(t.Context()); err != nil {
		t.Errorf("Close: %v", err)
	}
	r = opened(t, l)
	defer r.Close(t.Context()) //nolint:errcheck // read only
	list, err := r.List(t.Context())
	if err != nil || len(list) != 0 {
		t.Errorf("%d snapshots, error %v; want none", len(list), err)
	}
}

// moody is a storage whose packs cannot be read.
type moody struct{ blob.Storage }

var errMood = errors.New("the line is down")

func (m moody) GetBlob(ctx context.Context, id blob.ID, offset, length int64, out blob.OutputBuffer) error {
	if strings.HasPrefix(string(id), "p") {
		return errMood
	}
	return m.Storage.GetBlob(ctx, id, offset, length, out) //nolint:wrapcheck // a plain pass-through
}

func TestForget_AStorageThatCannotBeReadCondemnsNothing(t *testing.T) {
	t.Parallel()
	l := made(t)
	r := opened(t, l)
	if err := storeWord(t.Context(), r, word); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	st, err := l.storage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rep, dir, err := connect(t.Context(), moody{st}, testPassword, repo.Options{OnFatalError: func(error) {}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r = &Repository{rep: rep.(repo.DirectRepository), dir: dir, keeper: true, parallel: localParallel}
	if n, err := r.Forget(t.Context(), []Damage{{Path: "dump.sql"}}); n != 0 || !errors.Is(err, errMood) || !errs.Is(err, errs.Unavailable) {
		t.Errorf("%d forgotten, error %v; want none, and Unavailable", n, err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	r = opened(t, l)
	defer r.Close(t.Context()) //nolint:errcheck // read only
	if rep, err := r.Verify(t.Context(), VerifyOptions{Percent: 100}); err != nil || !rep.Proven {
		t.Errorf("afterwards %+v, error %v", rep, err)
	}
}
