package app

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/ticket"
)

// TicketQuery says which tickets. What is empty does not narrow. Drafts are in
// no list.
type TicketQuery struct {
	Tenant     id.Tenant // none for every tenant's, which is staff's
	TenantSlug string    // the same for staff, by name
	Site       string    // name or id
	Kind       ticket.Kind
	States     []ticket.State
	Open       bool // not ended
	Ended      bool
	Mine       bool // staff: assigned to me; a customer: opened by me
	Unassigned bool
	WaitsForUs bool // for the staff, not for the customer, the money or a host
	Overdue    bool
	Text       string // words of the subject or of a message, or a number
	Sort       TicketSort
	After      TicketCursor
	Size       int32 // 0 means 50; 200 at most
}

// TicketSort is the order of a list.
type TicketSort string

// The orders.
const (
	TicketsNewest TicketSort = ""       // by number, the newest first
	TicketsUrgent TicketSort = "urgent" // by priority, then by when they are due
)

const (
	ticketSize    = 50
	maxTicketSize = 200
)

// noDue is what the list of the urgent has where nothing is due.
var noDue = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// TicketCursor is a ticket to go on after. The zero value is the begin.
type TicketCursor struct {
	Number   int64
	Priority ticket.Priority // of TicketsUrgent alone, as is Due
	Due      time.Time
}

// String writes the cursor for an address.
func (c TicketCursor) String() string {
	switch {
	case c.Number == 0:
		return ""
	case c.Priority == "":
		return strconv.FormatInt(c.Number, 10)
	}
	return fmt.Sprintf("%d.%s.%d", c.Number, c.Priority, c.Due.UnixMicro())
}

// ParseTicketCursor reads what String wrote; errs.Invalid if it is none.
func ParseTicketCursor(s string) (TicketCursor, error) {
	var c TicketCursor
	if s == "" {
		return c, nil
	}
	bad := errs.Field("after", "is not a place in this list; begin at the top")
	parts := strings.Split(s, ".")
	var err error
	if c.Number, err = strconv.ParseInt(parts[0], 10, 64); err != nil || c.Number <= 0 {
		return TicketCursor{}, bad
	}
	if len(parts) == 3 {
		micro, err := strconv.ParseInt(parts[2], 10, 64)
		if err != nil || micro < 0 || micro > noDue.UnixMicro() {
			return TicketCursor{}, bad
		}
		c.Priority, c.Due = ticket.Priority(parts[1]), time.UnixMicro(micro).UTC()
	}
	if len(parts) != 1 && (len(parts) != 3 || !slices.Contains(ticket.Priorities(), c.Priority)) || c.String() != s {
		return TicketCursor{}, bad
	}
	return c, nil
}

// TicketRow is one ticket of a list.
type TicketRow struct {
	ID         id.Ticket
	Tenant     id.Tenant
	Number     int64
	Kind       ticket.Kind
	State      ticket.State
	Priority   ticket.Priority
	Subject    string
	Site       id.Site
	SiteName   string
	TenantName string
	TenantSlug string
	Assignee   id.Account
	AssignedTo string // "" where none, or whoever reads may not know
	Frozen     bool
	Waits      bool      // for the customer
	WaitsForUs bool      // for the staff
	Due        time.Time // the next promise; zero: none, or it stands
	Late       bool
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    int
}

// TicketPage is a page of tickets.
type TicketPage struct {
	Tickets []TicketRow
	Next    TicketCursor // zero at the end
	Now     time.Time
}

