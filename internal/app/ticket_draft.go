package app

import (
	"context"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
)

// Draft is a ticket that somebody still writes. Nobody else sees it. A person
// has one of each kind and site at most.
type Draft struct {
	ID      id.Ticket // none: never saved
	Version int
	Tenant  id.Tenant
	Site    id.Site // none: about no site, or not chosen yet
	Kind    ticket.Kind
	Subject string // of a restore: made from the site where it is empty
	Body    string // of a support ticket: the first message
	Request ticket.Request
	SavedAt time.Time
}

// DraftTicket gives the person's draft for a site (or for none), or an empty
// one that was never saved.
func (a *App) DraftTicket(ctx context.Context, who authz.Actor, of id.Tenant, kind ticket.Kind, site id.Site) (Draft, error) {
	return Draft{}, errTicketNotYet
}

// Drafts gives the person's drafts in a tenant, the newest first.
func (a *App) Drafts(ctx context.Context, who authz.Actor, of id.Tenant) ([]Draft, error) {
	return nil, errTicketNotYet
}

// SaveDraft stores a draft as it stands, complete or not, and gives its id and
// version. Another window that saved since is errs.Conflict.
func (a *App) SaveDraft(ctx context.Context, who authz.Actor, d Draft) (Draft, error) {
	return Draft{}, errTicketNotYet
}

// SubmitTicket hands a draft in, as it is given here, saved before or not.
// Terms is the version of the terms that were accepted, for a restore. What is
// missing is errs.Invalid and names the field: subject, site, happened, at,
// zone, what, root, paths, courses, point, why, terms, body, files. A promise
// is made from the offer as it stands now.
func (a *App) SubmitTicket(ctx context.Context, who authz.Actor, d Draft, terms string, files []Upload) (id.Ticket, error) {
	return id.Ticket{}, errTicketNotYet
}
