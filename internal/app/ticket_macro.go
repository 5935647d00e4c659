package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
)

// Reply is a canned reply, or with acts a macro. {customer}, {site} and
// {number} in its body stand for the ticket's.
type Reply struct {
	ID        id.Reply // none: a new one
	Name      string
	Body      string
	Acts      []ticket.Act
	UpdatedBy string
	UpdatedAt time.Time // of the one that was seen; zero for a new one
}

func replyOf(row dbq.CannedReply) (Reply, error) {
	r := Reply{ID: row.ID, Name: row.Name, Body: row.Body, UpdatedBy: row.UpdatedBy, UpdatedAt: row.UpdatedAt}
	if err := json.Unmarshal(row.Acts, &r.Acts); err != nil {
		return r, errs.Wrap(errs.Other, err, "The stored macro %q cannot be read.", row.Name)
	}
	return r, nil
}

// ListReplies gives the canned replies and macros, by name.
func (a *App) ListReplies(ctx context.Context, who authz.Actor) (out []Reply, err error) {
	err = a.do(ctx, who, authz.WorkTickets, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		out = nil
		rows, err := tx.CannedReplies(ctx)
		if err != nil {
			return err
		}
		for _, row := range rows {
			r, err := replyOf(row)
			if err != nil {
				return err
			}
			out = append(out, r)
		}
		return nil
	})
	return out, err
}

// SaveReply stores one; UpdatedAt is that of the one that was seen.
func (a *App) SaveReply(ctx context.Context, who authz.Actor, r Reply) (id.Reply, error) {
	var err error
	if r.Name, r.Body, err = ticket.CheckReply(r.Name, r.Body); err != nil {
		return r.ID, err
	}
	if r.Acts, err = ticket.CheckActs(r.Acts); err != nil {
		return r.ID, err
	}
	acts, err := json.Marshal(r.Acts)
	if err != nil {
		return r.ID, err
	}
	made := r.ID
	err = a.do(ctx, who, authz.WorkTickets, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		if r.ID.IsZero() {
			made = id.New[id.Reply]()
			err = tx.InsertCannedReply(ctx, dbq.InsertCannedReplyParams{ID: made, Name: r.Name, Body: r.Body, Acts: acts, UpdatedBy: tx.Actor(), UpdatedAt: tx.Now})
		} else {
			var n int64
			n, err = tx.UpdateCannedReply(ctx, dbq.UpdateCannedReplyParams{ID: r.ID, Name: r.Name, Body: r.Body, Acts: acts, UpdatedBy: tx.Actor(), Now: tx.Now, Seen: r.UpdatedAt})
			if err == nil && n == 0 {
				return errs.New(errs.Conflict, "Somebody else changed or deleted this reply since you opened it. Nothing of yours was saved; look at theirs first.")
			}
		}
		if store.Constraint(err) == "canned_reply_name_key" {
			return errs.Field("name", "%q is there already; take another name", r.Name)
		}
		if err != nil {
			return err
		}
		return tx.Event(ctx, "reply.saved", store.Subject{Kind: "reply", ID: made.UUID()}, map[string]any{"name": r.Name, "acts": len(r.Acts)})
	})
	return made, err
}

// DeleteReply removes one.
func (a *App) DeleteReply(ctx context.Context, who authz.Actor, of id.Reply) error {
	return a.do(ctx, who, authz.WorkTickets, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		r, err := tx.CannedReply(ctx, of)
		if err != nil {
			return hide(err, "reply")
		}
		if _, err := tx.DeleteCannedReply(ctx, of); err != nil {
			return err
		}
		return tx.Event(ctx, "reply.deleted", store.Subject{Kind: "reply", ID: of.UUID()}, map[string]any{"name": r.Name})
	})
}

// FillReply gives a canned reply's body for a ticket, to be looked at and sent.
func (a *App) FillReply(ctx context.Context, who authz.Actor, of id.Ticket, r id.Reply) (body string, err error) {
	err = a.onTicket(ctx, who, authz.WorkTickets, of, func(ctx context.Context, w *work) error {
		row, err := w.tx.CannedReply(ctx, r)
		if err != nil {
			return hide(err, "reply")
		}
		body, err = w.fill(ctx, row.Body)
		return err
	})
	return body, err
}

// fill puts the ticket's own words into a canned body.
func (w *work) fill(ctx context.Context, body string) (string, error) {
	p, err := w.tx.TicketPlace(ctx, dbq.TicketPlaceParams{TenantID: w.t.TenantID, SiteID: w.t.SiteID})
	if err != nil {
		return "", err
	}
	customer, err := w.nameOf(ctx, w.t.AccountID)
	if err != nil {
		return "", err
	}
	if customer == "" {
		customer = p.TenantName
	}
	out := ticket.CleanText(ticket.Fill(body, customer, p.SiteName, fmt.Sprintf("#%d", w.t.Number)))
	return clipText(out, ticket.MaxMessage-100), nil
}

// RunMacro sends a macro's reply and does its acts, all or nothing.
func (a *App) RunMacro(ctx context.Context, who authz.Actor, seen TicketSeen, of id.Reply) error {
	return a.onSeen(ctx, who, authz.WorkTickets, seen, func(ctx context.Context, w *work) error {
		if err := w.mayBeAnswered(); err != nil {
			return err
		}
		row, err := w.tx.CannedReply(ctx, of)
		if err != nil {
			return hide(err, "reply")
		}
		r, err := replyOf(row)
		if err != nil {
			return err
		}
		body, err := w.fill(ctx, r.Body)
		if err != nil {
			return err
		}
		mail := MailReply
		for _, act := range r.Acts {
			if act.Do == ticket.ActAsk {
				mail = MailNeedsInfo
			}
		}
		if _, err := w.staffSays(ctx, newMessage{body: body, via: dbq.MessageViaPage}, mail, Said{Canned: of}); err != nil {
			return err
		}
		for _, act := range r.Acts {
			if err := w.act(ctx, act); err != nil {
				return err
			}
		}
		return w.internal(ctx, "ticket.macro", map[string]any{"name": r.Name})
	})
}

// act does one act of a macro; asking was done with the reply.
func (w *work) act(ctx context.Context, act ticket.Act) error {
	switch act.Do {
	case ticket.ActAssignMe:
		if w.by.Account.IsZero() {
			return errs.New(errs.Conflict, "This macro assigns the ticket to whoever runs it, and the command line is nobody.")
		}
		return w.assign(ctx, w.by.Account)
	case ticket.ActPrioritise:
		return w.prioritise(ctx, ticket.Priority(act.To))
	case ticket.ActClose:
		return w.close(ctx, "")
	case ticket.ActAsk:
	}
	return nil
}
