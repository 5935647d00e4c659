package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/backup"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// How often a task that its host began is tried. What tidies up is tried for
// longer: nobody waits for it, and nothing else ends it.
const (
	taskAttempts   = 3
	settleAttempts = 10
)

func insertHostTask(ctx context.Context, tx *store.Tx, r dbq.Restore, host id.Host, kind dbq.HostTaskKind, at time.Time) (id.HostTask, error) {
	task := id.New[id.HostTask]()
	attempts := int32(taskAttempts)
	if kind == dbq.HostTaskKindSettle {
		attempts = settleAttempts
	}
	err := tx.InsertHostTask(ctx, dbq.InsertHostTaskParams{
		TenantID: r.TenantID, ID: task, SiteID: r.SiteID, HostID: host, RestoreID: r.ID, Kind: kind, MaxAttempts: attempts, NotBefore: at, CreatedAt: tx.Now,
	})
	if err != nil {
		return task, err
	}
	return task, tx.Notify(ctx, store.ChannelWork, host.String())
}

// heldTask is how a poll names a leased task.
func heldTask(k dbq.HostTask) agentproto.Held {
	return agentproto.Held{Run: k.ID.String(), Fence: *k.Fence}
}

// reconcileTasks puts leased tasks back in the line that the agent does not
// hold. It gives those that stay leased.
func (a *App) reconcileTasks(ctx context.Context, tx *store.Tx, h AgentHost, leased []dbq.LeasedTasksRow, held []agentproto.Held) ([]dbq.LeasedTasksRow, error) {
	has := make(map[agentproto.Held]bool, len(held))
	for _, l := range held {
		has[l] = true
	}
	stay := leased[:0]
	for _, l := range leased {
		if has[heldTask(l.HostTask)] {
			stay = append(stay, l)
			continue
		}
		r, k, err := lockTask(ctx, tx, l.HostTask)
		if err != nil {
			return nil, err
		}
		if err := a.loseTask(ctx, tx, h, r, k, nil); err != nil {
			return nil, err
		}
	}
	return stay, nil
}

// lockTask locks a task after its restore, which is the order everywhere.
func lockTask(ctx context.Context, tx *store.Tx, k dbq.HostTask) (dbq.Restore, dbq.HostTask, error) {
	r, err := tx.LockRestore(ctx, dbq.LockRestoreParams{TenantID: k.TenantID, ID: k.RestoreID})
	if err != nil {
		return r, k, err
	}
	k, err = tx.LockHostTask(ctx, dbq.LockHostTaskParams{TenantID: k.TenantID, ID: k.ID})
	return r, k, err
}

// leaseTasks gives out up to free tasks, the oldest first. A task of a site
// that has a run at work waits for its end.
func (a *App) leaseTasks(ctx context.Context, tx *store.Tx, h AgentHost, epoch int64, free int) ([]agentproto.Lease, error) {
	picked, err := tx.PickTasks(ctx, dbq.PickTasksParams{HostID: h.ID, Now: tx.Now, Free: int32(free)}) //nolint:gosec // at most 64
	if err != nil {
		return nil, err
	}
	leases := make([]agentproto.Lease, 0, len(picked))
	for _, p := range picked {
		r, err := tx.LockRestore(ctx, dbq.LockRestoreParams{TenantID: p.TenantID, ID: p.RestoreID})
		if err != nil {
			return nil, err
		}
		l, ok, err := a.leaseTask(ctx, tx, h, epoch, r, p.ID)
		if err != nil {
			return nil, err
		}
		if ok {
			leases = append(leases, l)
		}
	}
	return leases, nil
}

func (a *App) leaseTask(ctx context.Context, tx *store.Tx, h AgentHost, epoch int64, r dbq.Restore, task id.HostTask) (l agentproto.Lease, ok bool, err error) {
	reads, why, err := restoreCopies(ctx, tx, r)
	if err != nil {
		return l, false, err
	}
	k, err := tx.LeaseTask(ctx, dbq.LeaseTaskParams{TenantID: r.TenantID, ID: task, HostEpoch: &epoch, Now: tx.Now})
	if isNoRows(err) {
		return l, false, nil
	}
	if err != nil {
		return l, false, err
	}
	brings := k.Kind == dbq.HostTaskKindRestore || k.Kind == dbq.HostTaskKindFiles
	if brings {
		r, err = a.moveRestore(ctx, tx, r, restore.Lease, nil, map[string]any{"host": h.Name, "fence": *k.Fence, "epoch": epoch})
		if err != nil {
			return l, false, err
		}
		if why != "" { // damage was found since it was planned
			return l, false, a.endTask(ctx, tx, r, k, agentproto.CompleteRequest{Outcome: agentproto.OutcomeRefused, Error: why, ErrorCode: "copy-damaged"})
		}
	} else if err := restoreEvent(ctx, tx, r, "restore."+string(k.Kind)+"_leased", map[string]any{"host": h.Name, "fence": *k.Fence}); err != nil {
		return l, false, err
	}
	l, err = a.taskLease(ctx, tx, h, r, k, reads)
	return l, err == nil, err
}

