package app

import (
	"context"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/id"
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

// TicketCursor is a ticket to go on after. The zero value is the begin.
type TicketCursor struct {
	Number   int64
	Priority ticket.Priority
	Due      time.Time
}

// String writes the cursor for an address.
func (c TicketCursor) String() string { return "" }

// ParseTicketCursor reads what String wrote; errs.Invalid if it is none.
func ParseTicketCursor(s string) (TicketCursor, error) { return TicketCursor{}, errTicketNotYet }

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
	Due        time.Time // the next promise; zero: none
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

// TicketCounts are how many open tickets there are of each look.
type TicketCounts struct {
	Open, Mine, Unassigned, WaitsForUs, Overdue, Urgent int
}

// ListTickets gives a page of tickets.
func (a *App) ListTickets(ctx context.Context, who authz.Actor, q TicketQuery) (TicketPage, error) {
	return TicketPage{}, errTicketNotYet
}

// CountTickets gives the counts, of one tenant or (staff's) of all.
func (a *App) CountTickets(ctx context.Context, who authz.Actor, of id.Tenant) (TicketCounts, error) {
	return TicketCounts{}, errTicketNotYet
}
