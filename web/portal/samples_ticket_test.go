package portal

import (
	"strings"

	"holdfast/web/ui"
)

func ticketSamples() []sample {
	return []sample{
		{"ticket-pay", Ticket(ticketToPay())},
		{"ticket-confirm", Ticket(ticketToConfirm())},
		{"ticket-running", Ticket(ticketRunning())},
		{"ticket-accept", Ticket(ticketToAccept())},
		{"ticket-closed", Ticket(ticketClosed())},
		{"ticket-question", Ticket(ticketQuestion())},
		{"ticket-viewer", Ticket(ticketViewer())},
		{"ticket-hostile", Ticket(ticketHostile())},
		{"tickets", TicketList(ticketsFull())},
		{"tickets-empty", TicketList(TicketsProps{Page: frame(Tickets), MayAsk: true, Empty: "Nothing was asked yet. If something went wrong on a site, bring it back; if you only wonder, ask us."})},
		{"tickets-hostile", TicketList(ticketsHostile())},
		{"question", Question(questionSample())},
		{"question-wrong", Question(questionWrong())},
		{"question-viewer", Question(QuestionProps{Page: frame(Tickets), Off: "Your role may look, but not ask. An administrator of your organisation can change that."})},
		{"leave", Leave(LeaveProps{Page: frame(Tickets), Test: "No real money moves here.", Href: "https://pay.example/c/1", Back: TicketsPath + "/1042"})},
		{"receipts", Receipts(receiptsFull())},
		{"receipts-empty", Receipts(ReceiptsProps{Page: frame(Money), Empty: "Nothing was paid yet. A receipt appears here as soon as a fee is paid."})},
	}
}

const filesRule = "Up to 5 files of 10 MB each: pictures, PDF, text, documents, or a zip of these."

func steps5(now int) []Step {
	all := []Step{
		{Name: "Request", Text: "Sat 21 Nov 16:02"},
		{Name: "Payment", Text: "USD 100.00"},
		{Name: "Agreement", Text: "an administrator, and our staff"},
		{Name: "Restore", Text: "25 to 40 min"},
		{Name: "Your check", Text: "5 days"},
	}
	for i := range all {
		switch {
		case i < now:
			all[i].State = ui.Good
		case i == now:
			all[i].State, all[i].Current = ui.Waiting, true
		default:
			all[i].State = ui.None
		}
	}
	return all
}

func talk() []Entry {
	return []Entry{
		{ID: "e1", Side: "mine", Who: "Jo Okafor", At: at("Sat 21 Nov 16:02"), Text: "I deleted the wrong course on Tuesday around noon (Biology 9b).\nStudents hand in on Monday.", Files: []File{{Href: TicketsPath + "/1/attachments/1", Name: "screenshot.png", Note: "212 kB picture"}}},
		{ID: "e2", Side: "event", At: at("Sat 21 Nov 16:02"), Text: "The request was handed in.", State: ui.Good},
		{ID: "e3", Side: "theirs", Who: "Brightside Hosting", At: at("Sat 21 Nov 16:09"), Text: "Thank you, we see the course in the copy of Tuesday midnight. We begin as soon as the fee is there."},
	}
}

func ticketBase() TicketProps {
	return TicketProps{
		Page: frame(Tickets), Title: "Bring back a course of learn.riverside.example", About: "No. 1042 · handed in Sat 21 Nov 16:02 by Jo Okafor · times of Europe/Berlin",
		Crumbs: []ui.Crumb{{Label: "Tickets", Href: TicketsPath}}, StreamPath: SitesPath + "1/stream",
		Reply: &ReplyForm{Action: TicketsPath + "/1/messages", Version: "3", Label: "Your words", Rule: filesRule, Accept: ".png,.pdf", Most: 20000},
		Asked: []ui.Fact{{Label: "Site", Value: "learn.riverside.example"}, {Label: "What", Value: "1 course: Biology 9b"}, {Label: "As it was", Value: "Tue 17 Nov 00:04"}, {Label: "Fee", Value: "USD 100.00", Note: "due"}},
		Watch: &WatchForm{Action: TicketsPath + "/1/watching", Watching: true}, Withdraw: &WithdrawForm{Action: TicketsPath + "/1/withdrawal", Version: "3", Text: "Nothing on your site was changed, and nothing was paid."},
		Access: &Access{Text: "Not unless you say so. Leave ends by itself, and you can take it back at any time.", Action: TicketsPath + "/1/access", Choices: []ui.Choice{{Value: "24", Label: "1 day", Selected: true}, {Value: "72", Label: "3 days"}}},
		Live:   TicketNews{Version: "3", Thread: talk()},
	}
}

