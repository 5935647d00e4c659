package dash

import "holdfast/web/ui"

// deskSamples are the pages of tickets, replies and money.
func deskSamples() []sample {
	return []sample{
		{"tickets", Tickets(ticketsFull())},
		{"tickets-none", Tickets(TicketsProps{Page: staff(TicketsSection), State: ui.Good, Sentence: ui.Say(ui.Text("No ticket waits for us.")), Looks: ticketsFull().Looks, Calm: "No ticket waits for us."})},
		{"ticket", Ticket(ticketFull())},
		{"ticket-new", Ticket(TicketProps{Page: staff(TicketsSection), Title: "#1044 How do I add a site?", About: "Hillcrest · asked 2 min ago", Live: TicketNews{State: ui.Waiting, Sentence: ui.Say(ui.Text("The customer waits for our first answer."))}})},
		{"replies", Replies(repliesFull())},
		{"replies-none", Replies(RepliesProps{Page: staff(TicketsSection)})},
		{"money", Money(moneyFull())},
		{"money-none", Money(MoneyProps{Page: staff(MoneySection), State: ui.None, Sentence: ui.Say(ui.Text("No fee was charged yet.")), Off: "No Stripe key is set: fees are paid by invoice and recorded here.", Events: StripeEventsPath, CSV: MoneyFilePath})},
		{"stripe-events", StripeEvents(stripeEventsFull())},
		{"stripe-events-none", StripeEvents(StripeEventsProps{Page: staff(MoneySection)})},
	}
}

const testPayments = "Test payments: no card is charged here."

func ticketsFull() TicketsProps {
	return TicketsProps{
		Page: staff(TicketsSection), State: ui.Late, Sentence: ui.Say(ui.Strong("3 tickets"), ui.Text(" wait for us; one is late.")), Test: testPayments,
		Figures: []ui.Figure{{Label: "Waiting for us", Value: "3"}, {Label: "Late", Value: "1"}, {Label: "Unassigned", Value: "2"}},
		Looks:   []ui.Choice{{Label: "Waiting for us", Href: "/tickets", Count: "3", Selected: true}, {Label: "Mine", Href: "/tickets?look=mine"}, {Label: "All open", Href: "/tickets?look=open", Count: "12"}},
		Text:    "quiz " + hostile, Hidden: []ui.Choice{{Value: "open", Label: "look"}}, Replies: true,
		Pager: ui.Pager{NextHref: "/tickets?after=x", Words: "The first 50", What: "tickets"},
		Rows: []TicketLine{
			{Href: "/tickets/1", Number: "#1042", Subject: "The quiz of 9b is gone " + hostile, State: ui.Waiting, Word: "approval wanted", Priority: "urgent", PriorityState: ui.Failed, Who: longName + " · " + longName, Due: at("20 min ago", "21 Nov 2026 16:00:04 CET"), DueLate: true, DueWord: "answer", Updated: at("2 min ago", "21 Nov 2026 16:00:04 CET")},
			{Href: "/tickets/2", Number: "#1041", Subject: rtlName, State: ui.Running, Word: "restoring", Priority: "high", PriorityState: ui.Late, Who: "Hillcrest", Assignee: "Ada Brandt", Waits: "for its host", Updated: at("2 min ago", "21 Nov 2026 16:00:04 CET")},
			{Href: "/tickets/3", Number: "#1040", Subject: longName, State: ui.None, Word: "waiting for information", Who: "Hillcrest", Assignee: longName, Due: at("in 3 h", "21 Nov 2026 16:00:04 CET"), Updated: at("2 min ago", "21 Nov 2026 16:00:04 CET")},
		},
	}
}

