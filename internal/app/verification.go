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

// How often what is stored is looked at again. A whole read starts every 28
// days, so that no byte is older than VerifyWithin even if its turn waits.
const (
	VerifyWithin = 30 * 24 * time.Hour
	scanEvery    = 28 * 24 * time.Hour
	lookEvery    = 24 * time.Hour
)

// DamageState is how far a repository's damage was dealt with.
type DamageState string

// The states of a damage.
const (
	Sound        DamageState = ""             // none is known
	DamageFound  DamageState = "found"        // its repair begins, or is tried again
	Healing      DamageState = "healing"      // the next run brings back what the site still has
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
	of, sid, _, err := a.findSite(ctx, ref)
	if err != nil {
		return nil, err
	}
	if _, err := authz.Check(who, authz.ViewSite, of); err != nil {
		return nil, hide(err, "site")
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
		last := v.Since
		if v.ScannedAt.After(last) {
			last = v.ScannedAt
		}
		v.Overdue = r.State == dbq.RepositoryStateReady && now.Sub(last) > VerifyWithin
		out = append(out, v)
	}
	return out, err
}

// stableOffset spreads what comes round every period over all of it: the same
// for one repository always, and any for another.
func stableOffset(of id.Repository, period time.Duration) time.Duration {
	u := of.UUID()
	var n uint64
	for _, b := range u[8:] { // the first half is the time at which it was made
		n = n<<8 | uint64(b)
	}
	seconds := uint64(period / time.Second)       //nolint:gosec // days, in seconds
	return time.Duration(n%seconds) * time.Second //nolint:gosec // less than a period
}

// nextTurn is the repository's next turn after an instant.
func nextTurn(of id.Repository, period time.Duration, after time.Time) time.Time {
	turn := after.Truncate(period).Add(stableOffset(of, period))
	for !turn.After(after) {
		turn = turn.Add(period)
	}
	return turn.UTC()
}
