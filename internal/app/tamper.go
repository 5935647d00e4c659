package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/tamper"
)

// looksKept is how many looks at a site are kept: two weeks of a run every four
// hours, so that the weekly run which looks at every file is among them.
const looksKept = 90

// protectAfterTamper is for how many days the last copies before an alarm are
// protected, whenever it is cleared.
const protectAfterTamper = 90

// copyKept is what follows from a copy that a run brought, beside its place in
// the catalog.
func (a *App) copyKept(ctx context.Context, tx *store.Tx, run dbq.Run, r agentproto.CompleteRequest) error {
	if r.Copy == nil || r.Outcome != agentproto.OutcomeGood && r.Outcome != agentproto.OutcomeIncomplete {
		return nil
	}
	if err := healed(ctx, tx, run, r.Copy); err != nil {
		return err
	}
	return a.lookForTamper(ctx, tx, run, r.Copy)
}

// lookForTamper holds what a data run saw against what was seen before, and
// raises the site's alarm. One that stands is not raised again.
func (a *App) lookForTamper(ctx context.Context, tx *store.Tx, run dbq.Run, c *agentproto.Copy) error {
	if run.Kind != backup.Data || c.Signals == nil {
		return nil
	}
	now := tamper.Look{At: c.TakenAt, Signals: tamper.Signals(*c.Signals), Fingerprint: c.Facts.Fingerprint}
	now.Signals.Examples = now.Signals.Examples[:min(len(now.Signals.Examples), 50)]
	rows, err := tx.LooksOfSite(ctx, dbq.LooksOfSiteParams{TenantID: run.TenantID, SiteID: run.SiteID, Limit: looksKept})
	if err != nil {
		return err
	}
	history, err := looks(rows)
	if err != nil {
		return err
	}
	if len(rows) > 0 { // the newest first
		n, err := tx.FilesRestoredSince(ctx, dbq.FilesRestoredSinceParams{TenantID: run.TenantID, SiteID: run.SiteID, Since: rows[0].At})
		if err != nil {
			return err
		}
		now.Restored = n > 0
	}
	v := tamper.Judge(history, now)
	if err := saveLook(ctx, tx, run, now, v); err != nil || !v.Alarm {
		return err
	}
	n, err := tx.RaiseTamper(ctx, dbq.RaiseTamperParams{TenantID: run.TenantID, ID: run.SiteID, TamperAlarm: clip(v.Why, 500), TamperAt: &tx.Now})
	if err != nil || n == 0 {
		return err
	}
	if _, err := tx.RetainSiteSoon(ctx, dbq.RetainSiteSoonParams{TenantID: run.TenantID, SiteID: run.SiteID, RetainAt: &tx.Now}); err != nil {
		return err
	}
	kept, err := protectBefore(ctx, tx, run, c.TakenAt, v.Why)
	if err != nil {
		return err
	}
	of := store.Subject{Kind: "site", ID: run.SiteID.UUID(), Tenant: run.TenantID, Site: run.SiteID}
	if err := tx.Event(ctx, "tamper.alarm", of, map[string]any{"why": v.Why, "evidence": v.Evidence, "run": run.ID, "protected": kept}); err != nil {
		return err
	}
	return a.mailTamper(ctx, tx, run, v, len(kept))
}

func (a *App) mailTamper(ctx context.Context, tx *store.Tx, run dbq.Run, v tamper.Verdict, kept int) error {
	s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: run.TenantID, ID: run.SiteID})
	if err != nil {
		return err
	}
	m := alarm{
		tenant: run.TenantID, site: run.SiteID,
		subject: "Tamper alarm: " + s.Name, title: fmt.Sprintf("Somebody may be destroying %s.", s.Name),
		lines: []string{
			v.Why,
			fmt.Sprintf("Nothing of the site is deleted until the alarm is cleared, and its last good copies from before are protected for %d days (%d of them).", protectAfterTamper, kept),
			"Look at the site's host before anything is restored: whoever did this may still be there. The alarm never clears by itself.",
		},
	}
	for _, e := range v.Evidence[:min(len(v.Evidence), 12)] {
		m.facts = append(m.facts, [2]string{"Evidence", clip(e, 200)})
	}
	return a.alarmStaff(ctx, tx, m)
}

func looks(rows []dbq.TamperLook) ([]tamper.Look, error) {
	out := make([]tamper.Look, 0, len(rows))
	for _, r := range slices.Backward(rows) { // the newest come first
		l := tamper.Look{At: r.At, Fingerprint: r.Fingerprint, Alarm: r.Alarm, Cleared: r.ClearedAt != nil}
		var s agentproto.Signals
		if err := json.Unmarshal(r.Signals, &s); err != nil {
			return nil, fmt.Errorf("what run %s saw: %w", r.RunID, err)
		}
		l.Signals = tamper.Signals(s)
		out = append(out, l)
	}
	return out, nil
}

func saveLook(ctx context.Context, tx *store.Tx, run dbq.Run, now tamper.Look, v tamper.Verdict) error {
	signals, err := json.Marshal(agentproto.Signals(now.Signals))
	if err != nil {
		return fmt.Errorf("what run %s saw: %w", run.ID, err)
	}
	if v.Evidence == nil {
		v.Evidence = []string{}
	}
	evidence, err := json.Marshal(v.Evidence)
	if err != nil {
		return fmt.Errorf("the evidence of run %s: %w", run.ID, err)
	}
	err = tx.InsertLook(ctx, dbq.InsertLookParams{
		TenantID: run.TenantID, RunID: run.ID, SiteID: run.SiteID, At: tx.Now, Fingerprint: now.Fingerprint, Signals: signals, Alarm: v.Alarm, Why: v.Why, Evidence: evidence,
	})
	if err != nil {
		return err
	}
	_, err = tx.ForgetOldLooks(ctx, dbq.ForgetOldLooksParams{TenantID: run.TenantID, SiteID: run.SiteID, Keep: looksKept - 1})
	return err
}

