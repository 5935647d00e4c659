package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"holdfast/internal/agentproto"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// ProtectDays is for how long a copy is protected when nobody says.
const ProtectDays = 30

// maxProtectDays is ten years: longer than any policy keeps.
const maxProtectDays = 3650

func (p Protection) check() (Protection, error) {
	if p.Days == 0 {
		p.Days = ProtectDays
	}
	if p.Days < 1 || p.Days > maxProtectDays {
		return p, errs.Field("protect", "%d must be from 1 to %d days", p.Days, maxProtectDays)
	}
	var err error
	p.Reason, err = reasonText("reason", p.Reason, false)
	return p, err
}

// reasonText checks a sentence that a person typed.
func reasonText(field, s string, must bool) (string, error) {
	s = strings.Join(strings.Fields(s), " ")
	if must && s == "" {
		return s, errs.Field(field, "say why, in a few words")
	}
	if len(s) > 300 {
		return s, errs.Field(field, "is longer than 300 characters")
	}
	return s, nil
}

// protectRun lets the copy of an open run be protected too.
func protectRun(ctx context.Context, tx *store.Tx, open dbq.Run, keep Protection) error {
	n, err := tx.ProtectRun(ctx, dbq.ProtectRunParams{TenantID: open.TenantID, ID: open.ID, ProtectDays: int32(keep.Days), ProtectWhy: keep.Reason}) //nolint:gosec // checked
	if err != nil || n == 0 {
		return err
	}
	if err := unbind(ctx, tx, open); err != nil {
		return err
	}
	return tx.Event(ctx, "run.protected", runSubject(open.TenantID, open.SiteID, open.ID), map[string]any{"protect_days": keep.Days, "protect_why": keep.Reason})
}

// copyChange changes how one copy is kept, and lets retention look again.
func (a *App) copyChange(ctx context.Context, who authz.Actor, action authz.Action, of id.Copy, fn func(ctx context.Context, tx *store.Tx, c dbq.Copy) error) error {
	var c dbq.Copy
	err := a.system(ctx, "lookup", func(ctx context.Context, tx *store.Tx) error {
		var err error
		c, err = tx.CopyByID(ctx, of)
		return err
	})
	if err != nil {
		return noSuch(err, "copy", of.String(), "holdfast copies list SITE")
	}
	if _, err := authz.Check(who, authz.ViewSite, c.TenantID); err != nil {
		return hide(err, "copy")
	}
	g, err := authz.Check(who, action, c.TenantID)
	if err != nil {
		return err
	}
	if !c.State.Usable() && c.State != catalog.Damaged {
		return errs.New(errs.Conflict, "This copy is %s; it cannot be kept any more.", c.State)
	}
	if err := a.store.Tx(ctx, g, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx, c) }); err != nil {
		return err
	}
	return a.system(ctx, "retention", func(ctx context.Context, tx *store.Tx) error {
		return retain(ctx, tx, c.TenantID, c.SiteID, c.Kind)
	})
}

func copySubject(c dbq.Copy) store.Subject {
	return store.Subject{Kind: "copy", ID: c.ID.UUID(), Tenant: c.TenantID, Site: c.SiteID}
}

// changed turns the count of an update into an error if the copy moved on.
func changed(n int64, err error) error {
	if err == nil && n == 0 {
		return errs.New(errs.Conflict, "This copy is being deleted, or is damaged; it cannot be changed any more.")
	}
	return err
}

// ProtectCopy keeps a copy outside the counts until days from now. Whoever may
// not end a protection cannot shorten one either.
func (a *App) ProtectCopy(ctx context.Context, who authz.Actor, of id.Copy, keep Protection) error {
	keep, err := keep.check()
	if err != nil {
		return err
	}
	return a.copyChange(ctx, who, authz.ProtectCopy, of, func(ctx context.Context, tx *store.Tx, c dbq.Copy) error {
		until := tx.Now.AddDate(0, 0, keep.Days)
		why := keep.Reason
		if why == "" {
			why = "Protected by hand."
		}
		if _, err := authz.Check(who, authz.KeepCopy, c.TenantID); err != nil && c.ProtectedUntil != nil && c.ProtectedUntil.After(until) {
			return errs.New(errs.Conflict, "This copy is protected until %s already; only the hoster's staff can shorten that.", c.ProtectedUntil.UTC().Format("2 January 2006"))
		}
		if err := changed(tx.ProtectCopy(ctx, dbq.ProtectCopyParams{TenantID: c.TenantID, ID: c.ID, ProtectedUntil: &until, ProtectedWhy: why})); err != nil {
			return err
		}
		return tx.Event(ctx, "copy.protected", copySubject(c), map[string]any{"until": until, "why": why})
	})
}

