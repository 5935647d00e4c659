package portal

import (
	"fmt"
	"strings"

	"holdfast/web/ruler"
	"holdfast/web/ui"
)

func requestSamples() []sample {
	return append([]sample{
		{"request", Request(requestFull())},
		{"request-new", Request(requestNew())},
		{"request-files", Request(requestFiles())},
		{"request-wrong", Request(requestWrong())},
		{"request-hostile", Request(requestHostile())},
		{"request-nosite", Request(RequestProps{Page: frame(Asking), NoSite: "No site of yours is backed up here yet, so there is nothing to bring back. Ask us if one is missing."})},
	}, ticketSamples()...)
}

func terms() []string {
	return []string{
		"The flat fee is USD 100.00 for one request, whatever its size.",
		"If what comes back does not pass our checks, or we decline, you get the fee back without asking.",
		"You can withdraw, and get the fee back, until the restore begins.",
		"Before anything changes we take a copy of how your site is now, and keep it until you say that all is well.",
	}
}

func offers() []Offer {
	return []Offer{
		{Value: "c1", Selected: true, Best: "The newest one from before the moment you named, so the least is lost.", At: at("Tue 17 Nov 00:04"), Before: "11 h 56 min before", State: ui.Good, Fit: "with its files of the same time", Files: missingSample("o1"), Lost: "Not in it: what was done on the site after Tue 17 Nov 00:04, 4 d 16 h of work."},
		{Value: "c2", At: at("Mon 16 Nov 00:04"), Before: "1 d 12 h before", State: ui.Good, Fit: "with its files, 4 h newer", Lost: "Not in it: 5 d 16 h of work."},
		{Value: "c3", At: at("Wed 18 Nov 00:04"), Before: "12 h 4 min after: what went wrong may be in it", State: ui.Incomplete, Fit: "its files are 1 d 4 h older", Lost: "Not in it: 3 d 16 h of work."},
	}
}

func plainRuler() *ruler.Props {
	p := pastOf()
	p.Form, p.Answer = nil, nil
	p.Cursor.Label = "Tue 17 Nov 12:00"
	return p
}

func requestNew() RequestProps {
	return RequestProps{
		Page: frame(Asking), Device: "d0",
		Sites: []ui.Choice{{Value: "1", Label: "learn.riverside.example", Selected: true}, {Value: "2", Label: "exams.riverside.example"}},
		Zone:  "Times by the clock of Europe/Berlin.", LastDay: "2026-11-21",
		Picks:   []ui.Choice{{Value: "hour", Label: "About an hour ago"}, {Value: "noon", Label: "This noon"}, {Value: "night", Label: "Last night"}, {Value: "yesterday", Label: "Yesterday noon"}, {Value: "week", Label: "A week ago"}},
		When:    Reach{Ask: "Name a day and a time, or choose one above: the copies that are nearest to it appear here.", Ruler: plainRuler()},
		Want:    WantCourses,
		Roots:   []ui.Choice{{Value: "moodledata", Label: "Data: uploads, language packs", Selected: true}, {Value: "code", Label: "Code: themes, plug-ins"}},
		Paths:   []PathField{{}, {}},
		Where:   "beside",
		Confirm: &ConfirmField{Name: "learn.riverside.example"}, TermsText: terms(), MaySend: true, SendLabel: "Continue to payment", StoryMost: 4000, CourseMax: 2000,
		Summary: Summary{
			FirstStep: "It fills while you answer.",
			Facts:     []ui.Fact{{Label: "Site", Value: "learn.riverside.example"}},
			Approves:  "You or another administrator of Riverside Academy, by typing the site’s name; then one of our staff.",
			Price:     "USD 100.00", Pays: "You pay by card on Stripe’s page. Nothing begins before.",
			Safe: "If what comes back does not pass our checks, you get the money back without asking.",
		},
	}
}