func ticketFull() TicketProps {
	now := at("2 min ago", "21 Nov 2026 16:00:04 CET")
	return TicketProps{
		Page: staff(TicketsSection), Title: "#1042 The quiz of 9b is gone " + hostile, About: longName + " · learn.riverside.example", Crumbs: []ui.Crumb{{Label: "Tickets", Href: TicketsPath}}, Test: testPayments,
		Live: TicketNews{
			State: ui.Running, Sentence: ui.Say(ui.Text("The restore runs: "), ui.Strong("step 5 of 12"), ui.Text(", about 2 minutes left.")), Stands: "A payment is disputed: nothing moves until the bank has decided.",
			Figures: []ui.Figure{{Label: "Answer due", Value: "in 3 h", Note: "business time"}, {Label: "Fee", Value: "USD 100.00", Note: "paid"}},
			Book: []BookStep{
				{State: ui.Good, Word: "done", Title: "Paid", Text: "USD 100.00 on 21 Nov 15:20", Href: "/money", Link: "See it"},
				{State: ui.Good, Word: "done", Title: "Confirmed by the customer", Text: longName},
				{State: ui.Waiting, Word: "wanted", Title: "Approved by a second person", Act: &Act{Action: "/tickets/1/approval", Label: "Approve", Do: "4"}},
				{State: ui.Running, Word: "running", Title: "Restore", Text: "Loading the database: 312 of 494 tables", Href: "/restores/1", Link: "Watch"},
				{State: ui.None, Word: "later", Title: "Accepted by the customer"},
			},
			Doing: &ui.Progress{Label: "Restore of learn.riverside.example", Percent: 63, Known: true, Words: "312 of 494 tables", Left: "2 min left"},
			Thread: []ThreadRow{
				{ID: "1", Who: "Ana Ruiz", Side: "theirs", At: now, Text: "It was there yesterday.\n\n" + hostile + "\n" + longName, Files: []ui.Choice{{Label: longName + ".png", Href: "/attachments/1", Count: "2 kB"}}},
				{ID: "2", Side: "event", State: ui.Good, Text: "The fee was paid.", At: now, Who: "by itself"},
				{ID: "3", Who: "Ada Brandt", Side: "note", Internal: true, At: now, Text: "Check the plug-ins first."},
				{ID: "4", Who: "Ada Brandt", Side: "mine", At: now, Text: rtlName},
			}, Earlier: "40 earlier entries are left out",
		},
		Write: &WriteForm{
			Action: "/tickets/1/messages", Version: "4", Body: hostile, Problem: "Write something, 20,000 characters at most.",
			As:      []ui.Choice{{Value: "reply", Label: "The customer and us", Selected: true}, {Value: "note", Label: "Staff only (a note)"}, {Value: "ask", Label: "The customer: we wait for the answer"}},
			Replies: []ui.Choice{{Label: longName, Href: "/tickets/1?reply=1"}, {Label: "We look into it", Href: "/tickets/1?reply=2", Selected: true}}, Rule: "Up to ten files of 20 MB each.", Accept: ".png,.pdf",
		},
		Happened: "The quiz of class 9b is gone since this morning. " + hostile,
		Asked:    []ui.Fact{{Label: "Bring back", Value: "everything"}, {Label: "Restore point", Value: "21 Nov 00:04 with files of 04:00", Note: "3 h 56 min apart"}, {Label: "Promised", Value: "6 to 14 minutes"}},
		Facts:    []ui.Fact{{Label: "Opened", Value: "21 Nov 15:10"}},
		Assign:   &PickForm{Action: "/tickets/1/assignee", Version: "4", ID: "assignee", Name: "assignee", Label: "Assigned to", Choices: []ui.Choice{{Value: "", Label: "nobody"}, {Value: "1", Label: longName, Selected: true}}, Button: "Assign"},
		Priority: &PickForm{Action: "/tickets/1/priority", Version: "4", ID: "priority", Name: "priority", Label: "Priority", Choices: []ui.Choice{{Value: "urgent", Label: "urgent"}}, Button: "Set"},
		Macro:    &PickForm{Action: "/tickets/1/macro", Version: "4", ID: "macro", Name: "macro", Label: "Macro", Choices: []ui.Choice{{Value: "1", Label: longName + ": close the ticket"}}, Button: "Run it"},
		Watch:    &Act{Action: "/tickets/1/watch", Label: "Watch", Do: "on"}, Watchers: "Ana Ruiz",
		Accesses: []DeskRow{{State: ui.Good, Word: "open", Title: "Staff may look into the site", Text: "until 22 Nov 16:00, given by Ana Ruiz"}},
		Forms: []DeskForm{
			{ID: "decline", Summary: "Decline", Action: "/tickets/1/decline", Version: "4", Field: "reason", Label: "Why, as the customer reads it", Long: true, Button: "Decline and refund", Open: true, Problem: "Say why.", Text: "What was paid goes back."},
			{ID: "merge", Summary: "Merge into another ticket", Action: "/tickets/1/merge", Version: "4", Field: "number", Label: "The other ticket’s number", Button: "Merge"},
		},
	}
}