// protectBefore protects the newest good copy of each kind from before the one
// that raised the alarm, and gives their ids.
func protectBefore(ctx context.Context, tx *store.Tx, run dbq.Run, before time.Time, why string) ([]string, error) {
	until := tx.Now.AddDate(0, 0, protectAfterTamper)
	kept := []string{}
	for _, kind := range backup.Kinds() {
		c, err := tx.LastGoodBefore(ctx, dbq.LastGoodBeforeParams{TenantID: run.TenantID, SiteID: run.SiteID, Kind: kind, RunID: run.ID, TakenAt: before})
		if isNoRows(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		kept = append(kept, c.ID.String())
		if c.ProtectedUntil != nil && c.ProtectedUntil.After(until) {
			continue
		}
		reason := clip("Before a tamper alarm: "+why, 300)
		if _, err := tx.ProtectCopy(ctx, dbq.ProtectCopyParams{TenantID: c.TenantID, ID: c.ID, ProtectedUntil: &until, ProtectedWhy: reason}); err != nil {
			return nil, err
		}
		if err := tx.Event(ctx, "copy.protected", copySubject(c), map[string]any{"until": until, "why": reason}); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// Tamper is a site's tamper alarm, and the newest looks at it.
type Tamper struct {
	Alarm    string       `json:"alarm"` // why; "" for none
	Since    time.Time    `json:"since"`
	Evidence []string     `json:"evidence"`
	Looks    []TamperLook `json:"looks"` // the newest first
}

// TamperLook is what one data run saw, and what was made of it.
type TamperLook struct {
	Run       string             `json:"run"`
	At        time.Time          `json:"at"`
	Signals   agentproto.Signals `json:"signals"`
	Why       string             `json:"why"` // of an alarm; "" for none
	Evidence  []string           `json:"evidence"`
	ClearedAt time.Time          `json:"cleared_at"`
}

// TamperOf tells how a site stands. Customers see it of their own sites.
func (a *App) TamperOf(ctx context.Context, who authz.Actor, ref string) (Tamper, error) {
	of, sid, _, err := a.findSite(ctx, ref)
	if err != nil {
		return Tamper{}, err
	}
	out := Tamper{Evidence: []string{}, Looks: []TamperLook{}}
	err = a.do(ctx, who, authz.ViewSite, of, func(ctx context.Context, tx *store.Tx) error {
		s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: of, ID: sid})
		if err != nil {
			return err
		}
		out.Alarm, out.Since = s.TamperAlarm, orZero(s.TamperAt)
		rows, err := tx.LooksOfSite(ctx, dbq.LooksOfSiteParams{TenantID: of, SiteID: sid, Limit: looksKept})
		if err != nil {
			return err
		}
		for _, r := range rows {
			l := TamperLook{Run: r.RunID.String(), At: r.At, Why: r.Why, ClearedAt: orZero(r.ClearedAt)}
			if err := json.Unmarshal(r.Signals, &l.Signals); err != nil {
				return fmt.Errorf("what run %s saw: %w", r.RunID, err)
			}
			if err := json.Unmarshal(r.Evidence, &l.Evidence); err != nil {
				return fmt.Errorf("the evidence of run %s: %w", r.RunID, err)
			}
			if out.Alarm != "" && r.Alarm && r.ClearedAt == nil {
				out.Evidence = l.Evidence // the oldest that stands comes last, and is the one that raised it
			}
			out.Looks = append(out.Looks, l)
		}
		return nil
	})
	return out, hide(err, "site")
}

// ClearTamper ends a site's tamper alarm: somebody has looked, and says why all
// is well. What was seen counts as usual for later looks. The protection of the
// copies from before stays.
func (a *App) ClearTamper(ctx context.Context, who authz.Actor, ref, reason string) error {
	reason, err := reasonText("reason", reason, true)
	if err != nil {
		return err
	}
	of, sid, err := a.seenSite(ctx, who, ref)
	if err != nil {
		return err
	}
	return a.do(ctx, who, authz.ClearAlarms, of, func(ctx context.Context, tx *store.Tx) error {
		s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: of, ID: sid})
		if err != nil {
			return err
		}
		n, err := tx.ClearTamper(ctx, dbq.ClearTamperParams{TenantID: of, ID: sid})
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.New(errs.Conflict, "No tamper alarm is on for this site.")
		}
		if _, err := tx.ClearLooks(ctx, dbq.ClearLooksParams{TenantID: of, SiteID: sid, ClearedAt: &tx.Now}); err != nil {
			return err
		}
		if _, err := tx.RetainSiteSoon(ctx, dbq.RetainSiteSoonParams{TenantID: of, SiteID: sid, RetainAt: &tx.Now}); err != nil {
			return err
		}
		return tx.Event(ctx, "tamper.cleared", store.Subject{Kind: "site", ID: sid.UUID(), Tenant: of, Site: sid}, map[string]any{"alarm": s.TamperAlarm, "reason": reason})
	})
}
