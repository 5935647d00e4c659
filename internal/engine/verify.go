package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"sync"

	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/object"
	"github.com/kopia/kopia/snapshot"
	"golang.org/x/sync/errgroup"

	"holdfast/internal/clock"
	"holdfast/internal/errs"
)

// maxDamages bounds a report: of a lost repository a few hundred examples say
// as much as a million.
const maxDamages = 500

// Verify reads snapshots and reports every file that cannot be had back. With
// Percent 100 it proves that all can; with less the others are only looked up
// in the index and by their pack's length, which a flipped bit passes. A
// snapshot in IDs that is not there is damage too: a lost index makes
// snapshots vanish without a word. An error means that nothing was found out.
func (r *Repository) Verify(ctx context.Context, o VerifyOptions) (VerifyReport, error) {
	if o.Percent < 0 || o.Percent > 100 {
		return VerifyReport{}, errs.Field("percent", "the share of files to read is between 0 and 100")
	}
	if r.cached {
		return VerifyReport{}, errCached
	}
	v := newVerifier(r, o)
	mans, err := v.choose(ctx)
	if err != nil {
		return VerifyReport{}, err
	}
	if o.Percent == 100 {
		defer r.readAhead()()
	}
	if err := v.run(ctx, mans); err != nil {
		return VerifyReport{}, fmt.Errorf("verify: %w", err)
	}
	v.report.Proven = o.Percent == 100 && len(v.report.Damaged) == 0
	return v.report, nil
}

// verifier reads what snapshots share once, and then names every place at
// which what it found bad occurs.
type verifier struct {
	r     *Repository
	o     VerifyOptions
	packs map[blob.ID]int64

	mu     sync.Mutex
	seen   map[object.ID]struct{}
	bad    map[object.ID]string // reason
	report VerifyReport
	now    progressClock
}

func newVerifier(r *Repository, o VerifyOptions) *verifier {
	return &verifier{
		r: r, o: o, seen: map[object.ID]struct{}{}, bad: map[object.ID]string{},
		now: progressClock{now: clock.System{}},
	}
}

func (v *verifier) run(ctx context.Context, mans []*snapshot.Manifest) error {
	var err error
	if v.packs, err = v.r.packLengths(ctx); err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(v.r.parallel)
	for _, m := range mans {
		v.report.Snapshots++
		if m.RootEntry == nil {
			v.damage(Damage{Snapshot: string(m.ID), Reason: "the manifest names no contents"})
			continue
		}
		if err = v.entry(gctx, g, m, m.RootEntry); err != nil {
			break
		}
	}
	// A repository that failed as a whole says nothing of any one file.
	if err := errors.Join(err, g.Wait(), v.r.failed()); err != nil || len(v.bad) == 0 {
		return err
	}
	clean := map[object.ID]bool{}
	for _, m := range mans {
		if m.RootEntry == nil {
			continue
		}
		if _, err := v.locate(ctx, clean, m, "", m.RootEntry); err != nil {
			return err
		}
	}
	return nil
}

// locate names every place of m that something bad is at. It remembers
// directories in which there is nothing.
func (v *verifier) locate(ctx context.Context, clean map[object.ID]bool, m *snapshot.Manifest, at string, e *snapshot.DirEntry) (bool, error) {
	if why, bad := v.bad[e.ObjectID]; bad {
		v.damage(Damage{Snapshot: string(m.ID), Path: at, Reason: why})
		return true, nil
	}
	if e.Type != snapshot.EntryTypeDirectory || clean[e.ObjectID] {
		return false, nil
	}
	entries, err := v.r.readDir(ctx, e.ObjectID)
	if err != nil {
		return false, fmt.Errorf("read %q again: %w", at, err)
	}
	any := false
	for _, c := range entries {
		bad, err := v.locate(ctx, clean, m, path.Join(at, fromStored(c.Name)), c)
		if err != nil {
			return false, err
		}
		any = any || bad
	}
	clean[e.ObjectID] = !any
	return any, nil
}

// choose loads the manifests to look at.
func (v *verifier) choose(ctx context.Context) ([]*snapshot.Manifest, error) {
	if len(v.o.IDs) == 0 {
		all, err := v.r.manifests(ctx)
		if err != nil {
			return nil, err
		}
		whole := all[:0]
		for _, m := range all {
			if m.IncompleteReason == "" {
				whole = append(whole, m)
			}
		}
		return whole, nil
	}
	var mans []*snapshot.Manifest
	for _, id := range v.o.IDs {
		m, err := v.r.load(ctx, id)
		if errs.Is(err, errs.NotFound) {
			v.damage(Damage{Snapshot: id, Reason: "the repository does not list this snapshot"})
			continue
		}
		if err != nil {
			return nil, err
		}
		mans = append(mans, m)
	}
	return mans, nil
}

func (v *verifier) damage(d Damage) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.report.Damaged) < maxDamages {
		v.report.Damaged = append(v.report.Damaged, d)
	}
}

// first tells whether oid is met for the first time.
func (v *verifier) first(oid object.ID) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.seen[oid]; ok {
		return false
	}
	v.seen[oid] = struct{}{}
	return true
}

