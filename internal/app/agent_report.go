package app

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"holdfast/internal/agentproto"
	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/job"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

func asError(err error, to **errs.Error) bool { return errors.As(err, to) }

// touch checks that the report comes from the host's present life.
func touch(ctx context.Context, tx *store.Tx, h AgentHost, instance string, epoch int64) error {
	u, err := uuid.Parse(instance)
	if err != nil {
		return errs.Wrap(errs.Stale, ErrStaleEpoch, "This is not the instance that said hello; drop what it holds.")
	}
	_, err = tx.TouchHost(ctx, dbq.TouchHostParams{ID: h.ID, Instance: &u, Epoch: epoch, Now: tx.Now})
	return stale(err)
}

// RunStarted counts an attempt: the agent's working process runs. Saying it
// again changes nothing.
func (a *App) RunStarted(ctx context.Context, h AgentHost, r agentproto.StartedRequest) error {
	run, err := id.Parse[id.Run](r.Run)
	if err != nil {
		return errs.Field("run", "%v", err)
	}
	return a.system(ctx, "agent:"+h.Name, func(ctx context.Context, tx *store.Tx) error {
		if err := touch(ctx, tx, h, r.Instance, r.Epoch); err != nil {
			return err
		}
		row, err := tx.RunByID(ctx, run)
		if isNoRows(err) {
			return taskStarted(ctx, tx, h, run, r.Fence)
		}
		if err != nil || row.HostID != h.ID || row.State != backup.Leased || *row.Fence != r.Fence {
			return staleRun(err)
		}
		n, err := tx.StartRun(ctx, dbq.StartRunParams{ID: run, HostID: h.ID, Fence: &r.Fence, Now: tx.Now})
		if err != nil || n == 0 {
			return err
		}
		if err := tx.Notify(ctx, store.ChannelRuns, run.String()); err != nil {
			return err
		}
		return tx.Event(ctx, "run.started", runSubject(row.TenantID, row.SiteID, run), map[string]any{"host": h.Name, "attempt": row.Attempt + 1})
	})
}

func staleRun(err error) error {
	if err != nil && !isNoRows(err) {
		return err
	}
	return errs.New(errs.Stale, "This run is not held with this fence any more; drop it.")
}

// Complete ends a run: its row, the copy in the catalog, the follow-up jobs
// and the events, in one transaction. Sending it again is answered the same.
func (a *App) Complete(ctx context.Context, h AgentHost, r agentproto.CompleteRequest) error {
	run, err := id.Parse[id.Run](r.Run)
	if err != nil {
		return errs.Field("run", "%v", err)
	}
	return a.system(ctx, "agent:"+h.Name, func(ctx context.Context, tx *store.Tx) error {
		if err := touch(ctx, tx, h, r.Instance, r.Epoch); err != nil {
			return err
		}
		row, err := tx.RunByID(ctx, run)
		if isNoRows(err) {
			if mine, err := a.completeDiscovery(ctx, tx, h, run, r); mine || err != nil {
				return err
			}
			if err := checkTaskReport(&r); err != nil {
				return err
			}
			return a.completeTask(ctx, tx, h, run, r)
		}
		if err != nil || row.HostID != h.ID {
			return staleRun(err)
		}
		if err := checkReport(&r); err != nil {
			return err
		}
		if row.State != backup.Leased || *row.Fence != r.Fence {
			done, err := tx.CopyOfRun(ctx, dbq.CopyOfRunParams{TenantID: row.TenantID, RunID: run})
			if err == nil && done.Fence == r.Fence {
				return nil
			}
			return staleRun(err)
		}
		if err := tx.Notify(ctx, store.ChannelRuns, run.String()); err != nil {
			return err
		}
		if err := tx.Notify(ctx, store.ChannelWork, h.ID.String()); err != nil {
			return err
		}
		if err := conclude(ctx, tx, h, row, r); err != nil {
			return err
		}
		if err := a.copyKept(ctx, tx, row, r); err != nil {
			return err
		}
		if err := safetyEnded(ctx, tx, row.SiteID, row.ID); err != nil {
			return err
		}
		return placeFreed(ctx, tx, row.DestinationID)
	})
}

func conclude(ctx context.Context, tx *store.Tx, h AgentHost, row dbq.Run, r agentproto.CompleteRequest) error {
	switch r.Outcome {
	case agentproto.OutcomeGood, agentproto.OutcomeIncomplete:
		return keepCopy(ctx, tx, row, r)
	case agentproto.OutcomeStopped:
		if row.Attempt < row.MaxAttempts {
			return loseRun(ctx, tx, h, dbq.LeasedRunsRow{
				TenantID: row.TenantID, ID: row.ID, SiteID: row.SiteID, Kind: row.Kind, Reason: row.Reason, Fence: row.Fence, Attempt: row.Attempt, MaxAttempts: row.MaxAttempts,
			})
		}
	}
	return failRun(ctx, tx, row, r)
}

var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

