package app_test

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/app"
	"holdfast/internal/errs"
	"holdfast/internal/seal"
	"holdfast/internal/store"
	"holdfast/internal/testkit"
)

func TestCheckKey_RefusesAKeyThatTheDatabaseWasNotSealedWith(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.must(r.CheckKey(t.Context()))
	other, err := seal.NewKeyFile(filepath.Join(t.TempDir(), "other"))
	r.must(err)
	s, err := store.Open(t.Context(), store.Options{URL: r.URL, Clock: r.clock})
	r.must(err)
	t.Cleanup(s.Close)
	err = app.New(s, other, testkit.Storage{}, r.clock, slog.New(slog.DiscardHandler)).CheckKey(t.Context())
	if !errs.Is(err, errs.Invalid) || !strings.Contains(errs.Sentence(err), "HOLDFAST_MASTER_KEY_FILE") {
		t.Fatalf("a foreign master key gives %v", err)
	}
}
