// Package ui holds the parts that pages are made of: the frame, tables, pills,
// bars, forms. It decides markup, labels, roles and focus, so that no page can
// forget them. It never decides words or numbers: it gets them finished, and
// it knows nothing of sites, runs or roles.
package ui

import (
	"strconv"
	"strings"
)

// State says how a thing stands. Each has its own shape and colour; the word
// beside it makes both readable without either.
type State string

// The states. None of them blinks.
const (
	Good        State = "good"
	None        State = "none"       // there is nothing yet, and nothing is wrong
	Late        State = "late"       // there should be a newer one
	Incomplete  State = "incomplete" // there is one, with something missing
	Failed      State = "failed"
	Running     State = "running"
	Waiting     State = "waiting"
	Unreachable State = "unreachable" // nobody answers; nothing is known to be lost
	Cancelled   State = "cancelled"
)

// Word is what the state is called where a page has no better word.
func (s State) Word() string {
	if s == None {
		return "none yet"
	}
	return string(s)
}

// known keeps a state that nobody defined from becoming a class name.
func (s State) known() State {
	switch s {
	case Good, None, Late, Incomplete, Failed, Running, Waiting, Unreachable, Cancelled:
		return s
	default:
		return Waiting
	}
}

// tone is the colour of the state, as a class.
func (s State) tone() string {
	switch s.known() {
	case Good:
		return "ok"
	case Late, Incomplete, Unreachable:
		return "warn"
	case Failed:
		return "bad"
	case Running:
		return "info"
	default:
		return "quiet"
	}
}

// Tone is the name of the state's colour: ok, warn, bad, info or quiet.
func Tone(s State) string { return s.tone() }

// Phrase is a piece of a sentence; Strong ones carry the numbers.
type Phrase struct {
	Text   string
	Strong bool
}

// Text is a plain phrase.
func Text(s string) Phrase { return Phrase{Text: s} }

// Strong is a phrase that stands out.
func Strong(s string) Phrase { return Phrase{Text: s, Strong: true} }

// Say makes a sentence of phrases.
func Say(p ...Phrase) []Phrase { return p }

// When is a moment: words for reading ("2 h 10 min ago"), the exact local time
// with its zone on hover, and RFC 3339 for machines. Empty Words show a dash.
type When struct {
	Words, Exact, Machine string
}

// Amount is a size or count: "41.2 GB", and on hover "44,238,912,311 bytes".
// Empty Words show a dash.
type Amount struct {
	Words, Exact string
}

// Progress is how far a running thing is, as it said itself. Percent is 0 to
// 100; where the end is not known yet (Known is false) the bar has no length.
type Progress struct {
	Label   string // what progresses, for screen readers: "Data copy of learn.riverside.example"
	Percent int
	Known   bool
	Words   string // "311,204 of 412,331 files"
	Rate    string // "212 MB/s", empty when not measured
	Left    string // "14 s left", empty when not known
}

func (p Progress) value() string { return strconv.Itoa(min(max(p.Percent, 0), 100)) }

// NavItem is one entry of the main navigation. Break starts a new group.
type NavItem struct {
	Label, Href string
	Current     bool
	Count       string // "4", empty for none
	CountWords  string // what is counted, for screen readers: "need you"
	Break       bool
}

// Notice is one sentence at the top of a page, the answer to what was just
// done. Good, Failed and Late are the states used.
type Notice struct {
	State State
	Text  string
}

// Frame is what surrounds a page.
type Frame struct {
	Title       string // of the page; the product's name is added
	Product     string // the hoster's name on customer pages; "Holdfast" when empty
	Home        string // where the mark leads
	Nav         []NavItem
	Who         string // who is signed in; empty for nobody
	Org         string // the organisation signed in for
	SignOutPath string // POST; no form when empty
	AccountPath string // where their own account is; their name is no link when empty
	FindPath    string // where things are found by name, GET with q; not offered when empty
	Top         bool   // navigation above the page (customers) rather than beside it
	Live        bool   // the page has a part that updates itself
	Lists       bool   // the page has a list that is narrowed in place: see Narrowing
	Requests    bool   // the page is one of requests and tickets, with a sheet of its own
	Draft       bool   // the page keeps what is typed: its script keeps it on the device too
	Notice      *Notice
}

