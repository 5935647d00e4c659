package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/format"
	"github.com/kopia/kopia/repo/maintenance"
	"github.com/kopia/kopia/snapshot"
	"github.com/kopia/kopia/snapshot/policy"

	"holdfast/internal/errs"
	"holdfast/internal/vault"
)

// Every repository is written under one name, so that any keeper may maintain
// it; who may at a given time is a lease's business, not Kopia's.
const (
	clientUser = "holdfast"
	clientHost = "holdfast"
)

// How repositories are made. Kopia's own defaults are a slower hash and no
// compression at all.
const (
	hashing     = "BLAKE3-256-128"
	encryption  = "AES256-GCM-HMAC-SHA256"
	compression = "zstd-fastest"
	cutDatabase = "DYNAMIC-128K-BUZHASH"
	cutData     = "FIXED-4M"
)

// storageType is our own provider's name. Its only configuration is a number
// under which this process holds the storage, so that Kopia's config file
// never has a credential in it.
const storageType = "holdfast"

type storageConfig struct {
	Handle string `json:"handle"`
}

var (
	registerOnce sync.Once
	lastHandle   atomic.Int64
	handles      sync.Map // handle to blob.Storage
)

// register makes our provider known to Kopia, whose table of providers is a
// plain map: it is written once, before anything reads it.
func register() {
	registerOnce.Do(func() {
		blob.AddSupportedStorage(storageType, storageConfig{},
			func(_ context.Context, c *storageConfig, _ bool) (blob.Storage, error) {
				st, ok := handles.LoadAndDelete(c.Handle)
				if !ok {
					return nil, fmt.Errorf("no storage under handle %q", c.Handle)
				}
				return st.(blob.Storage), nil //nolint:errcheck,forcetypeassert // only blob.Storage is ever stored
			})
	})
}

// storage opens the blobs of l.
func (l Location) storage(ctx context.Context) (blob.Storage, error) {
	st, err := l.reach(ctx)
	if err == nil && l.hooks != nil && l.hooks.wrap != nil {
		st = l.hooks.wrap(st)
	}
	return st, err
}

func (l Location) reach(ctx context.Context) (blob.Storage, error) {
	switch {
	case l.Backend != nil && l.Door == nil:
		return l.Backend.Open(ctx, l.Repository)
	case l.Door != nil && l.Backend == nil:
		return l.Door.Dial(ctx)
	default:
		return nil, errs.New(errs.Invalid, "A repository is either behind a vault or in a storage of one's own.")
	}
}

// Exists tells whether there is a repository at l. A plain local directory
// that is not there is no error.
func Exists(ctx context.Context, l Location) (bool, error) {
	if b := l.Backend; b != nil && b.Kind == vault.Filesystem {
		// Opening would make the directory.
		if _, err := os.Stat(filepath.Join(b.Path, filepath.FromSlash(l.Repository))); errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
	}
	st, err := l.storage(ctx)
	if err != nil {
		return false, err
	}
	defer st.Close(ctx) //nolint:errcheck // nothing was written
	return hasFormat(ctx, st)
}

func hasFormat(ctx context.Context, st blob.Storage) (bool, error) {
	_, err := st.GetMetadata(ctx, format.KopiaRepositoryBlobID)
	if errors.Is(err, blob.ErrBlobNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for the repository: %w", err)
	}
	return true, nil
}

// Create makes a repository of kind at l, on the keeper's side. It is a
// Conflict where there is one already. The repository's own policy is to keep
// everything: Kopia applies retention at every checkpoint, and would else
// delete snapshots in the middle of an upload.
func Create(ctx context.Context, l Location, password string, kind Kind) error {
	if l.Door != nil {
		return errs.New(errs.Forbidden, "A repository is made by the keeper, not through a vault.")
	}
	if len(password) < 8 {
		return errs.Field("password", "a repository's password has at least 8 characters")
	}
	cut := cutData
	switch kind {
	case Data:
	case Database:
		cut = cutDatabase
	default:
		return errs.Field("kind", "%q is not a kind of repository; use database or data", string(kind))
	}
	st, err := l.storage(ctx)
	if err != nil {
		return err
	}
	opts := &repo.NewRepositoryOptions{
		BlockFormat:  format.ContentFormat{Hash: hashing, Encryption: encryption, EnablePasswordChange: true},
		ObjectFormat: format.ObjectFormat{Splitter: cut},
	}
	err = repo.Initialize(ctx, st, opts, password)
	if cerr := st.Close(ctx); err == nil && cerr != nil {
		err = cerr
	}
	if errors.Is(err, repo.ErrAlreadyInitialized) {
		return errs.Wrap(errs.Conflict, err, "There is a repository already.")
	}
	if err != nil {
		return fmt.Errorf("initialize the repository: %w", err)
	}
	r, err := Open(ctx, l, password)
	if err != nil {
		return fmt.Errorf("open the new repository: %w", err)
	}
	err = r.settle(ctx)
	return errors.Join(err, r.Close(ctx))
}

