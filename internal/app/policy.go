package app

import (
	"context"
	"encoding/json"
	"regexp"
	"time"

	"github.com/riverqueue/river"

	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/job"
	"holdfast/internal/policy"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// PublishedPolicy names the policy that is built in.
const PublishedPolicy = "published"

// PolicyInfo is a policy as it is today.
type PolicyInfo struct {
	ID       id.Policy // none for the published one
	Name     string
	Version  int32 // 0 for the published one
	Policy   policy.Policy
	Sites    int64
	EditedAt time.Time
	EditedBy string
	Note     string
}

// BuiltIn tells whether it is the published one, which nobody edits.
func (p PolicyInfo) BuiltIn() bool { return p.ID.IsZero() }

// PolicyView is a policy with its history and the first of its sites.
type PolicyView struct {
	PolicyInfo
	Versions []dbq.PolicyVersion // newest first
	Members  []dbq.SitesOfPolicyRow
}

// membersShown is how many sites of a policy a view names, and how many a
// preview looks at.
const membersShown = 200

// ListPolicies gives the published policy and then all others by name.
func (a *App) ListPolicies(ctx context.Context, who authz.Actor) ([]PolicyInfo, error) {
	var out []PolicyInfo
	err := a.do(ctx, who, authz.ViewPolicies, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.CountPublishedSites(ctx)
		if err != nil {
			return err
		}
		out = append(out[:0], PolicyInfo{Name: PublishedPolicy, Policy: policy.Default(), Sites: n})
		rows, err := tx.ListPolicies(ctx)
		if err != nil {
			return err
		}
		for _, r := range rows {
			p, err := policy.Parse(r.Body)
			if err != nil {
				return err
			}
			out = append(out, PolicyInfo{
				ID: r.ID, Name: r.Name, Version: r.Version, Policy: p, Sites: r.Sites, EditedAt: r.EditedAt, EditedBy: r.EditedBy, Note: r.Note,
			})
		}
		return nil
	})
	return out, err
}

// ViewPolicy gives one policy by its name.
func (a *App) ViewPolicy(ctx context.Context, who authz.Actor, name string) (PolicyView, error) {
	var v PolicyView
	all, err := a.ListPolicies(ctx, who)
	if err != nil {
		return v, err
	}
	for _, p := range all {
		if p.Name == name {
			v.PolicyInfo = p
		}
	}
	if v.Name == "" {
		return v, errs.Wrap(errs.NotFound, errs.Field("policy", "unknown"), "There is no policy named %q; see: holdfast policy list", clip(name, 80))
	}
	err = a.do(ctx, who, authz.ViewPolicies, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		var err error
		if !v.BuiltIn() {
			if v.Versions, err = tx.PolicyVersions(ctx, v.ID); err != nil {
				return err
			}
		}
		v.Members, err = tx.SitesOfPolicy(ctx, dbq.SitesOfPolicyParams{PolicyID: store.Optional(v.ID.UUID()), PageSize: membersShown})
		return err
	})
	return v, err
}

var policyName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// CreatePolicy adds a policy, as its version 1.
func (a *App) CreatePolicy(ctx context.Context, who authz.Actor, name string, p policy.Policy, note string) (id.Policy, error) {
	made := id.New[id.Policy]()
	if !policyName.MatchString(name) || name == PublishedPolicy {
		return made, errs.Field("name", "%q must be a short lower-case name, like two-months, and not %s", name, PublishedPolicy)
	}
	note, err := reasonText("note", note, false)
	if err != nil {
		return made, err
	}
	body, err := policyBody(name, p)
	if err != nil {
		return made, err
	}
	err = a.do(ctx, who, authz.EditPolicies, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		err := tx.InsertPolicy(ctx, dbq.InsertPolicyParams{ID: made, Name: name, CreatedAt: tx.Now})
		if store.Constraint(err) == "policy_name_key" {
			return errs.Field("name", "a policy named %s is there already", name)
		}
		if err != nil {
			return err
		}
		err = tx.InsertPolicyVersion(ctx, dbq.InsertPolicyVersionParams{PolicyID: made, Version: 1, Body: body, Note: note, Actor: tx.Actor(), CreatedAt: tx.Now})
		if err != nil {
			return err
		}
		return tx.Event(ctx, "policy.created", store.Subject{Kind: "policy", ID: made.UUID()}, map[string]any{"name": name, "note": note})
	})
	return made, err
}

func policyBody(name string, p policy.Policy) (json.RawMessage, error) {
	p.Name = name
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}

