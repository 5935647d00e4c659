package keeper

import (
	"context"
	"fmt"
	"os"
	"strings"

	"holdfast/internal/app"
	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/vault"
)

// maxExamples is how many damages are told in words; their number is told whole.
const maxExamples = 10

// verify reads one copy, in part or whole.
func (j Job) verify(ctx context.Context, repo *engine.Repository) (Result, error) {
	report, err := repo.Verify(ctx, engine.VerifyOptions{IDs: []string{j.Snapshot}, Percent: float64(j.Percent)})
	if err != nil && errs.Is(err, errs.NotFound) {
		return Result{Damage: "The snapshot is not in its repository."}, nil
	}
	if err != nil {
		return Result{}, err
	}
	if len(report.Damaged) > 0 {
		d := report.Damaged[0]
		return Result{Damage: fmt.Sprintf("%d damaged, first %s: %s", len(report.Damaged), d.Path, d.Reason)}, nil
	}
	if !report.Proven && j.Percent >= 100 {
		return Result{}, errs.New(errs.Incomplete, "Not every file of the copy could be read to its end; it is read again later.")
	}
	return Result{Proven: report.Proven}, nil
}

// scan looks at a whole repository from the storage itself: by every byte, or
// by lengths. Where it finds anything wrong, or damage is known already, it
// reads every snapshot whole to tell which are hit.
func (j Job) scan(ctx context.Context, b vault.Backend, repo *engine.Repository) (app.ScanReport, error) {
	f := app.ScanReport{Read: j.Percent > 0}
	if _, err := j.damages(ctx, b, repo, &f); err != nil {
		return f, err
	}
	if err := j.missing(ctx, repo, &f); err != nil {
		return f, err
	}
	percent := 0.0
	switch {
	case j.Prove || f.Damages > 0 || len(f.Missing) > 0:
		percent = 100
	case !f.Read:
		return f, nil // the look at lengths ends here
	}
	return f, j.hits(ctx, repo, percent, &f)
}

// damages looks for damage in the storage, whatever copy it belongs to.
func (j Job) damages(ctx context.Context, b vault.Backend, repo *engine.Repository, f *app.ScanReport) ([]engine.Damage, error) {
	rep, err := repo.Scan(ctx, f.Read)
	if err != nil {
		return nil, err
	}
	// A pack's own index costs one request each: every night where the storage
	// is near, with the whole read where it is not.
	if f.Read || b.Kind == vault.Filesystem {
		packs, err := repo.Packs(ctx)
		if err != nil {
			return nil, err
		}
		f.Frail = int64(len(packs))
	}
	// Something happened to a pack since it was read last: only reading tells
	// whether what it holds is still what was written.
	if !f.Read && len(rep.Damaged) == 0 && f.Frail > int64(j.Frail) {
		f.Read = true
		if rep, err = repo.Scan(ctx, true); err != nil {
			return nil, err
		}
	}
	f.Contents, f.Bytes, f.Damages = rep.Contents, rep.Bytes, int64(len(rep.Damaged))
	for _, d := range rep.Damaged[:min(len(rep.Damaged), maxExamples)] {
		f.Examples = append(f.Examples, clip(strings.TrimSpace(d.Blob+" "+d.Path)+": "+d.Reason, 300))
	}
	return rep.Damaged, nil
}

// missing tells which snapshots the repository does not list though the
// catalog counts on them.
func (j Job) missing(ctx context.Context, repo *engine.Repository, f *app.ScanReport) error {
	list, err := repo.List(ctx)
	if err != nil {
		return err
	}
	have := map[string]bool{}
	for _, s := range list {
		have[s.ID] = true
	}
	for _, k := range j.Kept {
		if !have[k.Snapshot] {
			f.Missing = append(f.Missing, k.Snapshot)
		}
	}
	return nil
}

