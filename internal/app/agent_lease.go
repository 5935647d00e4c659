package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/backup"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// truthProtocol is the first protocol version whose agents send what a database
// copy names, keep the named files, and know how to read a site otherwise than
// by the fast path.
const truthProtocol = 4

// walkEvery is how long data runs may trust the folders that did not change
// before one looks at every file again.
const walkEvery = 7 * 24 * time.Hour

// leaseOf is what the agent is told of a run.
func (a *App) leaseOf(ctx context.Context, tx *store.Tx, h AgentHost, r dbq.Run) (agentproto.Lease, error) {
	s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: r.TenantID, ID: r.SiteID})
	if err != nil {
		return agentproto.Lease{}, err
	}
	repo, err := tx.RepositoryOfSite(ctx, dbq.RepositoryOfSiteParams{TenantID: r.TenantID, SiteID: r.SiteID, Kind: r.Kind})
	if err != nil {
		return agentproto.Lease{}, err
	}
	l := agentproto.Lease{
		Run: r.ID.String(), Fence: *r.Fence, Kind: string(r.Kind), Attempt: int(r.Attempt) + 1,
		Site: agentproto.Site{ID: s.ID.String(), Name: s.Name, CodeDir: s.CodeDir, AccountRoot: s.AccountRoot},
	}
	life := tokenLife
	if h.Protocol < 2 {
		life = tokenLifeV1
	}
	to, err := a.appending(ctx, tx, repo, r.ID, *r.Fence, life)
	if err != nil {
		return l, err
	}
	l.Repository = to
	if h.Protocol < truthProtocol {
		return l, nil
	}
	if l.Site.Exclusions, err = exclusionsOf(s); err != nil {
		return l, err
	}
	if r.Kind == backup.Data {
		l.Reading = readingOf(repo, tx.Now)
		return l, nil
	}
	files, err := namedFilesTo(ctx, tx, s)
	if err != nil || files == nil {
		return l, err
	}
	if to, err = a.appending(ctx, tx, *files, r.ID, *r.Fence, life); err != nil {
		return l, err
	}
	l.Files = &to
	return l, nil
}

// appending is a repository as a lease names it, with a token that appends.
func (a *App) appending(ctx context.Context, tx *store.Tx, repo dbq.Repository, run id.Run, fence int64, life time.Duration) (agentproto.Repository, error) {
	d, err := tx.DestinationByID(ctx, repo.DestinationID)
	if err != nil {
		return agentproto.Repository{}, err
	}
	password, err := a.password(repo)
	if err != nil {
		return agentproto.Repository{}, err
	}
	token, err := a.storage.Token(d.ID, repo.Name, run, fence, d.QuotaBytes, tx.Now.Add(life))
	if err != nil {
		return agentproto.Repository{}, err
	}
	url, pin := a.storage.Address(d.ID, d.VaultUrl)
	return agentproto.Repository{ID: repo.ID.String(), Password: password, URL: url, Name: repo.Name, Token: token, Pin: pin}, nil
}

// readingOf says how much of a site the next data run looks at anew.
func readingOf(repo dbq.Repository, now time.Time) string {
	switch {
	case repo.RepairWanted != "":
		return agentproto.ReadingAll
	case repo.WalkedAt == nil || now.Sub(*repo.WalkedAt) >= walkEvery || repo.WalkedAt.After(now):
		return agentproto.ReadingWalk
	}
	return agentproto.ReadingFast
}

// exclusionsOf are the site's own; nil for none.
func exclusionsOf(s dbq.SiteForTenantRow) (*agentproto.Exclusions, error) {
	var e agentproto.Exclusions
	if err := json.Unmarshal(s.Exclusions, &e); err != nil {
		return nil, fmt.Errorf("the exclusions of site %s: %w", s.ID, err)
	}
	if len(e.Keep) == 0 && len(e.Drop) == 0 {
		return nil, nil
	}
	return &e, nil
}

// namedFilesTo is the repository in which the files that a database copy of
// the site names are kept with it; nil where its policy does not want that, or
// where nothing can be written there now.
func namedFilesTo(ctx context.Context, tx *store.Tx, s dbq.SiteForTenantRow) (*dbq.Repository, error) {
	r, err := rulesOf(ctx, tx, s.PolicyID)
	if err != nil || !r.KeepReferencedFiles {
		return nil, err
	}
	repo, err := tx.RepositoryOfSite(ctx, dbq.RepositoryOfSiteParams{TenantID: s.TenantID, SiteID: s.ID, Kind: backup.Data})
	if isNoRows(err) || err == nil && repo.State != dbq.RepositoryStateReady {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d, err := tx.DestinationByID(ctx, repo.DestinationID)
	if err != nil || d.State != dbq.DestinationStateActive {
		return nil, err
	}
	return &repo, nil
}

// renew gives a run at work fresh tokens, one for each repository that its
// lease named.
func (a *App) renew(ctx context.Context, tx *store.Tx, h AgentHost, run id.Run, fence int64) ([]agentproto.Token, error) {
	r, err := tx.RunByID(ctx, run)
	if err != nil {
		return nil, err
	}
	repo, err := tx.RepositoryOfSite(ctx, dbq.RepositoryOfSiteParams{TenantID: r.TenantID, SiteID: r.SiteID, Kind: r.Kind})
	if err != nil {
		return nil, err
	}
	of := []dbq.Repository{repo}
	if r.Kind == backup.Database && h.Protocol >= truthProtocol {
		s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: r.TenantID, ID: r.SiteID})
		if err != nil && !isNoRows(err) { // a site that was removed goes without
			return nil, err
		}
		if err == nil {
			files, err := namedFilesTo(ctx, tx, s)
			if err != nil {
				return nil, err
			}
			if files != nil {
				of = append(of, *files)
			}
		}
	}
	var out []agentproto.Token
	for _, repo := range of {
		to, err := a.appending(ctx, tx, repo, run, fence, tokenLife)
		if err != nil {
			return nil, err
		}
		t := agentproto.Token{Run: run.String(), Token: to.Token}
		if h.Protocol >= truthProtocol {
			t.Repository = repo.Name
		}
		out = append(out, t)
	}
	return out, nil
}
