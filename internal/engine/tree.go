package engine

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kopia/kopia/fs"
	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/logging"
	"github.com/kopia/kopia/snapshot"
	"github.com/kopia/kopia/snapshot/policy"
	"github.com/kopia/kopia/snapshot/upload"

	"holdfast/internal/clock"
	"holdfast/internal/errs"
)

// defaultCheckpoint is how much work a crash may cost.
const defaultCheckpoint = 5 * time.Minute

// StoreTree stores directories as one snapshot. Files that vanish while it
// reads are counted and are no fault; what cannot be read is a Problem of the
// snapshot, which is then incomplete but kept. An error means that there is no
// snapshot: the storage failed, ctx ended, or a root is not there.
func (r *Repository) StoreTree(ctx context.Context, o TreeOptions) (Snapshot, error) {
	src, err := source(o.Source, Data)
	if err != nil {
		return Snapshot{}, err
	}
	if len(o.Roots) == 0 {
		return Snapshot{}, errs.Field("roots", "there is nothing to store")
	}
	u := &treeUpload{r: r, o: o, src: src, tree: &tree{watch: o.Watch, lost: o.Lost}, now: clock.System{}}
	u.tree.onTaken, u.tree.onProblem = u.add, u.problem
	var branches []*branch
	defer func() {
		for _, b := range branches {
			_ = b.root.Close()
		}
	}()
	for _, spec := range o.Roots {
		b, err := openBranch(u.tree, spec)
		if err != nil {
			return Snapshot{}, err
		}
		branches = append(branches, b)
	}
	if err := placeAll(branches, o.Also); err != nil {
		return Snapshot{}, err
	}
	if u.past, err = r.past(ctx, src, o); err != nil {
		return Snapshot{}, err
	}
	defer r.readAhead()()
	u.build(branches)
	all, err := newTop(branches)
	if err != nil {
		return Snapshot{}, err
	}
	if u.past.last == nil && len(u.past.manifests) == 0 && o.Progress != nil {
		stop, err := u.estimate(ctx, branches)
		if err != nil {
			return Snapshot{}, err
		}
		defer stop()
	}
	return u.run(ctx, all)
}

// placeAll notes the files that are to be put in from elsewhere.
func placeAll(branches []*branch, also []Placed) error {
	byName := map[string]*branch{}
	for _, b := range branches {
		byName[b.spec.Name] = b
	}
	for _, a := range also {
		b := byName[a.Root]
		if b == nil {
			return errs.Field("also", "there is no root %.80q to put a file into", a.Root)
		}
		if err := b.place(a); err != nil {
			return err
		}
	}
	return nil
}

// build tells the branches what they can build on.
func (u *treeUpload) build(branches []*branch) {
	u.addressed = map[string]string{}
	for _, b := range branches {
		at := ""
		if last := u.past.last; last != nil {
			b.prior, at = last, last.at
		}
		b.repository = u.r.rep
		if b.addressed == "" {
			continue
		}
		u.addressed[addressedKey("", b.spec.Name, b.addressed)] = b.rules()
		rules, known := "", false
		if b.prior != nil && !b.prior.placed {
			rules, known = b.prior.addressed[addressedKey(at, b.spec.Name, b.addressed)], true
		}
		b.fast = u.o.Fast && u.o.Previous && u.past.trusted && known && rules == b.rules()
	}
}

// estimate counts the tree beside the upload, for a first snapshot whose
// progress somebody watches. stop ends it.
func (u *treeUpload) estimate(ctx context.Context, branches []*branch) (stop func(), err error) {
	dry := &tree{dry: true}
	copies := make([]*branch, len(branches))
	for i, b := range branches {
		c := *b
		c.tree, c.prior = dry, nil
		copies[i] = &c
	}
	all, err := newTop(copies)
	if err != nil {
		return nil, err
	}
	e := upload.NewEstimator(all, policy.BuildTree(nil, keepAll()), upload.EstimationParameters{Type: upload.EstimationTypeClassic}, logging.Module("estimate")(ctx))
	e.StartEstimation(ctx, u.estimated)
	return func() { e.Cancel(); e.Wait() }, nil
}

// treeUpload is one StoreTree at work. It is Kopia's upload.Progress, from
// which it learns what could not be read.
type treeUpload struct {
	upload.NullUploadProgress
	r    *Repository
	o    TreeOptions
	src  snapshot.SourceInfo
	tree *tree
	past *past
	now  clock.Clock

	addressed map[string]string // the content-addressed folders, and what is left out of them

	uploader *upload.Uploader
	uploaded atomic.Int64

	mu       sync.Mutex
	at       Progress
	told     time.Time
	problems []Problem
	count    int64
	broken   error // the storage's failure, which Kopia may take for a file's
}

func (u *treeUpload) run(ctx context.Context, all fs.Directory) (Snapshot, error) {
	u.at.Phase = "storing"
	started := u.now.Now()
	if u.o.TakenAt.IsZero() {
		u.o.TakenAt = started
	}
	var done *snapshot.Manifest
	err := u.r.write(ctx, "tree", &u.uploaded, func(ctx context.Context, w repo.RepositoryWriter) error {
		m, err := u.upload(ctx, w, all)
		if err != nil {
			return err
		}
		done = m
		return u.save(ctx, w, m)
	})
	if err != nil {
		return Snapshot{}, fmt.Errorf("store the tree of %s: %w", u.o.Source, err)
	}
	u.tell(true)
	s, err := describe(done)
	if err != nil {
		return Snapshot{}, err
	}
	s.Problems, s.StoredBytes = u.problems, u.uploaded.Load()
	if len(u.addressed) > 0 {
		s.Content = u.tree.contents.result()
	}
	return s, nil
}

