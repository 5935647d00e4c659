package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// runRow is a run as `holdfast runs list --json` gives it.
type runRow struct {
	Run, Site, Kind, State, Error string
	ErrorCode                     string `json:"error_code"`
	Attempt                       int
	Joined                        bool
}

// copyRow is a copy as `holdfast copies list --json` gives it.
type copyRow struct {
	Copy, Kind, State, SHA256 string
	SealedFile                string `json:"sealed_file"`
	Files, Bytes, Rows        int64
	Tables                    int
	VerifiedAt                *time.Time `json:"verified_at"`
	Details                   struct {
		Excluded []struct {
			Path         string
			Files, Bytes int64
		}
		Problems []struct{ Path, Reason string }
	}
}

// copies lists a site's copies of a kind, newest first.
func (r *rig) copies(t testing.TB, site, kind string) []copyRow {
	t.Helper()
	var all []copyRow
	r.ask(t, &all, "copies", "list", site, "--json")
	return slices.DeleteFunc(all, func(c copyRow) bool { return c.Kind != kind })
}

// begin asks for a backup and gives the run's id.
func (r *rig) begin(t testing.TB, site, kind string) string {
	t.Helper()
	var started []runRow
	r.ask(t, &started, "backup", site, "--kind", kind, "--json")
	if len(started) != 1 || started[0].Joined {
		t.Fatalf("a fresh %s run of %s: got %+v", kind, site, started)
	}
	return started[0].Run
}

// seen is a run as its row has it.
type seen struct {
	State, Error, Code string
	Attempt            int
	Fence              int64
	Copies             int
}

func (r *rig) look(ctx context.Context, run string) (s seen, err error) {
	err = r.query(ctx, []any{&s.State, &s.Error, &s.Code, &s.Attempt, &s.Fence, &s.Copies},
		"SELECT state, error, error_code, attempt, coalesce(fence, 0), (SELECT count(*) FROM copy WHERE run_id = run.id) FROM run WHERE id = $1", run)
	return s, err
}

// await waits until the run is as wanted. A database that is away is waited for.
func (r *rig) await(t testing.TB, run, what string, within time.Duration, is func(seen) bool) seen {
	t.Helper()
	var s seen
	eventually(t, within, "the run is "+what, func() (bool, string) {
		var err error
		if s, err = r.look(t.Context(), run); err != nil {
			return false, err.Error()
		}
		return is(s), fmt.Sprintf("%+v", s)
	})
	return s
}

func (r *rig) awaitState(t testing.TB, run, state string, within time.Duration) seen {
	t.Helper()
	return r.await(t, run, state, within, func(s seen) bool { return s.State == state })
}

// midway begins a backup whose line is held after a megabyte, and comes back
// when it is under way: leased, counted as started, and waiting for the line.
func (r *rig) midway(t testing.TB, s *moodleSite, kind string) (run string, child int, at seen) {
	t.Helper()
	r.vault[s.host].hold(1 << 20)
	run = r.begin(t, s.name, kind)
	r.vault[s.host].held(t, time.Minute)
	at = r.await(t, run, "leased and started", 20*time.Second, func(v seen) bool { return v.State == "leased" && v.Attempt >= 1 })
	return run, r.hosts[s.host].child(t), at
}

// story is what the event log says of a run, in order, as "verb" or "verb:fence".
func (r *rig) story(t testing.TB, run string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), r.admin)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) //nolint:errcheck // only looked
	rows, err := conn.Query(t.Context(), `SELECT verb, detail FROM event
		WHERE (subject_kind = 'run' AND subject_id = $1) OR (verb = 'copy.taken' AND detail->>'run' = $1::text) ORDER BY at, id`, run)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for rows.Next() {
		var verb string
		var detail []byte
		if err := rows.Scan(&verb, &detail); err != nil {
			t.Fatal(err)
		}
		var d struct{ Fence int64 }
		_ = json.Unmarshal(detail, &d)
		if d.Fence > 0 {
			verb += fmt.Sprintf(":%d", d.Fence)
		}
		out = append(out, verb)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// mustHaveRunOnce holds a run's story to the rule: it is never leased while it
// is leased, fences rise, and it has exactly one copy, of the last lease.
// A negative number of leases stands for any.
func (r *rig) mustHaveRunOnce(t testing.TB, run string, leases int) {
	t.Helper()
	story := r.story(t, run)
	held, last, n := int64(0), int64(0), 0
	for _, e := range story {
		verb, num, _ := strings.Cut(e, ":")
		var fence int64
		_, _ = fmt.Sscan(num, &fence)
		switch verb {
		case "run.leased":
			if held != 0 || fence <= last {
				t.Errorf("leased with fence %d while %d was held, after %d: %v", fence, held, last, story)
			}
			held, last, n = fence, fence, n+1
		case "run.lost", "run.will_retry", "run.failed", "run.cancelled":
			held = 0
		case "copy.taken":
			if held == 0 {
				t.Errorf("a copy was taken without a lease: %v", story)
			}
			held = 0
		}
	}
	if leases >= 0 && n != leases {
		t.Errorf("leased %d times, want %d: %v", n, leases, story)
	}
	var copies int
	var fence int64
	if err := r.query(t.Context(), []any{&copies, &fence}, "SELECT count(*), coalesce(max(fence), 0) FROM copy WHERE run_id = $1", run); err != nil {
		t.Fatal(err)
	}
	if copies != 1 || fence != last {
		t.Errorf("%d copies with fence %d, want one with fence %d: %v", copies, fence, last, story)
	}
}

// noHalfCopies holds over all runs of a rig: a copy is of a run that ended
// well, and such a run has one, which only its last lease could make.
func (r *rig) noHalfCopies(t testing.TB) {
	t.Helper()
	var halves, doubles int
	err := r.query(t.Context(), []any{&halves, &doubles}, `SELECT
		(SELECT count(*) FROM copy JOIN run ON run.id = copy.run_id WHERE run.state NOT IN ('good', 'incomplete')),
		(SELECT count(*) FROM run WHERE state IN ('good', 'incomplete') AND (SELECT count(*) FROM copy WHERE run_id = run.id) <> 1)`)
	if err != nil {
		t.Fatal(err)
	}
	if halves != 0 || doubles != 0 {
		t.Errorf("%d copies of runs that did not end well, %d good runs without exactly one copy", halves, doubles)
	}
	var runs []runRow
	r.ask(t, &runs, "runs", "list", "--limit", "1000", "--json")
	for _, v := range runs {
		if v.State == "good" {
			r.mustHaveRunOnce(t, v.Run, -1)
		}
	}
}
