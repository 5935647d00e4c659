package app

import (
	"context"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/tenant"
)

// TenantPeople are the people of one tenant, and who is invited.
type TenantPeople struct {
	People      []dbq.PeopleOfTenantRow
	Invitations []dbq.Invitation
}

// PeopleOf gives a tenant's people.
func (a *App) PeopleOf(ctx context.Context, who authz.Actor, of id.Tenant) (out TenantPeople, err error) {
	if of.IsZero() {
		return out, errs.New(errs.NotFound, "There is no such organisation, or none that you may see.")
	}
	err = a.do(ctx, who, authz.ViewPeople, of, func(ctx context.Context, tx *store.Tx) error {
		if out.People, err = tx.PeopleOfTenant(ctx, of); err != nil {
			return err
		}
		out.Invitations, err = tx.OpenInvitationsOfTenant(ctx, of)
		return err
	})
	return out, hide(err, "organisation")
}

// StaffPeople are the hoster's staff, and who is invited to it.
type StaffPeople struct {
	People      []dbq.StaffAccountsRow
	Invitations []dbq.Invitation
}

// Staff gives the hoster's staff.
func (a *App) Staff(ctx context.Context, who authz.Actor) (out StaffPeople, err error) {
	err = a.do(ctx, who, authz.ViewPeople, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		if out.People, err = tx.StaffAccounts(ctx); err != nil {
			return err
		}
		out.Invitations, err = tx.OpenStaffInvitations(ctx)
		return err
	})
	return out, err
}

// RemoveMember takes somebody out of a tenant. The last admin stays, unless
// the hoster's staff remove them.
func (a *App) RemoveMember(ctx context.Context, who authz.Actor, of id.Tenant, account id.Account) error {
	return hide(a.do(ctx, who, authz.InvitePeople, of, func(ctx context.Context, tx *store.Tx) error {
		admins, err := tx.LockAdmins(ctx, of)
		if err != nil {
			return err
		}
		if len(admins) == 1 && admins[0] == account && who.Staff == "" {
			return errs.New(errs.Conflict, "This is the last admin of the organisation. Invite another first, then remove this one.")
		}
		n, err := tx.DeleteMember(ctx, dbq.DeleteMemberParams{TenantID: of, AccountID: account})
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.New(errs.NotFound, "There is no such person in this organisation.")
		}
		return tx.Event(ctx, "account.member_removed", store.Subject{Kind: "account", ID: account.UUID(), Tenant: of}, nil)
	}), "person")
}

// ChangeRole gives somebody of a tenant another role there, from their next
// click on. The last admin stays one, whoever asks.
func (a *App) ChangeRole(ctx context.Context, who authz.Actor, of id.Tenant, account id.Account, role tenant.Role) error {
	if !dbq.MemberRole(role).Valid() {
		return errs.Field("role", "%q must be admin, member or viewer", clip(string(role), 40))
	}
	return hide(a.do(ctx, who, authz.InvitePeople, of, func(ctx context.Context, tx *store.Tx) error {
		if who.Account == account {
			return errs.New(errs.Conflict, "You cannot change your own role; another admin can.")
		}
		admins, err := tx.LockAdmins(ctx, of)
		if err != nil {
			return err
		}
		was, err := tx.RoleOfMember(ctx, dbq.RoleOfMemberParams{TenantID: of, AccountID: account})
		if isNoRows(err) {
			return errs.New(errs.NotFound, "There is no such person in this organisation.")
		}
		if err != nil || was == role {
			return err
		}
		if len(admins) == 1 && admins[0] == account {
			return errs.New(errs.Conflict, "This is the last admin of the organisation. Make another one admin first.")
		}
		if n, err := tx.SetMemberRole(ctx, dbq.SetMemberRoleParams{TenantID: of, AccountID: account, Role: role}); err != nil || n == 0 {
			return orConflict(err, "They were taken out of the organisation just now.")
		}
		return tx.Event(ctx, "account.role_changed", store.Subject{Kind: "account", ID: account.UUID(), Tenant: of}, map[string]any{"was": was, "role": role})
	}), "person")
}