func repliesFull() RepliesProps {
	return RepliesProps{
		Page: staff(TicketsSection), Crumbs: []ui.Crumb{{Label: "Tickets", Href: TicketsPath}},
		Rows: []ReplyRow{{Name: longName, Body: "Dear {customer},\n" + hostile, Acts: "asks the customer, gives it high priority", Changed: at("2 d ago", "19 Nov 2026 16:00:04 CET"), By: "by Ada", EditHref: "/replies?edit=1", Delete: &Act{Action: "/replies/1/deletion", Label: "Delete", About: longName}}},
		Form: &ReplyEdit{
			Title: "A new reply", Name: Field{Value: hostile, Problem: "Give it a name of 1 to 80 characters."}, Body: Field{Problem: "Write the reply, 1 to 20,000 characters."},
			Acts: []ui.Choice{{Value: "ask", Label: "wait for the customer", Selected: true}}, Priorities: []ui.Choice{{Value: "", Label: "as it is", Selected: true}},
		},
	}
}

func moneyFull() MoneyProps {
	now := at("2 min ago", "21 Nov 2026 16:00:04 CET")
	return MoneyProps{
		Page: staff(MoneySection), State: ui.Good, Sentence: ui.Say(ui.Strong("USD 1,400.00"), ui.Text(" were paid this month, "), ui.Strong("USD 100.00"), ui.Text(" went back.")), Test: testPayments,
		Figures: []ui.Figure{{Label: "Due", Value: "USD 200.00"}, {Label: "Disputed", Value: "USD 100.00"}}, Events: StripeEventsPath, CSV: MoneyFilePath,
		States:  []ui.Choice{{Label: "All", Href: "/money", Selected: true}, {Label: "Due", Href: "/money?state=due", Count: "2"}},
		Payouts: []ui.Fact{{Label: "On its way to the bank", Value: "USD 1,300.00", Note: "before Stripe's own fees"}},
		Pager:   ui.Pager{NextHref: "/money?after=x", Words: "The newest 50", What: "charges"},
		Rows: []MoneyRow{
			{Ticket: "#1042", Href: "/tickets/1", Who: longName, State: ui.Good, Word: "paid", Amount: "USD 100.00", When: now, Receipt: "https://pay.example/receipt", Forms: []DeskForm{{ID: "refund-1", Summary: "Refund", Action: "/money/1/refund", Field: "reason", Label: "Why", Button: "Refund USD 100.00", Problem: "Say why."}}},
			{Ticket: "#1041", Href: "/tickets/2", Who: rtlName, State: ui.Failed, Word: "disputed", Amount: "USD 100.00", When: now, Note: hostile, Alarm: "The bank took the money back. Answer in Stripe’s dashboard before 30 Nov."},
		},
	}
}

func stripeEventsFull() StripeEventsProps {
	now := at("2 min ago", "21 Nov 2026 16:00:04 CET")
	return StripeEventsProps{
		Page: staff(MoneySection), Crumbs: []ui.Crumb{{Label: "Money", Href: MoneyPath}}, States: []ui.Choice{{Label: "All", Href: StripeEventsPath, Selected: true}},
		Pager: ui.Pager{NextHref: "/money/events?after=x", Words: "The newest 50", What: "events"},
		Rows: []StripeEventRow{
			{ID: "evt_" + longName, Kind: "checkout.session.completed", Object: "cs_test_1", Via: "webhook", State: ui.Good, Word: "done", When: now},
			{ID: "evt_2", Kind: "charge.dispute.created", Object: "dp_1", Via: "asked for", State: ui.Failed, Word: "failed", Error: hostile, Tries: "tried 3 times", When: now, Replay: &Act{Action: "/money/events/evt_2/replay", Label: "Try it again"}},
		},
	}
}