// checkReport refuses what no honest agent sends, and cuts what is too long.
func checkReport(r *agentproto.CompleteRequest) error {
	r.Error, r.ErrorCode = clip(r.Error, 1000), clip(r.ErrorCode, 60)
	switch r.Outcome {
	case agentproto.OutcomeFailed, agentproto.OutcomeRefused, agentproto.OutcomeStopped:
		r.Copy = nil
		return nil
	case agentproto.OutcomeGood, agentproto.OutcomeIncomplete:
	default:
		return errs.Field("outcome", "%q is not an outcome", r.Outcome)
	}
	c := r.Copy
	if c == nil {
		return errs.Field("copy.snapshot", "a finished copy must name its snapshot")
	}
	if err := checkSnapshot("copy", c.Snapshot, c.Manifest); err != nil {
		return err
	}
	if c.TakenAt.IsZero() || c.Files < 0 || c.Bytes < 0 || c.StoredBytes < 0 || c.Seconds < 0 || c.Vanished < 0 {
		return errs.Field("copy", "times and counts must be there and not negative")
	}
	if c.SHA256 != "" && !sha256Hex.MatchString(c.SHA256) {
		return errs.Field("copy.sha256", "must be 64 hexadecimal digits")
	}
	if len(c.Tables) > 20_000 {
		return errs.Field("copy.tables", "more than 20,000 tables")
	}
	return checkTruth(c)
}

// copyDetails is the part of a copy's row that is kept as JSON.
type copyDetails struct {
	Facts    agentproto.Facts      `json:"facts"`
	Excluded []agentproto.Excluded `json:"excluded"`
	Problems []agentproto.Problem  `json:"problems"`
	Tables   []agentproto.Table    `json:"tables,omitempty"`
}

// maxListed is how many excluded folders and problems a copy's row keeps.
const maxListed = 1000

func keepCopy(ctx context.Context, tx *store.Tx, row dbq.Run, r agentproto.CompleteRequest) error {
	c := r.Copy
	if row.Kind == backup.Database && (len(c.Tables) == 0 || c.SHA256 == "") {
		return errs.Field("copy.tables", "a database copy counts only with its table list and checksum")
	}
	state, verb := catalog.Good, backup.FinishGood
	if r.Outcome == agentproto.OutcomeIncomplete {
		state, verb = catalog.Incomplete, backup.FinishShort
	}
	to, err := backup.Apply(row.State, verb)
	if err != nil {
		return err
	}
	n, err := tx.FinishRun(ctx, dbq.FinishRunParams{
		TenantID: row.TenantID, ID: row.ID, ToState: to, Now: tx.Now, Fence: row.Fence, Error: r.Error, ErrorCode: r.ErrorCode,
	})
	if err != nil || n == 0 {
		return staleRun(err)
	}
	t, err := lockTimetable(ctx, tx, row.TenantID, row.SiteID, row.Kind)
	if err != nil {
		return err
	}
	c.TakenAt = plausible(row, c.TakenAt, tx.Now)
	c.Facts.Fingerprint = clip(c.Facts.Fingerprint, 200)
	p, err := t.place(ctx, tx, row, c, state)
	if err != nil {
		return err
	}
	made, err := insertCopy(ctx, tx, row, c, state, p)
	if err != nil {
		return err
	}
	if err := keepTruth(ctx, tx, row, made, c); err != nil {
		return err
	}
	if err := noteChange(ctx, tx, row, made, c); err != nil {
		return err
	}
	if err := keepFacts(ctx, tx, row, c.Facts); err != nil {
		return err
	}
	of := store.Subject{Kind: "copy", ID: made.UUID(), Tenant: row.TenantID, Site: row.SiteID}
	err = tx.Event(ctx, "copy.taken", of, map[string]any{
		"kind": row.Kind, "state": state, "run": row.ID, "bytes": c.Bytes, "problems": len(c.Problems), "serves": p.tiers, "missed": p.missed,
	})
	if err != nil {
		return err
	}
	return tx.Enqueue(ctx, river.InsertManyParams{Args: job.FollowCopy{Copy: made}})
}

// siteFacts is what the site's row keeps: the newest facts of either kind's
// copies. A data copy sees no server, and each kind has warnings of its own.
type siteFacts struct {
	agentproto.Facts
	WarningsBy map[backup.Kind][]string `json:"warnings_by"`
}

func keepFacts(ctx context.Context, tx *store.Tx, row dbq.Run, now agentproto.Facts) error {
	s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: row.TenantID, ID: row.SiteID})
	if err != nil {
		return err
	}
	var before siteFacts
	if err := json.Unmarshal(s.Facts, &before); err != nil {
		before = siteFacts{} // an older build's; the next copies fill it
	}
	merged := mergeFacts(before, now, row.Kind)
	b, err := toJSONB(merged)
	if err != nil {
		return err
	}
	return tx.SetSiteFacts(ctx, dbq.SetSiteFactsParams{TenantID: row.TenantID, ID: row.SiteID, Facts: b})
}

