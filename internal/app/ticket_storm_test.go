package app_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/authz"
	"holdfast/internal/billing"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/ticket"
)

// ticketStorm throws what people, the bank and the host do at one ticket, in any order.
type ticketStorm struct {
	*bureau
	r    *rand.Rand
	of   id.Ticket
	done []string
}

// step does one thing; what is refused is refused in a sentence.
func (s *ticketStorm) step() {
	ctx, seen := s.t.Context(), s.seen(s.of)
	if s.r.IntN(12) == 0 {
		seen.Version -= 1 + s.r.IntN(3)
	}
	staff := []authz.Actor{s.support, s.operator, s.second, s.owner}[s.r.IntN(4)]
	customer := []authz.Actor{s.member, s.admin}[s.r.IntN(2)]
	deeds := []struct {
		name string
		do   func() error
	}{
		{"reply", func() error { _, err := s.ReplyTicket(ctx, customer, seen, say("hello")); return err }},
		{"answer", func() error { _, err := s.ReplyTicket(ctx, staff, seen, say("hello")); return err }},
		{"ask", func() error { _, err := s.AskCustomer(ctx, staff, seen, say("why?")); return err }},
		{"confirm", func() error { return s.ConfirmTicket(ctx, s.admin, seen, s.name) }},
		{"approve", func() error { return s.ApproveTicket(ctx, s.operator, seen) }},
		{"approve too", func() error { return s.ApproveTicket(ctx, s.second, seen) }},
		{"accept", func() error { return s.AcceptTicket(ctx, customer, seen) }},
		{"reopen", func() error { return s.ReopenTicket(ctx, customer, seen, "not it", s.r.IntN(2) == 0) }},
		{"retry", func() error { return s.RetryTicket(ctx, staff, seen, "again") }},
		{"change", func() error {
			return s.ChangePoint(ctx, staff, seen, ticket.Point{Database: s.database, Data: s.data}, "older")
		}},
		{"prioritise", func() error { return s.PrioritiseTicket(ctx, staff, seen, ticket.Priorities()[s.r.IntN(4)]) }},
		{"assign", func() error { return s.AssignTicket(ctx, staff, seen, s.support.Account) }},
		{"offline", func() error { return s.RecordOffline(ctx, s.billing, s.of, "statement") }},
		{"waive", func() error { return s.WaiveFee(ctx, s.billing, s.of, "our mistake") }},
		{"refund", func() error { return s.RefundFee(ctx, s.billing, s.of, billing.Fee, "by hand") }},
		{"hand refund", func() error { return s.RecordHandRefund(ctx, s.billing, s.of, "transfer") }},
		{"square", func() error { return s.SquareCharge(ctx, s.of) }},
		{"move", func() error { return s.MoveTicket(ctx, s.of) }},
		{"tick", func() error { return s.TickTickets(ctx) }},
		{"time", func() error { s.clock.Add(time.Duration(s.r.IntN(30)) * time.Hour); return nil }},
		{"host", s.host},
		{"host", s.host},
		{"host", s.host},
		{"host", s.host},
		{"host", s.host},
		{"cancel", func() error {
			return s.onRestore(func(of id.Restore) error { return s.CancelRestore(ctx, staff, of, "stop") })
		}},
		{"accept the restore", func() error {
			return s.onRestore(func(of id.Restore) error { return s.AcceptRestore(ctx, s.operator, of) })
		}},
		{"undo the restore", func() error {
			return s.onRestore(func(of id.Restore) error { return s.UndoRestore(ctx, s.operator, of, "") })
		}},
	}
	for range 3 { // what leads on is more often than what stops
		deeds = append(deeds, deeds[3:8]...)
		deeds = append(deeds, deeds[12:14]...)
		deeds = append(deeds, deeds[20:25]...)
	}
	if s.r.IntN(90) == 0 { // what ends it is rarer
		deeds = deeds[:0]
		for name, do := range map[string]func() error{
			"withdraw": func() error { return s.WithdrawTicket(ctx, customer, seen) },
			"decline":  func() error { return s.DeclineTicket(ctx, staff, seen, "no more") },
			"close":    func() error { return s.CloseTicket(ctx, staff, seen, "") },
			"give up":  func() error { return s.GiveUpTicket(ctx, staff, seen, "no more") },
		} {
			deeds = append(deeds, struct {
				name string
				do   func() error
			}{name, do})
		}
		slices.SortFunc(deeds, func(a, b struct {
			name string
			do   func() error
		},
		) int {
			return len(a.name) - len(b.name)
		})
	}
	d := deeds[s.r.IntN(len(deeds))]
	err := d.do()
	s.done = append(s.done, fmt.Sprintf("%s: %v", d.name, err))
	if err != nil && !errs.Is(err, errs.Conflict) && !errs.Is(err, errs.Forbidden) && !errs.Is(err, errs.Invalid) && !errs.Is(err, errs.NotFound) {
		s.fail("%v", err)
	}
}

