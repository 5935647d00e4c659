package app

import (
	"context"
	"regexp"
	"slices"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/seal"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/tenant"
)

// TokenPrefix begins every token of the API, so that one that got out is
// known for what it is.
const TokenPrefix = "hft_"

// For how long a token of the API is good, in days.
const (
	TokenDays    = 90
	MaxTokenDays = 1096
)

// NewToken is a token of the API to make: of the staff, or of one tenant.
type NewToken struct {
	Name   string
	Staff  tenant.StaffRole // "" for a tenant's
	Tenant string           // slug, "" for the staff's
	Role   tenant.Role      // within the tenant
	Days   int              // 0: TokenDays
}

var tokenName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// tokenRoles are the staff's roles that a token may have. No script is the
// owner, who makes tokens and accounts.
var tokenRoles = []tenant.StaffRole{tenant.Operator, tenant.Support, tenant.Auditor}

// TokenStaffRoles are the staff's roles that a token may have.
func TokenStaffRoles() []tenant.StaffRole { return slices.Clone(tokenRoles) }

// Check says what is wrong with it, without looking at the database.
func (n NewToken) Check() error {
	switch {
	case !tokenName.MatchString(n.Name):
		return errs.Field("name", "%q must be a short lower-case name, like monitoring", clip(n.Name, 80))
	case n.Days < 0 || n.Days > MaxTokenDays:
		return errs.Field("expires", "%d must be from 1 to %d days", n.Days, MaxTokenDays)
	case n.Tenant == "" && !slices.Contains(tokenRoles, n.Staff):
		return errs.Field("role", "%q must be operator, support or auditor; or name a tenant and admin, member or viewer", n.Staff)
	case n.Tenant != "" && !slices.Contains(tenant.Roles(), n.Role):
		return errs.Field("role", "%q must be admin, member or viewer within a tenant", n.Role)
	}
	return nil
}

// MakeToken makes a token of the API and gives it, once: only its hash is kept.
func (a *App) MakeToken(ctx context.Context, who authz.Actor, n NewToken) (token string, expires time.Time, err error) {
	if err := n.Check(); err != nil {
		return "", expires, err
	}
	if n.Days == 0 {
		n.Days = TokenDays
	}
	if token, err = seal.NewToken(TokenPrefix); err != nil {
		return "", expires, err
	}
	made := id.New[id.Token]()
	err = a.do(ctx, who, authz.ManageTokens, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		expires = tx.Now.AddDate(0, 0, n.Days)
		p := dbq.InsertTokenParams{ID: made, Name: n.Name, TokenHash: seal.Hash(token), MadeBy: tx.Actor(), CreatedAt: tx.Now, ExpiresAt: expires}
		if n.Tenant == "" {
			p.StaffRole = &n.Staff
		} else {
			t, err := tx.TenantBySlug(ctx, n.Tenant)
			if err != nil {
				return noSuch(err, "tenant", clip(n.Tenant, 80), "holdfast tenant list")
			}
			p.TenantID, p.Role = t.ID, &n.Role
		}
		err := tx.InsertToken(ctx, p)
		if store.Constraint(err) == "api_token_name_once" {
			return errs.Field("name", "a token named %s is there already; revoke it first, or take another name", n.Name)
		}
		if err != nil {
			return err
		}
		of := store.Subject{Kind: "token", ID: made.UUID(), Tenant: p.TenantID}
		return tx.Event(ctx, "token.made", of, map[string]any{"name": n.Name, "role": string(n.Staff) + string(n.Role), "expires": expires})
	})
	if err != nil {
		return "", expires, err
	}
	return token, expires, nil
}

// Token is a token of the API as a list shows it: never the secret.
type Token = dbq.ListTokensRow

// ListTokens gives all tokens, those that are revoked last.
func (a *App) ListTokens(ctx context.Context, who authz.Actor) (rows []Token, err error) {
	err = a.do(ctx, who, authz.ManageTokens, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		rows, err = tx.ListTokens(ctx)
		return err
	})
	return rows, err
}

// RevokeToken makes a token worthless from the next request on.
func (a *App) RevokeToken(ctx context.Context, who authz.Actor, name string) error {
	return a.do(ctx, who, authz.ManageTokens, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		k, err := tx.TokenByName(ctx, name)
		if err != nil {
			return noSuch(err, "token in force", clip(name, 80), "holdfast token list")
		}
		n, err := tx.RevokeToken(ctx, dbq.RevokeTokenParams{ID: k.ID, Now: tx.Now})
		if err == nil && n == 0 {
			err = errs.New(errs.Conflict, "The token was revoked just now.")
		}
		if err != nil {
			return err
		}
		return tx.Event(ctx, "token.revoked", store.Subject{Kind: "token", ID: k.ID.UUID(), Tenant: k.TenantID}, map[string]any{"name": k.Name})
	})
}

// TokenBearer is who a token of the API acts as.
type TokenBearer struct {
	Actor  authz.Actor
	Tenant id.Tenant // none for the staff's
}

// TokenBearer tells whose token this is, or errs.Unsigned where it is unknown,
// revoked or over, or its tenant is suspended.
func (a *App) TokenBearer(ctx context.Context, token string) (TokenBearer, error) {
	var b TokenBearer
	err := a.system(ctx, "token", func(ctx context.Context, tx *store.Tx) error {
		k, err := tx.TokenByHash(ctx, dbq.TokenByHashParams{TokenHash: seal.Hash(token), Now: tx.Now})
		if isNoRows(err) || err == nil && k.TenantState == string(dbq.TenantStateSuspended) {
			return errs.Wrap(errs.Unsigned, err, "This token is unknown, revoked or over; make another with: holdfast token create NAME")
		}
		if err != nil {
			return err
		}
		b = TokenBearer{Actor: authz.Actor{Name: "token:" + k.ID.String()}, Tenant: k.TenantID}
		switch {
		case k.StaffRole != nil:
			b.Actor.Staff = *k.StaffRole
		case k.Role != nil:
			b.Actor.Memberships = []authz.Membership{{Tenant: k.TenantID, Role: *k.Role}}
		}
		_, err = tx.UseToken(ctx, dbq.UseTokenParams{ID: k.ID, Now: tx.Now})
		return err
	})
	if errs.Is(err, errs.NotFound) { // the store words "no rows" so
		err = errs.Wrap(errs.Unsigned, err, "This token is unknown, revoked or over; make another with: holdfast token create NAME")
	}
	return b, err
}
