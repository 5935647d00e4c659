package api

import (
	"time"

	"holdfast/internal/app"
)

// Named is what a database copy names of the site's files, and where they are.
type Named struct {
	Contents        int64         `json:"contents" doc:"distinct contents that its files table names"`
	Bytes           int64         `json:"bytes"`
	External        int64         `json:"external" doc:"of these, held by an object store alone: no copy of ours has them"`
	FromTrash       int64         `json:"from_trash" doc:"that were there in trashdir only"`
	MissingAtSource int64         `json:"missing_at_source" doc:"that were nowhere on the day"`
	MissingList     []MissingFile `json:"missing_list" nullable:"false" doc:"of these, at most 1,000"`
	Kept            bool          `json:"kept" doc:"they are kept with the copy, for as long as it is kept"`
	KeptStoredBytes int64         `json:"kept_stored_bytes" doc:"what keeping them added to the storage when the copy was taken"`
	Best            *Pair         `json:"best_data_copy" doc:"null: there is no data copy that a restore may read"`
}

// MissingFile is one content that was nowhere.
type MissingFile struct {
	Hash   string `json:"hash" doc:"SHA-1, its name in filedir"`
	Bytes  int64  `json:"bytes"`
	Rows   int64  `json:"rows" doc:"of the files table that name it"`
	Name   string `json:"name" doc:"in the first of these"`
	Area   string `json:"area"`
	Course string `json:"course" doc:"its short name; empty outside courses"`
}

// Pair is a database copy with the data copy that fits it best.
type Pair struct {
	Copy        string         `json:"copy"`
	TakenAt     time.Time      `json:"taken_at"`
	SkewSeconds int64          `json:"skew_seconds" doc:"from the database copy to the data copy; negative: the data is older"`
	MeasuredAt  *time.Time     `json:"measured_at" doc:"null: not yet; then what follows is zero"`
	Contents    int64          `json:"contents" doc:"that are named, without the external ones"`
	InData      int64          `json:"in_data_copy" doc:"of these, in the data copy itself"`
	Present     int64          `json:"present" doc:"of these, what a restore of both brings back: kept files included"`
	Share       float64        `json:"share_present" minimum:"0" maximum:"1"`
	Missing     []MissingGroup `json:"missing" nullable:"false" doc:"what comes back from nowhere, by course and area, at most 200"`
}

// MissingGroup is what is missing of one area of one course.
type MissingGroup struct {
	Course string `json:"course"`
	Area   string `json:"area"`
	Files  int64  `json:"files"`
	Bytes  int64  `json:"bytes"`
}

func namedOf(c app.Completeness) *Named {
	n := &Named{
		Contents: c.Referenced, Bytes: c.ReferencedBytes, External: c.External, FromTrash: c.FromTrash, MissingAtSource: c.MissingAtSource,
		MissingList: []MissingFile{}, Kept: c.Kept, KeptStoredBytes: c.KeptStoredBytes,
	}
	for _, m := range c.MissingList {
		n.MissingList = append(n.MissingList, MissingFile{Hash: m.Hash, Bytes: m.Bytes, Rows: m.Rows, Name: m.Name, Area: m.Area, Course: m.Course})
	}
	if p := c.Best; p != nil {
		n.Best = &Pair{Copy: p.Data.String(), TakenAt: p.TakenAt.UTC(), SkewSeconds: int64(p.Skew / time.Second), Missing: []MissingGroup{}}
		if p.Measured {
			n.Best.MeasuredAt, n.Best.Contents, n.Best.InData, n.Best.Present, n.Best.Share = utc(&p.MeasuredAt), p.Referenced, p.Present, p.WithNamed, p.Share()
		}
		for _, g := range p.Missing.By {
			n.Best.Missing = append(n.Best.Missing, MissingGroup(g))
		}
	}
	return n
}
