package engine_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kopia/kopia/repo/blob"

	"holdfast/internal/engine"
)

func TestAhead_ARestoreThroughAVaultAsksSeldomAndGivesTheSame(t *testing.T) {
	t.Parallel()
	b := vaulted(t, engine.Data)
	var asked atomic.Int64
	b.wrap = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				asked.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	}
	b.down()
	b.up(b.addr)
	root, filedir, _ := addressed(t, 400)
	write(t, root.Path, map[string]string{"big": string(noise(9<<20 + 5)), "middle": string(noise(1<<20 + 1)), "empty": ""})
	for i := range 30 {
		keep(t, filedir, string(noise(100_000+i)))
	}
	s := store(t, open(t, b.door(nil)), fast(root))
	r := open(t, b.door(nil))
	before := asked.Load()
	isSource(t, r, s.ID, root)
	if n := asked.Load() - before; n > 90 {
		t.Errorf("asked %d times for %d files", n, s.Files)
	}
	names := 0
	for _, err := range r.Names(t.Context(), s.ID, "moodledata/filedir") {
		must(t, err)
		names++
	}
	if names != 431 {
		t.Errorf("%d names", names)
	}
	// The keeper's own reading finds what is damaged, block or not.
	rep, err := open(t, b.keeper()).Verify(t.Context(), engine.VerifyOptions{Percent: 100})
	must(t, err)
	if !rep.Proven {
		t.Errorf("report %+v", rep)
	}
}

func TestAhead_DamageAndALineThatBreaksAreErrors(t *testing.T) {
	t.Parallel()
	b := vaulted(t, engine.Data)
	root, _, _ := addressed(t, 100)
	write(t, root.Path, map[string]string{"big": string(noise(3 << 20))})
	s := store(t, open(t, b.door(nil)), fast(root))
	var fails atomic.Bool
	fails.Store(true)
	l := b.door(nil).Read(func(id blob.ID) error {
		if strings.HasPrefix(string(id), "p") && fails.Load() {
			return errors.New("the line is down")
		}
		return nil
	})
	r := open(t, l)
	if _, err := r.RestoreTree(t.Context(), s.ID, filepath.Join(t.TempDir(), "x"), engine.RestoreOptions{}); err == nil {
		t.Error("restored over a line that is down")
	}
	fails.Store(false)
	isSource(t, r, s.ID, root)
	for i, harm := range []func(string) error{
		func(f string) error { flip(t, f); return nil },
		func(f string) error { return os.Truncate(f, 1000) },
		os.Remove,
	} {
		must(t, harm(largest(t, blobs(t, filepath.Join(b.cfg.Backend.Path, "site1/data"), "p"))))
		if _, err := open(t, b.door(nil)).RestoreTree(t.Context(), s.ID, filepath.Join(t.TempDir(), fmt.Sprint(i)), engine.RestoreOptions{}); err == nil {
			t.Errorf("restored from damaged packs, harm %d", i)
		}
	}
}
