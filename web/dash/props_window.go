package dash

import "holdfast/web/ui"

// CustomersPath is where pages of one customer lie: below it SLUG/window.
const CustomersPath = "/customers"

// WindowPath is the address of a customer's backup window: GET the page, POST
// it: site, mode, from, to, day, accept.
func WindowPath(slug string) string { return CustomersPath + "/" + slug + "/window" }

// WindowProps are those of Window. All that was typed is given back as it was
// typed.
type WindowProps struct {
	Page
	Crumbs   []ui.Crumb
	Customer string
	State    ui.State
	Sentence []ui.Phrase
	Own      []WindowOwn // sites that have their own
	Error    string
	Form     *WindowForm // nil for who may not change it
}

// WindowOwn is a site that does not follow its customer.
type WindowOwn struct{ Site, Href, Words string }

// WindowForm changes the window.
type WindowForm struct {
	Action       string
	Site         Field
	Modes        []ui.Choice
	From, To     Field
	Days         []ui.Choice
	DaysProblem  string
	Costs        []string // of the policy, to be accepted
	CostsHeading string
}