// ListTickets gives a page of tickets.
func (a *App) ListTickets(ctx context.Context, who authz.Actor, q TicketQuery) (TicketPage, error) {
	p, err := a.ticketsAsked(ctx, who, q)
	if err != nil {
		return TicketPage{}, err
	}
	g, err := authz.Check(who, authz.ViewTickets, q.Tenant)
	if err != nil {
		return TicketPage{}, err
	}
	p.Staff = g.Scope() == authz.StaffScope
	if q.Mine && p.Staff {
		p.Assignee = store.Optional(who.Account.UUID())
	} else if q.Mine {
		p.OpenedBy = store.Optional(who.Account.UUID())
	}
	if q.Mine && who.Account.IsZero() {
		return TicketPage{Now: a.clock.Now()}, nil // the command line has none
	}
	var page TicketPage
	err = a.store.Tx(ctx, g, func(ctx context.Context, tx *store.Tx) error {
		page = TicketPage{Now: tx.Now}
		p.Now = tx.Now
		if q.TenantSlug != "" && p.Staff {
			t, err := tx.TenantBySlug(ctx, q.TenantSlug)
			if isNoRows(err) {
				return errs.Field("tenant", "there is no customer %q", clip(q.TenantSlug, 80))
			}
			if err != nil {
				return err
			}
			p.TenantID = store.Optional(t.ID.UUID())
		}
		rows, err := listTickets(ctx, tx, q.Sort, p)
		if err != nil {
			return err
		}
		if len(rows) >= int(p.PageSize) {
			rows = rows[:p.PageSize-1]
			page.Next = cursorOf(rows[len(rows)-1], q.Sort)
		}
		for _, r := range rows {
			page.Tickets = append(page.Tickets, rowOf(r, tx.Now, p.Staff))
		}
		return nil
	})
	return page, err
}

// ticketsAsked checks a query and turns it into the database's.
func (a *App) ticketsAsked(ctx context.Context, who authz.Actor, q TicketQuery) (p dbq.ListTicketsUrgentParams, err error) {
	if q.Size == 0 {
		q.Size = ticketSize
	}
	switch {
	case q.Size < 1 || q.Size > maxTicketSize:
		return p, errs.Field("size", "%d must be from 1 to %d", q.Size, maxTicketSize)
	case q.Kind != "" && !slices.Contains(ticket.Kinds(), q.Kind):
		return p, errs.Field("kind", "must be support or restore")
	case q.Sort != TicketsNewest && q.Sort != TicketsUrgent:
		return p, errs.Field("sort", "must be newest or urgent")
	case q.After.Number != 0 && (q.After.Priority == "") != (q.Sort == TicketsNewest):
		return p, errs.Field("after", "is not a place in this list; begin at the top")
	}
	p = dbq.ListTicketsUrgentParams{
		TenantID: store.Optional(q.Tenant.UUID()), Open: q.Open, Ended: q.Ended, Unassigned: q.Unassigned, WaitsForUs: q.WaitsForUs, Overdue: q.Overdue,
		PageSize: q.Size + 1, States: []string{}, AfterPriority: ticket.Low, Called: -1,
	}
	for _, s := range q.States {
		if !slices.Contains(ticket.States(), s) || s == ticket.Draft {
			return p, errs.Field("state", "%q is no state that a list can have", clip(string(s), 40))
		}
		p.States = append(p.States, string(s))
	}
	if q.Kind != "" {
		kind := string(q.Kind)
		p.Kind = &kind
	}
	if q.After.Number != 0 {
		p.AfterNumber = &q.After.Number
		if q.Sort == TicketsUrgent {
			p.AfterPriority, p.AfterDue = q.After.Priority, q.After.Due
		}
	}
	if s := ticket.ParseSearch(q.Text); s.Words != "" {
		p.Words, p.Begins, p.Called = &s.Words, s.Begins, s.Number
	}
	if q.Site == "" {
		return p, nil
	}
	of, sid, _, err := a.findSite(ctx, q.Site)
	if err == nil && !q.Tenant.IsZero() && of != q.Tenant {
		err = errs.New(errs.NotFound, "another tenant's")
	}
	if err == nil {
		_, err = authz.Check(who, authz.ViewSite, of)
	}
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Forbidden) {
		return p, errs.Field("site", "there is no site of this name, or none that you may see")
	}
	p.SiteID = store.Optional(sid.UUID())
	return p, err
}

