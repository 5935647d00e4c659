package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"holdfast/internal/authz"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
)

// How much of a ticket its page shows.
const (
	ticketMessages = 200
	ticketMoments  = 400
)

// Ticket gives one ticket. A draft is shown to who writes it alone.
func (a *App) Ticket(ctx context.Context, who authz.Actor, of id.Ticket) (TicketView, error) {
	t, err := a.findTicket(ctx, who, of)
	if err != nil {
		return TicketView{}, err
	}
	g, err := authz.Check(who, authz.ViewTickets, t.TenantID)
	if err != nil {
		return TicketView{}, hideTicket(err)
	}
	set, err := a.Settings(ctx)
	if err != nil {
		return TicketView{}, err
	}
	hours, err := ticket.NewHours(set.BusinessHours, set.BusinessZone)
	if err != nil {
		return TicketView{}, err
	}
	var v TicketView
	err = a.store.Tx(ctx, g, func(ctx context.Context, tx *store.Tx) error {
		v = TicketView{Now: tx.Now}
		r := viewer{tx: tx, who: who, staff: g.Scope() == authz.StaffScope, set: set, hours: hours, names: names{}}
		if v.Ticket, err = tx.TicketByID(ctx, of); err != nil {
			return err
		}
		if err := json.Unmarshal(v.Ticket.Request, &v.Request); err != nil {
			return err
		}
		if err := r.around(ctx, &v); err != nil {
			return err
		}
		if err := r.talk(ctx, &v); err != nil {
			return err
		}
		if err := r.history(ctx, &v); err != nil {
			return err
		}
		r.agreed(&v)
		r.may(&v)
		r.hide(&v)
		r.clocks(&v)
		return nil
	})
	return v, hideTicket(err)
}

// viewer reads a ticket for somebody.
type viewer struct {
	tx    *store.Tx
	who   authz.Actor
	staff bool
	set   Settings
	hours ticket.Hours
	names names
}

// around reads what hangs on the ticket besides its words.
func (r *viewer) around(ctx context.Context, v *TicketView) error {
	t := v.Ticket
	p, err := r.tx.TicketPlace(ctx, dbq.TicketPlaceParams{TenantID: t.TenantID, SiteID: t.SiteID})
	if err != nil {
		return err
	}
	v.SiteName, v.TenantName, v.TenantSlug = p.SiteName, p.TenantName, p.TenantSlug
	if c, err := r.tx.TicketCharge(ctx, dbq.TicketChargeParams{TenantID: t.TenantID, TicketID: t.ID}); err == nil {
		v.Charge = &c
	} else if !isNoRows(err) {
		return err
	}
	if !t.RestoreID.IsZero() {
		row, err := r.tx.TicketRestore(ctx, dbq.TicketRestoreParams{TenantID: t.TenantID, ID: t.RestoreID})
		if err != nil {
			return err
		}
		if !r.staff {
			hideWithout(&row)
		}
		v.Restore = &row
	}
	watch, err := r.tx.TicketWatchers(ctx, dbq.TicketWatchersParams{TenantID: t.TenantID, TicketID: t.ID})
	if err != nil {
		return err
	}
	access, err := r.tx.StaffAccessOfTicket(ctx, dbq.StaffAccessOfTicketParams{TenantID: t.TenantID, TicketID: t.ID})
	if err != nil {
		return err
	}
	known := []uuid.UUID{t.AccountID.UUID(), t.Assignee.UUID(), t.ConfirmedBy.UUID(), t.ApprovedBy.UUID(), t.SecondBy.UUID()}
	for _, w := range watch {
		known = append(known, w.AccountID.UUID())
	}
	for _, x := range access {
		known = append(known, x.GrantedBy.UUID())
	}
	if err := r.learn(ctx, known...); err != nil {
		return err
	}
	for _, w := range watch {
		v.Watching = v.Watching || w.AccountID == r.who.Account
		if name := r.names[w.AccountID.UUID()]; r.staff || name != "" { // a customer is not told which of the staff watch
			v.Watchers = append(v.Watchers, TicketWatcher{Account: w.AccountID, Name: name, Since: w.Since})
		}
	}
	for _, x := range access {
		v.Accesses = append(v.Accesses, TicketAccess{StaffAccess: x, By: r.names[x.GrantedBy.UUID()], Open: x.RevokedAt == nil && x.ExpiresAt.After(r.tx.Now)})
	}
	v.OpenedBy, v.Assignee = r.names[t.AccountID.UUID()], r.names[t.Assignee.UUID()]
	return r.merges(ctx, v)
}

