package app

import (
	"context"
	"encoding/json"
	"fmt"

	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// What bounds the measuring of pairs: how many one child does, how many one
// look asks for, and how often one is tried.
const (
	pairsAtOnce  = 8
	pairsAsked   = 100
	pairAttempts = 3
)

// pairKey names a database copy with a data copy.
type pairKey struct{ database, data id.Copy }

// pairs are a site's copies that a restore may read, oldest first, and what is
// known of how they fit.
type pairs struct {
	copies  []dbq.CopiesToPairRow
	rows    map[pairKey]dbq.PairsOfSiteRow
	missing map[id.Copy]int64 // contents that were nowhere at the source
}

func readPairs(ctx context.Context, tx *store.Tx, of id.Tenant, sid id.Site) (pairs, error) {
	p := pairs{rows: map[pairKey]dbq.PairsOfSiteRow{}, missing: map[id.Copy]int64{}}
	var err error
	if p.copies, err = tx.CopiesToPair(ctx, dbq.CopiesToPairParams{TenantID: of, SiteID: sid}); err != nil {
		return p, err
	}
	for _, c := range p.copies {
		p.missing[c.ID] = c.Missing
	}
	rows, err := tx.PairsOfSite(ctx, dbq.PairsOfSiteParams{TenantID: of, SiteID: sid})
	for _, r := range rows {
		p.rows[pairKey{r.DatabaseCopyID, r.DataCopyID}] = r
	}
	return p, err
}

func fitOf(c dbq.CopiesToPairRow, row dbq.PairsOfSiteRow) catalog.Fit {
	return catalog.Fit{
		ID: c.ID.String(), At: c.TakenAt, Good: c.State == catalog.Good && !c.Binned,
		Measured: row.State == dbq.PairStateMeasured, Referenced: row.Referenced, Present: row.WithNamed,
	}
}

// fits gives the data copies of the site, as they fit a database copy.
func (p pairs) fits(of id.Copy) (data []dbq.CopiesToPairRow, fits []catalog.Fit) {
	for _, c := range p.copies {
		if c.Kind == backup.Data {
			data = append(data, c)
			fits = append(fits, fitOf(c, p.rows[pairKey{of, c.ID}]))
		}
	}
	return data, fits
}

// best gives the data copy that fits a database copy best; nil for none.
func (p pairs) best(of dbq.CopiesToPairRow) *PairView {
	data, fits := p.fits(of.ID)
	i := catalog.BestPair(of.TakenAt, p.missing[of.ID], fits)
	if i < 0 {
		return nil
	}
	v := &PairView{Data: data[i].ID, TakenAt: data[i].TakenAt, Skew: data[i].TakenAt.Sub(of.TakenAt)}
	row := p.rows[pairKey{of.ID, data[i].ID}]
	if row.State != dbq.PairStateMeasured {
		return v
	}
	v.Measured, v.MeasuredAt, v.Referenced, v.Bytes = true, *row.MeasuredAt, row.Referenced, row.ReferencedBytes
	v.Present, v.PresentBytes, v.WithNamed, v.WithNamedBytes = row.Present, row.PresentBytes, row.WithNamed, row.WithNamedBytes
	return v
}

// readMissing fills in what a measured pair lacks.
func (v *PairView) readMissing(ctx context.Context, tx *store.Tx, of id.Tenant, database id.Copy) error {
	if v == nil || !v.Measured || v.WithNamed >= v.Referenced {
		return nil
	}
	b, err := tx.MissingOfPair(ctx, dbq.MissingOfPairParams{TenantID: of, DatabaseCopyID: database, DataCopyID: v.Data})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &v.Missing); err != nil {
		return fmt.Errorf("what the pair of %s and %s lacks: %w", database, v.Data, err)
	}
	return nil
}

// planPairs asks the keeper to measure the pairs of a site that are worth it,
// and takes back what was asked for and is so no more. It is safe to run twice,
// and after anything that happened to a copy.
func planPairs(ctx context.Context, tx *store.Tx, of id.Tenant, sid id.Site) error {
	if _, err := tx.ForgetLostPairs(ctx, dbq.ForgetLostPairsParams{TenantID: of, SiteID: sid}); err != nil {
		return err
	}
	p, err := readPairs(ctx, tx, of, sid)
	if err != nil {
		return err
	}
	wanted := p.wanted()
	for k, row := range p.rows {
		if _, ok := wanted[k]; ok || row.State != dbq.PairStateWaiting {
			continue
		}
		if _, err := tx.DropPair(ctx, dbq.DropPairParams{TenantID: of, DatabaseCopyID: k.database, DataCopyID: k.data}); err != nil {
			return err
		}
	}
	for k := range wanted {
		_, err := tx.InsertPair(ctx, dbq.InsertPairParams{TenantID: of, DatabaseCopyID: k.database, DataCopyID: k.data, SiteID: sid, CreatedAt: tx.Now})
		if err != nil {
			return err
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	return askMeasure(ctx, tx, of, sid)
}

// askMeasure gives the keeper a task for the site's waiting pairs, one at a time.
func askMeasure(ctx context.Context, tx *store.Tx, of id.Tenant, sid id.Site) error {
	repo, err := tx.RepositoryOfSite(ctx, dbq.RepositoryOfSiteParams{TenantID: of, SiteID: sid, Kind: backup.Database})
	if isNoRows(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return insertTask(ctx, tx, repo, id.Copy{}, dbq.TaskKindMeasurePair)
}

// wanted are the pairs that are worth a measure and have none, the newest of many.
func (p pairs) wanted() map[pairKey]struct{} {
	items := make([]catalog.Item, 0, len(p.copies))
	listed, missing := map[string]bool{}, map[string]int64{}
	known := map[catalog.Pairing]catalog.Fit{}
	byID := make(map[string]dbq.CopiesToPairRow, len(p.copies))
	for _, c := range p.copies {
		name := c.ID.String()
		byID[name] = c
		items = append(items, catalog.Item{ID: name, Kind: c.Kind, At: c.TakenAt, Good: c.State == catalog.Good && !c.Binned})
		listed[name], missing[name] = c.Listed, c.Missing
	}
	for k, row := range p.rows {
		if row.State != dbq.PairStateWaiting {
			known[catalog.Pairing{Database: k.database.String(), Data: k.data.String()}] = fitOf(byID[k.data.String()], row)
		}
	}
	out := map[pairKey]struct{}{}
	for _, m := range catalog.ToMeasure(items, listed, known, missing) {
		if len(out) == pairsAsked {
			break
		}
		out[pairKey{byID[m.Database].ID, byID[m.Data].ID}] = struct{}{}
	}
	return out
}
