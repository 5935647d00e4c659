package app

import (
	"context"
	"strings"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/identity"
	"holdfast/internal/seal"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/tenant"
)

// NewInvitation says who is invited, and to what: the staff, or one tenant.
type NewInvitation struct {
	Email  string
	Staff  tenant.StaffRole // "" for a customer
	Tenant id.Tenant        // for a customer
	Role   tenant.Role      // in it
}

// Invited is what became of an invitation.
type Invited struct {
	ID     id.Invitation
	Link   string // to hand over where no mail is set up
	Mailed bool   // a mail with the link is on its way
}

// Invite invites somebody into the staff or into a tenant, by mail where that
// is set up. An open invitation of the same person to the same place ends.
func (a *App) Invite(ctx context.Context, who authz.Actor, n NewInvitation) (Invited, error) {
	email, err := tenant.ValidateEmail(n.Email)
	if err != nil {
		return Invited{}, err
	}
	toStaff := n.Tenant.IsZero()
	switch {
	case toStaff && !dbq.StaffRole(n.Staff).Valid():
		return Invited{}, errs.Field("role", "%q must be owner, operator, support, billing or auditor", n.Staff)
	case !toStaff && !dbq.MemberRole(n.Role).Valid():
		return Invited{}, errs.Field("role", "%q must be admin, member or viewer", n.Role)
	}
	action := authz.InvitePeople
	if toStaff {
		action = authz.ManagePeople
	}
	token, err := seal.NewToken("")
	if err != nil {
		return Invited{}, err
	}
	out := Invited{ID: id.New[id.Invitation](), Mailed: a.CanMail(), Link: a.link(dbq.MailKindInvitation, token)}
	err = a.do(ctx, who, action, n.Tenant, func(ctx context.Context, tx *store.Tx) error {
		p := dbq.InsertInvitationParams{
			ID: out.ID, TenantID: n.Tenant, Email: email, TokenHash: seal.Hash(token), InvitedBy: who.Name, CreatedAt: tx.Now, ExpiresAt: tx.Now.Add(identity.InvitationFor),
		}
		words, err := a.prepare(ctx, tx, n, email, &p)
		if err != nil {
			return err
		}
		if err := tx.InsertInvitation(ctx, p); err != nil {
			return err
		}
		if out.Mailed {
			m := newMail{kind: dbq.MailKindInvitation, to: email, tenant: n.Tenant, words: words, token: token}
			if err := a.queueMail(ctx, tx, m); err != nil {
				return err
			}
		}
		return tx.Event(ctx, "invitation.made", store.Subject{Kind: "invitation", ID: out.ID.UUID(), Tenant: n.Tenant}, map[string]any{"staff": n.Staff, "role": n.Role, "mailed": out.Mailed})
	})
	return out, err
}

// prepare ends older invitations and refuses who is there already.
func (a *App) prepare(ctx context.Context, tx *store.Tx, n NewInvitation, email string, p *dbq.InsertInvitationParams) (letterWords, error) {
	if n.Tenant.IsZero() {
		p.StaffRole = &n.Staff
		if _, err := tx.AccountByEmail(ctx, email); err == nil {
			return letterWords{}, errs.Field("email", "%s has an account already; staff need an address of their own", email)
		} else if !isNoRows(err) {
			return letterWords{}, err
		}
		_, err := tx.RevokeStaffInvitationsTo(ctx, dbq.RevokeStaffInvitationsToParams{Email: email, Now: tx.Now})
		return letterWords{Role: string(n.Staff)}, err
	}
	p.Role = &n.Role
	there, err := tx.PeopleOfTenant(ctx, n.Tenant)
	if err != nil {
		return letterWords{}, err
	}
	for _, m := range there {
		if m.Email == email {
			return letterWords{}, errs.Field("email", "%s is among your people already", email)
		}
	}
	t, err := tx.TenantByID(ctx, n.Tenant)
	if err != nil {
		return letterWords{}, err
	}
	_, err = tx.RevokeInvitationsTo(ctx, dbq.RevokeInvitationsToParams{TenantID: n.Tenant, Email: email, Now: tx.Now})
	return letterWords{Into: t.Name, Role: string(n.Role)}, err
}

// RevokeInvitation ends an invitation that was not accepted yet.
func (a *App) RevokeInvitation(ctx context.Context, who authz.Actor, invitation id.Invitation) error {
	var of id.Tenant
	err := a.system(ctx, "people", func(ctx context.Context, tx *store.Tx) error {
		i, err := tx.InvitationByID(ctx, invitation)
		of = i.TenantID
		return err
	})
	if err != nil {
		return hide(err, "invitation")
	}
	action := authz.InvitePeople
	if of.IsZero() {
		action = authz.ManagePeople
	}
	return hide(a.do(ctx, who, action, of, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.RevokeInvitation(ctx, dbq.RevokeInvitationParams{ID: invitation, Now: tx.Now})
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.New(errs.Conflict, "This invitation was accepted or ended already.")
		}
		return tx.Event(ctx, "invitation.revoked", store.Subject{Kind: "invitation", ID: invitation.UUID(), Tenant: of}, nil)
	}), "invitation")
}

