package app

import (
	"context"
	"fmt"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
)

// SubmitTicket hands a draft in, as it is given here, saved before or not.
// Terms is the version of the terms that were accepted, for a restore. What is
// missing is errs.Invalid and names the field: subject, site, happened, at,
// zone, what, root, paths, courses, point, why, terms, body, files. A promise
// is made from the offer as it stands now.
func (a *App) SubmitTicket(ctx context.Context, who authz.Actor, d Draft, terms string, files []Upload) (made id.Ticket, err error) {
	siteName, err := a.checkPlace(ctx, who, &d)
	if err != nil {
		return made, err
	}
	subject, r, err := a.complete(ctx, who, d, siteName, terms)
	if err != nil {
		return made, err
	}
	if who.Staff == "" {
		if err := a.limitAddress(ctx, a.desk.limits.Open, "tickets"); err != nil {
			return made, err
		}
	}
	staged, err := a.stage(files)
	if err != nil {
		return made, err
	}
	after, before := false, false
	err = a.do(ctx, who, authz.OpenTickets, d.Tenant, func(ctx context.Context, tx *store.Tx) error {
		if made, before, err = askedBefore(ctx, tx, who, d, subject, r); err != nil || before {
			return err
		}
		if who.Staff == "" {
			if err := limitOpening(ctx, tx, d.Tenant); err != nil {
				return err
			}
		}
		w, err := a.openDraft(ctx, tx, who, d, true)
		if err != nil {
			return err
		}
		// An auditor who is a school's member too opens tickets as the member.
		g, err := authz.Check(who, authz.OpenTickets, d.Tenant)
		if err != nil {
			return err
		}
		w.staff = g.Scope() == authz.StaffScope
		w.system = w.staff
		if err := w.submit(ctx, d, subject, r, staged); err != nil {
			return err
		}
		made, after = w.t.ID, w.after
		return nil
	})
	if err != nil {
		a.unstage(staged)
		return id.Ticket{}, err
	}
	if before {
		a.unstage(staged)
	}
	if after {
		a.moveTicketNow(ctx, made)
	}
	return made, nil
}

// soonAgain is how soon the same question in the same words is the same press.
const soonAgain = 2 * time.Minute

// askedBefore finds the ticket that a press before this one made of the same
// question. Presses of one person come after one another.
func askedBefore(ctx context.Context, tx *store.Tx, who authz.Actor, d Draft, subject string, r ticket.Request) (id.Ticket, bool, error) {
	if d.Kind != ticket.Support || who.Account.IsZero() {
		return id.Ticket{}, false, nil
	}
	if err := tx.LockOpening(ctx, who.Account.String()); err != nil {
		return id.Ticket{}, false, err
	}
	of, err := tx.SameQuestion(ctx, dbq.SameQuestionParams{
		TenantID: d.Tenant, AccountID: who.Account, SiteID: store.Optional(d.Site.UUID()), Subject: subject, Happened: r.Happened, Since: tx.Now.Add(-soonAgain),
	})
	if isNoRows(err) {
		return id.Ticket{}, false, nil
	}
	return of, err == nil, err
}

// complete checks that nothing is missing, and makes the promise of a restore.
func (a *App) complete(ctx context.Context, who authz.Actor, d Draft, siteName, terms string) (subject string, r ticket.Request, err error) {
	if subject, r, err = d.kept(); err != nil {
		return subject, r, err
	}
	if d.Kind == ticket.Support {
		if subject, err = ticket.CheckSubject(subject); err != nil {
			return subject, r, err
		}
		r.Happened, err = ticket.CheckMessage("body", r.Happened)
		return subject, r, err
	}
	if d.Site.IsZero() {
		return subject, r, errs.Field("site", "choose the site that is to be brought back")
	}
	now := a.clock.Now()
	if r, err = r.Check(now); err != nil {
		return subject, r, err
	}
	if terms != ticket.TermsVersion {
		return subject, r, errs.Field("terms", "accept what a restore changes and costs, after reading it")
	}
	if subject == "" {
		subject = clip(fmt.Sprintf("Restore of %s: %s", siteName, r.What.Says()), ticket.MaxSubject)
	}
	if err := a.promise(ctx, who, d, &r, now); err != nil {
		return subject, r, err
	}
	r.Promise.Terms, r.Promise.AcceptedAt, r.Promise.PriceCents = terms, now, int64(billing.Fee)
	return subject, r, nil
}