// settle writes the keep-all policy and the owner of maintenance where they
// are missing: the part of Create that a crash may have left undone.
func (r *Repository) settle(ctx context.Context) error {
	global := snapshot.SourceInfo{}
	_, perr := policy.GetDefinedPolicy(ctx, r.rep, global)
	owned, oerr := maintenance.HasParams(ctx, r.rep)
	if oerr != nil {
		return fmt.Errorf("read maintenance settings: %w", oerr)
	}
	if perr != nil && !errors.Is(perr, policy.ErrPolicyNotFound) {
		return fmt.Errorf("read the policy: %w", perr)
	}
	if perr == nil && owned {
		return nil
	}
	err := repo.WriteSession(ctx, r.rep, repo.WriteSessionOptions{Purpose: "settle"},
		func(ctx context.Context, w repo.RepositoryWriter) error {
			if err := policy.SetPolicy(ctx, w, global, keepAll()); err != nil {
				return fmt.Errorf("set the keep-all policy: %w", err)
			}
			p := maintenance.DefaultParams()
			p.Owner = clientUser + "@" + clientHost
			if err := maintenance.SetParams(ctx, w, &p); err != nil {
				return fmt.Errorf("set the owner of maintenance: %w", err)
			}
			return nil
		})
	if err != nil {
		return fmt.Errorf("settle the repository: %w", err)
	}
	return nil
}

// keepAll is the stored policy: nothing is ever expired, nothing ignored by a
// file that lies in the source, everything compressed.
func keepAll() *policy.Policy {
	most := policy.OptionalInt(math.MaxInt32)
	no, never := policy.OptionalBool(false), policy.NewOSSnapshotMode(policy.OSSnapshotNever)
	p := &policy.Policy{
		RetentionPolicy: policy.RetentionPolicy{
			KeepLatest: &most, KeepHourly: &most, KeepDaily: &most, KeepWeekly: &most,
			KeepMonthly: &most, KeepAnnual: &most, IgnoreIdenticalSnapshots: &no,
		},
		FilesPolicy: policy.FilesPolicy{
			NoParentDotIgnoreFiles: true, NoParentIgnoreRules: true, IgnoreCacheDirectories: &no,
		},
		CompressionPolicy:         policy.CompressionPolicy{CompressorName: compression},
		MetadataCompressionPolicy: policy.MetadataCompressionPolicy{CompressorName: compression},
	}
	p.OSSnapshotPolicy.VolumeShadowCopy.Enable = never
	p.NoParent = true
	return p
}

// connect writes the config file that Kopia insists on, into a directory of
// its own, opens the repository and removes the file. The directory stays
// until Close, for maintenance puts its lock there. It takes st over.
func connect(ctx context.Context, st blob.Storage, password string, o repo.Options, caching *content.CachingOptions) (repo.Repository, string, error) {
	register()
	dir, err := os.MkdirTemp("", "holdfast-engine-"+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("make a private directory: %w", err), st.Close(ctx))
	}
	handle := strconv.FormatInt(lastHandle.Add(1), 10)
	handles.Store(handle, st)
	rep, err := openWith(ctx, filepath.Join(dir, "config"), handle, password, o, caching)
	if err != nil {
		if left, ok := handles.LoadAndDelete(handle); ok {
			err = errors.Join(err, left.(blob.Storage).Close(ctx)) //nolint:errcheck,forcetypeassert // only blob.Storage is ever stored
		}
		return nil, "", errors.Join(err, os.RemoveAll(dir))
	}
	return rep, dir, nil
}

func openWith(ctx context.Context, config, handle, password string, o repo.Options, caching *content.CachingOptions) (repo.Repository, error) {
	lc := repo.LocalConfig{
		Caching:       caching,
		Storage:       &blob.ConnectionInfo{Type: storageType, Config: &storageConfig{Handle: handle}},
		ClientOptions: repo.ClientOptions{Hostname: clientHost, Username: clientUser},
	}
	body, err := json.Marshal(lc)
	if err != nil {
		return nil, fmt.Errorf("write the engine's configuration: %w", err)
	}
	if err := os.WriteFile(config, body, 0o600); err != nil {
		return nil, fmt.Errorf("write the engine's configuration: %w", err)
	}
	o.DisableRepositoryLog, o.DoNotWaitForUpgrade = true, true
	rep, err := repo.Open(ctx, config, password, &o)
	return rep, errors.Join(err, os.Remove(config))
}
