package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kopia/kopia/repo/blob"

	"holdfast/internal/engine"
)

// order is what a child of the tests is to do: one maintenance, and to be
// killed just before a change of the storage.
type order struct {
	Dir  string
	Now  time.Time
	Kill int // the number of the change, from 1; 0 for none
}

// The test's own program is the child that is killed.
func TestMain(m *testing.M) {
	text, ok := os.LookupEnv("HOLDFAST_TEST_MAINTAIN")
	if !ok {
		os.Exit(m.Run())
	}
	if err := obey(context.Background(), text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func obey(ctx context.Context, text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	n := 0
	cal := &calendar{o.Now}
	l := local(o.Dir).At(cal.now).Meddled(func(string, blob.ID) error {
		if n++; n == o.Kill {
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return nil
	})
	r, err := engine.Open(ctx, l, password)
	if err != nil {
		return err
	}
	_, err = r.Maintain(ctx, true)
	return errors.Join(err, r.Close(ctx))
}

// killed maintains in a child that is killed, and tells whether it was: a child
// with less to do than that many changes lives.
func (c *copies) killed(t *testing.T, before int) bool {
	t.Helper()
	text, err := json.Marshal(order{Dir: c.dir, Now: c.cal.now(), Kill: before})
	must(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "HOLDFAST_TEST_MAINTAIN="+string(text), "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child ended with %v: %s", err, out)
	}
	return true
}

func TestMaintain_KilledAtAnyMomentLosesNothingAndTheSpaceStillComesBack(t *testing.T) {
	t.Parallel()
	for _, kind := range []engine.Kind{engine.Database, engine.Data} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			keep := []int{3, 7}
			c, need := history(t, kind, 8, keep...)
			c.forget(t, keep...)
			deleted := c.cal.now()
			deaths := 0
			for range 4 { // each day has other things to do
				for n := 1; c.killed(t, n); n += 1 + n/2 {
					deaths++
					c.intact(t)
					c.cal.pass(10 * time.Minute)
				}
				c.cal.pass(24 * time.Hour)
			}
			if deaths < 12 {
				t.Errorf("only %d children were killed", deaths)
			}
			_, _ = c.upkeep(t, deleted)
			left := onDisk(t, c.dir)
			t.Logf("killed %d times; %d bytes are left for what needs %d", deaths, left, need)
			if left > need*110/100 {
				t.Errorf("%d bytes are left for what needs %d", left, need)
			}
			c.intact(t)
			c.restorable(t)
		})
	}
}

func TestMaintain_OnAFullDiskFailsAndLosesNothing(t *testing.T) {
	t.Parallel()
	keep := []int{3, 7}
	c, need := history(t, engine.Database, 8, keep...)
	c.forget(t, keep...)
	deleted := c.cal.now()
	for day := range 4 {
		failed := 0
		for _, room := range []int{0, 2, 6} {
			puts, lost := 0, false
			full := c.at().Meddled(func(verb string, id blob.ID) error {
				if verb != "put" {
					return nil
				}
				if puts++; puts <= room {
					return nil
				}
				// Kopia lets pass that it could not note down a task as done: then it is done again.
				lost = lost || id != "kopia.maintenance"
				return &os.PathError{Op: "write", Path: string(id), Err: syscall.ENOSPC}
			})
			r, err := engine.Open(t.Context(), full, password)
			must(t, err)
			if _, err := r.Maintain(t.Context(), true); err != nil {
				failed++
			} else if lost {
				t.Errorf("day %d: no error, though write %d of %d failed", day, room+1, puts)
			}
			_ = r.Close(t.Context())
			c.intact(t)
			c.cal.pass(10 * time.Minute)
		}
		if failed == 0 {
			t.Errorf("day %d: maintenance never failed", day)
		}
		c.cal.pass(24 * time.Hour)
	}
	_, _ = c.upkeep(t, deleted)
	if left := onDisk(t, c.dir); left > need*110/100 {
		t.Errorf("%d bytes are left for what needs %d", left, need)
	}
	c.intact(t)
	c.restorable(t)
}

func TestMaintain_OnAReallyFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test mounts a small file system: run it as root")
	}
	t.Parallel()
	small := t.TempDir()
	must(t, syscall.Mount("tmpfs", small, "tmpfs", 0, "size=40m"))
	t.Cleanup(func() { must(t, syscall.Unmount(small, syscall.MNT_DETACH)) })
	c := &copies{dir: filepath.Join(small, "repo"), cal: newCalendar(), kind: engine.Database, want: map[string]any{}}
	must(t, engine.Create(t.Context(), c.at(), password, c.kind))
	for day := range 8 {
		c.take(t, open(t, c.at()), day, "")
		c.cal.pass(24 * time.Hour)
	}
	c.forget(t, 3, 7)
	ballast := filepath.Join(small, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 64<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	if _, err := open(t, c.at()).Maintain(t.Context(), true); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("maintenance said %v", err)
	}
	c.intact(t)
	must(t, os.Remove(ballast))
	before := onDisk(t, c.dir)
	_, _ = c.upkeep(t, c.cal.now())
	if left := onDisk(t, c.dir); left > before*2/3 {
		t.Errorf("%d bytes are left of %d", left, before)
	}
	c.intact(t)
	c.restorable(t)
}
