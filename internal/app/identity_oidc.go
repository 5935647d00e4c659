package app

import (
	"context"
	"slices"

	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/identity"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/tenant"
)

// Claim is what the staff's identity provider says of somebody, checked and
// signed.
type Claim struct {
	Issuer, Subject string
	Email           string
	EmailVerified   bool
	// Roles are what it says they are, and MapRoles is set where that decides.
	Roles    []string
	MapRoles bool
}

// SignInByProvider tells which member of staff the provider speaks of. There
// must be a staff account: bound to this very subject, or, the first time,
// with the address that the provider has verified; it is bound then. Whoever
// it refuses gets errs.Unsigned, with the same words for every reason.
func (a *App) SignInByProvider(ctx context.Context, from From, c Claim) (Person, error) {
	var p Person
	var owner id.Account
	err := a.system(ctx, "sign-in", func(ctx context.Context, tx *store.Tx) error {
		acc, err := a.claimed(ctx, tx, c)
		if err != nil {
			return err
		}
		owner = acc.ID
		if acc.StaffRole == nil || acc.DisabledAt != nil {
			return errProvider()
		}
		if c.MapRoles {
			if err := a.mapRole(ctx, tx, &acc, c.Roles); err != nil {
				return err
			}
		}
		p, err = a.personOf(ctx, tx, acc)
		return err
	})
	if errs.Is(err, errs.Unsigned) {
		if err := a.SignInFailed(ctx, from, owner, identity.Provider); err != nil {
			return Person{}, err
		}
	}
	return p, err
}

func errProvider() error {
	return errs.New(errs.Unsigned, "Your organisation knows you, but no staff account here is yours. Ask an owner of this installation.")
}

// claimed finds the account that a claim is about, and binds it the first time.
func (a *App) claimed(ctx context.Context, tx *store.Tx, c Claim) (dbq.Account, error) {
	acc, err := tx.AccountByOIDC(ctx, dbq.AccountByOIDCParams{Issuer: c.Issuer, Subject: c.Subject})
	if !isNoRows(err) {
		return acc, err
	}
	email, err := tenant.ValidateEmail(c.Email)
	if err != nil || !c.EmailVerified || c.Subject == "" {
		return acc, errProvider()
	}
	acc, err = tx.AccountByEmail(ctx, email)
	if isNoRows(err) || err == nil && (acc.StaffRole == nil || acc.DisabledAt != nil) {
		return dbq.Account{}, errProvider()
	}
	if err != nil {
		return acc, err
	}
	if _, err := tx.OIDCOf(ctx, acc.ID); err == nil {
		return dbq.Account{}, errProvider() // bound to somebody else, who had this address before
	} else if !isNoRows(err) {
		return acc, err
	}
	if err := tx.BindOIDC(ctx, dbq.BindOIDCParams{AccountID: acc.ID, Issuer: c.Issuer, Subject: c.Subject, CreatedAt: tx.Now}); err != nil {
		return acc, err
	}
	return acc, tx.Event(ctx, "account.provider_bound", ofAccount(acc.ID), map[string]any{"issuer": c.Issuer})
}

// mapRole gives the account the first role that the provider names, in the
// order of the roles. Whoever has none is refused; the last owner stays owner.
func (a *App) mapRole(ctx context.Context, tx *store.Tx, acc *dbq.Account, says []string) error {
	for _, r := range tenant.StaffRoles() {
		if !slices.Contains(says, string(r)) {
			continue
		}
		if *acc.StaffRole == r {
			return nil
		}
		owners, err := tx.LockOwners(ctx)
		if err != nil {
			return err
		}
		if len(owners) == 1 && owners[0] == acc.ID {
			return nil
		}
		was := *acc.StaffRole
		if _, err := tx.SetStaffRole(ctx, dbq.SetStaffRoleParams{ID: acc.ID, StaffRole: &r}); err != nil {
			return err
		}
		acc.StaffRole = &r
		return tx.Event(ctx, "account.role_changed", ofAccount(acc.ID), map[string]any{"from": was, "to": r, "by": "provider"})
	}
	return errProvider()
}

// URL is how people reach the pages.
func (a *App) URL() string { return a.people.URL }