func (u *treeUpload) upload(ctx context.Context, w repo.RepositoryWriter, all fs.Directory) (*snapshot.Manifest, error) {
	up := upload.NewUploader(w)
	u.uploader = up
	up.Progress = u
	up.ParallelUploads = min(u.r.parallel, storeParallel)
	up.EnableActions = false
	up.DisableIgnoreRules = true
	up.CheckpointInterval = min(u.o.CheckpointEvery, upload.DefaultCheckpointInterval)
	if up.CheckpointInterval <= 0 {
		up.CheckpointInterval = defaultCheckpoint
	}
	stop := context.AfterFunc(ctx, up.Cancel)
	defer stop()

	prev := u.past.manifests
	if last := u.past.last; last != nil && last.totals != nil {
		u.estimated(last.totals.TotalFileCount, last.totals.TotalFileSize)
	}
	if !u.o.Previous || !u.past.trusted {
		prev = nil
	}
	if len(prev) > 0 && !u.o.Fast && len(u.addressed) > 0 {
		up.ForceHashPercentage = rereadPercent
	}
	m, err := up.Upload(ctx, all, policy.BuildTree(nil, keepAll()), u.src, prev...)
	switch broken := u.storageFailure(); {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case broken != nil:
		return nil, broken
	case err != nil:
		return nil, fmt.Errorf("upload: %w", err)
	case m.IncompleteReason != "":
		// A failed checkpoint cancels the upload and says so nowhere else.
		return nil, fmt.Errorf("the upload was cut short: %s", m.IncompleteReason)
	}
	return m, nil
}

// save writes the manifest and removes the checkpoints that it makes needless,
// in one session with the last of the data.
func (u *treeUpload) save(ctx context.Context, w repo.RepositoryWriter, m *snapshot.Manifest) error {
	f := facts{
		Kind: Data, TakenAt: u.o.TakenAt.UTC(), StoredBytes: u.uploaded.Load(),
		Vanished: u.tree.vanished.Load(), Special: u.tree.specials(),
		Addressed: u.addressed, Placed: len(u.o.Also) > 0 || u.o.Lost != nil,
	}
	if e := m.RootEntry.DirSummary; e != nil {
		f.Files, f.Bytes = e.TotalFileCount+e.TotalSymlinkCount, e.TotalFileSize
	}
	u.mu.Lock()
	f.Problems, f.ProblemCount = u.problems, u.count
	u.mu.Unlock()
	if err := mark(m, f); err != nil {
		return err
	}
	old, err := snapshot.ListSnapshots(ctx, w, u.src)
	if err != nil {
		return fmt.Errorf("list checkpoints: %w", err)
	}
	if _, err := snapshot.SaveSnapshot(ctx, w, m); err != nil {
		return fmt.Errorf("save the manifest: %w", err)
	}
	for _, c := range old {
		if c.IncompleteReason == "" {
			continue
		}
		if err := w.DeleteManifest(ctx, c.ID); err != nil {
			return fmt.Errorf("remove checkpoint %s: %w", c.ID, err)
		}
	}
	return nil
}

func (u *treeUpload) storageFailure() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.broken
}

// Enabled is false: Kopia would estimate the tree by the very entries that are
// stored, and these count what is looked at.
func (u *treeUpload) Enabled() bool { return false }

// estimated hears how much there will be.
func (u *treeUpload) estimated(files, bytes int64) {
	u.mu.Lock()
	u.at.TotalFiles, u.at.TotalBytes = files, bytes
	u.mu.Unlock()
}

// Error hears of an entry that was not stored, and decides what it means.
func (u *treeUpload) Error(path string, err error, _ bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	var src sourceError
	switch {
	case !errors.As(err, &src):
		if u.broken == nil {
			u.broken = fmt.Errorf("store %q: %w", path, err)
			u.uploader.Cancel()
		}
	case errors.Is(err, iofs.ErrNotExist):
		u.tree.vanished.Add(1)
	default:
		u.note(Problem{Path: path, Reason: reason(src)})
	}
}

// problem notes what of the copy is missing.
func (u *treeUpload) problem(p Problem) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.note(p)
}

func (u *treeUpload) note(p Problem) {
	u.count++
	if len(u.problems) < maxProblems {
		u.problems = append(u.problems, p)
	}
}

// reason is the last word of an error of the file system, without the path
// that the Problem names anyway.
func reason(err error) string {
	var pe *iofs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// CachedFile hears of a file that was taken from the previous snapshot.
func (u *treeUpload) CachedFile(_ string, size int64) { u.add(0, size) }

// HashedBytes hears of bytes that were read.
func (u *treeUpload) HashedBytes(n int64) { u.add(0, n) }

// FinishedFile hears that a file is done.
func (u *treeUpload) FinishedFile(string, error) { u.add(1, 0) }

func (u *treeUpload) add(files, bytes int64) {
	u.mu.Lock()
	u.at.DoneFiles += files
	u.at.DoneBytes += bytes
	u.mu.Unlock()
	u.tell(false)
}

// tell passes progress on, not more often than a person can see unless now.
func (u *treeUpload) tell(now bool) {
	if u.o.Progress == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	t := u.now.Now()
	if !now && t.Sub(u.told) < progressEvery {
		return
	}
	u.told = t
	u.o.Progress(u.at)
}
