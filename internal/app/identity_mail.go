package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/identity"
	"holdfast/internal/job"
	"holdfast/internal/mail"
	"holdfast/internal/seal"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// letterWords are what a mail's row keeps to be written from.
type letterWords struct {
	Into string `json:"into,omitempty"`
	Role string `json:"role,omitempty"`
	What string `json:"what,omitempty"`
}

// newMail is a mail to queue.
type newMail struct {
	kind   dbq.MailKind
	to     string
	tenant id.Tenant
	words  letterWords
	token  string // of its link, where it is known already
}

// queueMail puts a mail in the outbox; it is written and sent once the
// transaction has committed.
func (a *App) queueMail(ctx context.Context, tx *store.Tx, m newMail) error {
	made := id.New[id.Mail]()
	words, err := json.Marshal(m.words)
	if err != nil {
		return fmt.Errorf("words of a mail: %w", err)
	}
	p := dbq.InsertMailParams{ID: made, TenantID: m.tenant, Kind: m.kind, Recipient: m.to, Words: words, CreatedAt: tx.Now}
	if m.token != "" {
		if p.LinkSealed, err = a.key.Seal([]byte(m.token), mailContext(made)); err != nil {
			return err
		}
	}
	if err := tx.InsertMail(ctx, p); err != nil {
		return err
	}
	return tx.Enqueue(ctx, river.InsertManyParams{Args: job.SendMail{Mail: made}})
}

func mailContext(m id.Mail) string { return "mail:" + m.String() }

// notify tells the account's owner by mail what was done to it, where mail is
// set up.
func (a *App) notify(ctx context.Context, tx *store.Tx, acc dbq.Account, what string) error {
	if !a.CanMail() {
		return nil
	}
	return a.queueMail(ctx, tx, newMail{kind: dbq.MailKindNotice, to: acc.Email, words: letterWords{What: what}})
}

// SendMail writes one mail of the outbox and hands it to the mail server. The
// row's state lets one caller at a time send it, and nobody once it is sent; a
// process that dies between the server's word and ours leaves it to be sent
// again, with the same Message-ID, two minutes later. An error of kind Invalid
// is final.
func (a *App) SendMail(ctx context.Context, ref id.Mail) error {
	row, token, err := a.claimMail(ctx, ref)
	if err != nil || row == nil {
		return err
	}
	if a.people.Mailer == nil {
		err = errs.New(errs.Unavailable, "no mail is set up here")
	} else {
		err = a.people.Mailer.Send(ctx, a.write(ctx, *row, token))
	}
	after := context.WithoutCancel(ctx)
	return errors.Join(plain(err), a.system(after, "mail", func(ctx context.Context, tx *store.Tx) error {
		if err == nil {
			_, err := tx.MailSent(ctx, dbq.MailSentParams{ID: ref, Attempt: row.Attempt, Now: tx.Now})
			return err
		}
		if _, err := tx.MailFailed(ctx, dbq.MailFailedParams{ID: ref, Attempt: row.Attempt, Error: clip(err.Error(), 500)}); err != nil {
			return err
		}
		return tx.Event(ctx, "mail.failed", store.Subject{Kind: "mail", ID: ref.UUID(), Tenant: row.TenantID}, map[string]any{"kind": row.Kind, "attempt": row.Attempt})
	}))
}

// plain keeps a mail server's own words, which hold addresses, out of the log
// and the queue.
func plain(err error) error {
	var e *errs.Error
	if errors.As(err, &e) {
		return errs.New(e.Kind, "%s", e.Public)
	}
	if err != nil {
		return errs.New(errs.Unavailable, "a mail could not be sent")
	}
	return nil
}

// claimMail takes the mail for this caller, and makes its link where it has
// none yet. No row means that there is nothing to send.
func (a *App) claimMail(ctx context.Context, ref id.Mail) (row *dbq.MailOutbox, token string, err error) {
	err = a.system(ctx, "mail", func(ctx context.Context, tx *store.Tx) error {
		row, token = nil, ""
		got, err := tx.ClaimMail(ctx, dbq.ClaimMailParams{ID: ref, Now: tx.Now})
		if isNoRows(err) {
			old, err := tx.MailByID(ctx, ref)
			if isNoRows(err) || err == nil && old.State != dbq.MailStateSending {
				return nil
			}
			return errors.Join(err, errs.New(errs.Unavailable, "another process is sending this mail"))
		}
		if err != nil {
			return err
		}
		if got.Recipient == everybody {
			return share(ctx, tx, got)
		}
		drop := func(why string) error {
			_, err := tx.MailDropped(ctx, dbq.MailDroppedParams{ID: ref, Error: why})
			return err
		}
		if tx.Now.Sub(got.CreatedAt) > identity.LetterKind(got.Kind).Lasts() {
			return drop("its link would have ended before it came")
		}
		switch {
		case got.LinkSealed != nil:
			raw, err := a.key.Open(got.LinkSealed, mailContext(ref))
			if err != nil {
				return err
			}
			token = string(raw)
		case got.Kind == dbq.MailKindSignInLink || got.Kind == dbq.MailKindPasswordReset:
			if token, err = a.linkFor(ctx, tx, got); err != nil {
				return err
			}
			if token == "" {
				return drop("nobody to send it to")
			}
		}
		row = &got
		return nil
	})
	return row, token, err
}

