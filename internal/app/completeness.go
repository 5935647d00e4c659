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
	"holdfast/internal/catalog"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// Completeness is what is known of the files that a database copy names.
type Completeness struct {
	Copy    id.Copy
	TakenAt time.Time
	State   catalog.State

	// Listed is false where the copy has no list of references: it was taken by
	// an agent that makes none. Then all that follows but Best is zero.
	Listed          bool
	Rows            int64 // of the files table that name content
	Referenced      int64 // contents, each once
	ReferencedBytes int64
	External        int64                    // contents that an object store holds alone: no copy of ours has them
	FromTrash       int64                    // contents that were there in trashdir only
	MissingAtSource int64                    // contents that were nowhere on the day
	MissingList     []agentproto.MissingFile // of these, at most 1,000
	ListStoredBytes int64

	// Kept tells whether the named files are kept with the copy, and what that
	// took: stored is what was new in the repository on the day.
	Kept             bool
	KeptFiles        int64
	KeptBytes        int64
	KeptStoredBytes  int64
	Best             *PairView // nil: there is no data copy that a restore may read
	MeasuresWaiting  int       // pairs that the keeper has not measured yet
	MeasuresFailed   int
	LastMeasureError string // of the newest failure; "" for none
}

// PairView is a database copy with one data copy.
type PairView struct {
	Data    id.Copy
	TakenAt time.Time
	Skew    time.Duration // from the database copy to the data copy; negative: the data is older
	// Measured is false while nobody has counted; then what follows is zero.
	Measured       bool
	MeasuredAt     time.Time
	Referenced     int64 // without those that an object store holds alone
	Bytes          int64
	Present        int64 // in the data copy itself
	PresentBytes   int64
	WithNamed      int64 // in the data copy, or among the files kept with the database copy
	WithNamedBytes int64
	Missing        Missing // of what is in neither
}

// Share is the part of the named contents that a restore of both brings back,
// 0 to 1; 1 where none is named or nothing was counted.
func (p PairView) Share() float64 { return shareOf(p.WithNamed, p.Referenced) }

// ShareOfData is the part that the data copy alone brings back.
func (p PairView) ShareOfData() float64 { return shareOf(p.Present, p.Referenced) }

func shareOf(part, of int64) float64 {
	if of <= 0 {
		return 1
	}
	return float64(part) / float64(of)
}

// Missing are contents that are in no copy, by course and area.
type Missing struct {
	Files  int64          `json:"files"`
	Bytes  int64          `json:"bytes"`
	By     []MissingGroup `json:"by"`   // most files first, at most 200
	More   int            `json:"more"` // groups beyond those
	Others MissingGroup   `json:"others"`
}

// MissingGroup is what is missing of one area of one course.
type MissingGroup struct {
	Course string `json:"course"` // its short name; "" outside courses
	Area   string `json:"area"`   // like "mod_resource/content"
	Files  int64  `json:"files"`
	Bytes  int64  `json:"bytes"`
}

// Completeness gives what is known of each database copy of a site, the newest
// first, by the site's name or id.
func (a *App) Completeness(ctx context.Context, who authz.Actor, ref string) ([]Completeness, error) {
	of, sid, _, err := a.findSite(ctx, ref)
	if err != nil {
		return nil, err
	}
	var out []Completeness
	err = a.do(ctx, who, authz.ViewSite, of, func(ctx context.Context, tx *store.Tx) error {
		out, err = completenessOf(ctx, tx, of, sid)
		return err
	})
	return out, hide(err, "site")
}

// completenessOf reads what is known of each database copy of a site, the
// newest first.
func completenessOf(ctx context.Context, tx *store.Tx, of id.Tenant, sid id.Site) ([]Completeness, error) {
	p, err := readPairs(ctx, tx, of, sid)
	if err != nil {
		return nil, err
	}
	lists, err := tx.ReferencesOfSite(ctx, dbq.ReferencesOfSiteParams{TenantID: of, SiteID: sid})
	if err != nil {
		return nil, err
	}
	byCopy := make(map[id.Copy]dbq.ReferencesOfSiteRow, len(lists))
	for _, l := range lists {
		byCopy[l.CopyID] = l
	}
	out := []Completeness{}
	for _, c := range p.copies {
		if c.Kind != backup.Database {
			continue
		}
		v := Completeness{Copy: c.ID, TakenAt: c.TakenAt, State: c.State}
		if l, ok := byCopy[c.ID]; ok {
			if err := v.list(l); err != nil {
				return nil, err
			}
		}
		v.Best = p.best(c)
		if err := v.Best.readMissing(ctx, tx, of, c.ID); err != nil {
			return nil, err
		}
		v.measures(p, c.ID)
		out = append(out, v)
	}
	slices.Reverse(out)
	return out, nil
}

func (v *Completeness) list(l dbq.ReferencesOfSiteRow) error {
	v.Listed, v.Rows, v.Referenced, v.ReferencedBytes = true, l.RowTotal, l.Hashes, l.HashBytes
	v.External, v.FromTrash, v.MissingAtSource, v.ListStoredBytes = l.External, l.FromTrash, l.Missing, l.StoredBytes
	v.Kept, v.KeptFiles, v.KeptBytes, v.KeptStoredBytes = l.FilesKept, l.Files, l.FilesBytes, l.FilesStoredBytes
	if err := json.Unmarshal(l.MissingList, &v.MissingList); err != nil {
		return fmt.Errorf("what copy %s lacks: %w", l.CopyID, err)
	}
	return nil
}

func (v *Completeness) measures(p pairs, of id.Copy) {
	var newest time.Time
	for k, row := range p.rows {
		if k.database != of {
			continue
		}
		switch row.State {
		case dbq.PairStateWaiting:
			v.MeasuresWaiting++
		case dbq.PairStateFailed:
			v.MeasuresFailed++
		case dbq.PairStateMeasured:
		}
		if row.Error != "" && !row.CreatedAt.Before(newest) {
			newest, v.LastMeasureError = row.CreatedAt, row.Error
		}
	}
}