func ticketToPay() TicketProps {
	p := ticketBase()
	p.Test = "No real money moves here."
	p.Live.State, p.Live.Sentence = ui.Waiting, ui.Say(ui.Text("Your request is in, and waits for the fee of "), ui.Strong("USD 100.00"), ui.Text("."))
	p.Live.Next = "Next: you pay; then an administrator of Riverside Academy confirms. We begin within 2 hours after that, on working days from 8 to 18. The promised page of payment is good until Sun 22 Nov 16:02; after that you get a new one."
	p.Live.Steps = steps5(1)
	p.Live.Pay = &PayForm{Action: TicketsPath + "/1/payment", Label: "Pay USD 100.00", Text: "You pay by card on Stripe’s page and come back here. If what comes back does not pass our checks, you get the money back without asking."}
	return p
}

func ticketToConfirm() TicketProps {
	p := ticketBase()
	p.Live.State, p.Live.Sentence = ui.Waiting, ui.Say(ui.Text("It is paid, and waits for "), ui.Strong("you"), ui.Text(": type the site’s name to confirm."))
	p.Live.Next = "Then it begins by itself."
	p.Live.Steps = steps5(2)
	p.Live.Pay = &PayForm{Text: "Your bank says that the money comes in 3 to 5 days. We begin when it is here.", Pending: "Your payment is on its way."}
	p.Live.Confirm = &ConfirmForm{Action: TicketsPath + "/1/confirmation", Version: "3", Name: "learn.riverside.example", Typed: "learn", Problem: "This is not the site’s name; type learn.riverside.example.", Text: "What was done on learn.riverside.example after Tue 17 Nov 00:04 will be gone: 4 d 16 h of work. A copy of how it is now is kept.", May: true}
	return p
}

func ticketRunning() TicketProps {
	p := ticketBase()
	p.Live.State, p.Live.Sentence = ui.Running, ui.Say(ui.Text("Loading the database: "), ui.Strong("312 of 494 tables"), ui.Text(", about 2 minutes left."))
	p.Live.Next = "Your site shows that it is being worked on. It opens by itself when all was checked. You need not do anything."
	p.Live.Steps = steps5(3)
	p.Live.Steps[3].State = ui.Running
	p.Live.Doing = &Doing{
		Title: "What we do now", Safe: "A copy of how it was before is kept. If anything fails, it comes back by itself.",
		Progress: &ui.Progress{Label: "Loading the database", Percent: 63, Known: true, Words: "312 of 494 tables", Rate: "41 MB/s", Left: "about 2 min left"},
		Done: []DoneStep{
			{State: ui.Good, Name: "Safety copy", Text: "kept 16:20, 41.2 GB"},
			{State: ui.Good, Name: "Maintenance page", Text: "shown since 16:31"},
			{State: ui.Running, Name: "Loading the database", Text: "since 16:33"},
			{State: ui.Waiting, Name: "Checking", Text: ""},
		},
	}
	p.Withdraw, p.Access = nil, nil
	p.Live.Thread = append(p.Live.Thread, Entry{ID: "e4", Side: "event", At: at("Sat 21 Nov 16:31"), Text: "The restore began.", State: ui.Running})
	return p
}

