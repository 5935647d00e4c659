package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
)

// ticketDeed is one thing that staff do with a ticket.
type ticketDeed struct {
	verb, short, example string
	args                 string // what is named beside the ticket, "" for nothing
	text                 string // what --text is, "" where none is taken
	must                 bool   // it is needed
	without              string // what --without-safety is, "" where none is taken
	do                   func(ctx context.Context, a *app.App, who authz.Actor, seen app.TicketSeen, arg, text string) error
}

func newTicket(s *settings) *cobra.Command {
	list := ticketList(s)
	g := group("ticket", "Tickets of customers: questions, and restores with their fee", list, ticketShow(s))
	for _, d := range ticketDeeds() {
		g.AddCommand(ticketAct(s, d))
	}
	return listing(g, list)
}

func ticketDeeds() []ticketDeed {
	none := func(_ any, err error) error { return err }
	return []ticketDeed{
		{
			verb: "reply", short: "Answer a ticket; the customer reads it", example: `--text "It is back."`, text: "the answer", must: true,
			do: func(ctx context.Context, a *app.App, who authz.Actor, seen app.TicketSeen, _, text string) error {
				return none(a.ReplyTicket(ctx, who, seen, app.Said{Body: text}))
			},
		},
		{
			verb: "note", short: "Add a note that no customer ever sees", example: `--text "Called them."`, text: "the note", must: true,
			do: func(ctx context.Context, a *app.App, who authz.Actor, seen app.TicketSeen, _, text string) error {
				return none(a.NoteTicket(ctx, who, seen, app.Said{Body: text}))
			},
		},
		{
			verb: "ask", short: "Ask the customer for information; the clocks stand meanwhile", example: `--text "Which course was it?"`, text: "the question", must: true,
			do: func(ctx context.Context, a *app.App, who authz.Actor, seen app.TicketSeen, _, text string) error {
				return none(a.AskCustomer(ctx, who, seen, app.Said{Body: text}))
			},
		},
		{
			verb: "assign", short: "Give a ticket to somebody of the staff, by mail address; nobody takes it back", example: "anna@hoster.example", args: "WHO",
			do: func(ctx context.Context, a *app.App, who authz.Actor, seen app.TicketSeen, arg, _ string) error {
				var to id.Account
				if arg != "nobody" {
					acc, err := a.AccountByEmail(ctx, who, arg)
					if err != nil {
						return err
					}
					to = acc.ID
				}
				return a.AssignTicket(ctx, who, seen, to)
			},
		},
		{
			verb: "prioritise", short: "Say how urgent a ticket is: low, normal, high or urgent", example: "urgent", args: "PRIORITY",
			do: func(ctx context.Context, a *app.App, who authz.Actor, seen app.TicketSeen, arg, _ string) error {
				return a.PrioritiseTicket(ctx, who, seen, ticket.Priority(arg))
			},
		},
		{
			verb: "confirm", short: "Confirm a restore in the customer's place, by the site's name", example: "learn.school.example", args: "SITE",
			do: func(ctx context.Context, a *app.App, who authz.Actor, seen app.TicketSeen, arg, _ string) error {
				return a.ConfirmTicket(ctx, who, seen, arg)
			},
		},
		{
			verb: "approve", short: "Approve a restore; the command line is one person",
			do: func(ctx context.Context, a *app.App, who authz.Actor, seen app.TicketSeen, _, _ string) error {
				return a.ApproveTicket(ctx, who, seen)
			},
		},
		{
			verb: "decline", short: "Decline a ticket; what was paid goes back", example: `--text "The site is not with us any more."`, text: "why, as the customer reads it", must: true,
			do: func(ctx context.Context, a *app.App, who authz.Actor, seen app.TicketSeen, _, text string) error {
				return a.DeclineTicket(ctx, who, seen, text)
			},
		},
		{
			verb: "withdraw", short: "Withdraw a ticket as the customer asked by other ways; what was paid goes back",
			do: func(ctx context.Context, a *app.App, who authz.Actor, seen app.TicketSeen, _, _ string) error {
				return a.WithdrawTicket(ctx, who, seen)
			},
		},
		{
			verb: "finish", short: "Work by hand, like single courses, is done", example: `--text "The course is back, hidden."`, text: "the evidence, as the customer reads it", must: true,
			do: func(ctx context.Context, a *app.App, who authz.Actor, seen app.TicketSeen, _, text string) error {
				return a.FinishTicket(ctx, who, seen, text)
			},
		},
		{
			verb: "retry", short: "Do a restore again, free of charge", example: `--text "We made room on the disk."`, text: "why, as the customer reads it", must: true,
			do: func(ctx context.Context, a *app.App, who authz.Actor, seen app.TicketSeen, _, text string) error {
				return a.RetryTicket(ctx, who, seen, text)
			},
			without: "why it is to begin without a safety copy, in 10 characters or more; staff's alone, kept with the restore",
		},
		{
			verb: "give-up", short: "What was needed cannot be brought back; what was paid goes back", example: `--text "No copy has it."`, text: "why, as the customer reads it", must: true,
			do: func(ctx context.Context, a *app.App, who authz.Actor, seen app.TicketSeen, _, text string) error {
				return a.GiveUpTicket(ctx, who, seen, text)
			},
		},
		{
			verb: "accept", short: "Accept what came back, as the customer said by other ways",
			do: func(ctx context.Context, a *app.App, who authz.Actor, seen app.TicketSeen, _, _ string) error {
				return a.AcceptTicket(ctx, who, seen)
			},
		},
		{
			verb: "reopen", short: "Reopen a ticket that is closed, or waits for acceptance", example: `--text "It was not it."`, text: "why", must: true,
			do: func(ctx context.Context, a *app.App, who authz.Actor, seen app.TicketSeen, _, text string) error {
				return a.ReopenTicket(ctx, who, seen, text, false)
			},
		},
		{
			verb: "close", short: "Close a ticket that is done", text: "a last word to the customer",
			do: func(ctx context.Context, a *app.App, who authz.Actor, seen app.TicketSeen, _, text string) error {
				return a.CloseTicket(ctx, who, seen, text)
			},
		},
		{
			verb: "merge", short: "End a ticket for the sake of another of the same customer", example: "1007", args: "INTO",
			do: func(ctx context.Context, a *app.App, who authz.Actor, seen app.TicketSeen, arg, _ string) error {
				into, err := findTicket(ctx, a, arg)
				if err != nil {
					return err
				}
				return a.MergeTickets(ctx, who, seen, into)
			},
		},
	}
}

