package app

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/seal"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// DefaultDestination is the name of the destination that sites get when none
// is named.
const DefaultDestination = "default"

var destinationName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// NewDestination is a storage to add. Backend is the vault's description of
// it with its credentials; it is sealed with the master key.
type NewDestination struct {
	Name       string
	Kind       string // filesystem, s3 or sftp
	Backend    json.RawMessage
	VaultURL   string // of the vault process beside it; "" for the one inside serve
	QuotaBytes int64  // 0 for none
}

// AddDestination adds a storage for repositories.
func (a *App) AddDestination(ctx context.Context, who authz.Actor, n NewDestination) (id.Destination, error) {
	if !destinationName.MatchString(n.Name) {
		return id.Destination{}, errs.Field("name", "%q must be lower-case letters, digits and hyphens, 63 at most", n.Name)
	}
	if !dbq.DestinationKind(n.Kind).Valid() {
		return id.Destination{}, errs.Field("kind", "%q must be filesystem, s3 or sftp", n.Kind)
	}
	if n.QuotaBytes < 0 {
		return id.Destination{}, errs.Field("quota", "must be 0 (none) or more bytes")
	}
	made := id.New[id.Destination]()
	sealed, err := a.key.Seal(n.Backend, "destination:"+made.String())
	if err != nil {
		return made, err
	}
	return made, a.do(ctx, who, authz.ManageVault, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		err := tx.InsertDestination(ctx, dbq.InsertDestinationParams{
			ID: made, Name: n.Name, Kind: dbq.DestinationKind(n.Kind), ConfigSealed: sealed, VaultUrl: n.VaultURL, QuotaBytes: n.QuotaBytes, CreatedAt: tx.Now,
		})
		if store.Constraint(err) == "destination_name_key" {
			return errs.Field("name", "%s is taken", n.Name)
		}
		if err != nil {
			return err
		}
		return tx.Event(ctx, "destination.added", store.Subject{Kind: "destination", ID: made.UUID()}, map[string]any{"kind": n.Kind})
	})
}

// EnsureDefaultDestination makes the default destination if there is none yet.
func (a *App) EnsureDefaultDestination(ctx context.Context, backend json.RawMessage) error {
	_, err := a.AddDestination(ctx, authz.Console(), NewDestination{Name: DefaultDestination, Kind: string(dbq.DestinationKindFilesystem), Backend: backend})
	if f := new(errs.Error); asError(err, &f) && f.Field == "name" {
		return nil
	}
	return err
}

// Destination is a storage with its credentials in the clear, for the vault
// and the keeper alone.
type Destination struct {
	ID         id.Destination
	Name       string
	Kind       string
	State      string
	Backend    json.RawMessage
	VaultURL   string
	QuotaBytes int64
	MaxRuns    int // that may write to it at once; 0 for no limit
}

// Destinations gives every storage with its credentials, for the vault and
// the keeper of this process. It is no door's business.
func (a *App) Destinations(ctx context.Context) ([]Destination, error) {
	var rows []dbq.Destination
	err := a.system(ctx, "keeper", func(ctx context.Context, tx *store.Tx) error {
		var err error
		rows, err = tx.ListDestinations(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]Destination, 0, len(rows))
	for _, d := range rows {
		backend, err := a.key.Open(d.ConfigSealed, "destination:"+d.ID.String())
		if err != nil {
			return nil, fmt.Errorf("destination %s: %w", d.Name, err)
		}
		out = append(out, Destination{
			ID: d.ID, Name: d.Name, Kind: string(d.Kind), State: string(d.State), Backend: backend, VaultURL: d.VaultUrl, QuotaBytes: d.QuotaBytes, MaxRuns: int(d.MaxRuns),
		})
	}
	return out, nil
}

// CheckKey holds the master key against what the database has sealed. Work
// begun with another key would seal what the right one cannot open.
func (a *App) CheckKey(ctx context.Context) error {
	_, err := a.Destinations(ctx)
	if errs.Is(err, errs.Forbidden) {
		return errs.Wrap(errs.Invalid, err, "HOLDFAST_MASTER_KEY_FILE: this master key is not the one that this database was sealed with; give the right one")
	}
	return err
}

// ensureRepository makes the repository's row and the keeper's task to create
// it, and tells whether it is ready to be written to.
func (a *App) ensureRepository(ctx context.Context, tx *store.Tx, r dbq.Run) (bool, error) {
	repo, err := tx.RepositoryOfSite(ctx, dbq.RepositoryOfSiteParams{TenantID: r.TenantID, SiteID: r.SiteID, Kind: r.Kind})
	if err == nil && repo.State == dbq.RepositoryStateReady {
		return true, nil
	}
	if err == nil && repo.State == dbq.RepositoryStateDamaged {
		return false, nil
	}
	if isNoRows(err) {
		repo, err = a.newRepository(ctx, tx, r)
	}
	if err != nil {
		return false, err
	}
	return false, insertTask(ctx, tx, repo, id.Copy{}, dbq.TaskKindCreateRepository)
}

func (a *App) newRepository(ctx context.Context, tx *store.Tx, r dbq.Run) (dbq.Repository, error) {
	s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: r.TenantID, ID: r.SiteID})
	if err != nil {
		return dbq.Repository{}, err
	}
	password, err := seal.NewPassword()
	if err != nil {
		return dbq.Repository{}, err
	}
	repo := dbq.Repository{
		TenantID: r.TenantID, ID: id.New[id.Repository](), SiteID: r.SiteID, Kind: r.Kind, DestinationID: s.DestinationID,
		Name: s.ID.String() + "/" + string(r.Kind),
	}
	repo.PasswordSealed, err = a.key.Seal([]byte(password), "repository:"+repo.ID.String())
	if err != nil {
		return repo, err
	}
	return repo, tx.InsertRepository(ctx, dbq.InsertRepositoryParams{
		TenantID: repo.TenantID, ID: repo.ID, SiteID: repo.SiteID, Kind: repo.Kind, DestinationID: repo.DestinationID,
		Name: repo.Name, PasswordSealed: repo.PasswordSealed, CreatedAt: tx.Now,
	})
}

func insertTask(ctx context.Context, tx *store.Tx, repo dbq.Repository, of id.Copy, kind dbq.TaskKind) error {
	err := tx.InsertTask(ctx, dbq.InsertTaskParams{
		TenantID: repo.TenantID, ID: id.New[id.Task](), SiteID: repo.SiteID, DestinationID: repo.DestinationID,
		RepositoryID: repo.ID, CopyID: of, Kind: kind, NotBefore: tx.Now,
	})
	if err != nil {
		return err
	}
	return tx.Notify(ctx, store.ChannelTask, repo.DestinationID.String())
}

// password opens a repository's password.
func (a *App) password(repo dbq.Repository) (string, error) {
	p, err := a.key.Open(repo.PasswordSealed, "repository:"+repo.ID.String())
	return string(p), err
}