func (s *ticketStorm) fail(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf(format+"\nafter %q", append(args, s.done)...)
}

func (s *ticketStorm) onRestore(fn func(of id.Restore) error) error {
	if r := s.look(s.of).Ticket.RestoreID; !r.IsZero() {
		return fn(r)
	}
	return nil
}

// host does what jobs and the agent do next, well or not.
func (s *ticketStorm) host() error {
	ctx := s.t.Context()
	err := s.onRestore(func(of id.Restore) error { return s.MoveRestore(ctx, of) })
	if err != nil {
		return err
	}
	s.dispatch(s.name)
	p, err := s.agent.poll()
	if err != nil {
		s.agent.hello()
		return nil
	}
	for _, l := range p.Leases {
		if err := s.agent.start(l); err != nil {
			s.agent.drop(l.Run)
			continue
		}
		if l.Kind == agentproto.KindDatabase || l.Kind == agentproto.KindData {
			s.must(s.agent.complete(l, agentproto.OutcomeGood))
			continue
		}
		outcome := agentproto.OutcomeGood
		if s.r.IntN(4) == 0 {
			outcome = agentproto.OutcomeFailed
		}
		if err := s.agent.done(l, outcome, "verify-differs", proof); err != nil && !errs.Is(err, errs.Stale) && !errs.Is(err, errs.Conflict) {
			return err
		}
	}
	return s.onRestore(func(of id.Restore) error { return s.MoveRestore(ctx, of) })
}

// agreed holds ticket, fee and restore to one another.
func (s *ticketStorm) agreed() {
	s.t.Helper()
	v := s.look(s.of)
	state := v.Ticket.State
	if state == ticket.NeedsInformation {
		state = *v.Ticket.ResumeState
	}
	fee := billing.Due
	if v.Charge != nil {
		fee = v.Charge.State
	}
	again := !v.Ticket.RestoreID.IsZero()
	work := restore.State("")
	if v.Restore != nil {
		work = v.Restore.State
	}
	atWork := work == restore.Planned || work == restore.Safeguarding || work == restore.Queued || work == restore.Running
	complain := func(what string) {
		s.t.Helper()
		s.fail("%s: the ticket is %s (%s), its fee %s, its restore %q", what, v.Ticket.State, state, fee, work)
	}
	switch state {
	case ticket.AwaitingPayment:
		if fee.Settles() {
			complain("a settled fee is asked for")
		}
	case ticket.Queued, ticket.Approved:
		if !fee.Settles() && !again {
			complain("it goes on unpaid")
		}
	case ticket.Running, ticket.Verifying:
		if !atWork {
			complain("no restore is at work")
		}
	case ticket.AwaitingAcceptance:
		if work != restore.Restored {
			complain("nothing is there to accept")
		}
	case ticket.Failed, ticket.Declined, ticket.Withdrawn:
		if fee == billing.Paid || fee == billing.Offline || v.Ticket.EndedAt != nil && fee.Open() {
			complain("money is owed")
		}
	case ticket.Closed:
		if work == restore.Restored && v.Ticket.Stands == "" {
			complain("what lies aside is forgotten")
		}
	default:
	}
	if atWork && state != ticket.Running && state != ticket.Verifying {
		complain("a restore is at work that nobody waits for")
	}
}

// Any order of what people, the bank and the host do: ticket, fee and restore
// never disagree, and nothing fails but in a sentence.
func TestStorm_TicketFeeAndRestoreNeverDisagree(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := &ticketStorm{bureau: newBureau(t), r: rand.New(rand.NewPCG(seed, 77))} //nolint:gosec // a test's
			for range 3 {
				made, err := s.SubmitTicket(t.Context(), s.member, s.wish([]ticket.What{ticket.Everything, ticket.Database}[s.r.IntN(2)]), ticket.TermsVersion, nil)
				s.must(err)
				s.of, s.done = made, nil
				for range 90 {
					s.step()
					s.agreed()
				}
				s.rest()
			}
			t.Log("what came to be:", s.text("SELECT string_agg(verb || ' ' || n, ', ') FROM (SELECT verb, count(*) n FROM event WHERE verb LIKE 'ticket.%' OR verb LIKE 'charge.%' OR verb LIKE 'restore.%' GROUP BY verb ORDER BY verb) e"))
		})
	}
}

// rest brings the site to where another ticket can begin.
func (s *ticketStorm) rest() {
	s.t.Helper()
	for range 60 {
		r := s.look(s.of).Restore
		if r == nil || !r.State.Open() {
			return
		}
		if r.State == restore.Restored {
			_ = s.AcceptRestore(s.t.Context(), s.operator, r.ID) // refused while the host is at something
		}
		s.clock.Add(time.Hour)
		s.must(s.host())
	}
	s.fail("the restore never ends: %s", s.look(s.of).Restore.State)
}