func mergeFacts(before siteFacts, now agentproto.Facts, kind backup.Kind) siteFacts {
	merged := siteFacts{Facts: now, WarningsBy: map[backup.Kind][]string{}}
	if merged.ServerVersion == "" {
		merged.ServerVersion, merged.ClientVersion = before.ServerVersion, before.ClientVersion
	}
	if merged.Moodle == nil { // only a database copy sees it
		merged.Moodle = before.Moodle
	}
	maps.Copy(merged.WarningsBy, before.WarningsBy)
	merged.WarningsBy[kind] = now.Warnings
	merged.Warnings = []string{}
	for _, k := range backup.Kinds() {
		for _, w := range merged.WarningsBy[k] {
			if !slices.Contains(merged.Warnings, w) {
				merged.Warnings = append(merged.Warnings, w)
			}
		}
	}
	return merged
}

func insertCopy(ctx context.Context, tx *store.Tx, row dbq.Run, c *agentproto.Copy, state catalog.State, p placing) (id.Copy, error) {
	made := id.New[id.Copy]()
	s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: row.TenantID, ID: row.SiteID})
	if err != nil {
		return made, err
	}
	repo, err := tx.RepositoryOfSite(ctx, dbq.RepositoryOfSiteParams{TenantID: row.TenantID, SiteID: row.SiteID, Kind: row.Kind})
	if err != nil {
		return made, err
	}
	d := copyDetails{Facts: c.Facts, Excluded: c.Excluded, Problems: c.Problems, Tables: c.Tables}
	d.Excluded = d.Excluded[:min(len(d.Excluded), maxListed)]
	d.Problems = d.Problems[:min(len(d.Problems), maxListed)]
	details, err := toJSONB(d)
	if err != nil {
		return made, err
	}
	tiers, err := json.Marshal(p.tiers)
	if err != nil {
		return made, err
	}
	began := startOf(row, tx.Now)
	var rows int64
	for _, t := range c.Tables {
		rows += t.Rows
	}
	return made, tx.InsertCopy(ctx, dbq.InsertCopyParams{
		TenantID: row.TenantID, ID: made, SiteID: row.SiteID, RepositoryID: repo.ID, RunID: row.ID, Fence: *row.Fence, Kind: row.Kind, State: state,
		Snapshot: c.Snapshot, Manifest: c.Manifest, TakenAt: c.TakenAt.UTC(), FinishedAt: tx.Now, Seconds: c.Seconds, Files: c.Files, Bytes: c.Bytes,
		StoredBytes: c.StoredBytes, Sha256: c.SHA256, RowTotal: rows, TableTotal: int32(len(c.Tables)), Vanished: c.Vanished, Details: details, //nolint:gosec // at most 20,000
		LocalMonth: catalog.LocalMonth(c.TakenAt, siteZone(s.TimeZone)), Tiers: tiers, StartedAt: &began, Initial: p.initial,
		ProtectedUntil: p.protectedUntil, ProtectedWhy: p.protectedWhy, Fingerprint: c.Facts.Fingerprint,
	})
}

// failRun ends a run for good, or plans its next attempt after a pause.
func failRun(ctx context.Context, tx *store.Tx, row dbq.Run, r agentproto.CompleteRequest) error {
	of := runSubject(row.TenantID, row.SiteID, row.ID)
	detail := map[string]any{"error": r.Error, "code": r.ErrorCode, "attempt": row.Attempt}
	if r.Error == "" {
		r.Error = "The agent gave no reason."
	}
	if r.Outcome == agentproto.OutcomeRefused || row.Attempt >= row.MaxAttempts {
		n, err := tx.FinishRun(ctx, dbq.FinishRunParams{
			TenantID: row.TenantID, ID: row.ID, ToState: backup.Failed, Now: tx.Now, Fence: row.Fence, Error: r.Error, ErrorCode: r.ErrorCode,
		})
		if err != nil || n == 0 {
			return staleRun(err)
		}
		if err := runEnded(ctx, tx, row, backup.Failed); err != nil {
			return err
		}
		return tx.Event(ctx, "run.failed", of, detail)
	}
	at := tx.Now.Add(backup.Backoff(int(row.Attempt)))
	if wish, err := time.Parse(time.RFC3339, r.NotBefore); err == nil && wish.After(at) {
		at = wish
		if limit := tx.Now.Add(24 * time.Hour); at.After(limit) {
			at = limit
		}
	}
	n, err := tx.RetryRun(ctx, dbq.RetryRunParams{
		TenantID: row.TenantID, ID: row.ID, Fence: row.Fence, NotBefore: at, Error: r.Error, ErrorCode: r.ErrorCode,
	})
	if err != nil || n == 0 {
		return staleRun(err)
	}
	detail["not_before"] = at
	if err := tx.Event(ctx, "run.will_retry", of, detail); err != nil {
		return err
	}
	return enqueueDispatch(ctx, tx, row.ID, int(row.Priority), at)
}