func listTickets(ctx context.Context, tx *store.Tx, sort TicketSort, p dbq.ListTicketsUrgentParams) (out []dbq.ListTicketsUrgentRow, err error) {
	if err := tx.PlanEachLook(ctx); err != nil {
		return nil, err
	}
	if sort == TicketsUrgent {
		return tx.ListTicketsUrgent(ctx, p)
	}
	rows, err := tx.ListTicketsNewest(ctx, dbq.ListTicketsNewestParams{
		TenantID: p.TenantID, SiteID: p.SiteID, Kind: p.Kind, States: p.States, Open: p.Open, Ended: p.Ended, Assignee: p.Assignee, OpenedBy: p.OpenedBy,
		Unassigned: p.Unassigned, WaitsForUs: p.WaitsForUs, Overdue: p.Overdue, Now: p.Now, Words: p.Words, Begins: p.Begins, Called: p.Called, Staff: p.Staff,
		AfterNumber: p.AfterNumber, PageSize: p.PageSize,
	})
	for _, r := range rows {
		out = append(out, dbq.ListTicketsUrgentRow{
			TenantID: r.TenantID, ID: r.ID, Number: r.Number, Kind: r.Kind, State: r.State, Priority: r.Priority, Subject: r.Subject, SiteID: r.SiteID,
			Assignee: r.Assignee, Frozen: r.Frozen, WaitsSince: r.WaitsSince, ConfirmedAt: r.ConfirmedAt, ReplyDueAt: r.ReplyDueAt, ResolveDueAt: r.ResolveDueAt,
			CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, EndedAt: r.EndedAt, Version: r.Version, SiteName: r.SiteName, TenantName: r.TenantName,
			TenantSlug: r.TenantSlug, AssignedTo: r.AssignedTo,
		})
	}
	return out, err
}

func cursorOf(r dbq.ListTicketsUrgentRow, sort TicketSort) TicketCursor {
	if sort == TicketsUrgent {
		return TicketCursor{Number: r.Number, Priority: r.Priority, Due: r.Due.UTC()}
	}
	return TicketCursor{Number: r.Number}
}

func rowOf(r dbq.ListTicketsUrgentRow, now time.Time, staff bool) TicketRow {
	out := TicketRow{
		ID: r.ID, Tenant: r.TenantID, Number: r.Number, Kind: r.Kind, State: r.State, Priority: r.Priority, Subject: r.Subject, Site: r.SiteID,
		SiteName: r.SiteName, TenantName: r.TenantName, TenantSlug: r.TenantSlug, Frozen: r.Frozen != "", CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
		Version: int(r.Version), Waits: r.State.Waits(r.ConfirmedAt != nil) && r.EndedAt == nil, WaitsForUs: r.State.WaitsForUs(r.ConfirmedAt != nil),
	}
	if staff {
		out.Assignee, out.AssignedTo = r.Assignee, r.AssignedTo
	}
	if r.EndedAt != nil || r.WaitsSince != nil {
		return out
	}
	for _, due := range []*time.Time{r.ReplyDueAt, r.ResolveDueAt} {
		if due != nil && (out.Due.IsZero() || due.Before(out.Due)) {
			out.Due = *due
		}
	}
	out.Late = !out.Due.IsZero() && !now.Before(out.Due)
	return out
}

// TicketCounts are how many open tickets there are of each look.
type TicketCounts struct {
	Open, Mine, Unassigned, WaitsForUs, Overdue, Urgent int
}

// CountTickets gives the counts, of one tenant or (staff's) of all.
func (a *App) CountTickets(ctx context.Context, who authz.Actor, of id.Tenant) (c TicketCounts, err error) {
	err = a.do(ctx, who, authz.ViewTickets, of, func(ctx context.Context, tx *store.Tx) error {
		r, err := tx.CountTickets(ctx, dbq.CountTicketsParams{TenantID: store.Optional(of.UUID()), AccountID: store.Optional(who.Account.UUID()), Now: tx.Now})
		c = TicketCounts{Open: int(r.Open), Mine: int(r.Mine), Unassigned: int(r.Unassigned), WaitsForUs: int(r.WaitsForUs), Overdue: int(r.Overdue), Urgent: int(r.Urgent)}
		return err
	})
	return c, err
}

// TicketByNumber finds a ticket by its number, for who may see it.
func (a *App) TicketByNumber(ctx context.Context, who authz.Actor, number int64) (of id.Ticket, err error) {
	err = a.system(ctx, "lookup", func(ctx context.Context, tx *store.Tx) error {
		t, err := tx.TicketByNumber(ctx, number)
		of = t.ID
		return err
	})
	if err == nil {
		_, err = a.findTicket(ctx, who, of)
	}
	return of, hideTicket(err)
}
