package agent

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/inplace"
)

// vaultPatience is how long a restore outlasts a vault that is away before it
// goes back to the old state. It is shorter than a backup's: a site may be
// closed meanwhile.
const vaultPatience = 5 * time.Minute

func (j job) mending(clk clock.Clock, log *slog.Logger, tell func(agentproto.Progress)) mending {
	return mending{
		StateDir: j.StateDir, Roots: Roots{Dirs: j.AllowRoots}, PHP: j.PHP, Clock: clk, Log: log,
		Tell: func(s inplace.Step) {
			tell(agentproto.Progress{Phase: s.Name, Detail: clip(s.Words, maxDetailBytes)})
		},
	}
}

// bring does a lease that is no backup. The site's locks are held and its
// journals mended.
func (j job) bring(ctx context.Context, clk clock.Clock, log *slog.Logger, tell func(agentproto.Progress)) Result {
	l, secrets := j.Lease, j.secrets()
	dir := journalDir(j.StateDir, l.Site.ID)
	b := Bring{
		Kind: l.Kind, ID: l.Restore.ID, Journals: dir, CodeDir: filepath.Clean(l.Site.CodeDir), AccountRoot: l.Site.AccountRoot,
		Database: j.from(l.Restore.Database), Data: j.from(l.Restore.Data), Named: j.from(l.Restore.Named), Files: l.Restore.Files, AllowUpgrade: l.Restore.AllowUpgrade,
		Roots: Roots{Dirs: j.AllowRoots}, PHP: j.PHP, Clock: clk, Log: log, Progress: tell,
	}
	ev, err := b.Do(ctx)
	r := Result{Outcome: agentproto.OutcomeGood}
	if err != nil {
		log.Error("the restore failed", "run", l.Run, "restore", l.Restore.ID, "error", redact(err.Error(), secrets...))
		r = restoreResult(ctx, err, clk.Now(), secrets...)
	}
	r.Evidence = evidenceJSON(ev, secrets...)
	return r
}

func (j job) from(f *agentproto.RestoreFrom) *From {
	if f == nil {
		return nil
	}
	patience := vaultPatience
	if j.Patience > 0 {
		patience = time.Duration(j.Patience) * time.Second
	}
	return &From{RestoreFrom: *f, Location: j.location(f.Repository, patience), Password: f.Repository.Password}
}

// evidenceJSON is nil where nothing is to be shown. A secret in it would be
// inplace's mistake; it goes no further all the same.
func evidenceJSON(ev Evidence, secrets ...string) json.RawMessage {
	v := ev.value()
	if v == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	all := slices.Clone(secrets)
	for _, s := range secrets {
		if quoted, err := json.Marshal(s); err == nil {
			all = append(all, strings.Trim(string(quoted), `"`))
		}
	}
	return json.RawMessage(redact(string(b), all...))
}

// restoreResult turns an error of a restore into an outcome.
func restoreResult(ctx context.Context, err error, now time.Time, secrets ...string) Result {
	if codeIn(err) == CodeNotRolledBack { // even if it was told to stop
		ctx = context.WithoutCancel(ctx)
	}
	r := resultOf(ctx, agentproto.Copy{}, err, now, secrets...)
	if k := errs.KindOf(err); k != errs.Other && r.Outcome == agentproto.OutcomeFailed {
		r.Error = redact(clip(errs.Sentence(err), maxErrorBytes), secrets...) // its words are whole; the cause is in the log
	}
	if r.Outcome == agentproto.OutcomeStopped {
		r.Error = "The restore was stopped before it ended; the site is as it was before."
	}
	return r
}

// mendOnly brings a site's unfinished restores to their end and does nothing
// else. A site that another process works on is that one's to mend.
func (j job) mendOnly(ctx context.Context, w *lineWriter, clk clock.Clock, log *slog.Logger) Result {
	fail := func(err error) Result { return restoreResult(ctx, err, clk.Now()) }
	if !safeID.MatchString(j.Mend) {
		return Result{Outcome: agentproto.OutcomeRefused, ErrorCode: CodeBadLease, Error: "The site's name is not one."}
	}
	all, err := journals(journalDir(j.StateDir, j.Mend))
	if err != nil {
		return fail(err)
	}
	for _, h := range all {
		if finished(h.State) {
			continue
		}
		held, err := holdSite(ctx, j.StateDir, j.Mend, h.CodeDir, true, lockWait)
		if err != nil {
			return fail(err)
		}
		if err := w.write(line{Started: true}); err != nil {
			held.release()
			return fail(err)
		}
		err = j.mending(clk, log, func(agentproto.Progress) {}).mend(ctx, j.Mend)
		held.release()
		if err != nil {
			return fail(err)
		}
	}
	return Result{Outcome: agentproto.OutcomeGood}
}
