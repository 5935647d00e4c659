package keeper

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"holdfast/internal/app"
	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/vault"
)

// Job is what the child is told, one line of JSON on its standard input. It
// holds secrets, which is why it comes this way.
type Job struct {
	Task       string          `json:"task"`
	Backend    json.RawMessage `json:"backend"`
	Repository string          `json:"repository"`
	Kind       string          `json:"kind"`
	Password   string          `json:"password"`
	Site       string          `json:"site"`
	Copy       string          `json:"copy,omitempty"`
	Snapshot   string          `json:"snapshot,omitempty"`
	SealedName string          `json:"sealed_name,omitempty"` // of a copy that is to be deleted
	SHA256     string          `json:"sha256,omitempty"`
	Known      []string        `json:"known,omitempty"` // snapshots that the catalog counts on
	SealKey    []byte          `json:"seal_key,omitempty"`
	SpoolDir   string          `json:"spool_dir"`
	Leaving    []string        `json:"leaving,omitempty"` // for maintain: snapshots of copies whose deletion has begun
	Strays     []string        `json:"strays,omitempty"`  // for maintain: snapshots to be deleted because nothing names them
	Beside     []string        `json:"beside,omitempty"`  // further snapshots of a copy that is to be deleted

	Second *app.SecondRepository `json:"second,omitempty"` // for measure_pair
	Pairs  []app.PairTask        `json:"pairs,omitempty"`

	Percent float32    `json:"percent,omitempty"` // of what is looked at, to be read
	Kept    []app.Kept `json:"kept,omitempty"`    // for scan_repository and repair_repository
	Frail   int32      `json:"frail,omitempty"`   // packs that are known to carry no readable index of their own
	Prove   bool       `json:"prove,omitempty"`   // every snapshot is to be read whole
}

// Result is what the child answers, one JSON object on its standard output.
type Result struct {
	Error        string `json:"error,omitempty"`
	ErrorKind    string `json:"error_kind,omitempty"`
	Damage       string `json:"damage,omitempty"`
	SealedName   string `json:"sealed_name,omitempty"`
	SealedSHA256 string `json:"sealed_sha256,omitempty"`

	Pairs []app.PairResult `json:"pairs,omitempty"`

	Proven   bool              `json:"proven,omitempty"`
	Found    *app.ScanReport   `json:"found,omitempty"`
	Repaired *app.RepairReport `json:"repaired,omitempty"`

	RepositoryBytes int64                  `json:"repository_bytes,omitempty"` // of all its blobs after the task; 0 if they could not be counted
	Maintained      *engine.MaintainReport `json:"maintained,omitempty"`
	Strays          *app.StrayReport       `json:"strays,omitempty"`
}

// Child does one job read from in and writes its result to out. It stops when
// in ends, which is when its parent has.
func Child(ctx context.Context, in io.Reader, out io.Writer) error {
	r := bufio.NewReader(in)
	line, err := r.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	var j Job
	if err := json.Unmarshal(line, &j); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, r)
		cancel()
	}()
	res, err := j.run(ctx)
	if err != nil {
		res.Error, res.ErrorKind = err.Error(), string(errs.KindOf(err))
	}
	return json.NewEncoder(out).Encode(res)
}

func (j Job) run(ctx context.Context) (Result, error) {
	var b vault.Backend
	if err := json.Unmarshal(j.Backend, &b); err != nil {
		return Result{}, fmt.Errorf("the destination's description: %w", err)
	}
	at := engine.Location{Backend: &b, Repository: j.Repository}
	if j.Task == "create_repository" {
		return Result{}, j.create(ctx, at)
	}
	if j.Task == "repair_repository" || j.Task == "scan_repository" {
		if err := unmounted(b); err != nil {
			return Result{}, err
		}
	}
	if j.Task == "repair_repository" {
		report, err := j.repair(ctx, b, at)
		return Result{Repaired: &report}, err
	}
	repo, err := engine.Open(ctx, at, j.Password)
	if why := closed(err); why != "" && j.Task == "scan_repository" {
		return Result{Found: &app.ScanReport{Read: j.Percent > 0, Closed: why}}, nil
	}
	if err != nil {
		return Result{}, err
	}
	res, err := j.with(ctx, b, repo)
	if n, lerr := repo.StoredBytes(ctx); lerr == nil {
		res.RepositoryBytes = n
	}
	return res, errors.Join(err, repo.Close(ctx))
}

