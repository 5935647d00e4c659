package app

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"slices"

	"holdfast/internal/agentproto"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// What bounds the parts of a report that say what is true of a copy.
const (
	maxMissingListed = 1000
	maxCounted       = 1 << 50 // no count or size of one site is beyond it, and sums of them stay numbers
	maxExamples      = 50
	maxRights        = 20
	maxAuth          = 50
)

var sha1Hex = regexp.MustCompile(`^[0-9a-f]{40}$`)

// checkTruth refuses what no honest agent sends of version 4's parts of a copy,
// and cuts what is too long.
func checkTruth(c *agentproto.Copy) error {
	if err := checkReferences(c); err != nil {
		return err
	}
	if err := checkSignals(c.Signals); err != nil {
		return err
	}
	return checkMoodle(c.Facts.Moodle)
}

func counted(field string, all ...int64) error {
	for _, n := range all {
		if n < 0 || n > maxCounted {
			return errs.Field(field, "counts and sizes must be from 0 to %d", int64(maxCounted))
		}
	}
	return nil
}

func checkSnapshot(field, snapshot string, manifest json.RawMessage) error {
	if snapshot == "" || len(snapshot) > 128 || clip(snapshot, 128) != snapshot {
		return errs.Field(field+".snapshot", "must name a snapshot, in at most 128 characters")
	}
	if len(manifest) > 1<<20 || !json.Valid(manifest) || bytes.Contains(manifest, []byte(`\u0000`)) {
		return errs.Field(field+".manifest", "must be the snapshot's manifest as JSON of at most 1 MiB")
	}
	return nil
}

func checkReferences(c *agentproto.Copy) error {
	r := c.References
	if r == nil {
		return nil
	}
	const field = "copy.references"
	if err := checkSnapshot(field, r.Snapshot, r.Manifest); err != nil {
		return err
	}
	if err := counted(field, r.Bytes, r.StoredBytes, r.Rows, r.Hashes, r.HashBytes, r.FromTrash, r.External, r.Missing); err != nil {
		return err
	}
	if r.Snapshot == c.Snapshot || r.Missing > r.Hashes || r.FromTrash > r.Hashes {
		return errs.Field(field, "cannot be of this copy: the list is the dump, or more is missing than is named")
	}
	r.MissingList = r.MissingList[:min(len(r.MissingList), maxMissingListed)]
	for i := range r.MissingList {
		m := &r.MissingList[i]
		if !sha1Hex.MatchString(m.Hash) {
			return errs.Field(field+".missing_list", "each hash must be 40 small hexadecimal digits")
		}
		if err := counted(field+".missing_list", m.Bytes, m.Rows); err != nil {
			return err
		}
		m.Name, m.Area, m.Course = clip(m.Name, 255), clip(m.Area, 255), clip(m.Course, 255)
	}
	f := r.Files
	if f == nil {
		return nil
	}
	if err := checkSnapshot(field+".files", f.Snapshot, f.Manifest); err != nil {
		return err
	}
	return counted(field+".files", f.Files, f.Bytes, f.StoredBytes)
}

func checkSignals(s *agentproto.Signals) error {
	if s == nil {
		return nil
	}
	if !slices.Contains([]string{agentproto.ReadingFast, agentproto.ReadingWalk, agentproto.ReadingAll}, s.Reading) {
		return errs.Field("copy.signals.reading", "%q is not a way to read a site", clip(s.Reading, 40))
	}
	err := counted("copy.signals", s.Checked, s.Mismatched, s.Contents, s.New, s.Gone, s.GoneUntrashed, s.Foreign, s.PHPFiles, s.PHPChanged, s.PHPStrange)
	s.Examples = clipAll(s.Examples, maxExamples, 300)
	return err
}

func checkMoodle(m *agentproto.MoodleFacts) error {
	if m == nil {
		return nil
	}
	b := &m.AutoBackup
	err := counted("copy.facts.moodle", m.Courses, m.Users, m.Admins, m.FileRows, m.FileBytes, m.BackupRows, m.BackupBytes, m.TasksFailing, m.AdhocWaiting,
		b.OK, b.Failed, b.Unfinished, b.Skipped, b.Warned, b.NotYet)
	m.SiteHash, m.Theme, m.Lang = clip(m.SiteHash, 64), clip(m.Theme, 100), clip(m.Lang, 30)
	m.ServerFlavour, m.PHPVersion, b.Destination = clip(m.ServerFlavour, 30), clip(m.PHPVersion, 60), clip(b.Destination, 1000)
	m.Auth, m.DatabaseRights = clipAll(m.Auth, maxAuth, 100), clipAll(m.DatabaseRights, maxRights, 100)
	return err
}