// hits tells which of the snapshots that the catalog counts on cannot be had
// back, and which are whole: those of which, after a whole scan of the
// contents, every one is in the index, or that were read to their last byte.
func (j Job) hits(ctx context.Context, repo *engine.Repository, percent float64, f *app.ScanReport) error {
	f.Hit = map[string]string{}
	if len(j.Kept) == 0 {
		return nil
	}
	ids := make([]string, len(j.Kept))
	for i, k := range j.Kept {
		ids[i] = k.Snapshot
	}
	rep, err := repo.Verify(ctx, engine.VerifyOptions{IDs: ids, Percent: percent})
	if err != nil {
		return err
	}
	for _, d := range rep.Damaged {
		if _, told := f.Hit[d.Snapshot]; !told && d.Snapshot != "" {
			f.Hit[d.Snapshot] = clip(strings.TrimSpace(d.Path+": "+d.Reason), 200)
		}
	}
	// A report ends at a number of damages; which further snapshots are hit is
	// then asked one by one.
	if len(rep.Damaged) >= maxReported {
		if err := j.each(ctx, repo, percent, f); err != nil {
			return err
		}
	}
	if err := j.sums(ctx, repo, f); err != nil {
		return err
	}
	for _, k := range j.Kept {
		if _, hit := f.Hit[k.Snapshot]; !hit {
			f.Whole = append(f.Whole, k.Snapshot)
		}
	}
	return nil
}

// maxReported is where a report of damages may have been cut.
const maxReported = 500

func (j Job) each(ctx context.Context, repo *engine.Repository, percent float64, f *app.ScanReport) error {
	for _, k := range j.Kept {
		if _, told := f.Hit[k.Snapshot]; told {
			continue
		}
		rep, err := repo.Verify(ctx, engine.VerifyOptions{IDs: []string{k.Snapshot}, Percent: percent})
		if err != nil {
			return err
		}
		if len(rep.Damaged) > 0 {
			f.Hit[k.Snapshot] = clip(rep.Damaged[0].Path+": "+rep.Damaged[0].Reason, 200)
		}
	}
	return nil
}

// sums holds what the manifests say of dumps against what the runs told when
// they were taken: a manifest that was exchanged says what its maker wants.
func (j Job) sums(ctx context.Context, repo *engine.Repository, f *app.ScanReport) error {
	list, err := repo.List(ctx)
	if err != nil {
		return err
	}
	sum := map[string]string{}
	for _, s := range list {
		sum[s.ID] = s.SHA256
	}
	for _, k := range j.Kept {
		if got, listed := sum[k.Snapshot]; listed && k.SHA256 != "" && got != k.SHA256 {
			f.Hit[k.Snapshot] = "its checksum is not the one that was told when it was taken"
		}
	}
	return nil
}

// closed says in words why a repository does not open, where that is certain
// and no mood of the storage; "" where it is not.
func closed(err error) string {
	switch {
	case err == nil:
		return ""
	case errs.Is(err, errs.NotFound):
		return "There is no repository at its place in the storage: its first blob, kopia.repository, is gone, or the storage is not mounted."
	case errs.Is(err, errs.Forbidden):
		return "The repository does not open with its password: its first blob, kopia.repository, was exchanged or damaged."
	case errs.Is(err, errs.Unavailable):
		return ""
	}
	said := strings.ToLower(err.Error())
	for _, sign := range []string{"index", "checksum", "authentication failed", "decrypt", "malformed", "invalid format"} {
		if strings.Contains(said, sign) {
			return "The repository does not open, for a part of its own bookkeeping holds other bytes than were written: " + clip(err.Error(), 300)
		}
	}
	return ""
}

// unmounted tells whether the whole storage seems to be away, which is no
// repository's damage.
func unmounted(b vault.Backend) error {
	if b.Kind != vault.Filesystem {
		return nil
	}
	entries, err := os.ReadDir(b.Path)
	if err == nil && len(entries) > 0 {
		return nil
	}
	return errs.Wrap(errs.Unavailable, err, "The storage is empty or not there: is it mounted?")
}

func clip(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}
