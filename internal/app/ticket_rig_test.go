package app_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/tenant"
	"holdfast/internal/ticket"
)

// bureau is a site that can be restored, with people on both sides.
type bureau struct {
	*restorable
	admin, member, viewer, foreign                     authz.Actor
	owner, operator, second, support, billing, auditor authz.Actor
	folder                                             string // of attachments
}

func newBureau(t *testing.T) *bureau {
	t.Helper()
	x := &bureau{restorable: newRestorable(t, 2), folder: t.TempDir()}
	x.tenant("b")
	x.must(x.UseAttachments(x.folder))
	customer := func(name, slug string, role tenant.Role) authz.Actor {
		return x.who(x.account(app.NewAccount{Email: name + "@" + slug + ".example", Name: "Customer " + name, Tenant: slug, Role: role}))
	}
	staff := func(name string, role tenant.StaffRole) authz.Actor {
		return x.who(x.account(app.NewAccount{Email: name + "@h.example", Name: "Staff " + name, Staff: role}))
	}
	x.admin, x.member, x.viewer = customer("admin", "a", tenant.Admin), customer("member", "a", tenant.Member), customer("viewer", "a", tenant.Viewer)
	x.foreign = customer("other", "b", tenant.Admin)
	x.owner, x.operator, x.second = staff("owner", tenant.Owner), staff("operator", tenant.Operator), staff("second", tenant.Operator)
	x.support, x.billing, x.auditor = staff("support", tenant.Support), staff("billing", tenant.Billing), staff("auditor", tenant.Auditor)
	return x
}

// wish is a draft of a restore that lacks nothing.
func (x *bureau) wish(what ticket.What) app.Draft {
	d := app.Draft{Tenant: x.tenantID, Site: x.site, Kind: ticket.Restore}
	d.Request = ticket.Request{
		Happened: "A teacher deleted the course of year 9 by mistake.", At: x.clock.Now(), Zone: "Europe/Madrid", What: what,
		Point: ticket.Point{Database: x.database, Data: x.data},
	}
	switch what {
	case ticket.Files:
		d.Request.Paths = []string{"filedir/ab"}
	case ticket.Courses:
		d.Request.Courses = []string{"Chemistry"}
	default:
	}
	return d
}

// ask hands a restore in, by the member.
func (x *bureau) ask(what ticket.What) id.Ticket {
	x.t.Helper()
	made, err := x.SubmitTicket(x.t.Context(), x.member, x.wish(what), ticket.TermsVersion, nil)
	x.must(err)
	return made
}

// question opens a ticket without a fee, by the member.
func (x *bureau) question(subject string) id.Ticket {
	x.t.Helper()
	made, err := x.SubmitTicket(x.t.Context(), x.member, app.Draft{Tenant: x.tenantID, Kind: ticket.Support, Subject: subject, Body: "How do I see my copies?"}, "", nil)
	x.must(err)
	return made
}

// look gives a ticket as the owner of the house sees it.
func (x *bureau) look(of id.Ticket) app.TicketView {
	x.t.Helper()
	v, err := x.Ticket(x.t.Context(), authz.Console(), of)
	x.must(err)
	return v
}

func (x *bureau) seen(of id.Ticket) app.TicketSeen {
	x.t.Helper()
	return app.TicketSeen{ID: of, Version: int(x.look(of).Ticket.Version)}
}

// stands ends the test where the ticket is in another state.
func (x *bureau) stands(of id.Ticket, want ticket.State) app.TicketView {
	x.t.Helper()
	v := x.look(of)
	if v.Ticket.State != want {
		x.t.Fatalf("the ticket is %s (%s), want %s", v.Ticket.State, v.Ticket.Stands, want)
	}
	return v
}

// pay notes the fee as paid by bank transfer.
func (x *bureau) pay(of id.Ticket) {
	x.t.Helper()
	x.must(x.RecordOffline(x.t.Context(), x.billing, of, "statement 7"))
}

// agree gives every agreement that a restore in place wants.
func (x *bureau) agree(of id.Ticket) {
	x.t.Helper()
	x.must(x.ConfirmTicket(x.t.Context(), x.admin, x.seen(of), x.name))
	x.must(x.ApproveTicket(x.t.Context(), x.operator, x.seen(of)))
	if v := x.look(of); v.Approvals.Approvals > 1 && !v.Approvals.Second {
		x.must(x.ApproveTicket(x.t.Context(), x.second, x.seen(of)))
	}
}

// runs brings a ticket to where its restore is at work, and gives that.
func (x *bureau) runs(of id.Ticket) id.Restore {
	x.t.Helper()
	x.pay(of)
	return x.begins(of)
}

// begins is runs of one that is paid.
func (x *bureau) begins(of id.Ticket) id.Restore {
	x.t.Helper()
	x.agree(of)
	return x.stands(of, ticket.Running).Ticket.RestoreID
}

// breaks has the restore fail on the host.
func (x *bureau) breaks(of id.Restore) {
	x.t.Helper()
	x.safeguard(of)
	l := x.work(agentproto.KindRestore)
	x.must(x.agent.start(l))
	x.must(x.agent.done(l, agentproto.OutcomeFailed, "verify-differs", proof))
	x.wants(of, restore.Failed)
}

// settled has the host do what follows an end, and sees the restore's.
func (x *bureau) settled(of id.Restore, kind string, want restore.State) {
	x.t.Helper()
	l := x.work(kind)
	x.must(x.agent.start(l))
	x.must(x.agent.done(l, agentproto.OutcomeGood, "", ""))
	x.wants(of, want)
}

// said tells whether a message of the ticket, as somebody sees it, holds a text.
func said(v app.TicketView, text string) bool {
	for _, m := range v.Messages {
		if strings.Contains(m.Body, text) {
			return true
		}
	}
	return false
}

func happened(v app.TicketView, verb string) bool {
	for _, m := range v.Timeline {
		if m.Verb == verb {
			return true
		}
	}
	return false
}

func say(words string) app.Said { return app.Said{Body: words} }

// asCustomer counts in the role and tenant of the customer's own transactions.
func (x *bureau) asCustomer(query string) (n int) {
	x.t.Helper()
	c, err := pgx.Connect(x.t.Context(), x.URL)
	x.must(err)
	defer func() { _ = c.Close(context.WithoutCancel(x.t.Context())) }()
	_, err = c.Exec(x.t.Context(), "SELECT set_config('role', 'holdfast_tenant', false), set_config('app.tenant_id', $1, false)", x.tenantID.String())
	x.must(err)
	x.must(c.QueryRow(x.t.Context(), query).Scan(&n))
	return n
}

func tooOften(err error) bool {
	var t *app.TooOften
	return errors.As(err, &t) && t.Wait > 0 && errs.Is(err, errs.TooLarge)
}