func ticketToAccept() TicketProps {
	p := ticketBase()
	p.Live.State, p.Live.Sentence = ui.Good, ui.Say(ui.Text("Your site runs again, "), ui.Strong("as it was on Tue 17 Nov 00:04"), ui.Text(". It was closed for 13 min 40 s."))
	p.Live.Next = "Look at it, and tell us by Thu 26 Nov 16:47 whether it is what you needed. Without a word from you the ticket closes then, and the safety copy goes."
	p.Live.Steps = steps5(4)
	p.Live.Accept = &AcceptForm{Action: TicketsPath + "/1/acceptance", ReopenAction: TicketsPath + "/1/reopening", Version: "9", Text: "How it was before is kept until you answer, at the longest until Thu 26 Nov 16:47.", SiteHref: "https://learn.riverside.example", Undo: true, May: true}
	p.Live.Evidence = &Evidence{State: ui.Good, Text: "All checks passed.", Note: "Checked Sat 21 Nov 16:46.", Rows: []EvidenceRow{
		{State: ui.Good, Name: "Database", Text: "494 of 494 tables, 1,204,311 rows, as in the copy"},
		{State: ui.Good, Name: "Files", Text: "412,102 of 412,102 that Moodle knows are there"},
		{State: ui.Incomplete, Name: "Moodle’s own steps", Text: "its caches were emptied; 1 plug-in says it wants an upgrade"},
	}}
	p.Receipts = []ui.Choice{{Label: "Receipt", Href: "https://stripe.example/r"}, {Label: "Invoice", Href: "https://stripe.example/i"}}
	p.Access.Given = []Given{{State: ui.Good, Text: "Until Sun 22 Nov 16:02, given by Jo Okafor", Revoke: TicketsPath + "/1/access/1/revocation"}, {State: ui.Cancelled, Text: "Taken back on Sat 21 Nov"}}
	p.Withdraw = nil
	return p
}

func ticketClosed() TicketProps {
	p := ticketToAccept()
	p.StreamPath, p.Reply, p.Access, p.Live.Accept = "", nil, nil, nil
	p.Live.Sentence, p.Live.Next = ui.Say(ui.Text("Done: you said on "), ui.Strong("Sun 22 Nov"), ui.Text(" that all is well.")), ""
	p.Live.Steps = steps5(5)
	p.ReplyOff = "This ticket is closed. If something is still not right, open it again within 30 days, or ask us something new."
	return p
}

func ticketQuestion() TicketProps {
	p := ticketBase()
	p.Title, p.Asked, p.Access = "May we add a second site?", nil, nil
	p.Asked = []ui.Fact{{Label: "Site", Value: "learn.riverside.example"}, {Label: "Fee", Value: "none"}}
	p.Live.State, p.Live.Sentence = ui.Late, ui.Say(ui.Text("We asked you something and wait for "), ui.Strong("your answer"), ui.Text("."))
	p.Live.Next = "Write below; it goes on from there."
	return p
}

func ticketViewer() TicketProps {
	p := ticketToConfirm()
	p.Nav = Nav(Tickets, May{})
	p.Reply, p.Access, p.Withdraw, p.Watch, p.Live.Pay = nil, nil, nil, nil, nil
	p.Live.Confirm.May, p.Live.Confirm.Who = false, "Ada Mensah or Jo Okafor can confirm; both were told by mail."
	return p
}

func ticketHostile() TicketProps {
	p := ticketToAccept()
	p.Title, p.Who, p.Org = hostile+longName, rtlName, longName
	p.Live.Sentence = ui.Say(ui.Text(longName), ui.Strong(hostile), ui.Text(rtlName))
	p.Live.Next = longName + " " + rtlName
	p.Live.Thread = []Entry{
		{ID: "h1", Side: "mine", Who: hostile, At: at("Sat"), Text: strings.Repeat(hostile+"\n", 3) + longName, Files: []File{{Href: TicketsPath + "/1/attachments/1", Name: longName + hostile, Note: "212 kB"}, {Name: rtlName + ".png", Note: "is being scanned"}}},
		{ID: "h2", Side: "theirs", Who: rtlName, At: at("Sun"), Text: rtlName},
		{ID: "h3", Side: "event", Text: longName + hostile, At: at("Mon"), State: ui.Failed},
	}
	p.Live.Confirm = &ConfirmForm{Action: TicketsPath, Name: longName, Typed: hostile, Problem: "This is not the site’s name; type " + longName + ".", May: true, Text: longName}
	p.Live.Evidence.Rows[0].Text = longName
	p.Live.Accept.Open, p.Live.Accept.Problem, p.Live.Accept.Reason = true, "Say what is not right.", hostile
	p.Asked[0].Value, p.Asked[1].Value = longName, hostile
	p.Reply.Body, p.Reply.Problem, p.Reply.FilesProblem = hostile, "It is longer than 20,000 characters; shorten it.", "“"+longName+".exe” is not a kind that we take; send a picture of it."
	p.Access.Given[0].Text = "Until Sun 22 Nov 16:02, given by " + longName
	return p
}

