package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/identity"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// maxPasskeys is how many one person may have.
const maxPasskeys = 20

// relyingParty is who browsers know us as; nil where people do not reach us in
// a way that browsers give passkeys to: by HTTPS under a name, or on this
// machine itself.
func (a *App) relyingParty() (*webauthn.WebAuthn, error) {
	u, err := url.Parse(a.people.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Hostname() != "localhost" {
		return nil, nil //nolint:nilnil // passkeys are not to be had here, and that is no error
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return nil, nil //nolint:nilnil // nor by a bare address
	}
	return webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: a.Product(), RPOrigins: []string{u.Scheme + "://" + u.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{
			Login:        webauthn.TimeoutConfig{Enforce: true, Timeout: 5 * time.Minute, TimeoutUVD: 5 * time.Minute},
			Registration: webauthn.TimeoutConfig{Enforce: true, Timeout: 5 * time.Minute, TimeoutUVD: 5 * time.Minute},
		},
	})
}

func (a *App) needRelyingParty() (*webauthn.WebAuthn, error) {
	rp, err := a.relyingParty()
	if err == nil && rp == nil {
		err = errs.New(errs.Unsupported, "Passkeys work only where these pages are reached by HTTPS under a name (HOLDFAST_URL).")
	}
	return rp, err
}

// CanPasskeys tells whether passkeys can be used here.
func (a *App) CanPasskeys() bool {
	rp, err := a.relyingParty()
	return err == nil && rp != nil
}

// keyHolder is an account as the passkey library sees it.
type keyHolder struct {
	account     id.Account
	name, email string
	keys        []webauthn.Credential
}

func (h *keyHolder) WebAuthnID() []byte                         { u := h.account.UUID(); return u[:] }
func (h *keyHolder) WebAuthnName() string                       { return h.email }
func (h *keyHolder) WebAuthnDisplayName() string                { return h.name }
func (h *keyHolder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

func holderOf(ctx context.Context, tx *store.Tx, account id.Account, name, email string) (*keyHolder, error) {
	rows, err := tx.PasskeysOf(ctx, account)
	if err != nil {
		return nil, err
	}
	h := &keyHolder{account: account, name: name, email: email}
	for _, r := range rows {
		var c webauthn.Credential
		if err := json.Unmarshal(r.Credential, &c); err != nil {
			return nil, fmt.Errorf("read a passkey: %w", err)
		}
		h.keys = append(h.keys, c)
	}
	return h, nil
}

// Ceremony is one exchange with a browser about a passkey: what to ask it, and
// what the session must remember until it answers.
type Ceremony struct {
	Options json.RawMessage
	State   string
}

func ceremony(options any, state *webauthn.SessionData) (Ceremony, error) {
	o, err := json.Marshal(options)
	if err != nil {
		return Ceremony{}, err
	}
	s, err := json.Marshal(state)
	return Ceremony{Options: o, State: string(s)}, err
}

// errOldCeremony is what an answer to no question of ours gets.
func errOldCeremony(err error) error {
	return errs.Wrap(errs.Invalid, err, "This took too long, or was answered already. Load the page and try again.")
}

// BeginPasskey asks the browser for a new passkey of the person.
func (a *App) BeginPasskey(ctx context.Context, p Person) (Ceremony, error) {
	rp, err := a.needRelyingParty()
	if err != nil {
		return Ceremony{}, err
	}
	var h *keyHolder
	err = a.self(ctx, p.Actor, func(ctx context.Context, tx *store.Tx) error {
		h, err = holderOf(ctx, tx, p.Actor.Account, p.Name, p.Email)
		return err
	})
	if err != nil {
		return Ceremony{}, err
	}
	if len(h.keys) >= maxPasskeys {
		return Ceremony{}, errs.New(errs.Conflict, "You have %d passkeys; remove one first.", maxPasskeys)
	}
	var known []protocol.CredentialDescriptor
	for _, k := range h.keys {
		known = append(known, k.Descriptor())
	}
	options, state, err := rp.BeginRegistration(h, webauthn.WithExclusions(known))
	if err != nil {
		return Ceremony{}, fmt.Errorf("ask for a passkey: %w", err)
	}
	return ceremony(options, state)
}

// AddPasskey takes the browser's answer to BeginPasskey.
func (a *App) AddPasskey(ctx context.Context, p Person, state string, answer []byte, name string) error {
	rp, err := a.needRelyingParty()
	if err != nil {
		return err
	}
	var data webauthn.SessionData
	if err := json.Unmarshal([]byte(state), &data); err != nil {
		return errOldCeremony(err)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return errOldCeremony(err)
	}
	if name = strings.TrimSpace(clip(name, 60)); name == "" {
		name = "Passkey"
	}
	return a.self(ctx, p.Actor, func(ctx context.Context, tx *store.Tx) error {
		h, err := holderOf(ctx, tx, p.Actor.Account, p.Name, p.Email)
		if err != nil {
			return err
		}
		c, err := rp.CreateCredential(h, data, parsed)
		if err != nil {
			return errs.Wrap(errs.Invalid, err, "This passkey could not be checked. Load the page and try again.")
		}
		kept, err := json.Marshal(c)
		if err != nil {
			return err
		}
		made := id.New[id.Passkey]()
		err = tx.InsertPasskey(ctx, dbq.InsertPasskeyParams{AccountID: p.Actor.Account, ID: made, CredentialID: c.ID, Credential: kept, Name: name, CreatedAt: tx.Now})
		if store.Constraint(err) == "passkey_credential_id_key" {
			return errs.New(errs.Conflict, "This passkey is known already.")
		}
		if err != nil {
			return err
		}
		if err := tx.Event(ctx, "account.factor_added", ofAccount(p.Actor.Account), map[string]any{"factor": identity.Passkey, "passkey": made.String()}); err != nil {
			return err
		}
		acc, err := tx.AccountByID(ctx, p.Actor.Account)
		if err != nil {
			return err
		}
		return a.notify(ctx, tx, acc, "A passkey was added to your account")
	})
}

// BeginPasskeySignIn asks the browser for any passkey of ours.
func (a *App) BeginPasskeySignIn() (Ceremony, error) {
	rp, err := a.needRelyingParty()
	if err != nil {
		return Ceremony{}, err
	}
	options, state, err := rp.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Ceremony{}, fmt.Errorf("ask for a passkey: %w", err)
	}
	return ceremony(options, state)
}