func requestFull() RequestProps {
	p := requestNew()
	p.Ticket, p.Version, p.Kept = "t1", "3", "Kept at 16:02. You can close this page and go on later."
	p.Test = "No real money moves here. On the next page, press the button of the test card."
	p.Story = "I deleted the wrong course on Tuesday around noon (Biology 9b). Students hand in on Monday."
	p.Day, p.Clock = "2026-11-17", "12:00"
	p.When = Reach{Moment: "Tuesday 17 November 2026, 12:00", Ruler: plainRuler(), Offers: offers(), Best: "c1", Note: "Every copy is read back before it is used."}
	for i := range 6 {
		p.When.More = append(p.When.More, Offer{Value: fmt.Sprintf("m%d", i), At: at(fmt.Sprintf("Sun %d Nov 00:04", 15-i)), Before: fmt.Sprintf("%d d 12 h before", i+2), State: ui.Good, Fit: "with its files of the same time", Lost: fmt.Sprintf("Not in it: %d d 16 h of work.", i+6)})
	}
	p.Want, p.Courses = WantCourses, "Biology 9b"
	p.Summary.FirstStep = ""
	p.Summary.Facts = []ui.Fact{{Label: "Site", Value: "learn.riverside.example"}, {Label: "What", Value: "1 course"}, {Label: "As it was", Value: "Tue 17 Nov 00:04"}}
	p.Summary.Time, p.Summary.Closed = "25 to 40 min", "not at all"
	p.Summary.Basis = "From the 3 restores of this site so far; they took 22 to 41 min."
	p.Summary.Lost = "Nothing. The course is put beside what you have now."
	return p
}

func requestFiles() RequestProps {
	p := requestFull()
	p.Want, p.Urgent, p.Why = WantFiles, true, "Students hand in on Monday at 8."
	p.Paths = []PathField{{Value: "theme/academy"}, {Value: "../../etc/passwd", Problem: "“../../etc/passwd” leads out of the site’s folder; name a path within it, like theme/academy."}, {}}
	p.Focus = pathID(1)
	p.Test = ""
	p.Summary.Facts[1].Value = "2 files or folders"
	return p
}

func requestWrong() RequestProps {
	p := requestNew()
	p.Notice = &ui.Notice{State: ui.Failed, Text: "4 things need another look. Each stands beside its field; nothing you wrote is lost."}
	p.StoryProblem = "Say in a few words what happened, so that we bring back the right thing."
	p.DayProblem, p.ClockProblem = "Choose the day on which it was still right.", "Type a time of day, like 12:00."
	p.WantProblem, p.Want = "Choose what should come back.", ""
	p.SiteProblem = "Choose one of your sites."
	p.Confirm.Typed, p.Confirm.Problem = "learn.riverside", "This is not the site’s name; type learn.riverside.example, or leave it empty for now."
	p.TermsProblem = "Read what you agree to, and tick the box."
	p.Focus = FieldStory
	p.Kept = "Kept at 16:02. You can close this page and go on later."
	return p
}

func requestHostile() RequestProps {
	p := requestFiles()
	p.Who, p.Org = hostile, rtlName
	p.Sites = []ui.Choice{{Value: "1", Label: hostile}, {Value: "2", Label: rtlName}, {Value: "3", Label: longName}}
	p.Story = strings.Repeat(hostile+" ", 9) + rtlName
	p.Paths[0].Value, p.Paths[1].Problem = longName+hostile, "“"+longName+hostile+"” leads out of the site’s folder."
	p.Summary.Facts = []ui.Fact{{Label: "Site", Value: longName}, {Label: "What", Value: hostile}, {Label: "As it was", Value: rtlName}}
	p.Confirm.Name, p.Confirm.Typed = longName, hostile
	p.Why = rtlName
	p.When.Offers[0].Best = longName
	p.When.Offers[1].Lost = rtlName + longName
	p.MaySend, p.WhyNot = false, "Your role does not open tickets; ask an administrator of "+longName+"."
	return p
}