func ticketsFull() TicketsProps {
	return TicketsProps{
		Page: frame(Tickets), MayAsk: true, State: ui.Late, Sentence: ui.Say(ui.Strong("1 ticket"), ui.Text(" waits for you; the others go on by themselves.")),
		Choices: []ui.Choice{{Label: "Open", Href: TicketsPath, Selected: true, Count: "3"}, {Label: "Ended", Href: TicketsPath + "?show=ended"}, {Label: "Mine", Href: TicketsPath + "?show=mine"}}, Search: true,
		Rows: []TicketRow{
			{Href: TicketsPath + "/1", Title: "Bring back a course of learn.riverside.example", About: "No. 1042", State: ui.Late, Word: "waits for you", Text: "The fee of USD 100.00 is not paid yet.", At: at("16:02")},
			{Href: RequestPath + "?ticket=2", Title: "A draft about exams.riverside.example", About: "Draft", State: ui.None, Word: "draft", Text: "Nobody has seen it yet. Go on where you left off.", At: at("Fri 20 Nov")},
			{Href: TicketsPath + "/3", Title: "The whole of learn.riverside.example as it was on 1 Nov", About: "No. 1031", State: ui.Running, Word: "at work", Text: "Loading the database: 312 of 494 tables, about 2 minutes left.", At: at("15:40")},
		},
		Pager: ui.Pager{Words: "The newest 50", NextHref: TicketsPath + "?after=x", What: "tickets"},
	}
}

func ticketsHostile() TicketsProps {
	p := ticketsFull()
	p.Rows[0].Title, p.Rows[1].Title, p.Rows[2].Title = hostile, longName, rtlName
	p.Query = hostile
	p.Hidden = []ui.Choice{{Label: "show", Value: "ended"}}
	return p
}

func questionSample() QuestionProps {
	return QuestionProps{
		Page: frame(Tickets), Sites: []ui.Choice{{Value: "", Label: "None in particular", Selected: true}, {Value: "1", Label: "learn.riverside.example"}},
		Form: ReplyForm{Label: "Your question", Rule: filesRule, Accept: ".png,.pdf", Most: 20000},
	}
}

func questionWrong() QuestionProps {
	p := questionSample()
	p.Notice = &ui.Notice{State: ui.Failed, Text: "2 things need another look. Nothing you wrote is lost; choose the files again."}
	p.SubjectProblem, p.Focus, p.Subject = "Say in a few words what it is about.", FieldSubject, hostile
	p.Form.FilesProblem = "“a.exe” is not a kind that we take; send a picture of it."
	return p
}

func receiptsFull() ReceiptsProps {
	return ReceiptsProps{
		Page: frame(Money), Test: "No real money moves here.",
		Rows: []ReceiptRow{
			{At: at("21 Nov 2026"), Href: TicketsPath + "/1", What: "Bring back a course of learn.riverside.example", About: "No. 1042", Amount: "USD 100.00", State: ui.Waiting, Word: "due"},
			{At: at("2 Nov 2026"), Href: TicketsPath + "/2", What: hostile, About: "No. 1031", Amount: "USD 100.00", State: ui.Good, Word: "paid", Links: []ui.Choice{{Label: "Receipt", Href: "https://stripe.example/r"}, {Label: "Invoice", Href: "https://stripe.example/i"}}},
			{At: at("1 Oct 2026"), Href: TicketsPath + "/3", What: longName, About: "No. 1007", Amount: "USD 100.00", State: ui.Cancelled, Word: "paid back", Refund: "USD 100.00 came back on 3 Oct"},
		},
	}
}