// findTicket reads a ticket's number, with or without its sign, or its id.
func findTicket(ctx context.Context, a *app.App, ref string) (id.Ticket, error) {
	if of, err := id.Parse[id.Ticket](ref); err == nil {
		return of, nil
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(ref, "#"), 10, 64)
	if err != nil {
		return id.Ticket{}, errs.Field("ticket", "%q is neither a ticket's number nor its id; all of them: holdfast ticket list", ref)
	}
	return a.TicketByNumber(ctx, authz.Console(), n)
}

func ticketAct(s *settings, d ticketDeed) *cobra.Command {
	use, args := d.verb+" TICKET", 1
	if d.args != "" {
		use, args = use+" "+d.args, 2
	}
	c := leaf(use, d.short, strings.TrimSpace("holdfast ticket "+d.verb+" 1001 "+d.example), args, nil)
	asJSON := jsonFlag(c)
	var text string
	if d.text != "" {
		c.Flags().StringVar(&text, "text", "", d.text)
	}
	without := ""
	if d.without != "" {
		c.Flags().StringVar(&without, "without-safety", "", d.without)
	}
	version := c.Flags().Int("version", 0, "do it only if the ticket is still in this version, as shown; 0 for whatever it is in")
	c.RunE = func(c *cobra.Command, args []string) error {
		if d.must && strings.TrimSpace(text) == "" {
			return errs.Field("text", "is needed: %s", d.text)
		}
		arg := ""
		if len(args) > 1 {
			arg = args[1]
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			of, err := findTicket(ctx, a, args[0])
			if err != nil {
				return err
			}
			seen := app.TicketSeen{ID: of, Version: *version}
			if seen.Version == 0 {
				v, err := a.Ticket(ctx, authz.Console(), of)
				if err != nil {
					return err
				}
				seen.Version = int(v.Ticket.Version)
			}
			if without != "" {
				err = a.RetryWithoutSafety(ctx, authz.Console(), seen, text, without)
			} else {
				err = d.do(ctx, a, authz.Console(), seen, arg, text)
			}
			if err != nil {
				return err
			}
			return showTicket(ctx, c, a, of, *asJSON, false)
		})
	}
	return c
}

func ticketList(s *settings) *cobra.Command {
	var q app.TicketQuery
	var states []string
	c := leaf("list", "List tickets, the newest first", "holdfast ticket list --open --sort urgent\nholdfast ticket list --overdue --json\nholdfast ticket list --text chemistry", 0, nil)
	asJSON := jsonFlag(c)
	f := c.Flags()
	f.BoolVar(&q.Open, "open", false, "only those that have not ended")
	f.BoolVar(&q.Unassigned, "unassigned", false, "only those that nobody has")
	f.BoolVar(&q.WaitsForUs, "waiting", false, "only those that wait for the staff")
	f.BoolVar(&q.Overdue, "overdue", false, "only those that are later than was promised")
	f.StringVar(&q.TenantSlug, "tenant", "", "only of this customer organisation")
	f.StringVar(&q.Site, "site", "", "only about this site")
	f.StringVar(&q.Text, "text", "", "only with these words, in the subject or in a message")
	f.StringSliceVar(&states, "state", nil, "only in these states, like failed,reopened")
	sort := f.String("sort", "newest", "newest, or urgent: by priority and by when they are due")
	f.Int32Var(&q.Size, "limit", 100, "how many at most")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *sort != "newest" {
			q.Sort = app.TicketSort(*sort)
		}
		for _, st := range states {
			q.States = append(q.States, ticket.State(st))
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			page, err := a.ListTickets(ctx, authz.Console(), q)
			if err != nil {
				return err
			}
			out, cells := []ticketJSON{}, [][]string{{"NUMBER", "STATE", "PRIORITY", "CUSTOMER", "SITE", "ASSIGNEE", "DUE", "SUBJECT"}}
			for _, r := range page.Tickets {
				due := ""
				if !r.Due.IsZero() {
					due = r.Due.UTC().Format(time.RFC3339)
				}
				if r.Late {
					due += " late"
				}
				out = append(out, ticketJSON{
					ID: r.ID.String(), Number: r.Number, Version: r.Version, Kind: string(r.Kind), State: string(r.State), Priority: string(r.Priority), Subject: r.Subject,
					Customer: r.TenantSlug, Site: r.SiteName, Assignee: r.AssignedTo, Due: someTime(r.Due), Late: r.Late, Created: r.CreatedAt,
				})
				cells = append(cells, []string{fmt.Sprint("#", r.Number), string(r.State), string(r.Priority), r.TenantSlug, r.SiteName, r.AssignedTo, due, r.Subject})
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), out)
			}
			return table(c.OutOrStdout(), cells)
		})
	}
	return c
}