// UnprotectCopy ends a copy's protection. Rules may keep it still.
func (a *App) UnprotectCopy(ctx context.Context, who authz.Actor, of id.Copy) error {
	return a.copyChange(ctx, who, authz.KeepCopy, of, func(ctx context.Context, tx *store.Tx, c dbq.Copy) error {
		if err := changed(tx.ProtectCopy(ctx, dbq.ProtectCopyParams{TenantID: c.TenantID, ID: c.ID})); err != nil {
			return err
		}
		return tx.Event(ctx, "copy.unprotected", copySubject(c), nil)
	})
}

// PinCopy keeps a copy until it is unpinned, with a reason; "" unpins it.
func (a *App) PinCopy(ctx context.Context, who authz.Actor, of id.Copy, pin bool, reason string) error {
	reason, err := reasonText("reason", reason, pin)
	if err != nil {
		return err
	}
	verb := "copy.pinned"
	if !pin {
		verb, reason = "copy.unpinned", ""
	}
	return a.copyChange(ctx, who, authz.KeepCopy, of, func(ctx context.Context, tx *store.Tx, c dbq.Copy) error {
		if err := changed(tx.PinCopy(ctx, dbq.PinCopyParams{TenantID: c.TenantID, ID: c.ID, Pinned: reason})); err != nil {
			return err
		}
		return tx.Event(ctx, verb, copySubject(c), map[string]any{"reason": reason})
	})
}

// HoldCopy puts a legal hold on one copy, or lifts it.
func (a *App) HoldCopy(ctx context.Context, who authz.Actor, of id.Copy, hold bool, reason string) error {
	reason, err := reasonText("reason", reason, hold)
	if err != nil {
		return err
	}
	verb := "copy.held"
	if !hold {
		verb, reason = "copy.released", ""
	}
	return a.copyChange(ctx, who, authz.HoldCopies, of, func(ctx context.Context, tx *store.Tx, c dbq.Copy) error {
		if err := changed(tx.HoldCopy(ctx, dbq.HoldCopyParams{TenantID: c.TenantID, ID: c.ID, LegalHold: reason})); err != nil {
			return err
		}
		return tx.Event(ctx, verb, copySubject(c), map[string]any{"reason": reason})
	})
}

// TakeBack takes a copy out of the bin; it is protected from then on, for no
// rule keeps it.
func (a *App) TakeBack(ctx context.Context, who authz.Actor, of id.Copy, keep Protection) error {
	keep, err := keep.check()
	if err != nil {
		return err
	}
	if keep.Reason == "" {
		keep.Reason = "Taken back from the bin."
	}
	return a.copyChange(ctx, who, authz.KeepCopy, of, func(ctx context.Context, tx *store.Tx, c dbq.Copy) error {
		if c.BinnedAt == nil {
			return errs.New(errs.Conflict, "This copy is not in the bin.")
		}
		until := tx.Now.AddDate(0, 0, keep.Days)
		if c.State == catalog.Damaged {
			return errs.New(errs.Conflict, "This copy is damaged, so that nothing could come back from it; choose another.")
		}
		if err := changed(tx.ProtectCopy(ctx, dbq.ProtectCopyParams{TenantID: c.TenantID, ID: c.ID, ProtectedUntil: &until, ProtectedWhy: keep.Reason})); err != nil {
			return err
		}
		return tx.Event(ctx, "copy.taken_back", copySubject(c), map[string]any{"until": until, "why": keep.Reason})
	})
}

// HoldSite stops every deletion of a site's copies, or allows it again.
func (a *App) HoldSite(ctx context.Context, who authz.Actor, ref string, hold bool, reason string) error {
	reason, err := reasonText("reason", reason, hold)
	if err != nil {
		return err
	}
	of, sid, _, err := a.findSite(ctx, ref)
	if err != nil {
		return err
	}
	verb := "site.held"
	if !hold {
		verb, reason = "site.released", ""
	}
	return a.do(ctx, who, authz.HoldCopies, of, func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.HoldSite(ctx, dbq.HoldSiteParams{TenantID: of, ID: sid, LegalHold: reason}); err != nil {
			return err
		}
		if _, err := tx.RetainSiteSoon(ctx, dbq.RetainSiteSoonParams{TenantID: of, SiteID: sid, RetainAt: &tx.Now}); err != nil {
			return err
		}
		return tx.Event(ctx, verb, store.Subject{Kind: "site", ID: sid.UUID(), Tenant: of, Site: sid}, map[string]any{"reason": reason})
	})
}