// entry verifies e and all below it. Its error is only ever the end of ctx.
func (v *verifier) entry(ctx context.Context, g *errgroup.Group, m *snapshot.Manifest, e *snapshot.DirEntry) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if !v.first(e.ObjectID) {
		return nil
	}
	if e.Type != snapshot.EntryTypeDirectory {
		g.Go(func() error { return v.file(ctx, m, e) })
		return nil
	}
	entries, err := v.r.readDir(ctx, e.ObjectID)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		v.condemn(e.ObjectID, err)
		return nil
	}
	for _, c := range entries {
		if err := v.entry(ctx, g, m, c); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) condemn(oid object.ID, why error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.bad[oid] = why.Error()
}

func (v *verifier) file(ctx context.Context, m *snapshot.Manifest, e *snapshot.DirEntry) error {
	var err error
	var n int64
	if v.o.Percent == 100 || rand.Float64()*100 < v.o.Percent { //nolint:gosec // a sample, not a secret
		n, err = v.read(ctx, m, e)
	} else {
		err = v.lookUp(ctx, e.ObjectID)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		v.condemn(e.ObjectID, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Files++
	v.report.Bytes += n
	if v.o.Progress != nil && v.now.due() {
		v.o.Progress(Progress{DoneFiles: v.report.Files, DoneBytes: v.report.Bytes, Phase: "reading"})
	}
	return nil
}

// read reads a file to its end, and compares a stream with the sum that was
// taken before it ever came to Kopia.
func (v *verifier) read(ctx context.Context, m *snapshot.Manifest, e *snapshot.DirEntry) (int64, error) {
	out := &counter{w: nowhere{}}
	sum := sha256.New()
	stream := e == m.RootEntry
	if stream {
		out.w = sum
	}
	if err := v.r.copyObject(ctx, e.ObjectID, out); err != nil {
		return out.n, err
	}
	if out.n != e.FileSize {
		return out.n, fmt.Errorf("it has %d bytes instead of %d", out.n, e.FileSize)
	}
	if s, err := describe(m); stream && err == nil && s.SHA256 != "" {
		if got := hex.EncodeToString(sum.Sum(nil)); got != s.SHA256 {
			return out.n, fmt.Errorf("it has sha256 %s instead of %s", got, s.SHA256)
		}
	}
	return out.n, nil
}

// lookUp checks that the index knows an object's contents, and that their
// packs are long enough to hold them.
func (v *verifier) lookUp(ctx context.Context, oid object.ID) error {
	ids, err := v.r.rep.VerifyObject(ctx, oid)
	if err != nil {
		return fmt.Errorf("look up object %s: %w", oid, err)
	}
	for _, id := range ids {
		ci, err := v.r.rep.ContentInfo(ctx, id)
		if err != nil {
			return fmt.Errorf("look up content %s: %w", id, err)
		}
		if err := fits(ci, v.packs); err != nil {
			return err
		}
	}
	return nil
}

func fits(ci content.Info, packs map[blob.ID]int64) error {
	have, ok := packs[ci.PackBlobID]
	if !ok {
		return fmt.Errorf("pack %s is missing", ci.PackBlobID)
	}
	if need := int64(ci.PackOffset) + int64(ci.PackedLength); have < need {
		return fmt.Errorf("pack %s has %d bytes and should have at least %d", ci.PackBlobID, have, need)
	}
	return nil
}

// packLengths lists the packs that lie in the storage.
func (r *Repository) packLengths(ctx context.Context) (map[blob.ID]int64, error) {
	packs := map[blob.ID]int64{}
	for _, prefix := range content.PackBlobIDPrefixes {
		err := r.rep.BlobReader().ListBlobs(ctx, prefix, func(m blob.Metadata) error {
			packs[m.BlobID] = m.Length
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list the packs: %w", err)
		}
	}
	return packs, nil
}

// Scan looks at every content that the index knows, whatever snapshot it
// belongs to: whether its pack is there and long enough and, with read,
// whether its bytes are right. What Forget dropped is no longer among them.
func (r *Repository) Scan(ctx context.Context, read bool) (ScanReport, error) {
	if r.cached {
		return ScanReport{}, errCached
	}
	if err := r.rep.Refresh(ctx); err != nil {
		return ScanReport{}, fmt.Errorf("refresh the repository's index: %w", err)
	}
	packs, err := r.packLengths(ctx)
	if err != nil {
		return ScanReport{}, err
	}
	rep := ScanReport{Blobs: int64(len(packs)), Read: read}
	var mu sync.Mutex
	cr := r.rep.ContentReader()
	err = cr.IterateContents(ctx, content.IterateOptions{Parallel: r.parallel}, func(ci content.Info) error {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		bad := fits(ci, packs)
		if bad == nil && read {
			_, bad = cr.GetContent(ctx, ci.ContentID)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		rep.Contents++
		rep.Bytes += int64(ci.PackedLength)
		if bad != nil && len(rep.Damaged) < maxDamages {
			rep.Damaged = append(rep.Damaged, Damage{Blob: string(ci.PackBlobID), Reason: fmt.Sprintf("content %s: %v", ci.ContentID, bad)})
		}
		return nil
	})
	if err := errors.Join(err, r.failed()); err != nil {
		return ScanReport{}, fmt.Errorf("scan the repository: %w", err)
	}
	return rep, nil
}

type nowhere struct{}

// Write takes everything.
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