// ChangeStaffRole gives somebody of the staff another role, from their next
// click on. The last owner stays one.
func (a *App) ChangeStaffRole(ctx context.Context, who authz.Actor, account id.Account, role tenant.StaffRole) error {
	if !dbq.StaffRole(role).Valid() {
		return errs.Field("role", "%q must be owner, operator, support, billing or auditor", clip(string(role), 40))
	}
	return a.do(ctx, who, authz.ManagePeople, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		if who.Account == account {
			return errs.New(errs.Conflict, "You cannot change your own role; another owner can.")
		}
		owners, err := tx.LockOwners(ctx)
		if err != nil {
			return err
		}
		acc, err := tx.AccountByID(ctx, account)
		if isNoRows(err) || err == nil && acc.StaffRole == nil {
			return errs.New(errs.NotFound, "There is no such person among the staff.")
		}
		if err != nil || *acc.StaffRole == role {
			return err
		}
		if len(owners) == 1 && owners[0] == account {
			return errs.New(errs.Conflict, "This is the last owner. Make another one owner first.")
		}
		if n, err := tx.SetStaffRole(ctx, dbq.SetStaffRoleParams{ID: account, StaffRole: &role}); err != nil || n == 0 {
			return orConflict(err, "They are no longer among the staff.")
		}
		return tx.Event(ctx, "account.role_changed", ofAccount(account), map[string]any{"was": *acc.StaffRole, "staff": role})
	})
}

// DisableAccount keeps a person from signing in and ends their sessions. The
// last owner stays.
func (a *App) DisableAccount(ctx context.Context, who authz.Actor, account id.Account) error {
	if who.Account == account {
		return errs.New(errs.Conflict, "You cannot disable your own account; another owner can.")
	}
	return a.do(ctx, who, authz.ManagePeople, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		owners, err := tx.LockOwners(ctx)
		if err != nil {
			return err
		}
		if len(owners) == 1 && owners[0] == account {
			return errs.New(errs.Conflict, "This is the last owner. Make another first.")
		}
		n, err := tx.DisableAccount(ctx, dbq.DisableAccountParams{ID: account, Now: tx.Now})
		if err != nil || n == 0 {
			return orConflict(err, "This account is disabled already, or there is none.")
		}
		if _, err := tx.EndSessionsOf(ctx, account); err != nil {
			return err
		}
		return tx.Event(ctx, "account.disabled", ofAccount(account), nil)
	})
}

// EnableAccount lets a person sign in again.
func (a *App) EnableAccount(ctx context.Context, who authz.Actor, account id.Account) error {
	return a.do(ctx, who, authz.ManagePeople, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.EnableAccount(ctx, account)
		if err != nil || n == 0 {
			return orConflict(err, "This account is not disabled, or there is none.")
		}
		return tx.Event(ctx, "account.enabled", ofAccount(account), nil)
	})
}

// ResetFactors takes a person's authenticator, passkeys, recovery codes and
// bond to the identity provider away, for who has lost them, and ends their
// sessions. Their password stays.
func (a *App) ResetFactors(ctx context.Context, who authz.Actor, account id.Account) error {
	return a.do(ctx, who, authz.ManagePeople, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		acc, err := tx.AccountByID(ctx, account)
		if err != nil {
			return err
		}
		for _, drop := range []func(context.Context, id.Account) (int64, error){tx.DeleteTOTP, tx.DeletePasskeysOf, tx.DeleteRecoveryCodes, tx.DeleteOIDC, tx.EndSessionsOf} {
			if _, err := drop(ctx, account); err != nil {
				return err
			}
		}
		if err := tx.Event(ctx, "account.factors_reset", ofAccount(account), nil); err != nil {
			return err
		}
		return a.notify(ctx, tx, acc, "Your second factors were reset by the staff")
	})
}

// AccountByEmail finds an account for the command line.
func (a *App) AccountByEmail(ctx context.Context, who authz.Actor, email string) (acc dbq.Account, err error) {
	email, err = tenant.ValidateEmail(email)
	if err != nil {
		return acc, err
	}
	err = a.do(ctx, who, authz.ManagePeople, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		acc, err = tx.AccountByEmail(ctx, email)
		return noSuch(err, "account", email, "holdfast user list")
	})
	return acc, err
}

// TenantID finds a tenant by its slug, for who may see every one.
func (a *App) TenantID(ctx context.Context, who authz.Actor, slug string) (of id.Tenant, err error) {
	err = a.do(ctx, who, authz.ViewTenants, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		t, err := tx.TenantBySlug(ctx, slug)
		of = t.ID
		return noSuch(err, "tenant", slug, "holdfast tenant list")
	})
	return of, err
}
