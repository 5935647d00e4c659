package app

import (
	"context"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// DamageState is how far a repository's damage was dealt with.
type DamageState string

// The states of a damage.
const (
	Sound        DamageState = ""             // none is known
	DamageFound  DamageState = "found"        // its repair begins, or is tried again
	Healing      DamageState = "healing"      // the next run brings back what the site still has
	Proving      DamageState = "proving"      // that run has been; every copy is read again
	Lost         DamageState = "lost"         // what is left of it cannot be brought back
	Acknowledged DamageState = "acknowledged" // staff know, and let go of what is lost
)

// Stops tells whether retention deletes nothing of the repository.
func (d DamageState) Stops() bool { return d != Sound && d != Acknowledged }

// Verified is how one repository of a site was looked at. Times are zero for
// never.
type Verified struct {
	Kind         backup.Kind `json:"kind"`
	Since        time.Time   `json:"since"`      // the repository is there
	SampledAt    time.Time   `json:"sampled_at"` // a new copy was read, in part or whole
	LookedAt     time.Time   `json:"looked_at"`  // lengths were compared
	ScannedAt    time.Time   `json:"scanned_at"` // every byte was read
	ScannedBytes int64       `json:"scanned_bytes"`
	NextScan     time.Time   `json:"next_scan"`
	Overdue      bool        `json:"overdue"`   // it was not read whole for longer than VerifyWithin
	AtWork       bool        `json:"at_work"`   // a scan waits or runs
	Repairing    bool        `json:"repairing"` // a repair waits or runs
	StoredBytes  int64       `json:"stored_bytes"`
	Copies       int64       `json:"copies"`     // that can be offered
	Proven       int64       `json:"proven"`     // of these, every byte was read
	Damaged      int64       `json:"damaged"`    // copies that cannot be had back now
	Damage       string      `json:"damage"`     // what is wrong, in words; "" for nothing
	State        DamageState `json:"state"`      // of the damage
	DamagedAt    time.Time   `json:"damaged_at"` // when it was first seen
	Trouble      string      `json:"trouble"`    // why the last look did not come to its end; "" for none
}

// Verification tells how what is stored of a site was looked at, the database's
// repository first. Customers see it of their own sites.
func (a *App) Verification(ctx context.Context, who authz.Actor, ref string) ([]Verified, error) {
	of, sid, err := a.seenSite(ctx, who, ref)
	if err != nil {
		return nil, err
	}
	var rows []dbq.VerificationOfSiteRow
	var now time.Time
	// A customer's own transactions see no repository; the site is theirs.
	err = a.system(ctx, "verification", func(ctx context.Context, tx *store.Tx) (err error) {
		now = tx.Now
		rows, err = tx.VerificationOfSite(ctx, dbq.VerificationOfSiteParams{TenantID: of, SiteID: sid})
		return err
	})
	out := make([]Verified, 0, len(rows))
	for _, r := range rows {
		v := Verified{
			Kind: r.Kind, Since: r.CreatedAt, SampledAt: orZero(r.SampledAt), LookedAt: orZero(r.LookedAt), ScannedAt: orZero(r.ScannedAt),
			ScannedBytes: r.ScannedBytes, NextScan: orZero(r.ScanAt), AtWork: r.Scanning, Repairing: r.Repairing, StoredBytes: r.StoredBytes,
			Copies: r.Copies, Proven: r.Proven, Damaged: r.Damaged, Damage: r.Damage, State: DamageState(r.DamageState), DamagedAt: orZero(r.DamagedAt), Trouble: r.Error,
		}
		v.Overdue = r.State == dbq.RepositoryStateReady && r.ScanAt != nil && now.Sub(*r.ScanAt) > VerifyWithin-scanEvery
		out = append(out, v)
	}
	return out, err
}

// seenSite finds a site that the actor may see; what may be done to it is
// another question.
func (a *App) seenSite(ctx context.Context, who authz.Actor, ref string) (of id.Tenant, sid id.Site, err error) {
	if of, sid, _, err = a.findSite(ctx, ref); err != nil {
		return of, sid, err
	}
	_, err = authz.Check(who, authz.ViewSite, of)
	return of, sid, hide(err, "site")
}
