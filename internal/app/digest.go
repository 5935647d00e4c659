package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/mail"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// The weekly digest: on Mondays from this hour on, by the clock of the
// hoster's business hours, some people with each sweep.
const (
	digestHour  = 7
	digestBatch = 400
)

// digests queues the week's digests that are still to be written. One row of
// an account, moved in the same transaction, keeps it to one a week.
func (a *App) digests(ctx context.Context) error {
	if !a.CanMail() {
		return nil
	}
	s, err := a.Settings(ctx)
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(s.BusinessZone)
	if err != nil {
		zone = time.UTC
	}
	return a.system(ctx, "digest", func(ctx context.Context, tx *store.Tx) error {
		now := tx.Now.In(zone)
		if now.Weekday() == time.Monday && now.Hour() < digestHour {
			return nil
		}
		year, n := now.ISOWeek()
		week := fmt.Sprintf("%d-W%02d", year, n)
		due, err := tx.DigestDue(ctx, dbq.DigestDueParams{Week: week, Most: digestBatch})
		if err != nil {
			return err
		}
		for len(due) > 0 {
			one := 1
			for one < len(due) && due[one].ID == due[0].ID {
				one++
			}
			if err := digest(ctx, tx, week, due[:one]); err != nil {
				return err
			}
			due = due[one:]
		}
		return nil
	})
}

// digest queues one person's digest, over the organisations that are theirs.
func digest(ctx context.Context, tx *store.Tx, week string, of []dbq.DigestDueRow) error {
	n, err := tx.DigestTaken(ctx, dbq.DigestTakenParams{ID: of[0].ID, Week: week})
	if err != nil || n == 0 {
		return err
	}
	l := mail.Letter{Button: "See your copies", Link: "/portal", After: []string{"You can end these weekly letters under Preferences."}}
	late, sites := 0, 0
	for _, t := range of {
		rows, err := tx.DigestSites(ctx, dbq.DigestSitesParams{TenantID: t.TenantID, Now: tx.Now})
		if err != nil {
			return err
		}
		for _, s := range rows {
			sites++
			if s.Late {
				late++
			}
			l.Facts = append(l.Facts, [2]string{s.Name, digestSite(s, zoneOf(t.TimeZone, s.TimeZone))})
		}
	}
	l.Subject = fmt.Sprintf("Your copies this week: %d of %d sites are up to date", sites-late, sites)
	l.Title = "All your sites are copied as agreed."
	if late > 0 {
		l.Title = fmt.Sprintf("%d of your %d sites wait for a copy that is late.", late, sites)
		l.Lines = []string{"We are on it; you need do nothing. What is kept stays kept."}
	}
	words, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("words of a digest: %w", err)
	}
	return queueLetter(ctx, tx, dbq.InsertTicketMailParams{
		TenantID: of[0].TenantID, Kind: dbq.MailKindDigest, Recipient: of[0].Email, Words: words, AccountID: of[0].ID,
	})
}

func zoneOf(person, site string) *time.Location {
	for _, name := range []string{person, site} {
		if z, err := time.LoadLocation(name); name != "" && err == nil {
			return z
		}
	}
	return time.UTC
}

// digestSite says what there is of a site, in one line.
func digestSite(s dbq.DigestSitesRow, zone *time.Location) string {
	at := func(t time.Time) string {
		if t.Unix() == 0 {
			return "not yet"
		}
		return t.In(zone).Format("Mon 2 January 15:04")
	}
	line := "database " + at(s.DatabaseAt) + ", files " + at(s.DataAt)
	if s.OldestAt.Unix() != 0 {
		line += ", back to " + s.OldestAt.In(zone).Format("2 January 2006")
	}
	line += fmt.Sprintf(", %d copies", s.Copies)
	if s.Late {
		line += "; the next one is late"
	}
	return line
}

func (a *App) writeDigest(ctx context.Context, m dbq.MailOutbox) mail.Message {
	var l mail.Letter
	_ = json.Unmarshal(m.Words, &l) // written by digest; what cannot be read is left out
	out := a.writeLetter(ctx, m, l, false)
	out.Unsubscribe = a.people.URL + "/portal/preferences"
	return out
}

// SetDigest says whether a person wants the weekly digest of their copies.
func (a *App) SetDigest(ctx context.Context, who Person, wanted bool) error {
	return a.self(ctx, who.Actor, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.SetDigest(ctx, dbq.SetDigestParams{ID: who.Actor.Account, Digest: wanted})
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.New(errs.Unsigned, "Sign in to go on.")
		}
		return tx.Event(ctx, "account.digest_set", ofAccount(who.Actor.Account), map[string]any{"wanted": wanted})
	})
}

// Digest tells whether a person gets the weekly digest, and whether mails to
// their address came back.
func (a *App) Digest(ctx context.Context, account id.Account) (wanted, bounced bool, err error) {
	err = a.system(ctx, "account", func(ctx context.Context, tx *store.Tx) error {
		acc, err := tx.AccountByID(ctx, account)
		wanted, bounced = acc.Digest, acc.MailBouncedAt != nil
		return err
	})
	return wanted, bounced, err
}

// MailWorks takes a person's word that their address works again.
func (a *App) MailWorks(ctx context.Context, who Person) error {
	return a.self(ctx, who.Actor, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.AccountMailWorks(ctx, who.Actor.Account)
		if err != nil || n == 0 {
			return err
		}
		return tx.Event(ctx, "account.mail_works", ofAccount(who.Actor.Account), nil)
	})
}