func (f Frame) product() string {
	if f.Product == "" {
		return "Holdfast"
	}
	return f.Product
}

func (f Frame) home() string {
	if f.Home == "" {
		return "/"
	}
	return f.Home
}

// Crumb is one step of the way to a page.
type Crumb struct{ Label, Href string }

// Choice is one of few, as a link (filters) or an option (forms).
type Choice struct {
	Value, Label string
	Href         string // for links
	Count        string
	Selected     bool
}

// Pager leads through a long list by cursors; empty addresses are no links.
type Pager struct {
	ID                 string // of its links, for a list that is narrowed in place; none where empty
	PrevHref, NextHref string
	Words              string // "Sites 51 to 100 of 1,284"
	What               string // of what, for screen readers: "sites"
}

func (p Pager) empty() bool { return p.PrevHref == "" && p.NextHref == "" && p.Words == "" }

// Fact is one line of a list of facts.
type Fact struct {
	Label, Value string
	Note         string
	Code         bool // a path, an address, a version: set in monospace
}

// Figure is one measured number beside a sentence.
type Figure struct{ Label, Value, Note string }

// Policy is the Content-Security-Policy that the pages are written for: no
// inline style, no inline script, no eval, nothing from elsewhere. nonce is
// the value given to templ.WithNonce, fresh for each response. Forms lead to us
// and to the origins formsTo, where an answer to one may redirect.
func Policy(nonce string, formsTo ...string) string {
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'nonce-" + nonce + "'",
		"style-src 'self'",
		"img-src 'self'",
		"font-src 'self'",
		"connect-src 'self'",
		strings.Join(append([]string{"form-action 'self'"}, formsTo...), " "),
		"base-uri 'none'",
		"frame-ancestors 'none'",
	}, "; ")
}

func dash(words string) string {
	if words == "" {
		return "–"
	}
	return words
}

// noticeRole makes bad news interrupt a screen reader, and good news wait.
func noticeRole(s State) string {
	if s == Failed {
		return "alert"
	}
	return "status"
}

// Column heads a table's column; Number sets it to the right. A Quiet one, of
// buttons say, is headed for screen readers only.
type Column struct {
	Label  string
	Number bool
	Quiet  bool
}

// Columns makes columns of labels; one that begins with '#' holds numbers, one
// that begins with '~' is quiet.
func Columns(labels ...string) []Column {
	out := make([]Column, len(labels))
	for i, l := range labels {
		name, number := strings.CutPrefix(l, "#")
		name, quiet := strings.CutPrefix(name, "~")
		out[i] = Column{Label: name, Number: number, Quiet: quiet}
	}
	return out
}

// Input is a labelled field of a form.
type Input struct {
	ID, Name, Label string
	Type            string // HTML's type; "text" when empty
	Value           string
	Auto            string // autocomplete token
	Hint            string
	Problem         string // what is wrong with the value, one sentence
	Required, Focus bool
	Fixed           bool   // sent, but not to be changed
	Max             int    // characters; 0 for no limit
	Ghost           string // what an empty field means: "every day"
	About           string // the id of a text that explains it, besides its hint
}

func (i Input) kind() string {
	if i.Type == "" {
		return "text"
	}
	return i.Type
}

// describedBy names what explains the field, its problem first.
func (i Input) describedBy() string {
	own := ""
	if i.Hint != "" || i.Problem != "" {
		own = i.ID + "-note"
	}
	return strings.TrimSpace(own + " " + i.About)
}

// Area is a labelled field of several lines.
type Area struct {
	ID, Name, Label string
	Value           string
	Hint            string
	Problem         string // what is wrong with the value, one sentence
	Rows            int
	Max             int // characters; 0 for no limit
	Focus           bool
}