func (r *viewer) merges(ctx context.Context, v *TicketView) error {
	t := v.Ticket
	if !t.MergedInto.IsZero() {
		into, err := r.tx.TicketByID(ctx, t.MergedInto)
		if err != nil {
			return err
		}
		v.MergedInto = into.Number
	}
	var err error
	v.Merged, err = r.tx.TicketsMergedInto(ctx, dbq.TicketsMergedIntoParams{TenantID: t.TenantID, MergedInto: t.ID})
	for i := range v.Merged {
		if !r.staff {
			hideRow(&v.Merged[i])
		}
	}
	return err
}

// learn reads the names of accounts, as far as the transaction may.
func (r *viewer) learn(ctx context.Context, accounts ...uuid.UUID) error {
	var ask []pgtype.UUID
	for _, u := range accounts {
		if _, known := r.names[u]; !known && u != uuid.Nil {
			ask = append(ask, store.Optional(u))
			r.names[u] = ""
		}
	}
	if len(ask) == 0 {
		return nil
	}
	rows, err := r.tx.NamesOfAccounts(ctx, ask)
	for _, a := range rows {
		r.names[a.ID.UUID()] = a.Name
	}
	return err
}

// talk reads the newest messages and all attachments.
func (r *viewer) talk(ctx context.Context, v *TicketView) (err error) {
	v.Messages, err = r.messages(ctx, v.Ticket, MessageCursor{}, ticketMessages)
	if err != nil {
		return err
	}
	if len(v.Messages) == ticketMessages {
		n, err := r.tx.CountTicketMessages(ctx, dbq.CountTicketMessagesParams{TenantID: v.Ticket.TenantID, TicketID: v.Ticket.ID, Staff: r.staff})
		if err != nil {
			return err
		}
		v.Earlier = int(n) - len(v.Messages)
	}
	return nil
}

func (r *viewer) messages(ctx context.Context, t dbq.Ticket, before MessageCursor, most int32) ([]TicketMessage, error) {
	p := dbq.TicketMessagesParams{TenantID: t.TenantID, TicketID: t.ID, Staff: r.staff, Most: most}
	if !before.ID.IsZero() {
		p.BeforeAt, p.BeforeID = &before.At, store.Optional(before.ID.UUID())
	}
	rows, err := r.tx.TicketMessages(ctx, p)
	if err != nil {
		return nil, err
	}
	slices.Reverse(rows)
	files, err := r.tx.TicketAttachments(ctx, dbq.TicketAttachmentsParams{TenantID: t.TenantID, TicketID: t.ID, Staff: r.staff})
	if err != nil {
		return nil, err
	}
	of := map[id.Message][]dbq.TicketAttachment{}
	for _, f := range files {
		of[f.MessageID] = append(of[f.MessageID], f)
	}
	var who []uuid.UUID
	for _, m := range rows {
		who = append(who, m.AccountID.UUID())
	}
	if err := r.learn(ctx, who...); err != nil {
		return nil, err
	}
	out := make([]TicketMessage, 0, len(rows))
	for _, m := range rows {
		by := r.names[m.AccountID.UUID()]
		if !r.staff && m.Author != ticket.ByCustomer {
			m.AccountID, by = id.Account{}, ""
		}
		out = append(out, TicketMessage{TicketMessagesRow: m, By: by, Files: of[m.ID]})
	}
	return out, nil
}

// MessageCursor is a message to go on before. The zero value is the newest end.
type MessageCursor struct {
	At time.Time
	ID id.Message
}

// EarlierMessages gives messages before one, the oldest first.
func (a *App) EarlierMessages(ctx context.Context, who authz.Actor, of id.Ticket, before MessageCursor) (out []TicketMessage, err error) {
	t, err := a.findTicket(ctx, who, of)
	if err != nil {
		return nil, err
	}
	err = a.do(ctx, who, authz.ViewTickets, t.TenantID, func(ctx context.Context, tx *store.Tx) error {
		r := viewer{tx: tx, who: who, staff: who.Staff != "", names: names{}}
		out, err = r.messages(ctx, t, before, ticketMessages)
		return err
	})
	return out, hideTicket(err)
}

