package app

import (
	"context"
	"strings"
	"time"

	"holdfast/internal/policy"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// stoppedFor is how long a deletion waits that something stops.
const stoppedFor = time.Hour

// stopsDeletion tells what stands against the deletion of a copy from storage
// at this moment. Retention asked when it let the copy go; hours may lie
// between that and a keeper that reaches the storage, and a hold that came
// meanwhile, or damage to the copies that were to remain, must count.
func stopsDeletion(ctx context.Context, tx *store.Tx, c dbq.Copy) ([]policy.Reason, error) {
	var out []policy.Reason
	add := func(yes bool, r policy.Reason) {
		if yes {
			out = append(out, r)
		}
	}
	s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: c.TenantID, ID: c.SiteID})
	if err != nil {
		return nil, err
	}
	alarms, err := alarmsOf(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	damage, err := tx.DamageStops(ctx, dbq.DamageStopsParams{TenantID: c.TenantID, SiteID: c.SiteID, Kind: c.Kind})
	if err != nil && !isNoRows(err) {
		return nil, err
	}
	uses, err := tx.CountCopyUses(ctx, dbq.CountCopyUsesParams{TenantID: c.TenantID, CopyID: c.ID, Now: tx.Now})
	if err != nil {
		return nil, err
	}
	newest, err := tx.NewestGoodCopy(ctx, dbq.NewestGoodCopyParams{TenantID: c.TenantID, SiteID: c.SiteID, Kind: c.Kind, Before: tx.Now})
	if err != nil && !isNoRows(err) {
		return nil, err
	}
	add(c.LegalHold != "" || alarms.LegalHold, policy.ByHold)
	add(uses > 0, policy.ByUse)
	add(alarms.ClockJumped, policy.ByClock)
	add(alarms.Tamper, policy.ByTamper)
	add(damage, policy.ByDamage)
	add(err != nil || newest.Before(c.TakenAt), policy.ByLast)
	return out, nil
}

// stopDeletion puts a keeper's deletion off if something stands against it,
// and tells whether it did.
func stopDeletion(ctx context.Context, tx *store.Tx, row dbq.KeeperTask, c dbq.Copy) (bool, error) {
	why, err := stopsDeletion(ctx, tx, c)
	if err != nil || len(why) == 0 {
		return false, err
	}
	words := make([]string, len(why))
	for i, r := range why {
		words[i] = r.Words()
	}
	said := "Not deleted now: " + strings.Join(words, ", ") + "."
	_, err = tx.FinishTask(ctx, dbq.FinishTaskParams{
		TenantID: row.TenantID, ID: row.ID, ToState: dbq.TaskStateQueued, Error: said, NotBefore: tx.Now.Add(stoppedFor),
	})
	if err != nil || row.Error == said {
		return true, err
	}
	of := store.Subject{Kind: "copy", ID: c.ID.UUID(), Tenant: c.TenantID, Site: c.SiteID}
	return true, tx.Event(ctx, "copy.deletion_stopped", of, map[string]any{"because": why})
}
