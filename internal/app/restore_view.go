package app

import (
	"context"
	"encoding/json"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/authz"
	"holdfast/internal/host"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// eventsShown is how many events a restore's page shows.
const eventsShown = 200

// Restore gives one restore.
func (a *App) Restore(ctx context.Context, who authz.Actor, of id.Restore) (RestoreView, error) {
	r, err := a.restoreTenant(ctx, who, of)
	if err != nil {
		return RestoreView{}, err
	}
	v := RestoreView{}
	err = a.do(ctx, who, authz.ViewRestores, r.TenantID, func(ctx context.Context, tx *store.Tx) error {
		v = RestoreView{Now: tx.Now, Percent: -1}
		if v.Row, err = tx.RestoreByID(ctx, of); err != nil {
			return err
		}
		return v.read(ctx, tx)
	})
	if err != nil {
		return v, hide(err, "restore")
	}
	err = a.system(ctx, "restore view", func(ctx context.Context, tx *store.Tx) (err error) {
		if v.Between, err = leftSiteBetween(ctx, tx, v.Row); err != nil {
			return err
		}
		return v.readHost(ctx, tx, who.Staff != "")
	})
	may := func(action authz.Action) bool {
		_, err := authz.Check(who, action, r.TenantID)
		return err == nil
	}
	_, cancel := restore.Apply(v.Row.State, restore.Cancel)
	v.MayCancel = cancel == nil && v.Row.StopBy == "" && may(authz.StartRestore)
	v.MayAccept = v.Row.State == restore.Restored && may(authz.AcceptRestore)
	v.MayUndo = v.MayAccept
	if who.Staff == "" {
		v.hide()
	}
	v.Steps = stationsOf(v.Row, v.Between)
	return v, err
}

// leftSiteBetween tells whether a restore that ended without success leaves a
// site that is not as it was: its host could not put it back, or it never came
// to the host and the one before it had left it so.
func leftSiteBetween(ctx context.Context, tx *store.Tx, r dbq.Restore) (bool, error) {
	if r.State != restore.Failed && r.State != restore.Cancelled {
		return false, nil
	}
	if r.ErrorCode == notRolledBack {
		return true, nil
	}
	if r.StartedAt != nil {
		return false, nil // its host mends what an earlier one left before it begins
	}
	rows, err := tx.ListRestores(ctx, dbq.ListRestoresParams{
		TenantID: store.Optional(r.TenantID.UUID()), SiteID: store.Optional(r.SiteID.UUID()), BeforeAt: &r.CreatedAt, BeforeID: store.Optional(r.ID.UUID()), PageSize: restoresBehind,
	})
	if err != nil {
		return false, err
	}
	for _, row := range rows {
		if row.Restore.StartedAt != nil {
			return row.Restore.State == restore.Failed && row.Restore.ErrorCode == notRolledBack, nil
		}
	}
	return false, nil
}

// restoresBehind is how many restores before one are looked at for the last
// that its host had begun.
const restoresBehind = 50

// read takes what the actor may see.
func (v *RestoreView) read(ctx context.Context, tx *store.Tx) (err error) {
	r := v.Row
	v.Evidence = evidenceOf(r)
	if v.Database, err = copyToOffer(ctx, tx, r.TenantID, r.DatabaseCopyID); err != nil {
		return err
	}
	if v.Data, err = copyToOffer(ctx, tx, r.TenantID, r.DataCopyID); err != nil {
		return err
	}
	v.SafetyRuns = nil
	for _, run := range []id.Run{r.SafetyDatabaseRunID, r.SafetyDataRunID} {
		if run.IsZero() {
			continue
		}
		row, err := tx.RunForTenant(ctx, dbq.RunForTenantParams{TenantID: r.TenantID, ID: run})
		if err != nil {
			return err
		}
		v.SafetyRuns = append(v.SafetyRuns, row)
	}
	v.Events, err = tx.EventsOfRestore(ctx, dbq.EventsOfRestoreParams{
		TenantID: r.TenantID, SiteID: store.Optional(r.SiteID.UUID()), RestoreID: store.Optional(r.ID.UUID()), Since: r.CreatedAt, PageSize: eventsShown,
	})
	return err
}

// readHost takes how it stands on the host; its name is staff's alone.
func (v *RestoreView) readHost(ctx context.Context, tx *store.Tx, staff bool) error {
	at, err := tx.PlaceOfRestore(ctx, dbq.PlaceOfRestoreParams{TenantID: v.Row.TenantID, ID: v.Row.SiteID, RestoreID: v.Row.ID})
	if isNoRows(err) {
		return nil // the site was removed since
	}
	if err != nil {
		return err
	}
	v.SiteName, v.TenantName = at.SiteName, at.TenantName
	name := "the site's server"
	if staff {
		v.HostName, name = at.HostName, at.HostName
	}
	v.Waits = v.waits(at, name)
	if v.Row.TaskID.IsZero() || !v.Row.State.Open() {
		return nil
	}
	k, err := tx.HostTaskByID(ctx, v.Row.TaskID)
	if err != nil {
		return err
	}
	if w := v.waitsForHost(at, k, name); w != "" {
		v.Waits = w
	}
	v.progress(k)
	return nil
}

// progress takes what the host says it does.
func (v *RestoreView) progress(k dbq.HostTask) {
	if k.State != dbq.HostTaskStateLeased {
		return
	}
	v.Stopping = v.Row.StopBy != "" && v.Row.State == restore.Running
	if k.LastProgressAt != nil {
		v.LastHeard = *k.LastProgressAt
	}
	var p agentproto.Progress
	if json.Unmarshal(k.Progress, &p) != nil {
		return
	}
	v.Step, v.StepsAll, v.Detail, v.SecondsLeft, v.BytesPerSecond = max(0, p.Step), max(0, p.Steps), p.Detail, max(0, p.SecondsLeft), k.BytesPerSecond
	v.DoneBytes, v.TotalBytes, v.DoneTables, v.AllTables = p.DoneBytes, p.TotalBytes, p.DoneTables, p.AllTables
	switch {
	case p.AllTables > 0:
		v.Percent = percent(int64(p.DoneTables), int64(p.AllTables))
	case p.TotalBytes > 0:
		v.Percent = percent(p.DoneBytes, p.TotalBytes)
	case p.TotalFiles > 0:
		v.Percent = percent(p.DoneFiles, p.TotalFiles)
	}
}

func percent(done, all int64) int {
	return int(min(100, max(0, float64(done)/float64(all)*100)))
}

// waits says why a restore that its host has no part in yet does not go on.
func (v *RestoreView) waits(at dbq.PlaceOfRestoreRow, name string) string {
	switch v.Row.State {
	case restore.Planned:
		return "It begins in a moment."
	case restore.Safeguarding:
		switch {
		case at.SiteState != dbq.SiteStateActive:
			return "The site is " + string(at.SiteState) + "; its safety copy is taken once it is active again."
		case at.HostState != dbq.HostStateActive:
			return "The safety copy waits, for " + name + " is " + host.Word(host.State(at.HostState)) + "."
		case silent(at, v.Now):
			return "The safety copy waits, for " + name + " is not heard of. It is taken by itself when its agent answers."
		case at.OtherTasks > 0:
			return "An earlier restore of this site is tidied up first."
		}
		return "A safety copy of how the site is now is taken first."
	case restore.Restored:
		return "It waits for somebody to accept it, or to have it undone. What was there before is kept until then."
	case restore.Queued, restore.Running, restore.Settling, restore.Settled, restore.Undoing, restore.Undone, restore.Failed, restore.Cancelled:
	}
	return ""
}

func silent(at dbq.PlaceOfRestoreRow, now time.Time) bool {
	return at.LastSeenAt == nil || now.Sub(*at.LastSeenAt) > host.SilentAfter
}

// waitsForHost says why the host does not go on with its task.
func (v *RestoreView) waitsForHost(at dbq.PlaceOfRestoreRow, k dbq.HostTask, name string) string {
	if k.State == dbq.HostTaskStateLeased {
		heard := *k.LeasedAt
		if k.LastProgressAt != nil {
			heard = *k.LastProgressAt
		}
		if v.Now.Sub(heard) > host.SilentAfter {
			return "Nothing is heard of it. When the agent of " + name + " comes back, it goes on, or the site is put back as it was; it is never left between."
		}
		return ""
	}
	if k.State != dbq.HostTaskStateQueued {
		if v.Row.State == restore.Settling || v.Row.State == restore.Undoing {
			return "It did not succeed, and is tried again by itself: " + k.Error
		}
		return ""
	}
	switch {
	case at.SiteState != dbq.SiteStateActive:
		return "The site is " + string(at.SiteState) + "; it begins once it is active again."
	case at.HostState != dbq.HostStateActive:
		return "It waits, for " + name + " is " + host.Word(host.State(at.HostState)) + "."
	case at.Protocol > 0 && at.Protocol < restoreProtocol:
		return "The agent of " + name + " (" + at.AgentVersion + ") is too old to restore. It begins by itself once the agent is brought up to date."
	case silent(at, v.Now):
		return "It waits, for " + name + " is not heard of. It begins by itself when its agent answers."
	case k.NotBefore.After(v.Now) && k.Error != "":
		return "The last try did not succeed, and it is tried again at " + k.NotBefore.UTC().Format("15:04 MST") + ": " + k.Error
	case k.NotBefore.After(v.Now):
		return "It is tried again at " + k.NotBefore.UTC().Format("15:04 MST") + "."
	case at.SiteBusy:
		return "A copy of this site is being taken; it begins right after that."
	case at.HostRunning >= int64(at.MaxRuns):
		return "All places of " + name + " are taken; it is the next to begin."
	}
	return "It begins within some seconds."
}

// stationsOf are the stations of a restore's life, with what is behind it.
func stationsOf(r dbq.Restore, between bool) []RestoreStep {
	order := []restore.State{restore.Planned, restore.Safeguarding, restore.Queued, restore.Running, restore.Restored, restore.Settling}
	at := map[restore.State]int{restore.Undoing: 5, restore.Settled: 6, restore.Undone: 6}
	for i, s := range order {
		at[s] = i
	}
	now, open := at[r.State], r.State.Open()
	if r.State == restore.Failed || r.State == restore.Cancelled {
		now = endedIn(r)
	}
	last := RestoreStep{Name: "ended", Words: "Accepted, and tidied up"}
	switch r.State {
	case restore.Undoing, restore.Undone:
		last.Words = "Undone: the old state is back"
	case restore.Failed:
		last.Words = "It did not succeed; the site is as it was"
		if between {
			last.Words = "It did not succeed, and the host has to be looked at"
		}
	case restore.Cancelled:
		last.Words = "Cancelled; the site is as it was"
		if between {
			last.Words = "Cancelled; the host has still to be looked at"
		}
	case restore.Planned, restore.Safeguarding, restore.Queued, restore.Running, restore.Restored, restore.Settling, restore.Settled:
	}
	steps := []RestoreStep{
		{Name: "planned", Words: "Asked for", Done: true, At: r.CreatedAt},
		{Name: "safety", Words: "Safety copy of how the site is now", Done: now > 1},
		{Name: "host", Words: "Given to the host", Done: now > 2},
		{Name: "running", Words: "Restored beside the site, and switched", Done: now > 3},
		{Name: "restored", Words: "Verified and open again", Done: now > 3 && r.RestoredAt != nil},
		last,
	}
	if r.WithoutSafety != "" {
		steps[1].Words = "No safety copy: " + r.WithoutSafety
	} else if len(inputOf(r).Replaces(r.What)) == 0 {
		steps = append(steps[:1], steps[2:]...) // nothing of the site is replaced
	}
	for i := range steps {
		s := &steps[i]
		switch {
		case s.Name == "running" && r.StartedAt != nil:
			s.At = *r.StartedAt
		case s.Name == "restored" && r.RestoredAt != nil:
			s.At = *r.RestoredAt
		case s.Name == "ended" && r.EndedAt != nil:
			s.Done, s.At = true, *r.EndedAt
		}
		s.Current = open && s.Name == currentOf(r.State)
	}
	return steps
}

func currentOf(s restore.State) string {
	switch s {
	case restore.Planned, restore.Safeguarding:
		return "safety"
	case restore.Queued:
		return "host"
	case restore.Running:
		return "running"
	case restore.Restored:
		return "restored"
	case restore.Settling, restore.Undoing:
		return "ended"
	case restore.Settled, restore.Undone, restore.Failed, restore.Cancelled:
	}
	return ""
}

// endedIn tells how far a restore came that did not succeed.
func endedIn(r dbq.Restore) int {
	switch {
	case r.StartedAt != nil:
		return 3
	case !r.TaskID.IsZero():
		return 2
	}
	return 1
}

// ListRestores gives restores, the newest first.
func (a *App) ListRestores(ctx context.Context, who authz.Actor, q RestoreQuery) ([]RestoreRow, error) {
	if q.Size < 1 || q.Size > 500 {
		q.Size = 100
	}
	var sid id.Site
	if q.Site != "" {
		of, found, _, err := a.findSite(ctx, q.Site)
		if err != nil {
			return nil, err
		}
		q.Tenant, sid = of, found
	}
	out := []RestoreRow{}
	p := dbq.ListRestoresParams{
		TenantID: store.Optional(q.Tenant.UUID()), SiteID: store.Optional(sid.UUID()), OnlyOpen: q.OnlyOpen, State: string(q.State),
		BeforeAt: instant(q.Before.At), BeforeID: store.Optional(q.Before.ID.UUID()), PageSize: q.Size,
	}
	if _, err := authz.Check(who, authz.ViewRestores, q.Tenant); err != nil {
		return nil, hide(err, "site")
	}
	err := a.system(ctx, "restore list", func(ctx context.Context, tx *store.Tx) error { // a customer's role reads no hosts
		rows, err := tx.ListRestores(ctx, p)
		out = out[:0]
		for _, r := range rows {
			row := RestoreRow{Restore: r.Restore, SiteName: r.SiteName, TenantName: r.TenantName}
			if who.Staff != "" {
				row.HostName = r.HostName
			} else {
				hideWithout(&row.Restore)
			}
			out = append(out, row)
		}
		return err
	})
	return out, err
}
