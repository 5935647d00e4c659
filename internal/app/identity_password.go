package app

import (
	"context"

	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/identity"
	"holdfast/internal/seal"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// CheckOwnPassword tells whether the password is the person's own, who is
// signed in and shows it again; errs.Unsigned if not.
func (a *App) CheckOwnPassword(ctx context.Context, p Person, from From, password string) error {
	var hash string
	err := a.self(ctx, p.Actor, func(ctx context.Context, tx *store.Tx) error {
		acc, err := tx.AccountByID(ctx, p.Actor.Account)
		hash = acc.PasswordHash
		return err
	})
	if err != nil {
		return err
	}
	right := seal.CheckPassword(hash, password)
	verb := "account.confirmed"
	if !right {
		verb = "account.confirm_failed"
	}
	err = a.self(ctx, p.Actor, func(ctx context.Context, tx *store.Tx) error {
		return tx.Event(ctx, verb, ofAccount(p.Actor.Account), map[string]any{"how": identity.Password, "from": from.Address})
	})
	if err == nil && !right {
		return errs.New(errs.Unsigned, "This is not your password.")
	}
	return err
}

// ChangePassword gives the person a new password and ends their other sessions.
func (a *App) ChangePassword(ctx context.Context, p Person, token, password string) error {
	return a.self(ctx, p.Actor, func(ctx context.Context, tx *store.Tx) error {
		return a.setPassword(ctx, tx, p.Actor.Account, token, password, "account.password_changed")
	})
}

// setPassword stores a new password, spends every link that could set another,
// and ends all sessions but the one of keep.
func (a *App) setPassword(ctx context.Context, tx *store.Tx, account id.Account, keep, password, verb string) error {
	acc, err := tx.AccountByID(ctx, account)
	if err != nil {
		return err
	}
	if err := identity.CheckPassword(password, acc.Email, acc.Name); err != nil {
		return err
	}
	hash, err := seal.HashPassword(password)
	if err != nil {
		return err
	}
	if _, err := tx.SetPassword(ctx, dbq.SetPasswordParams{ID: account, PasswordHash: hash}); err != nil {
		return err
	}
	for _, purpose := range []dbq.LinkPurpose{dbq.LinkPurposeReset, dbq.LinkPurposeSignIn} {
		if _, err := tx.SpendLinksOf(ctx, dbq.SpendLinksOfParams{AccountID: account, Purpose: purpose, Now: tx.Now}); err != nil {
			return err
		}
	}
	if _, err := endOthers(ctx, tx, account, keep); err != nil {
		return err
	}
	if err := tx.Event(ctx, verb, ofAccount(account), nil); err != nil {
		return err
	}
	return a.notify(ctx, tx, acc, "Your password was changed")
}