// history reads the events and puts them among the messages.
func (r *viewer) history(ctx context.Context, v *TicketView) error {
	subjects := []pgtype.UUID{store.Optional(v.Ticket.ID.UUID())}
	if v.Charge != nil {
		subjects = append(subjects, store.Optional(v.Charge.ID.UUID()))
	}
	if v.Restore != nil {
		subjects = append(subjects, store.Optional(v.Restore.ID.UUID()))
	}
	rows, err := r.tx.TicketEvents(ctx, dbq.TicketEventsParams{Subjects: subjects, TenantID: store.Optional(v.Ticket.TenantID.UUID()), Staff: r.staff, Most: ticketMoments})
	if err != nil {
		return err
	}
	var who []uuid.UUID
	for _, e := range rows {
		if kind, of := actorID(e.Actor); kind == "account" {
			who = append(who, of)
		}
	}
	if err := r.learn(ctx, who...); err != nil {
		return err
	}
	for i := range v.Messages {
		m := &v.Messages[i]
		v.Timeline = append(v.Timeline, TicketMoment{At: m.CreatedAt, Message: m, By: m.By, Staff: m.Author == ticket.ByStaff})
	}
	for _, e := range rows {
		if e.Verb == "ticket.replied" || e.Verb == "ticket.noted" || len(v.Messages) > 0 && v.Earlier > 0 && e.At.Before(v.Messages[0].CreatedAt) {
			continue // the message itself is there, or is not shown yet
		}
		m := TicketMoment{At: e.At, Verb: e.Verb, Actor: e.Actor, Staff: e.Actor == "cli" || len(e.Actor) > 6 && e.Actor[:6] == "staff:"}
		if kind, of := actorID(e.Actor); kind == "account" {
			m.By = r.names[of]
		}
		if err := json.Unmarshal(e.Detail, &m.Detail); err != nil {
			return err
		}
		v.Timeline = append(v.Timeline, m)
	}
	slices.SortStableFunc(v.Timeline, func(a, b TicketMoment) int { return a.At.Compare(b.At) })
	return nil
}

// hide takes off what is the staff's alone.
func (r *viewer) hide(v *TicketView) {
	v.Ticket.Words = nil
	if r.staff {
		return
	}
	hideRow(&v.Ticket)
	if v.Charge != nil {
		v.Charge.DecidedBy, v.Charge.Alarm = "", ""
	}
	for i := range v.Timeline {
		m := &v.Timeline[i]
		if m.Staff && m.Message == nil {
			m.Actor, m.By = "staff", ""
		}
		if m.Message == nil {
			delete(m.Detail, "account")
			delete(m.Detail, "canned")
			delete(m.Detail, "without_safety")
		}
	}
}

// hideRow takes off a ticket's row what is the staff's alone.
func hideRow(t *dbq.Ticket) {
	t.Words, t.Stands, t.Assignee, t.ApprovedBy, t.SecondBy = nil, "", id.Account{}, id.Account{}, id.Account{}
	t.ReplyLateAt, t.ResolveLateAt = nil, nil
	t.WithoutSafety, t.WithoutBy = "", ""
}

func (r *viewer) agreed(v *TicketView) {
	t := v.Ticket
	a := &v.Approvals
	*a = TicketApprovals{
		Confirmed: t.ConfirmedAt != nil, ConfirmedBy: r.names[t.ConfirmedBy.UUID()], ConfirmedAt: orZero(t.ConfirmedAt),
		First: t.ApprovedAt != nil, FirstBy: r.names[t.ApprovedBy.UUID()], FirstAt: orZero(t.ApprovedAt),
		Second: t.SecondAt != nil, SecondBy: r.names[t.SecondBy.UUID()], SecondAt: orZero(t.SecondAt),
	}
	if t.Kind != ticket.Restore {
		return
	}
	a.Approvals = ticket.Wanted(v.Request, r.set.SecondApproval)
	a.Complete = approvalsOf(t).Complete(a.Approvals)
}

func (r *viewer) clocks(v *TicketView) {
	t, now := v.Ticket, r.tx.Now
	c := ticket.Clock{ReplyDue: orZero(t.ReplyDueAt), ResolveDue: orZero(t.ResolveDueAt), WaitsSince: orZero(t.WaitsSince)}
	v.Clocks = TicketClocks{
		ReplyDue: c.ReplyDue, ResolveDue: c.ResolveDue, Waits: !c.WaitsSince.IsZero(), Reminder: orZero(t.RemindAt), AutoClose: orZero(t.CloseAt),
	}
	if t.EndedAt == nil && t.SubmittedAt != nil {
		v.Clocks.ReplyLate, v.Clocks.Late = c.Late(c.ReplyDue, now), c.Late(c.ResolveDue, now)
		v.Clocks.ReplyLeft, v.Clocks.Left = c.Left(r.hours, c.ReplyDue, now), c.Left(r.hours, c.ResolveDue, now)
	}
	switch {
	case t.Frozen != "":
		v.MayStill = t.Frozen
	case t.Stands != "":
		v.MayStill = t.Stands
	case !t.MergedInto.IsZero():
		v.MayStill = fmt.Sprintf("This ticket goes on in #%d.", v.MergedInto)
	}
}
