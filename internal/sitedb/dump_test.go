package sitedb_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/sitedb"
)

func TestRoundTrip_BringsBackEveryRow(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		from, to := fresh(t, f), fresh(t, f)
		want := fill(t, from)
		raw, report := dump(t, from)
		equal(t, "the dump's tables", report.Tables, want)
		if sum := sha256.Sum256(raw); report.SHA256 != hex.EncodeToString(sum[:]) || report.Bytes != int64(len(raw)) {
			t.Errorf("sha256 or length of the report is wrong: %+v", report)
		}
		if report.ServerVersion == "" || report.ClientVersion == "" || report.OtherTables != 0 {
			t.Errorf("report: %+v", report)
		}
		if err := sitedb.Load(t.Context(), to, bytes.NewReader(raw), sitedb.LoadOptions{}); err != nil {
			t.Fatal(err)
		}
		equal(t, "the rows loaded", counts(t, to), want)
		if a, b := sums(t, from), sums(t, to); !maps.Equal(a, b) {
			t.Errorf("checksums differ: %v and %v", a, b)
		}
		again, _ := dump(t, to)
		if f == sitedb.MariaDB && !bytes.Equal(stripNames(raw), stripNames(again)) {
			t.Error("a dump of the restored database differs from the first")
		}
		run(t, to, "INSERT INTO mdl_config (name, value) VALUES ('next', 'id')") // sequences and defaults live
	})
}

// stripNames takes out the comment that names the database.
func stripNames(dump []byte) []byte {
	var out [][]byte
	for line := range bytes.Lines(dump) {
		if !bytes.HasPrefix(line, []byte("-- Host:")) {
			out = append(out, line)
		}
	}
	return bytes.Join(out, nil)
}

func TestDump_LeavesOtherPrefixesOutAndCountsThem(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		from, to := fresh(t, f), fresh(t, f)
		want := fill(t, from)
		run(t, from, "CREATE TABLE wp_posts (id int)", "CREATE TABLE m_config (id int)",
			"CREATE TABLE mdl_2_config_plugins (id int)", "CREATE TABLE mdl_2_course_modules (id int)", "CREATE TABLE mdl_2_user_enrolments (id int)",
			"CREATE VIEW mdl_view AS SELECT 1 AS a")
		raw, report := dump(t, from)
		equal(t, "the dump's tables", report.Tables, want)
		if report.OtherTables != 6 {
			t.Errorf("%d other tables, want 6", report.OtherTables)
		}
		if bytes.Contains(raw, []byte("wp_posts")) {
			t.Error("the dump has another application's table")
		}
		if err := sitedb.Load(t.Context(), to, bytes.NewReader(raw), sitedb.LoadOptions{}); err != nil {
			t.Fatal(err)
		}
		equal(t, "the rows loaded", counts(t, to), want)
		run(t, to, "INSERT INTO mdl_config (name, value) VALUES ('next', 'id')")
	})
}

func TestDump_TakesAllOfAnEmptyPrefix(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		c := fresh(t, f)
		c.Prefix = ""
		name, quoted := "user", "`user`" // a reserved word, as a table of Moodle without a prefix
		if f == sitedb.PostgreSQL {
			quoted = `"user"`
		}
		run(t, c, "CREATE TABLE "+quoted+" (id int)", "INSERT INTO "+quoted+" VALUES (1),(2)", "CREATE TABLE config (name varchar(9), value varchar(99))")
		_, report := dump(t, c)
		equal(t, "tables", report.Tables, []sitedb.Table{{Name: "config"}, {Name: name, Rows: 2}})
	})
}

func TestDump_RefusesWhileAnUpgradeRuns(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		c := fresh(t, f)
		fill(t, c)
		var refused *sitedb.UpgradeRunningError
		before := func() time.Time { return time.Unix(12344, 0) }
		_, err := sitedb.Dump(t.Context(), c, io.Discard, sitedb.DumpOptions{Now: before})
		if !errors.As(err, &refused) || refused.Until.Unix() != 12345 || !errs.Is(err, errs.Unavailable) {
			t.Errorf("got %v", err)
		}
		after := func() time.Time { return time.Unix(12345, 0) }
		if _, err := sitedb.Dump(t.Context(), c, io.Discard, sitedb.DumpOptions{Now: after}); err != nil {
			t.Error(err)
		}
	})
}

func TestDump_ErrorsHoldNoPassword(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		c := fresh(t, f)
		fill(t, c)
		wrong := c
		wrong.Password = "S3cr3t-of-mine"
		_, err := sitedb.Dump(t.Context(), wrong, io.Discard, sitedb.DumpOptions{})
		if !errs.Is(err, errs.Forbidden) || strings.Contains(err.Error(), wrong.Password) {
			t.Errorf("got %v", err)
		}
		gone := c
		gone.Name, gone.Password = "nowhere", c.Password
		if _, err := sitedb.Dump(t.Context(), gone, io.Discard, sitedb.DumpOptions{}); err == nil || strings.Contains(err.Error(), c.Password) {
			t.Errorf("got %v", err)
		}
	})
}