// restoreCopies gives the copies of a restore, and why one of them may not be
// read any more.
func restoreCopies(ctx context.Context, tx *store.Tx, r dbq.Restore) (out map[backup.Kind]dbq.Copy, why string, err error) {
	out = map[backup.Kind]dbq.Copy{}
	for _, of := range []id.Copy{r.DatabaseCopyID, r.DataCopyID} {
		if of.IsZero() {
			continue
		}
		c, err := tx.CopyByID(ctx, of)
		if err != nil {
			return nil, "", err
		}
		if said := unfit(c.State, false); said != "" {
			why = fmt.Sprintf("The %s copy %s. Nothing of the site was changed.", c.Kind, said)
		}
		out[c.Kind] = c
	}
	return out, why, nil
}

// taskLease is what the agent is told of a task.
func (a *App) taskLease(ctx context.Context, tx *store.Tx, h AgentHost, r dbq.Restore, k dbq.HostTask, reads map[backup.Kind]dbq.Copy) (agentproto.Lease, error) {
	s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: r.TenantID, ID: r.SiteID})
	if err != nil {
		return agentproto.Lease{}, err
	}
	in := inputOf(r)
	l := agentproto.Lease{
		Run: k.ID.String(), Fence: *k.Fence, Kind: string(k.Kind), Attempt: int(k.Attempt) + 1,
		Site:    agentproto.Site{ID: s.ID.String(), Name: s.Name, CodeDir: s.CodeDir, AccountRoot: s.AccountRoot},
		Restore: &agentproto.Restore{ID: r.ID.String()},
	}
	if k.Kind != dbq.HostTaskKindRestore && k.Kind != dbq.HostTaskKindFiles {
		return l, nil
	}
	l.Restore.AllowUpgrade = in.AllowUpgrade
	for kind, to := range map[backup.Kind]**agentproto.RestoreFrom{backup.Database: &l.Restore.Database, backup.Data: &l.Restore.Data} {
		c, ok := reads[kind]
		if !ok {
			continue
		}
		if *to, err = a.restoreFrom(ctx, tx, k, c); err != nil {
			return l, err
		}
	}
	if h.Protocol >= truthProtocol {
		if err := a.withNamed(ctx, tx, k, reads, l.Restore); err != nil {
			return l, err
		}
	}
	if k.Kind == dbq.HostTaskKindFiles {
		l.Restore.Files = &agentproto.RestoreFiles{Root: in.Root, Paths: in.Paths, InPlace: in.InPlace}
		if l.Restore.Files.Paths == nil {
			l.Restore.Files.Paths = []string{}
		}
	}
	return l, nil
}

// restoreFrom is one copy as a lease names it, with a token that only reads.
func (a *App) restoreFrom(ctx context.Context, tx *store.Tx, k dbq.HostTask, c dbq.Copy) (*agentproto.RestoreFrom, error) {
	var d copyDetails
	if err := json.Unmarshal(c.Details, &d); err != nil {
		return nil, fmt.Errorf("the details of copy %s: %w", c.ID, err)
	}
	from, err := a.reading(ctx, tx, k, c.TenantID, c.RepositoryID)
	if err != nil {
		return nil, err
	}
	return &agentproto.RestoreFrom{
		Copy: c.ID.String(), Snapshot: c.Snapshot, TakenAt: c.TakenAt, Files: c.Files, Bytes: c.Bytes, SHA256: c.Sha256, Tables: d.Tables, Facts: d.Facts, Repository: from,
	}, nil
}

// reading is a repository as a task's lease names it, with a token that only reads.
func (a *App) reading(ctx context.Context, tx *store.Tx, k dbq.HostTask, of id.Tenant, repository id.Repository) (agentproto.Repository, error) {
	repo, err := tx.RepositoryByID(ctx, dbq.RepositoryByIDParams{TenantID: of, ID: repository})
	if err != nil {
		return agentproto.Repository{}, err
	}
	dest, err := tx.DestinationByID(ctx, repo.DestinationID)
	if err != nil {
		return agentproto.Repository{}, err
	}
	password, err := a.password(repo)
	if err != nil {
		return agentproto.Repository{}, err
	}
	token, err := a.storage.ReadToken(dest.ID, repo.Name, k.ID, *k.Fence, tx.Now.Add(tokenLife))
	if err != nil {
		return agentproto.Repository{}, err
	}
	url, pin := a.storage.Address(dest.ID, dest.VaultUrl)
	return agentproto.Repository{ID: repo.ID.String(), Password: password, URL: url, Name: repo.Name, Token: token, Pin: pin}, nil
}

// withNamed adds to a restore that reads a database copy what is kept of the
// files that it names: the list, and the files themselves.
func (a *App) withNamed(ctx context.Context, tx *store.Tx, k dbq.HostTask, reads map[backup.Kind]dbq.Copy, to *agentproto.Restore) error {
	c, ok := reads[backup.Database]
	if !ok || to.Database == nil {
		return nil
	}
	list, err := tx.ReferenceListOf(ctx, dbq.ReferenceListOfParams{TenantID: c.TenantID, CopyID: c.ID})
	if isNoRows(err) {
		return nil
	}
	if err != nil {
		return err
	}
	to.Database.References = list.Snapshot
	if list.FilesSnapshot == "" {
		return nil
	}
	from, err := a.reading(ctx, tx, k, c.TenantID, list.FilesRepositoryID)
	if err != nil {
		return err
	}
	to.Named = &agentproto.RestoreFrom{
		Copy: c.ID.String(), Snapshot: list.FilesSnapshot, TakenAt: c.TakenAt, Files: list.Files, Bytes: list.FilesBytes, Facts: to.Database.Facts, Repository: from,
	}
	return nil
}