func ticketShow(s *settings) *cobra.Command {
	c := leaf("show TICKET", "Show a ticket with what was said", "holdfast ticket show 1001\nholdfast ticket show 1001 --json", 1, nil)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			of, err := findTicket(ctx, a, args[0])
			if err != nil {
				return err
			}
			return showTicket(ctx, c, a, of, *asJSON, true)
		})
	}
	return c
}

// showTicket prints a ticket; all of it, or where it stands.
func showTicket(ctx context.Context, c *cobra.Command, a *app.App, of id.Ticket, asJSON, whole bool) error {
	v, err := a.Ticket(ctx, authz.Console(), of)
	if err != nil {
		return err
	}
	t := v.Ticket
	out := ticketJSON{
		ID: t.ID.String(), Number: t.Number, Version: int(t.Version), Kind: string(t.Kind), State: string(t.State), Priority: string(t.Priority), Subject: t.Subject,
		Customer: v.TenantSlug, Site: v.SiteName, Assignee: v.Assignee, Due: someTime(v.Clocks.ResolveDue), Late: v.Clocks.Late || v.Clocks.ReplyLate,
		Stands: v.MayStill, Created: t.CreatedAt, Restore: t.RestoreID.String(),
	}
	if v.Charge != nil {
		out.Charge = string(v.Charge.State)
	}
	if whole {
		if t.Kind == ticket.Restore {
			out.Request = &v.Request
		}
		for _, m := range v.Messages {
			line := messageJSON{At: m.CreatedAt, Author: string(m.Author), By: m.By, Internal: m.Internal, Body: m.Body}
			for _, f := range m.Files {
				line.Files = append(line.Files, f.Name)
			}
			out.Messages = append(out.Messages, line)
		}
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), out)
	}
	return printTicket(c, v, out, whole)
}

// printTicket prints a ticket for people.
func printTicket(c *cobra.Command, v app.TicketView, t ticketJSON, whole bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "#%d %s (%s, %s)\n", t.Number, t.Subject, v.Ticket.State.Says(), t.Priority)
	if !whole {
		_, err := fmt.Fprint(c.OutOrStdout(), b.String())
		return err
	}
	fmt.Fprintf(&b, "customer %s, site %s, assignee %s, version %d\n", t.Customer, orNone(t.Site), orNone(t.Assignee), t.Version)
	if v.Ticket.Kind == ticket.Restore {
		p := v.Request.Promise
		fmt.Fprintf(&b, "wants %s; database of %s, files of %s; promised %d to %d seconds\n", v.Request.What.Says(), when(v.Request.Point.DatabaseAt), when(v.Request.Point.DataAt), p.LowSeconds, p.HighSeconds)
		fmt.Fprintf(&b, "fee %s; confirmed %v, approved %v, second %v (of %d approvals)\n", orNone(t.Charge), v.Approvals.Confirmed, v.Approvals.First, v.Approvals.Second, v.Approvals.Approvals)
	}
	if t.Restore != "" {
		fmt.Fprintf(&b, "restore %s (%s)\n", t.Restore, v.Restore.State)
	}
	if t.Stands != "" {
		fmt.Fprintf(&b, "stands: %s\n", t.Stands)
	}
	if v.Earlier > 0 {
		fmt.Fprintf(&b, "\n(%d earlier messages)\n", v.Earlier)
	}
	for _, m := range t.Messages {
		who := m.Author
		if m.By != "" {
			who += " " + m.By
		}
		if m.Internal {
			who += " (note)"
		}
		fmt.Fprintf(&b, "\n%s %s\n  %s\n", m.At.UTC().Format(time.RFC3339), who, strings.ReplaceAll(m.Body, "\n", "\n  "))
		for _, f := range m.Files {
			fmt.Fprintf(&b, "  attached: %s\n", f)
		}
	}
	_, err := fmt.Fprint(c.OutOrStdout(), b.String())
	return err
}

func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}