// linkFor makes the link of a mail that somebody asked for, "" where there is
// no account that may have one. That is found out here and not where it was
// asked for, so that the asking tells nothing.
func (a *App) linkFor(ctx context.Context, tx *store.Tx, m dbq.MailOutbox) (string, error) {
	acc, err := tx.AccountByEmail(ctx, m.Recipient)
	if isNoRows(err) || err == nil && acc.DisabledAt != nil {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	purpose, lasts := dbq.LinkPurposeReset, identity.ResetLinkFor
	if m.Kind == dbq.MailKindSignInLink {
		if acc.StaffRole != nil {
			return "", nil // staff sign in by password, passkey or their provider
		}
		purpose, lasts = dbq.LinkPurposeSignIn, identity.SignInLinkFor
	}
	token, err := a.newLink(ctx, tx, acc.ID, purpose, lasts)
	if err != nil {
		return "", err
	}
	sealed, err := a.key.Seal([]byte(token), mailContext(m.ID))
	if err != nil {
		return "", err
	}
	_, err = tx.SealMailLink(ctx, dbq.SealMailLinkParams{ID: m.ID, LinkSealed: sealed})
	return token, err
}

// newLink makes a link's token and keeps its hash.
func (a *App) newLink(ctx context.Context, tx *store.Tx, account id.Account, purpose dbq.LinkPurpose, lasts time.Duration) (string, error) {
	token, err := seal.NewToken("")
	if err != nil {
		return "", err
	}
	err = tx.InsertLink(ctx, dbq.InsertLinkParams{TokenHash: seal.Hash(token), Purpose: purpose, AccountID: account, CreatedAt: tx.Now, ExpiresAt: tx.Now.Add(lasts)})
	if err != nil {
		return "", err
	}
	return token, tx.Event(ctx, "account.link_made", ofAccount(account), map[string]any{"purpose": purpose})
}

// linkPaths are the pages that links lead to; a test opens each.
var linkPaths = map[dbq.MailKind]string{
	dbq.MailKindSignInLink: "/sign-in/link/", dbq.MailKindPasswordReset: "/sign-in/reset/", dbq.MailKindInvitation: "/invitation/", dbq.MailKindNotice: "/sign-in/reset",
}

// link is the address that a token opens.
func (a *App) link(kind dbq.MailKind, token string) string {
	return strings.TrimRight(a.people.URL, "/") + linkPaths[kind] + token
}

func (a *App) write(ctx context.Context, m dbq.MailOutbox, token string) mail.Message {
	if m.Kind == dbq.MailKindTicket {
		return a.writeTicket(ctx, m)
	}
	if m.Kind == dbq.MailKindDigest {
		return a.writeDigest(ctx, m)
	}
	if m.Kind == dbq.MailKindAlarm {
		return a.writeAlarm(ctx, m)
	}
	var w letterWords
	_ = json.Unmarshal(m.Words, &w) // written by queueMail; what cannot be read is left out
	support := a.Known(ctx).SupportEmail
	subject, text := identity.Letter{
		Kind: identity.LetterKind(m.Kind), Product: a.Product(), Support: support, Link: a.link(m.Kind, token), Into: w.Into, Role: w.Role, What: w.What, At: m.CreatedAt,
	}.Write()
	return mail.Message{ID: m.ID.String(), To: m.Recipient, Subject: subject, Text: text}
}

// ListMail gives the newest mails for staff to look through, those that failed
// first.
func (a *App) ListMail(ctx context.Context, who authz.Actor, most int32) (rows []dbq.RecentMailRow, err error) {
	err = a.do(ctx, who, authz.ManagePeople, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		rows, err = tx.RecentMail(ctx, most)
		return err
	})
	return rows, err
}

// tidyIdentity forgets mails after 30 days, and links a day after their end.
func tidyIdentity(ctx context.Context, tx *store.Tx) error {
	_, err1 := tx.DeleteOldMail(ctx, tx.Now.Add(-30*24*time.Hour))
	_, err2 := tx.DeleteOldLinks(ctx, tx.Now.Add(-24*time.Hour))
	_, err3 := tx.DeleteOldMailIn(ctx, tx.Now.Add(-keepMailIn))
	return errors.Join(err1, err2, err3)
}
