package app

import (
	"context"
	"slices"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// How many measured restores an estimate looks at.
const (
	ownSamples   = 10
	fleetSamples = 200
)

// RestoreOffer tells which copies a site can go back to around a moment, how
// they fit together, what each would lose, and how long it takes.
func (a *App) RestoreOffer(ctx context.Context, who authz.Actor, sid id.Site, ask restore.Ask) (restore.Offer, error) {
	if !slices.Contains(restore.Whats(), ask.What) {
		return restore.Offer{}, errs.Field("what", "%q must be everything, database, data or files", string(ask.What))
	}
	of, sid, _, err := a.findSite(ctx, sid.String())
	if err != nil {
		return restore.Offer{}, err
	}
	var o restore.Offer
	var copies []restore.Copy
	err = a.do(ctx, who, authz.ViewSite, of, func(ctx context.Context, tx *store.Tx) error {
		var err error
		if copies, err = copiesToOffer(ctx, tx, of, sid); err != nil {
			return err
		}
		o = restore.MakeOffer(ask, copies, tx.Now)
		return nil
	})
	if err != nil {
		return restore.Offer{}, hide(err, "site")
	}
	samples, err := a.restoreSamples(ctx, of, sid)
	if err != nil {
		return restore.Offer{}, err
	}
	for i := range o.Choices {
		c := &o.Choices[i]
		c.Estimate = restore.EstimateOf(sid, ask.What, c.Bytes(), samples, safetyTime(copies, ask.What))
	}
	return o, nil
}

// restoreSamples gives how long restores took: of this site, and of the whole
// fleet, as sizes and times alone.
func (a *App) restoreSamples(ctx context.Context, of id.Tenant, sid id.Site) ([]restore.Sample, error) {
	var out []restore.Sample
	err := a.system(ctx, "restore offer", func(ctx context.Context, tx *store.Tx) error {
		own, err := tx.RestoreTimes(ctx, dbq.RestoreTimesParams{TenantID: store.Optional(of.UUID()), SiteID: store.Optional(sid.UUID()), PageSize: ownSamples})
		if err != nil {
			return err
		}
		all, err := tx.RestoreTimes(ctx, dbq.RestoreTimesParams{PageSize: fleetSamples})
		if err != nil {
			return err
		}
		out = out[:0]
		for _, r := range own {
			out = append(out, sampleOf(r))
		}
		for _, r := range all {
			if r.SiteID != sid {
				out = append(out, sampleOf(r))
			}
		}
		return nil
	})
	return out, err
}

func sampleOf(r dbq.RestoreTimesRow) restore.Sample {
	return restore.Sample{Site: r.SiteID, What: r.What, Took: time.Duration(r.Seconds * float64(time.Second)), Bytes: r.DatabaseBytes + r.DataBytes}
}

// safetyTime is how long the newest copies of the kinds that a restore
// replaces took: its safety copies will take about as long.
func safetyTime(copies []restore.Copy, what restore.What) time.Duration {
	var sum float64
	for _, kind := range (restore.Input{InPlace: true}).Replaces(what) {
		var newest *restore.Copy
		for i := range copies {
			if c := &copies[i]; c.Kind == kind && (newest == nil || c.TakenAt.After(newest.TakenAt)) {
				newest = c
			}
		}
		if newest != nil {
			sum += newest.Seconds
		}
	}
	return time.Duration(sum * float64(time.Second))
}

func copiesToOffer(ctx context.Context, tx *store.Tx, of id.Tenant, sid id.Site) ([]restore.Copy, error) {
	rows, err := tx.CopiesToOffer(ctx, dbq.CopiesToOfferParams{TenantID: of, SiteID: sid})
	if err != nil {
		return nil, err
	}
	out := make([]restore.Copy, 0, len(rows))
	for _, r := range rows {
		out = append(out, offered(r.ID, r.Kind, r.State, r.TakenAt, r.BinnedAt, r.VerifiedAt, r.Files, r.Bytes, r.RowTotal, r.TableTotal, r.Release, r.Seconds))
	}
	p, err := readPairs(ctx, tx, of, sid)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].Kind == backup.Database {
			out[i].Names = p.names(out[i].ID)
		}
	}
	return out, nil
}

// names is what is known of the files that a database copy names; nil for nothing.
func (p pairs) names(of id.Copy) *restore.Names {
	i := slices.IndexFunc(p.copies, func(c dbq.CopiesToPairRow) bool { return c.ID == of })
	if i < 0 || !p.copies[i].Listed {
		return nil
	}
	n := &restore.Names{MissingAtSource: p.missing[of], Kept: p.copies[i].Kept, Fits: map[id.Copy]restore.Fit{}}
	for k, row := range p.rows {
		if k.database == of && row.State == dbq.PairStateMeasured {
			n.Fits[k.data] = restore.Fit{Referenced: row.Referenced, Present: row.WithNamed}
		}
	}
	return n
}

func offered(c id.Copy, kind backup.Kind, state catalog.State, taken time.Time, binned, verified *time.Time, files, bytes, rows int64, tables int32, release string, seconds float64) restore.Copy {
	out := restore.Copy{
		ID: c, Kind: kind, State: state, TakenAt: taken, Binned: binned != nil, Files: files, Bytes: bytes, Rows: rows, Tables: int(tables),
		Release: release, Seconds: seconds,
	}
	if verified != nil {
		out.VerifiedAt = *verified
	}
	return out
}

// copyToOffer gives one copy as an offer shows it; nil for none.
func copyToOffer(ctx context.Context, tx *store.Tx, of id.Tenant, c id.Copy) (*restore.Copy, error) {
	if c.IsZero() {
		return nil, nil
	}
	r, err := tx.CopyToOffer(ctx, dbq.CopyToOfferParams{TenantID: of, ID: c})
	if err != nil {
		return nil, err
	}
	out := offered(r.ID, r.Kind, r.State, r.TakenAt, r.BinnedAt, r.VerifiedAt, r.Files, r.Bytes, r.RowTotal, r.TableTotal, r.Release, r.Seconds)
	return &out, nil
}