// Invitation is what the invited person is shown.
type Invitation struct {
	Email   string
	Into    string // the organisation, "" for the staff
	Role    string
	Known   bool // there is an account with this address: nothing is asked for
	Expires time.Time
}

// LookAtInvitation tells what a link invites to, without accepting it;
// errs.Unsigned if to nothing.
func (a *App) LookAtInvitation(ctx context.Context, token string) (Invitation, error) {
	var out Invitation
	err := a.system(ctx, "invitation", func(ctx context.Context, tx *store.Tx) error {
		i, acc, err := invited(ctx, tx, token)
		if err != nil {
			return err
		}
		out = Invitation{Email: i.Email, Into: i.TenantName, Role: roleOf(i), Known: acc != nil, Expires: i.ExpiresAt}
		return nil
	})
	return out, err
}

func roleOf(i dbq.InvitationByHashRow) string {
	if i.StaffRole != nil {
		return string(*i.StaffRole)
	}
	if i.Role != nil {
		return string(*i.Role)
	}
	return ""
}

// invited gives an invitation that is open, and the account with its address.
func invited(ctx context.Context, tx *store.Tx, token string) (dbq.InvitationByHashRow, *dbq.Account, error) {
	i, err := tx.InvitationByHash(ctx, seal.Hash(token))
	if isNoRows(err) || err == nil && (i.AcceptedAt != nil || i.RevokedAt != nil || !i.ExpiresAt.After(tx.Now)) {
		return i, nil, errs.New(errs.Unsigned, "This invitation was accepted or withdrawn already, or its time is over. Ask for a new one.")
	}
	if err != nil {
		return i, nil, err
	}
	acc, err := tx.AccountByEmail(ctx, i.Email)
	if isNoRows(err) {
		return i, nil, nil
	}
	if err != nil {
		return i, nil, err
	}
	if acc.DisabledAt != nil || acc.StaffRole != nil || i.StaffRole != nil {
		return i, nil, errs.New(errs.Conflict, "There is an account with this address that cannot take this invitation. Ask for one to another address.")
	}
	return i, &acc, nil
}

// AcceptInvitation takes up an invitation. Whoever has no account yet gets one
// with the name and password; fresh tells so. The person is not signed in yet.
func (a *App) AcceptInvitation(ctx context.Context, token, name, password string) (p Person, fresh bool, err error) {
	err = a.system(ctx, "invitation", func(ctx context.Context, tx *store.Tx) error {
		i, acc, err := invited(ctx, tx, token)
		if err != nil {
			return err
		}
		if fresh = acc == nil; fresh {
			if acc, err = newAccount(ctx, tx, i, name, password); err != nil {
				return err
			}
		}
		if n, err := tx.AcceptInvitation(ctx, dbq.AcceptInvitationParams{ID: i.ID, Now: tx.Now}); err != nil || n == 0 {
			return orConflict(err, "This invitation was accepted already.")
		}
		if i.Role != nil {
			m := dbq.InsertMemberParams{TenantID: i.TenantID, ID: id.New[id.Member](), AccountID: acc.ID, Role: *i.Role, CreatedAt: tx.Now}
			if err := tx.InsertMember(ctx, m); err != nil {
				return err
			}
		}
		of := store.Subject{Kind: "invitation", ID: i.ID.UUID(), Tenant: i.TenantID}
		if err := tx.Event(ctx, "invitation.accepted", of, map[string]any{"account": acc.ID.String(), "role": roleOf(i)}); err != nil {
			return err
		}
		p, err = a.personOf(ctx, tx, *acc)
		return err
	})
	return p, fresh, err
}

func newAccount(ctx context.Context, tx *store.Tx, i dbq.InvitationByHashRow, name, password string) (*dbq.Account, error) {
	email, err := tenant.ValidateAccount(i.Email, name)
	if err != nil {
		return nil, err
	}
	if err := identity.CheckPassword(password, email, name); err != nil {
		return nil, err
	}
	hash, err := seal.HashPassword(password)
	if err != nil {
		return nil, err
	}
	p := dbq.InsertAccountParams{ID: id.New[id.Account](), Email: email, Name: strings.TrimSpace(name), PasswordHash: hash, StaffRole: i.StaffRole, CreatedAt: tx.Now}
	if err := tx.InsertAccount(ctx, p); err != nil {
		return nil, err
	}
	return &dbq.Account{ID: p.ID, Email: p.Email, Name: p.Name, PasswordHash: hash, StaffRole: p.StaffRole, CreatedAt: tx.Now}, nil
}