func TestDump_RefusesAWrongPrefix(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		c := fresh(t, f)
		fill(t, c)
		c.Prefix = "moodle_"
		if _, err := sitedb.Dump(t.Context(), c, io.Discard, sitedb.DumpOptions{}); !errs.Is(err, errs.NotFound) {
			t.Errorf("got %v", err)
		}
	})
}

// hookWriter runs a function once, at the first byte.
type hookWriter struct {
	once sync.Once
	do   func()
	n    int64
}

func (h *hookWriter) Write(p []byte) (int, error) {
	h.once.Do(h.do)
	h.n += int64(len(p))
	return len(p), nil
}

func TestDump_OfAChangingTableIsRetryableOrWhole(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		for name, change := range map[string]string{
			"truncate": "TRUNCATE TABLE mdl_zlast", "drop": "DROP TABLE mdl_zlast", "alter": "ALTER TABLE mdl_zlast ADD COLUMN more int",
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c := fresh(t, f)
				fill(t, c)
				run(t, c, "CREATE TABLE mdl_zlast (id int)", "INSERT INTO mdl_zlast VALUES (1),(2),(3)")
				changed := make(chan error, 1)
				w := &hookWriter{do: func() {
					go func() { changed <- try(context.Background(), c, change) }()
					if f == sitedb.MariaDB {
						changed <- <-changed // PostgreSQL makes it wait until the dump ends
					}
				}}
				report, err := sitedb.Dump(t.Context(), c, w, sitedb.DumpOptions{})
				if e := <-changed; e != nil {
					t.Fatal(e)
				}
				if err != nil {
					if !sitedb.IsRetryable(err) {
						t.Errorf("not retryable: %v", err)
					}
					return
				}
				for _, table := range report.Tables {
					if table.Name == "mdl_zlast" && table.Rows != 3 {
						t.Errorf("silently wrong: %v", report.Tables)
					}
				}
			})
		}
	})
}

func TestDump_StopsWithItsContextAndItsWriter(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		c := fresh(t, f)
		fill(t, c)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if _, err := sitedb.Dump(ctx, c, &hookWriter{do: cancel}, sitedb.DumpOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		full := errors.New("disk full")
		if _, err := sitedb.Dump(t.Context(), c, failing{full}, sitedb.DumpOptions{}); !errors.Is(err, full) {
			t.Errorf("full: %v", err)
		}
	})
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestDump_EndsAHungClient(t *testing.T) {
	t.Parallel()
	c := fresh(t, sitedb.MariaDB)
	fill(t, c)
	// A lock held by another makes the client wait at its first table.
	locked, release := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- holdLock(t.Context(), c, "LOCK TABLES mdl_big WRITE", locked, release) }()
	<-locked
	_, err := sitedb.Dump(t.Context(), c, io.Discard, sitedb.DumpOptions{Stall: 300 * time.Millisecond})
	close(release)
	if e := <-ended; e != nil {
		t.Fatal(e)
	}
	if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "too long") {
		t.Errorf("got %v", err)
	}
}

func TestDump_TellsItsProgress(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		c := fresh(t, f)
		fill(t, c)
		var last sitedb.DumpProgress
		report, err := sitedb.Dump(t.Context(), c, io.Discard, sitedb.DumpOptions{Progress: func(p sitedb.DumpProgress) { last = p }})
		if err != nil || last.Bytes != report.Bytes || last.Total != 5 {
			t.Errorf("%v, progress %+v of %d bytes", err, last, report.Bytes)
		}
	})
}

func TestDump_LeavesNoSecretBehindAndShowsNone(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		c := fresh(t, f)
		fill(t, c)
		seen := 0
		w := &hookWriter{do: func() {
			procs, err := filepath.Glob("/proc/[0-9]*")
			if err != nil {
				t.Error(err)
			}
			for _, p := range procs {
				args, err := os.ReadFile(filepath.Join(p, "cmdline"))
				if err != nil || !bytes.Contains(args, []byte("dump")) {
					continue
				}
				env, err := os.ReadFile(filepath.Join(p, "environ"))
				if err != nil {
					continue
				}
				if bytes.Contains(args, []byte(c.Name)) || bytes.Contains(env, []byte(c.Name)) {
					seen++
				}
				if bytes.Contains(args, []byte("geheim")) || bytes.Contains(env, []byte("geheim")) {
					t.Errorf("%s shows the password", p)
				}
			}
		}}
		if _, err := sitedb.Dump(t.Context(), c, w, sitedb.DumpOptions{}); err != nil {
			t.Fatal(err)
		}
		if seen == 0 {
			t.Error("the client was not seen at work; the test proves nothing")
		}
	})
}