// noteChange protects the nearest copies before a change of Moodle's version
// or plug-ins, when a run was the first to see it.
func noteChange(ctx context.Context, tx *store.Tx, run dbq.Run, made id.Copy, c *agentproto.Copy) error {
	if c.Facts.Fingerprint == "" {
		return nil
	}
	var all []catalog.Seen
	var newest catalog.Seen
	for _, kind := range backup.Kinds() {
		rows, err := tx.CopiesToJudge(ctx, dbq.CopiesToJudgeParams{TenantID: run.TenantID, SiteID: run.SiteID, Kind: kind, Now: tx.Now})
		if err != nil {
			return err
		}
		for _, r := range rows {
			seen := catalog.Seen{ID: r.ID.String(), Kind: kind, At: r.TakenAt, Fingerprint: r.Fingerprint, Good: r.State == catalog.Good}
			if r.ID == made {
				newest = seen
			}
			all = append(all, seen)
		}
	}
	protect, differs := catalog.BeforeChange(all, newest)
	if !differs {
		return nil
	}
	until := tx.Now.AddDate(0, 0, ProtectDays)
	what := ""
	kept := []string{}
	for _, p := range protect {
		of, err := id.Parse[id.Copy](p)
		if err != nil {
			return err
		}
		before, err := tx.LockCopy(ctx, dbq.LockCopyParams{TenantID: run.TenantID, ID: of})
		if err != nil {
			return err
		}
		if what == "" || before.Kind == run.Kind {
			what = changeWords(before, c.Facts, run.Kind)
		}
		if before.ProtectedUntil != nil && before.ProtectedUntil.After(until) {
			kept = append(kept, p)
			continue
		}
		n, err := tx.ProtectCopy(ctx, dbq.ProtectCopyParams{TenantID: before.TenantID, ID: of, ProtectedUntil: &until, ProtectedWhy: clip("Before a change: "+what, 300)})
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		kept = append(kept, p)
		if _, err := tx.RetainSoon(ctx, dbq.RetainSoonParams{TenantID: before.TenantID, SiteID: before.SiteID, Kind: before.Kind, RetainAt: &tx.Now}); err != nil {
			return err
		}
		if err := tx.Event(ctx, "copy.protected", copySubject(before), map[string]any{"until": until, "why": "Before a change: " + what}); err != nil {
			return err
		}
	}
	of := store.Subject{Kind: "site", ID: run.SiteID.UUID(), Tenant: run.TenantID, Site: run.SiteID}
	return tx.Event(ctx, "moodle.changed", of, map[string]any{"what": what, "seen_by": made, "protected": kept})
}

// changeWords says what a change of Moodle was, in a few words.
func changeWords(before dbq.Copy, now agentproto.Facts, kind backup.Kind) string {
	var d copyDetails
	if err := json.Unmarshal(before.Details, &d); err != nil || before.Kind != kind {
		return "Moodle or a plug-in changed"
	}
	was := d.Facts
	if kind == backup.Database && was.DBVersion != now.DBVersion {
		return fmt.Sprintf("Moodle's database went from version %s to %s", was.DBVersion, now.DBVersion)
	}
	if was.Version != now.Version {
		return fmt.Sprintf("Moodle went from %s to %s", releaseWord(was), releaseWord(now))
	}
	old, fresh := was.Plugins, now.Plugins
	if kind == backup.Database {
		old, fresh = was.DBPlugins, now.DBPlugins
	}
	words := pluginWords(old, fresh)
	switch n := len(words); {
	case n == 0:
		return "Moodle or a plug-in changed"
	case n > 3:
		return fmt.Sprintf("%s and %d more plug-ins", strings.Join(words[:3], ", "), n-3)
	default:
		return strings.Join(words, ", ")
	}
}

func releaseWord(f agentproto.Facts) string {
	if release, _, _ := strings.Cut(f.Release, " "); release != "" {
		return release + " (" + f.Version + ")"
	}
	return f.Version
}

// pluginWords names the plug-ins that came, went or changed their version.
func pluginWords(old, fresh []agentproto.Plugin) []string {
	was := map[string]string{}
	for _, p := range old {
		was[p.Component] = p.Version
	}
	var out []string
	for _, p := range fresh {
		before, there := was[p.Component]
		delete(was, p.Component)
		if !there {
			out = append(out, p.Component+" was added")
		} else if before != p.Version {
			out = append(out, fmt.Sprintf("%s went from %s to %s", p.Component, before, p.Version))
		}
	}
	for gone := range was {
		out = append(out, gone+" was removed")
	}
	slices.Sort(out)
	return out
}