// EditPolicy adds a version. Seen is the version that the edit was made from:
// if somebody else edited meanwhile, that is errs.Conflict and nothing is
// written. All sites of the policy follow the new version from now on.
func (a *App) EditPolicy(ctx context.Context, who authz.Actor, name string, seen int32, p policy.Policy, note string) error {
	note, err := reasonText("note", note, false)
	if err != nil {
		return err
	}
	if name == PublishedPolicy {
		return errs.New(errs.Conflict, "The published policy is built in; make one of your own and assign that.")
	}
	body, err := policyBody(name, p)
	if err != nil {
		return err
	}
	return a.do(ctx, who, authz.EditPolicies, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		row, err := tx.PolicyByName(ctx, name)
		if err != nil {
			return noSuch(err, "policy", name, "holdfast policy list")
		}
		n, err := tx.RaisePolicy(ctx, dbq.RaisePolicyParams{ID: row.ID, Version: seen})
		if err == nil && n == 0 {
			err = errs.New(errs.Conflict, "Policy %s is at version %d by now, not %d; look at it again before you change it.", name, row.Version, seen)
		}
		if err != nil {
			return err
		}
		err = tx.InsertPolicyVersion(ctx, dbq.InsertPolicyVersionParams{
			PolicyID: row.ID, Version: seen + 1, Body: body, Note: note, Actor: tx.Actor(), CreatedAt: tx.Now,
		})
		if err != nil {
			return err
		}
		if err := tx.Event(ctx, "policy.edited", store.Subject{Kind: "policy", ID: row.ID.UUID()}, map[string]any{"name": name, "version": seen + 1, "note": note}); err != nil {
			return err
		}
		return tx.Enqueue(ctx, river.InsertManyParams{Args: job.AdoptPolicy{Policy: row.ID}})
	})
}

// adoptBatch is how many rows one transaction brings under a new version.
const adoptBatch = 200

