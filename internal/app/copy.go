package app

import (
	"context"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// CopyAccess is what opens one copy, for the machine's own command line.
type CopyAccess struct {
	Copy        dbq.Copy
	SiteName    string
	Kind        backup.Kind
	Repository  string
	Destination id.Destination
	Password    string
	SealKey     []byte
	Use         id.Use // what keeps the copy from being deleted; end it with CloseCopy
}

// fetchTime is how long a copy that was opened is held for whoever reads it.
const fetchTime = 24 * time.Hour

// OpenCopy gives what opens a copy, and keeps it from being deleted until
// CloseCopy, or for a day if nobody calls that.
// It is written to the event log.
func (a *App) OpenCopy(ctx context.Context, who authz.Actor, c id.Copy) (CopyAccess, error) {
	var v CopyAccess
	err := a.do(ctx, who, authz.RestoreCopy, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		row, err := tx.CopyByID(ctx, c)
		if err == nil {
			row, err = tx.LockCopy(ctx, dbq.LockCopyParams{TenantID: row.TenantID, ID: c})
		}
		if err != nil {
			return noSuch(err, "copy", c.String(), "holdfast copies list SITE")
		}
		use := id.New[id.Use]()
		if row.State.Usable() {
			err := tx.InsertCopyUse(ctx, dbq.InsertCopyUseParams{
				TenantID: row.TenantID, ID: use, CopyID: c, UsedBy: "fetch", Since: tx.Now, ExpiresAt: tx.Now.Add(fetchTime),
			})
			if err != nil {
				return err
			}
		}
		repo, err := tx.RepositoryByID(ctx, dbq.RepositoryByIDParams{TenantID: row.TenantID, ID: row.RepositoryID})
		if err != nil {
			return err
		}
		s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: row.TenantID, ID: row.SiteID})
		if err != nil {
			return err
		}
		v = CopyAccess{Copy: row, SiteName: s.Name, Kind: repo.Kind, Repository: repo.Name, Destination: repo.DestinationID, Use: use}
		if v.Password, err = a.password(repo); err != nil {
			return err
		}
		if v.SealKey, err = a.SealedFileKey(c); err != nil {
			return err
		}
		of := store.Subject{Kind: "copy", ID: c.UUID(), Tenant: row.TenantID, Site: row.SiteID}
		return tx.Event(ctx, "copy.opened", of, nil)
	})
	return v, err
}

// CloseCopy says that a copy is read no more.
func (a *App) CloseCopy(ctx context.Context, who authz.Actor, v CopyAccess) error {
	return a.do(ctx, who, authz.RestoreCopy, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.EndCopyUse(ctx, dbq.EndCopyUseParams{TenantID: v.Copy.TenantID, ID: v.Use}); err != nil {
			return err
		}
		_, err := tx.RetainSoon(ctx, dbq.RetainSoonParams{TenantID: v.Copy.TenantID, SiteID: v.Copy.SiteID, Kind: v.Kind, RetainAt: &tx.Now})
		return err
	})
}

// VerifyCopy asks the keeper to read a copy's content again.
func (a *App) VerifyCopy(ctx context.Context, who authz.Actor, c id.Copy) error {
	if _, err := authz.Check(who, authz.RestoreCopy, id.Tenant{}); err != nil {
		return err
	}
	return a.system(ctx, "verify", func(ctx context.Context, tx *store.Tx) error {
		row, err := tx.CopyByID(ctx, c)
		if err != nil {
			return noSuch(err, "copy", c.String(), "holdfast copies list SITE")
		}
		return a.startTask(ctx, tx, row, dbq.TaskKindVerifyCopy)
	})
}

// RescueEntry opens one repository with the stock tools, without this program.
type RescueEntry struct {
	Site        string      `json:"site"`
	Tenant      string      `json:"tenant"`
	Kind        backup.Kind `json:"kind"`
	Repository  string      `json:"repository"` // its name at the destination
	Destination string      `json:"destination"`
	Password    string      `json:"password"`
}

// RescueKit gives every repository's password. It is written to the event log.
func (a *App) RescueKit(ctx context.Context, who authz.Actor) ([]RescueEntry, error) {
	var kit []RescueEntry
	err := a.do(ctx, who, authz.ManageVault, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		kit = kit[:0]
		rows, err := tx.ListRepositories(ctx)
		if err != nil {
			return err
		}
		for _, r := range rows {
			password, err := a.key.Open(r.PasswordSealed, "repository:"+r.ID.String())
			if err != nil {
				return err
			}
			kit = append(kit, RescueEntry{
				Site: r.SiteName, Tenant: r.TenantSlug, Kind: r.Kind, Repository: r.Name, Destination: r.DestinationName, Password: string(password),
			})
		}
		return tx.Event(ctx, "rescue_kit.exported", store.Subject{Kind: "account"}, map[string]any{"repositories": len(kit)})
	})
	return kit, err
}