// create makes the repository; one that is there already and opens with our
// password is ours, from a try that died before it could say so.
func (j Job) create(ctx context.Context, at engine.Location) error {
	err := engine.Create(ctx, at, j.Password, engine.Kind(j.Kind))
	if !errs.Is(err, errs.Conflict) {
		return err
	}
	repo, err := engine.Open(ctx, at, j.Password)
	if err != nil {
		return err
	}
	return repo.Close(ctx)
}

func (j Job) with(ctx context.Context, b vault.Backend, repo *engine.Repository) (Result, error) {
	switch j.Task {
	case "verify_copy":
		return j.verify(ctx, repo)
	case "scan_repository":
		report, err := j.scan(ctx, b, repo)
		return Result{Found: &report}, err
	case "seal_copy":
		return j.seal(ctx, b, repo)
	case "delete_copy", "delete_named":
		return Result{}, j.delete(ctx, b, repo)
	case "measure_pair":
		return j.measurePairs(ctx, repo)
	case "maintain":
		return j.maintain(ctx, repo)
	}
	return Result{}, errs.New(errs.Unsupported, "The keeper does not know the task %q.", j.Task)
}

// delete removes one copy from the storage: its snapshots' manifests, then its
// sealed file; or the named files of one, which are a snapshot alone. Any may be
// gone already, from a try that died. The bytes come back by maintenance.
func (j Job) delete(ctx context.Context, b vault.Backend, repo *engine.Repository) error {
	if j.Snapshot == "" && j.Task == "delete_named" {
		return nil
	}
	if j.Snapshot == "" {
		return errs.New(errs.Invalid, "The copy that is to be deleted has no snapshot.")
	}
	if j.SealedName != "" && j.SealedName != engine.SealedName(j.Site, j.Copy) {
		return errs.New(errs.Invalid, "The sealed file %.200q is not one of the copy that is to be deleted.", j.SealedName)
	}
	all := append([]string{j.Snapshot}, j.Beside...)
	for i, s := range all {
		if slices.Contains(j.Known, s) && (i > 0 || j.Task == "delete_named") {
			return errs.New(errs.Conflict, "Snapshot %s stands for another copy that is kept; it is not deleted.", s)
		}
	}
	if err := j.lossless(ctx, repo); err != nil {
		return err
	}
	for _, s := range slices.Backward(all) {
		if err := repo.Delete(ctx, s); err != nil {
			return err
		}
	}
	if j.SealedName == "" {
		return nil
	}
	return engine.DeleteSealed(ctx, b, j.SealedName)
}

// seal writes a dump as a plain sealed file, and holds its bytes against the
// checksum that the agent took as it streamed.
func (j Job) seal(ctx context.Context, b vault.Backend, repo *engine.Repository) (Result, error) {
	sum := sha256.New()
	f, err := engine.PutSealed(ctx, b, j.Site, j.Copy, j.SealKey, j.SpoolDir, func(ctx context.Context, w io.Writer) error {
		if _, err := repo.ReadStream(ctx, j.Snapshot, io.MultiWriter(w, sum)); err != nil {
			return err
		}
		if got := hex.EncodeToString(sum.Sum(nil)); got != j.SHA256 {
			return errs.New(errs.Incomplete, "The stored dump is not the one that was taken: its checksum is %s.", got)
		}
		return nil
	})
	if errs.Is(err, errs.Incomplete) {
		return Result{Damage: errs.Sentence(err)}, nil
	}
	return Result{SealedName: f.Name, SealedSHA256: f.SHA256}, err
}

// maintain deletes strays, and gives back the space of what was deleted.
func (j Job) maintain(ctx context.Context, repo *engine.Repository) (Result, error) {
	if err := j.lossless(ctx, repo); err != nil {
		return Result{}, err
	}
	strays, err := j.strays(ctx, repo)
	if err != nil {
		return Result{}, err
	}
	report, err := repo.Maintain(ctx, true)
	if err != nil {
		return Result{}, err
	}
	return Result{Maintained: &report, Strays: strays}, nil
}

// lossless refuses a repository that lacks a snapshot that the catalog counts
// on, other than the one that is to be deleted: whoever could append could
// hide one, and maintenance would then delete it.
func (j Job) lossless(ctx context.Context, repo *engine.Repository) error {
	list, err := repo.List(ctx)
	if err != nil {
		return err
	}
	have := map[string]bool{}
	for _, s := range list {
		have[s.ID] = true
	}
	for _, k := range j.Known {
		if !have[k] && (k != j.Snapshot || j.Task != "delete_copy") {
			return errs.New(errs.Incomplete, "The repository lacks snapshot %s, which the catalog has; put it back before anything of it is deleted.", k)
		}
	}
	return nil
}