// clipAll cuts a list to its first n, and each to size bytes.
func clipAll(list []string, n, size int) []string {
	list = list[:min(len(list), n)]
	for i := range list {
		list[i] = clip(list[i], size)
	}
	return list
}

// keepTruth writes what is true of a copy beside its row: what a database copy
// names, or how a data copy was read.
func keepTruth(ctx context.Context, tx *store.Tx, row dbq.Run, made id.Copy, c *agentproto.Copy) error {
	if row.Kind == backup.Data {
		if c.References != nil {
			return errs.Field("copy.references", "only a database copy has them")
		}
		return noteReading(ctx, tx, row, c.Signals)
	}
	if c.References == nil {
		return nil
	}
	return keepReferences(ctx, tx, row, made, c.References)
}

// noteReading notes that every file was looked at: by an agent that knows no
// other way, by a first copy, or because it was told to.
func noteReading(ctx context.Context, tx *store.Tx, row dbq.Run, s *agentproto.Signals) error {
	repo, err := tx.RepositoryOfSite(ctx, dbq.RepositoryOfSiteParams{TenantID: row.TenantID, SiteID: row.SiteID, Kind: row.Kind})
	if err != nil {
		return err
	}
	_, err = tx.NoteReading(ctx, dbq.NoteReadingParams{
		TenantID: row.TenantID, ID: repo.ID, Now: tx.Now,
		Walked: s == nil || s.First || s.Reading != agentproto.ReadingFast,
		Mended: s != nil && s.Reading == agentproto.ReadingAll,
	})
	return err
}

func keepReferences(ctx context.Context, tx *store.Tx, row dbq.Run, made id.Copy, r *agentproto.References) error {
	missing := r.MissingList
	if missing == nil {
		missing = []agentproto.MissingFile{}
	}
	list, err := json.Marshal(missing)
	if err != nil {
		return err
	}
	p := dbq.InsertReferenceListParams{
		TenantID: row.TenantID, CopyID: made, SiteID: row.SiteID, Snapshot: r.Snapshot, Manifest: r.Manifest, Bytes: r.Bytes, StoredBytes: r.StoredBytes,
		RowTotal: r.Rows, Hashes: r.Hashes, HashBytes: r.HashBytes, FromTrash: r.FromTrash, External: r.External, Missing: r.Missing, MissingList: list,
		FilesManifest: json.RawMessage(`{}`),
	}
	for _, kind := range backup.Kinds() {
		own := r.Snapshot
		if kind == backup.Data {
			if r.Files == nil {
				continue
			}
			own = r.Files.Snapshot
		}
		repo, err := tx.RepositoryOfSite(ctx, dbq.RepositoryOfSiteParams{TenantID: row.TenantID, SiteID: row.SiteID, Kind: kind})
		if isNoRows(err) {
			return errs.Field("copy.references.files", "the site has no repository for them")
		}
		if err != nil {
			return err
		}
		if err := ownSnapshot(ctx, tx, repo, own); err != nil {
			return err
		}
		if kind == backup.Data {
			p.FilesRepositoryID, p.FilesSnapshot, p.FilesManifest = repo.ID, own, r.Files.Manifest
			p.Files, p.FilesBytes, p.FilesStoredBytes = r.Files.Files, r.Files.Bytes, r.Files.StoredBytes
		}
	}
	return tx.InsertReferenceList(ctx, p)
}

// ownSnapshot refuses a snapshot that stands for something else already: it
// would be deleted with this copy.
func ownSnapshot(ctx context.Context, tx *store.Tx, repo dbq.Repository, snapshot string) error {
	known, err := tx.CopiesInRepository(ctx, dbq.CopiesInRepositoryParams{TenantID: repo.TenantID, RepositoryID: repo.ID})
	if err != nil {
		return err
	}
	for _, k := range known {
		if k.Snapshot == snapshot {
			return errs.Field("copy.references", "snapshot %s is of another copy already", snapshot)
		}
	}
	return nil
}

// toJSONB writes a value as JSON that PostgreSQL keeps: it knows no character
// zero, which names from a site's database or a host may hold.
func toJSONB(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil || !bytes.Contains(b, []byte(`\u0000`)) {
		return b, err
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] != '\\':
			out = append(out, b[i])
		case bytes.HasPrefix(b[i:], []byte(`\u0000`)):
			i += len(`\u0000`) - 1
		default: // with what it escapes, which may be another backslash
			out = append(out, b[i], b[i+1])
			i++
		}
	}
	return out, nil
}
