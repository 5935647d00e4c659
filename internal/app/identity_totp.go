package app

import (
	"context"
	"crypto/rand"
	"fmt"

	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/identity"
	"holdfast/internal/seal"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// Enrolment is what somebody needs to set up an authenticator.
type Enrolment struct {
	URI    string // what the app reads from the picture
	Secret string // the same for typing
}

func totpContext(account id.Account) string { return "totp:" + account.String() }

// BeginTOTP gives the secret of the person's authenticator that is being set
// up, made anew only where there is none yet: a page that is loaded again
// shows the same. It is errs.Conflict once an authenticator is in use.
func (a *App) BeginTOTP(ctx context.Context, p Person) (Enrolment, error) {
	var secret []byte
	err := a.self(ctx, p.Actor, func(ctx context.Context, tx *store.Tx) error {
		row, err := tx.TOTPOf(ctx, p.Actor.Account)
		if err == nil && row.ConfirmedAt != nil {
			return errs.New(errs.Conflict, "An authenticator is set up already. Remove it first to set up another.")
		}
		if err == nil {
			secret, err = a.key.Open(row.SecretSealed, totpContext(p.Actor.Account))
			return err
		}
		if !isNoRows(err) {
			return err
		}
		secret = make([]byte, identity.TOTPSecretBytes)
		if _, err := rand.Read(secret); err != nil {
			return fmt.Errorf("random bytes for an authenticator: %w", err)
		}
		sealed, err := a.key.Seal(secret, totpContext(p.Actor.Account))
		if err != nil {
			return err
		}
		return tx.SetTOTP(ctx, dbq.SetTOTPParams{AccountID: p.Actor.Account, SecretSealed: sealed, CreatedAt: tx.Now})
	})
	if err != nil {
		return Enrolment{}, err
	}
	return Enrolment{URI: identity.KeyURI(secret, a.Product(), p.Email), Secret: identity.SecretText(secret)}, nil
}

// ConfirmTOTP takes the authenticator into use if code is one of its codes, and
// gives recovery codes, which are shown this once.
func (a *App) ConfirmTOTP(ctx context.Context, p Person, code string) (codes []string, err error) {
	err = a.self(ctx, p.Actor, func(ctx context.Context, tx *store.Tx) error {
		row, err := tx.TOTPOf(ctx, p.Actor.Account)
		if isNoRows(err) || err == nil && row.ConfirmedAt != nil {
			return errs.New(errs.Conflict, "No authenticator is being set up. Begin again from your account page.")
		}
		if err != nil {
			return err
		}
		secret, err := a.key.Open(row.SecretSealed, totpContext(p.Actor.Account))
		if err != nil {
			return err
		}
		step, ok := identity.CheckTOTP(secret, code, tx.Now, row.LastStep)
		if !ok {
			return errs.Field("code", "is not the one that the authenticator shows now; check that your phone's clock sets itself, then type the new code")
		}
		if n, err := tx.ConfirmTOTP(ctx, dbq.ConfirmTOTPParams{AccountID: p.Actor.Account, Now: tx.Now, Step: step}); err != nil || n == 0 {
			return orConflict(err, "An authenticator is set up already.")
		}
		if err := tx.Event(ctx, "account.factor_added", ofAccount(p.Actor.Account), map[string]any{"factor": identity.Code}); err != nil {
			return err
		}
		codes, err = a.newCodes(ctx, tx, p)
		if err != nil {
			return err
		}
		acc, err := tx.AccountByID(ctx, p.Actor.Account)
		if err != nil {
			return err
		}
		return a.notify(ctx, tx, acc, "An authenticator was added to your account")
	})
	return codes, err
}

// orConflict gives err, or a conflict where there is none.
func orConflict(err error, sentence string) error {
	if err != nil {
		return err
	}
	return errs.New(errs.Conflict, "%s", sentence)
}

// newCodes makes recovery codes in place of all that there were.
func (a *App) newCodes(ctx context.Context, tx *store.Tx, p Person) ([]string, error) {
	codes, err := identity.NewRecoveryCodes()
	if err != nil {
		return nil, err
	}
	if _, err := tx.DeleteRecoveryCodes(ctx, p.Actor.Account); err != nil {
		return nil, err
	}
	for _, c := range codes {
		err := tx.InsertRecoveryCode(ctx, dbq.InsertRecoveryCodeParams{AccountID: p.Actor.Account, CodeHash: codeHash(p.Actor.Account, c), CreatedAt: tx.Now})
		if err != nil {
			return nil, err
		}
	}
	return codes, tx.Event(ctx, "account.recovery_codes_made", ofAccount(p.Actor.Account), map[string]any{"codes": len(codes)})
}

// codeHash is what the database keeps of a recovery code, which has 60 random
// bits; the account is in it, so that one table of hashes fits no two accounts.
func codeHash(account id.Account, code string) []byte {
	return seal.Hash("recovery:" + account.String() + ":" + identity.PlainRecovery(code))
}

// NewRecoveryCodes gives the person new codes; the old ones end.
func (a *App) NewRecoveryCodes(ctx context.Context, p Person) (codes []string, err error) {
	if !p.Holder.HasSecond() {
		return nil, errs.New(errs.Conflict, "Set up an authenticator or a passkey first; recovery codes stand in for it.")
	}
	err = a.self(ctx, p.Actor, func(ctx context.Context, tx *store.Tx) error {
		codes, err = a.newCodes(ctx, tx, p)
		return err
	})
	return codes, err
}

// UseCode takes a code of the person's authenticator or a recovery code, each
// of which works once, and tells which it was. A wrong one is errs.Unsigned.
func (a *App) UseCode(ctx context.Context, p Person, from From, code string) (identity.Proof, error) {
	how := identity.Recovery
	if identity.LooksLikeTOTP(code) {
		how = identity.Code
	}
	good := false
	err := a.self(ctx, p.Actor, func(ctx context.Context, tx *store.Tx) error {
		var err error
		if how == identity.Code {
			good, err = a.useTOTP(ctx, tx, p.Actor.Account, code)
			return err
		}
		n, err := tx.UseRecoveryCode(ctx, dbq.UseRecoveryCodeParams{AccountID: p.Actor.Account, CodeHash: codeHash(p.Actor.Account, code), Now: tx.Now})
		if err != nil || n == 0 {
			return err
		}
		good = true
		if err := tx.Event(ctx, "account.recovery_code_used", ofAccount(p.Actor.Account), map[string]any{"left": p.CodesLeft - 1, "from": from.Address}); err != nil {
			return err
		}
		acc, err := tx.AccountByID(ctx, p.Actor.Account)
		if err != nil {
			return err
		}
		return a.notify(ctx, tx, acc, "A recovery code was used to sign in")
	})
	if err != nil {
		return "", err
	}
	if good {
		return how, nil
	}
	if err := a.SignInFailed(ctx, from, p.Actor.Account, how); err != nil {
		return "", err
	}
	return "", errs.New(errs.Unsigned, "This code is wrong, or was used already. Wait for the next one that your authenticator shows, or use a recovery code.")
}

func (a *App) useTOTP(ctx context.Context, tx *store.Tx, account id.Account, code string) (bool, error) {
	row, err := tx.TOTPOf(ctx, account)
	if isNoRows(err) || err == nil && row.ConfirmedAt == nil {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	secret, err := a.key.Open(row.SecretSealed, totpContext(account))
	if err != nil {
		return false, err
	}
	step, ok := identity.CheckTOTP(secret, code, tx.Now, row.LastStep)
	if !ok {
		return false, nil
	}
	n, err := tx.UseTOTPStep(ctx, dbq.UseTOTPStepParams{AccountID: account, Step: step}) // at once, so that of two only one has it
	return n == 1, err
}

// RemoveTOTP takes the person's authenticator out of use, and their recovery
// codes too where no passkey is left that they stand in for.
func (a *App) RemoveTOTP(ctx context.Context, p Person) error {
	return a.self(ctx, p.Actor, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.DeleteTOTP(ctx, p.Actor.Account)
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.New(errs.Conflict, "There is no authenticator to remove.")
		}
		return a.factorGone(ctx, tx, p, identity.Code, "The authenticator was removed from your account")
	})
}

// factorGone finishes the removal of a factor.
func (a *App) factorGone(ctx context.Context, tx *store.Tx, p Person, factor identity.Proof, notice string) error {
	f, err := tx.FactorsOf(ctx, p.Actor.Account)
	if err != nil {
		return err
	}
	if !f.Totp && f.Passkeys == 0 {
		if _, err := tx.DeleteRecoveryCodes(ctx, p.Actor.Account); err != nil {
			return err
		}
	}
	if err := tx.Event(ctx, "account.factor_removed", ofAccount(p.Actor.Account), map[string]any{"factor": factor}); err != nil {
		return err
	}
	acc, err := tx.AccountByID(ctx, p.Actor.Account)
	if err != nil {
		return err
	}
	return a.notify(ctx, tx, acc, notice)
}