// AdoptPolicy brings the schedules of a policy's sites under its newest
// version, a batch in each transaction, and tells whether more are left. A
// schedule that it does not reach follows when its next run ends.
func (a *App) AdoptPolicy(ctx context.Context, of id.Policy) (more bool, err error) {
	for ctx.Err() == nil {
		var rows []dbq.OutdatedSchedulesRow
		err = a.system(ctx, "policy", func(ctx context.Context, tx *store.Tx) error {
			p, err := tx.PolicyByID(ctx, of)
			if err != nil {
				return err
			}
			rows, err = tx.OutdatedSchedules(ctx, dbq.OutdatedSchedulesParams{PolicyID: of, PolicyVersion: p.Version, Limit: adoptBatch})
			if err != nil {
				return err
			}
			for _, r := range rows {
				if err := rederive(ctx, tx, r.TenantID, r.SiteID, r.Kind); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(rows) < adoptBatch {
			return false, err
		}
	}
	return true, ctx.Err()
}

// AssignPolicy puts sites, by name or id, under a policy, all or none of them.
// What the new policy keeps of their copies decides from the next look of
// retention on, which follows at once.
func (a *App) AssignPolicy(ctx context.Context, who authz.Actor, name string, sites []string) error {
	if len(sites) == 0 || len(sites) > 500 {
		return errs.Field("sites", "name from 1 to 500 sites")
	}
	type place struct {
		of  id.Tenant
		sid id.Site
	}
	found := make([]place, 0, len(sites))
	for _, ref := range sites {
		of, sid, _, err := a.findSite(ctx, ref)
		if errs.Is(err, errs.NotFound) {
			return errs.Field("sites", "there is no site %q", clip(ref, 253))
		}
		if err != nil {
			return err
		}
		found = append(found, place{of, sid})
	}
	return a.do(ctx, who, authz.EditPolicies, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		var pid id.Policy
		if name != PublishedPolicy {
			row, err := tx.PolicyByName(ctx, name)
			if err != nil {
				return noSuch(err, "policy", name, "holdfast policy list")
			}
			pid = row.ID
		}
		for _, p := range found {
			if _, err := tx.SetSitePolicy(ctx, dbq.SetSitePolicyParams{TenantID: p.of, ID: p.sid, PolicyID: pid}); err != nil {
				return err
			}
			if err := rederive(ctx, tx, p.of, p.sid, backup.Kinds()...); err != nil {
				return err
			}
			err := tx.Event(ctx, "site.policy_assigned", store.Subject{Kind: "site", ID: p.sid.UUID(), Tenant: p.of, Site: p.sid}, map[string]any{"policy": name})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// PolicyPreview is what a policy would do to sites, summed.
type PolicyPreview struct {
	policy.Preview
	Total  int64 // sites that it would concern
	Looked int64 // of these that were looked at
	Named  NamedCost
}

// NamedCost is what keeping the files that database copies name takes at some
// sites, by their own history.
type NamedCost struct {
	Kept        bool  // the policy wants it
	Sites       int64 // that have such files
	Copies      int64 // database copies that they are kept with
	StoredBytes int64 // what that added to the storage, lists included, when the copies were taken
}

// namedCost reads what it took until now.
func namedCost(ctx context.Context, tx *store.Tx, p policy.Policy, sites []dbq.SitesOfPolicyRow) (NamedCost, error) {
	var q dbq.NamedFilesOfSitesParams
	for _, s := range sites {
		q.Tenants, q.Sites = append(q.Tenants, store.Optional(s.TenantID.UUID())), append(q.Sites, store.Optional(s.ID.UUID()))
	}
	row, err := tx.NamedFilesOfSites(ctx, q)
	return NamedCost{Kept: p.KeepReferencedFiles, Sites: row.Sites, Copies: row.Copies, StoredBytes: row.StoredBytes + row.ListBytes}, err
}

// PreviewPolicy tells what would happen if the sites named, or else all sites
// of the policy called name, came under p. At most 200 sites are looked at.
func (a *App) PreviewPolicy(ctx context.Context, who authz.Actor, p policy.Policy, name string, sites []string) (PolicyPreview, error) {
	if err := p.Validate(); err != nil {
		return PolicyPreview{}, err
	}
	var named []dbq.SitesOfPolicyRow
	for _, ref := range sites[:min(len(sites), membersShown)] {
		of, sid, _, err := a.findSite(ctx, ref)
		if errs.Is(err, errs.NotFound) {
			return PolicyPreview{}, errs.Field("site", "there is no site %q", clip(ref, 253))
		}
		if err != nil {
			return PolicyPreview{}, err
		}
		named = append(named, dbq.SitesOfPolicyRow{TenantID: of, ID: sid})
	}
	var out PolicyPreview
	err := a.do(ctx, who, authz.ViewPolicies, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		out = PolicyPreview{Total: int64(len(sites))}
		looked := named
		if len(sites) == 0 && name != "" {
			var err error
			if looked, out.Total, err = membersOf(ctx, tx, name); err != nil {
				return err
			}
		}
		for _, s := range looked {
			one, err := previewSite(ctx, tx, p, s.TenantID, s.ID)
			if err != nil {
				return err
			}
			out.Preview = out.Add(one)
		}
		out.Looked = int64(len(looked))
		var err error
		out.Named, err = namedCost(ctx, tx, p, looked)
		return err
	})
	return out, err
}

func membersOf(ctx context.Context, tx *store.Tx, name string) ([]dbq.SitesOfPolicyRow, int64, error) {
	var pid id.Policy
	var total int64
	var err error
	if name == PublishedPolicy {
		total, err = tx.CountPublishedSites(ctx)
	} else {
		var row dbq.Policy
		if row, err = tx.PolicyByName(ctx, name); err != nil {
			return nil, 0, noSuch(err, "policy", name, "holdfast policy list")
		}
		pid = row.ID
		total, err = tx.CountSitesOfPolicy(ctx, store.Optional(row.ID.UUID()))
	}
	if err != nil {
		return nil, 0, err
	}
	rows, err := tx.SitesOfPolicy(ctx, dbq.SitesOfPolicyParams{PolicyID: store.Optional(pid.UUID()), PageSize: membersShown})
	return rows, total, err
}

func previewSite(ctx context.Context, tx *store.Tx, p policy.Policy, of id.Tenant, sid id.Site) (policy.Preview, error) {
	s, err := tx.SiteForTenant(ctx, dbq.SiteForTenantParams{TenantID: of, ID: sid})
	if err != nil {
		return policy.Preview{}, err
	}
	today, err := rulesOf(ctx, tx, s.PolicyID)
	if err != nil {
		return policy.Preview{}, err
	}
	in := policy.PreviewInput{
		Policy: p, Was: today.Policy, Zone: siteZone(s.TimeZone), Registered: s.CreatedAt, Now: tx.Now,
		States: map[backup.Kind]policy.State{}, Copies: map[backup.Kind][]policy.SizedCopy{},
	}
	rows, err := tx.SchedulesOfSite(ctx, dbq.SchedulesOfSiteParams{TenantID: of, SiteID: sid})
	if err != nil {
		return policy.Preview{}, err
	}
	for _, row := range rows {
		t, err := readTimetable(ctx, tx, row, s, today)
		if err != nil {
			return policy.Preview{}, err
		}
		in.States[row.Kind] = t.state
		copies, err := tx.CopiesToJudge(ctx, dbq.CopiesToJudgeParams{TenantID: of, SiteID: sid, Kind: row.Kind, Now: tx.Now})
		if err != nil {
			return policy.Preview{}, err
		}
		for _, c := range copies {
			if c.BinnedAt != nil {
				continue
			}
			judged, err := policyCopy(c)
			if err != nil {
				return policy.Preview{}, err
			}
			in.Copies[row.Kind] = append(in.Copies[row.Kind], policy.SizedCopy{Copy: judged, Bytes: c.Bytes, StoredBytes: c.StoredBytes})
		}
	}
	return policy.Look(in), nil
}
