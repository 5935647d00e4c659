package app

import (
	"bytes"
	"context"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/identity"
	"holdfast/internal/seal"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// OpenSession puts on record that the person signed in under the session token,
// after showing these proofs; their list of sessions shows it from now on.
func (a *App) OpenSession(ctx context.Context, p Person, token string, expires time.Time, from From, how []identity.Proof) error {
	return a.self(ctx, p.Actor, func(ctx context.Context, tx *store.Tx) error {
		err := tx.OpenSession(ctx, dbq.OpenSessionParams{
			TokenHash: seal.Hash(token), ExpiresAt: expires, AccountID: p.Actor.Account, Device: clip(from.Device, 80), Address: clip(from.Address, 64), Now: tx.Now,
		})
		if err != nil {
			return err
		}
		return tx.Event(ctx, "account.signed_in", ofAccount(p.Actor.Account), map[string]any{"how": how, "from": from.Address, "device": from.Device})
	})
}

// SignedOut puts on record that the person ended their session.
func (a *App) SignedOut(ctx context.Context, p Person, from From) error {
	return a.self(ctx, p.Actor, func(ctx context.Context, tx *store.Tx) error {
		return tx.Event(ctx, "account.signed_out", ofAccount(p.Actor.Account), map[string]any{"from": from.Address})
	})
}

// Session is one browser in which a person is signed in.
type Session struct {
	ID              id.Session
	Device, Address string
	SignedIn        time.Time
	LastSeen        time.Time
	Here            bool // it is the one that asks
}

// ListSessions gives the person's own sessions, the one that asks first.
func (a *App) ListSessions(ctx context.Context, p Person, token string) ([]Session, error) {
	var out []Session
	here := seal.Hash(token)
	err := a.self(ctx, p.Actor, func(ctx context.Context, tx *store.Tx) error {
		rows, err := tx.SessionsOf(ctx, dbq.SessionsOfParams{AccountID: p.Actor.Account, Now: tx.Now})
		if err != nil {
			return err
		}
		out = make([]Session, 0, len(rows))
		for _, r := range rows {
			s := Session{ID: r.ID, Device: r.Device, Address: r.Address, Here: bytes.Equal(r.TokenHash, here)}
			if r.SignedInAt != nil {
				s.SignedIn = *r.SignedInAt
			}
			if r.LastSeenAt != nil {
				s.LastSeen = *r.LastSeenAt
			}
			if s.Here {
				out = append([]Session{s}, out...)
				continue
			}
			out = append(out, s)
		}
		return nil
	})
	return out, err
}

// EndSession ends one of the person's own sessions.
func (a *App) EndSession(ctx context.Context, p Person, session id.Session) error {
	return a.self(ctx, p.Actor, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.EndSessionOf(ctx, dbq.EndSessionOfParams{ID: session, AccountID: p.Actor.Account})
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.New(errs.NotFound, "This session has ended already.")
		}
		return tx.Event(ctx, "account.session_ended", ofAccount(p.Actor.Account), map[string]any{"session": session.String()})
	})
}

// EndOtherSessions ends all of the person's sessions but the one of token, and
// tells how many.
func (a *App) EndOtherSessions(ctx context.Context, p Person, token string) (n int64, err error) {
	err = a.self(ctx, p.Actor, func(ctx context.Context, tx *store.Tx) error {
		n, err = endOthers(ctx, tx, p.Actor.Account, token)
		return err
	})
	return n, err
}

func endOthers(ctx context.Context, tx *store.Tx, account id.Account, token string) (int64, error) {
	n, err := tx.EndSessionsOfBut(ctx, dbq.EndSessionsOfButParams{AccountID: account, But: seal.Hash(token)})
	if err != nil || n == 0 {
		return n, err
	}
	return n, tx.Event(ctx, "account.other_sessions_ended", ofAccount(account), map[string]any{"sessions": n})
}
