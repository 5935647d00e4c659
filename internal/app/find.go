package app

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// What bounds finding.
const (
	FindMost    = 100 // characters that may be looked for
	findSites   = 8
	findOthers  = 5
	findLooked  = 400 // sites with the text in their names that are put in order
	findLetters = 3   // from so many on, a text is found within a name
	findDigits  = 8   // of a run's identifier, at least
)

// Found is what a text was found in, the best first.
type Found struct {
	Sites    []dbq.FindSitesBeginningRow
	Tenants  []dbq.FindTenantsRow
	Hosts    []dbq.FindHostsRow
	Policies []string
	Runs     []dbq.FindRunsRow
}

// Find looks for a text in the names of sites and, for staff, of tenants, hosts
// and policies; and for a run by the first digits of its identifier. A tenant
// of none is every tenant's, which is staff's.
func (a *App) Find(ctx context.Context, who authz.Actor, of id.Tenant, text string) (Found, error) {
	text = strings.TrimSpace(text)
	if utf8.RuneCountInString(text) > FindMost {
		return Found{}, errs.Field("q", "look for less, %d characters at most", FindMost)
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return Found{}, errs.Field("q", "it holds characters that no name has; type it anew")
	}
	var f Found
	if text == "" {
		_, err := authz.Check(who, authz.ViewFleet, of)
		return f, err
	}
	err := a.do(ctx, who, authz.ViewFleet, of, func(ctx context.Context, tx *store.Tx) (err error) {
		f = Found{}
		if f.Sites, err = findSitesNamed(ctx, tx, of, text); err != nil {
			return err
		}
		if first, last, ok := runsFrom(text); ok {
			f.Runs, err = tx.FindRuns(ctx, dbq.FindRunsParams{
				First: store.Optional(first), Last: store.Optional(last), TenantID: store.Optional(of.UUID()), PageSize: findOthers,
			})
			if err != nil {
				return err
			}
		}
		if !of.IsZero() {
			return nil
		}
		if f.Tenants, err = tx.FindTenants(ctx, dbq.FindTenantsParams{Part: text, LookedAt: findLooked, PageSize: findOthers}); err != nil {
			return err
		}
		if f.Hosts, err = tx.FindHosts(ctx, dbq.FindHostsParams{Part: text, PageSize: findOthers}); err != nil {
			return err
		}
		f.Policies, err = tx.FindPolicies(ctx, dbq.FindPoliciesParams{Part: text, PageSize: findOthers})
		return err
	})
	return f, err
}

// findSitesNamed gives sites whose names begin with the text, and after them
// those that hold it elsewhere.
func findSitesNamed(ctx context.Context, tx *store.Tx, of id.Tenant, text string) ([]dbq.FindSitesBeginningRow, error) {
	tenant := store.Optional(of.UUID())
	out, err := tx.FindSitesBeginning(ctx, dbq.FindSitesBeginningParams{Start: text, TenantID: tenant, LookedAt: findLooked, PageSize: findSites})
	if err != nil || len(out) == findSites || utf8.RuneCountInString(text) < findLetters {
		return out, err
	}
	more, err := tx.FindSitesHolding(ctx, dbq.FindSitesHoldingParams{Part: text, TenantID: tenant, LookedAt: findLooked, PageSize: 2 * findSites})
	if err != nil {
		return nil, err
	}
	known := map[id.Site]bool{}
	for _, s := range out {
		known[s.ID] = true
	}
	for _, s := range more {
		if len(out) < findSites && !known[s.ID] {
			out = append(out, dbq.FindSitesBeginningRow(s))
		}
	}
	return out, nil
}

// runsFrom gives the first and the last identifier that begin with the text.
func runsFrom(text string) (first, last uuid.UUID, ok bool) {
	digits := strings.ToLower(strings.ReplaceAll(text, "-", ""))
	if len(digits) < findDigits || len(digits) > 32 || strings.Trim(digits, "0123456789abcdef") != "" {
		return first, last, false
	}
	first, err := uuid.Parse(digits + strings.Repeat("0", 32-len(digits)))
	if err != nil {
		return first, last, false
	}
	last, err = uuid.Parse(digits + strings.Repeat("f", 32-len(digits)))
	return first, last, err == nil
}