// promise fills in what the customer was told of the chosen point: from when
// its copies are, what is lost, how long it takes.
func (a *App) promise(ctx context.Context, who authz.Actor, d Draft, r *ticket.Request, now time.Time) error {
	if err := a.chosenCopies(ctx, d, r); err != nil {
		return err
	}
	r.Promise.LostTo = now
	for _, at := range []time.Time{r.Point.DatabaseAt, r.Point.DataAt} {
		if !at.IsZero() && (r.Promise.LostFrom.IsZero() || at.Before(r.Promise.LostFrom)) {
			r.Promise.LostFrom = at
		}
	}
	if r.What == ticket.Courses || r.What == ticket.Files && !r.InPlace {
		r.Promise.LostFrom, r.Promise.LostTo = time.Time{}, time.Time{} // nothing of the site is exchanged
	}
	if !r.What.Automatic() {
		return nil
	}
	at := r.Point.DatabaseAt
	if at.IsZero() {
		at = r.Point.DataAt
	}
	o, err := a.RestoreOffer(ctx, who, d.Site, restore.Ask{What: restoreWhat(r.What), At: at})
	if err != nil {
		return err
	}
	if len(o.Choices) == 0 {
		return errs.Field("point", "there is no copy any more that could be restored; choose another")
	}
	e := o.Choices[o.Best].Estimate
	r.Promise.LowSeconds, r.Promise.HighSeconds, r.Promise.Basis = int64(e.Low/time.Second), int64(e.High/time.Second), e.Basis.Words()
	return nil
}

// chosenCopies checks that the chosen copies are there to be restored, and
// notes from when they are.
func (a *App) chosenCopies(ctx context.Context, d Draft, r *ticket.Request) error {
	return a.system(ctx, "lookup", func(ctx context.Context, tx *store.Tx) error {
		for _, c := range []struct {
			of   id.Copy
			kind backup.Kind
			at   *time.Time
		}{{r.Point.Database, backup.Database, &r.Point.DatabaseAt}, {r.Point.Data, backup.Data, &r.Point.DataAt}} {
			if c.of.IsZero() {
				continue
			}
			row, err := tx.CopyByID(ctx, c.of)
			if isNoRows(err) || err == nil && (row.TenantID != d.Tenant || row.SiteID != d.Site || row.Kind != c.kind) {
				return errs.Field("point", "is none of this site's copies; choose one of those offered")
			}
			if err != nil {
				return err
			}
			if why := unfit(row.State, row.BinnedAt != nil); why != "" {
				return errs.Field("point", "the copy of %s cannot be used any more; choose another", dateIn(row.TakenAt, r.Zone))
			}
			*c.at = row.TakenAt
		}
		return nil
	})
}

// submit hands the draft in, within its transaction.
func (w *work) submit(ctx context.Context, d Draft, subject string, r ticket.Request, files []stagedFile) error {
	if err := limitFiles(ctx, w.tx, w.t, files, !w.staff); err != nil {
		return err
	}
	if err := w.saveDraft(ctx, d, subject, r); err != nil {
		return err
	}
	err := w.move(ctx, ticket.Submit, map[string]any{"kind": d.Kind, "what": r.What, "urgent": r.Urgent}, func(t *dbq.Ticket) {
		t.SubmittedAt, t.Priority = &w.tx.Now, firstPriority(d.Kind, r.Urgent)
	})
	if err != nil {
		return err
	}
	body := r.Happened
	if r.Urgent && r.Why != "" {
		body += "\n\nUrgent: " + r.Why
	}
	if _, err := w.write(ctx, newMessage{body: body, via: dbq.MessageViaPage, files: files}); err != nil {
		return err
	}
	if err := w.mail(ctx, MailSubmitted, ticketWords{Text: body}); err != nil {
		return err
	}
	return w.goOn(ctx)
}

// firstPriority is how urgent a ticket is before anybody of the staff has
// looked: a site that is to be brought back is more so than a question.
func firstPriority(kind ticket.Kind, urgent bool) ticket.Priority {
	switch {
	case kind == ticket.Restore && urgent:
		return ticket.Urgent
	case kind == ticket.Restore || urgent:
		return ticket.High
	default:
		return ticket.Normal
	}
}