// SignInByPasskey takes the browser's answer to BeginPasskeySignIn and tells
// whose passkey it is. One that is not ours, or that looks copied, is
// errs.Unsigned.
func (a *App) SignInByPasskey(ctx context.Context, from From, state string, answer []byte) (Person, error) {
	rp, err := a.needRelyingParty()
	if err != nil {
		return Person{}, err
	}
	var data webauthn.SessionData
	if err := json.Unmarshal([]byte(state), &data); err != nil {
		return Person{}, errOldCeremony(err)
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return Person{}, errOldCeremony(err)
	}
	var p Person
	var owner id.Account
	err = a.system(ctx, "sign-in", func(ctx context.Context, tx *store.Tx) error {
		var acc dbq.Account
		_, c, err := rp.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
			var err error
			if acc, err = accountOfHandle(ctx, tx, handle); err != nil {
				return nil, err
			}
			owner = acc.ID
			return holderOf(ctx, tx, acc.ID, acc.Name, acc.Email)
		}, data, parsed)
		if err != nil {
			return errs.Wrap(errs.Unsigned, err, "This passkey opens nothing here. Use another way to sign in.")
		}
		if acc.DisabledAt != nil || c.Authenticator.CloneWarning || !c.Flags.UserVerified {
			return errs.New(errs.Unsigned, "This passkey opens nothing here. Use another way to sign in.")
		}
		kept, err := json.Marshal(c)
		if err != nil {
			return err
		}
		if n, err := tx.UsePasskey(ctx, dbq.UsePasskeyParams{AccountID: acc.ID, CredentialID: c.ID, Credential: kept, Now: tx.Now}); err != nil || n == 0 {
			return orConflict(err, "This passkey was removed at this moment.")
		}
		p, err = a.personOf(ctx, tx, acc)
		return err
	})
	if errs.Is(err, errs.Unsigned) {
		if err := a.SignInFailed(ctx, from, owner, identity.Passkey); err != nil {
			return Person{}, err
		}
	}
	return p, err
}

func accountOfHandle(ctx context.Context, tx *store.Tx, handle []byte) (dbq.Account, error) {
	u, err := uuid.FromBytes(handle)
	if err != nil {
		return dbq.Account{}, err
	}
	account, err := id.Parse[id.Account](u.String())
	if err != nil {
		return dbq.Account{}, err
	}
	return tx.AccountByID(ctx, account)
}

// Passkeys gives the person's own passkeys.
func (a *App) Passkeys(ctx context.Context, p Person) (rows []dbq.Passkey, err error) {
	err = a.self(ctx, p.Actor, func(ctx context.Context, tx *store.Tx) error {
		rows, err = tx.PasskeysOf(ctx, p.Actor.Account)
		return err
	})
	return rows, err
}

// RemovePasskey takes one of the person's own passkeys away.
func (a *App) RemovePasskey(ctx context.Context, p Person, key id.Passkey) error {
	return a.self(ctx, p.Actor, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.DeletePasskey(ctx, dbq.DeletePasskeyParams{AccountID: p.Actor.Account, ID: key})
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.New(errs.NotFound, "There is no such passkey.")
		}
		return a.factorGone(ctx, tx, p, identity.Passkey, "A passkey was removed from your account")
	})
}
