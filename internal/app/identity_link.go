package app

import (
	"context"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/identity"
	"holdfast/internal/seal"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/tenant"
)

// AskLink asks for a mail with a link to sign in, or with reset for one that
// sets a new password. It does and answers the same whether or not there is an
// account with this address.
func (a *App) AskLink(ctx context.Context, email string, reset bool) error {
	email, err := tenant.ValidateEmail(email)
	if err != nil {
		return err
	}
	if !a.CanMail() {
		return errs.New(errs.Unsupported, "No mail is set up here. Ask your hoster for a link.")
	}
	kind := dbq.MailKindSignInLink
	if reset {
		kind = dbq.MailKindPasswordReset
	}
	return a.system(ctx, "sign-in", func(ctx context.Context, tx *store.Tx) error {
		return a.queueMail(ctx, tx, newMail{kind: kind, to: email})
	})
}

// errOldLink is what a link that opens nothing is answered with.
func errOldLink() error {
	return errs.New(errs.Unsigned, "This link was used already, or its time is over. Ask for a new one.")
}

// LookAtLink tells whose account a link would open, without using it up;
// errs.Unsigned if none.
func (a *App) LookAtLink(ctx context.Context, token string, reset bool) (email string, err error) {
	err = a.system(ctx, "sign-in", func(ctx context.Context, tx *store.Tx) error {
		acc, err := linkOwner(ctx, tx, token, reset)
		email = acc.Email
		return err
	})
	return email, err
}

func linkOwner(ctx context.Context, tx *store.Tx, token string, reset bool) (dbq.Account, error) {
	purpose := dbq.LinkPurposeSignIn
	if reset {
		purpose = dbq.LinkPurposeReset
	}
	l, err := tx.LinkByHash(ctx, dbq.LinkByHashParams{TokenHash: seal.Hash(token), Purpose: purpose})
	if isNoRows(err) || err == nil && (l.UsedAt != nil || !l.ExpiresAt.After(tx.Now)) {
		return dbq.Account{}, errOldLink()
	}
	if err != nil {
		return dbq.Account{}, err
	}
	acc, err := tx.AccountByID(ctx, l.AccountID)
	if err != nil {
		return dbq.Account{}, err
	}
	if acc.DisabledAt != nil || !reset && acc.StaffRole != nil {
		return dbq.Account{}, errOldLink()
	}
	return acc, nil
}

// useLink spends a link: of two who open it at once, one does.
func useLink(ctx context.Context, tx *store.Tx, token string) error {
	n, err := tx.UseLink(ctx, dbq.UseLinkParams{TokenHash: seal.Hash(token), Now: tx.Now})
	if err == nil && n == 0 {
		return errOldLink()
	}
	return err
}

// SignInByLink spends a link of a mail and tells whose it was. A link that
// opens nothing is errs.Unsigned.
func (a *App) SignInByLink(ctx context.Context, from From, token string) (Person, error) {
	var p Person
	err := a.system(ctx, "sign-in", func(ctx context.Context, tx *store.Tx) error {
		acc, err := linkOwner(ctx, tx, token, false)
		if err != nil {
			return err
		}
		if err := useLink(ctx, tx, token); err != nil {
			return err
		}
		p, err = a.personOf(ctx, tx, acc)
		return err
	})
	if errs.Is(err, errs.Unsigned) {
		if err := a.SignInFailed(ctx, from, id.Account{}, identity.MailLink); err != nil {
			return Person{}, err
		}
	}
	return p, err
}

// ResetPassword spends a link of a mail to set a new password, and ends all
// sessions of the account. Nobody is signed in by it.
func (a *App) ResetPassword(ctx context.Context, from From, token, password string) error {
	err := a.system(ctx, "password-reset", func(ctx context.Context, tx *store.Tx) error {
		acc, err := linkOwner(ctx, tx, token, true)
		if err != nil {
			return err
		}
		if err := identity.CheckPassword(password, acc.Email, acc.Name); err != nil {
			return err // before the link is spent
		}
		if err := useLink(ctx, tx, token); err != nil {
			return err
		}
		return a.setPassword(ctx, tx, acc.ID, "", password, "account.password_reset")
	})
	if errs.Is(err, errs.Unsigned) {
		if err := a.SignInFailed(ctx, from, id.Account{}, "password_reset"); err != nil {
			return err
		}
	}
	return err
}

// MakeResetLink gives staff a link that sets a new password for the account,
// to hand over by another way than mail.
func (a *App) MakeResetLink(ctx context.Context, who authz.Actor, email string) (link string, err error) {
	email, err = tenant.ValidateEmail(email)
	if err != nil {
		return "", err
	}
	var account id.Account
	err = a.do(ctx, who, authz.ManagePeople, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		acc, err := tx.AccountByEmail(ctx, email)
		if err != nil {
			return noSuch(err, "account", email, "holdfast user list")
		}
		account = acc.ID
		return tx.Event(ctx, "account.reset_link_asked", ofAccount(acc.ID), nil)
	})
	if err != nil {
		return "", err
	}
	err = a.system(ctx, "password-reset", func(ctx context.Context, tx *store.Tx) error {
		token, err := a.newLink(ctx, tx, account, dbq.LinkPurposeReset, identity.ResetLinkFor)
		link = a.link(dbq.MailKindPasswordReset, token)
		return err
	})
	return link, err
}
