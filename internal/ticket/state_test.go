package ticket_test

import (
	"slices"
	"testing"

	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
)

// every combination of kind, state, the state behind it and verb.
func every(fn func(kind ticket.Kind, from, resume ticket.State, verb ticket.Verb)) {
	for _, kind := range ticket.Kinds() {
		for _, from := range ticket.States() {
			for _, verb := range ticket.Verbs() {
				if from != ticket.NeedsInformation {
					fn(kind, from, "", verb)
					continue
				}
				for _, resume := range ticket.States() {
					fn(kind, from, resume, verb)
				}
			}
		}
	}
}

func TestApply_LeadsToAKnownStateOrRefuses(t *testing.T) {
	t.Parallel()
	every(func(kind ticket.Kind, from, resume ticket.State, verb ticket.Verb) {
		to, next, err := ticket.Move(kind, from, resume, verb)
		if err != nil {
			if !errs.Is(err, errs.Conflict) || to != from || next != resume {
				t.Errorf("%s %s(%s) %s: %s, %v", kind, from, resume, verb, to, err)
			}
			return
		}
		if !slices.Contains(ticket.States(), to) {
			t.Errorf("%s %s %s: leads to %q", kind, from, verb, to)
		}
		if (to == ticket.NeedsInformation) != (next != "") {
			t.Errorf("%s %s(%s) %s: %s with %q behind it", kind, from, resume, verb, to, next)
		}
	})
}

// What waits for information is led back where it would have been without the
// question: what was paid meanwhile is paid.
func TestMove_WhatHappensWhileItWaitsHappensToWhatIsBehind(t *testing.T) {
	t.Parallel()
	to, behind, err := ticket.Move(ticket.Restore, ticket.NeedsInformation, ticket.AwaitingPayment, ticket.Pay)
	if err != nil || to != ticket.NeedsInformation || behind != ticket.Queued {
		t.Fatal(to, behind, err)
	}
	to, behind, err = ticket.Move(ticket.Restore, to, behind, ticket.Unpay)
	if err != nil || to != ticket.NeedsInformation || behind != ticket.AwaitingPayment {
		t.Fatal(to, behind, err)
	}
	if to, _, err = ticket.Move(ticket.Restore, to, behind, ticket.Reply); err != nil || to != ticket.AwaitingPayment {
		t.Fatal(to, err)
	}
	if to, behind, err = ticket.Move(ticket.Restore, ticket.NeedsInformation, ticket.Approved, ticket.Change); err != nil || behind != ticket.Queued {
		t.Fatal(to, behind, err)
	}
}

// A restore cannot begin without payment and approval, whatever is tried.
func TestTable_LeadsToRunningThroughQueuedAndApprovedAlone(t *testing.T) {
	t.Parallel()
	every(func(kind ticket.Kind, from, resume ticket.State, verb ticket.Verb) {
		to, _, err := ticket.Move(kind, from, resume, verb)
		if err != nil || from == to {
			return
		}
		if to == ticket.Running && (from != ticket.Approved || verb != ticket.Start) {
			t.Errorf("%s %s(%s) runs by %s", kind, from, resume, verb)
		}
		if to == ticket.Approved && from != ticket.Queued && resume != ticket.Approved {
			t.Errorf("%s %s(%s) is approved by %s", kind, from, resume, verb)
		}
		if to == ticket.Queued && from != ticket.NeedsInformation && !slices.Contains([]ticket.Verb{ticket.Pay, ticket.Retry, ticket.Change}, verb) {
			t.Errorf("%s %s is queued by %s", kind, from, verb)
		}
		if kind == ticket.Support && !slices.Contains([]ticket.State{ticket.Submitted, ticket.NeedsInformation, ticket.Closed, ticket.Declined, ticket.Withdrawn, ticket.Reopened}, to) && resume == "" {
			t.Errorf("a question is %s by %s", to, verb)
		}
	})
}

// Nothing leaves an ended ticket but reopening; nothing stops a restore at work
// but its own end.
func TestTable_EndsAndWorkAreLeftAsTheyMust(t *testing.T) {
	t.Parallel()
	every(func(kind ticket.Kind, from, resume ticket.State, verb ticket.Verb) {
		_, _, err := ticket.Move(kind, from, resume, verb)
		if err == nil && !from.Open() && (verb != ticket.Reopen || from != ticket.Closed) {
			t.Errorf("%s %s leaves by %s", kind, from, verb)
		}
		if err == nil && (from == ticket.Running || from == ticket.Verifying) && !verb.Fact() {
			t.Errorf("%s %s is stopped by %s", kind, from, verb)
		}
	})
}

func TestApprovals_TwoAreTwoPeople(t *testing.T) {
	t.Parallel()
	one, two := id.New[id.Account](), id.New[id.Account]()
	in := ticket.Request{What: ticket.Everything}
	if ticket.Wanted(in, true) != 2 || ticket.Wanted(in, false) != 1 || ticket.Wanted(ticket.Request{What: ticket.Courses}, true) != 1 ||
		ticket.Wanted(ticket.Request{What: ticket.Files}, true) != 1 || ticket.Wanted(ticket.Request{What: ticket.Files, InPlace: true}, true) != 2 {
		t.Error("the count of approvals is wrong")
	}
	a := ticket.Approvals{Confirmed: true}
	a, err := a.Approve(one, 2)
	if err != nil || a.Complete(2) || !a.Complete(1) {
		t.Fatal(a, err)
	}
	if _, err := a.Approve(one, 2); !errs.Is(err, errs.Conflict) {
		t.Errorf("one person approved twice: %v", err)
	}
	if _, err := a.Approve(two, 1); !errs.Is(err, errs.Conflict) {
		t.Errorf("a second approval where one is wanted: %v", err)
	}
	a, err = a.Approve(two, 2)
	if err != nil || !a.Complete(2) {
		t.Fatal(a, err)
	}
	if a.Confirmed = false; a.Complete(2) {
		t.Error("complete without the customer's yes")
	}
	console := ticket.Approvals{}
	console, err = console.Approve(id.Account{}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := console.Approve(id.Account{}, 2); !errs.Is(err, errs.Conflict) {
		t.Errorf("the command line approved twice: %v", err)
	}
}
