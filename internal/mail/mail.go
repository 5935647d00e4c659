// Package mail hands finished letters to an SMTP server. It decides how the
// connection is made safe, which refusals are final and what a letter of ours
// looks like as text; it knows no accounts and keeps no queue.
package mail

import (
	"strings"

	"holdfast/internal/text"
)

// Message is one letter: plain text, and the same as HTML where there is any.
type Message struct {
	ID      string // its Message-ID's left part: the same on every try, so that a mailbox can tell a second copy
	To      string
	Subject string
	Text    string
	HTML    string // "" for none
	// ReplyTo is where an answer goes; Bounce the envelope's sender, where a
	// failure comes back to; "" is the installation's own address.
	ReplyTo string
	Bounce  string
	// Thread is the left part of the Message-ID that all mails of one
	// conversation name; Unsubscribe the page that ends letters of this kind.
	Thread      string
	Unsubscribe string
}

// Letter is what a mail says, in finished words.
type Letter struct {
	Hoster  string      `json:"-"` // who writes; set when it is sent
	Subject string      `json:"subject"`
	Title   string      `json:"title"`
	Lines   []string    `json:"lines,omitempty"` // paragraphs
	Quote   string      `json:"quote,omitempty"` // what somebody wrote
	QuoteBy string      `json:"quote_by,omitempty"`
	Facts   [][2]string `json:"facts,omitempty"`
	Button  string      `json:"button,omitempty"`
	Link    string      `json:"link,omitempty"` // a path of our pages; the whole address when it is sent
	After   []string    `json:"after,omitempty"`
	// Above is the line over which an answer is to be written; "" where no
	// answer is read.
	Above string `json:"-"`
}

// Text gives the letter as plain text.
func (l Letter) Text() string {
	var b strings.Builder
	par := func(s string) {
		if s != "" {
			b.WriteString(s)
			b.WriteString("\n\n")
		}
	}
	par(l.Above)
	par(l.Title)
	for _, line := range l.Lines {
		par(line)
	}
	if l.Quote != "" {
		if l.QuoteBy != "" {
			par(l.QuoteBy + " wrote:")
		}
		par("    " + strings.ReplaceAll(l.Quote, "\n", "\n    "))
	}
	var facts []string
	for _, f := range l.Facts {
		facts = append(facts, f[0]+": "+f[1])
	}
	par(strings.Join(facts, "\n"))
	if l.Link != "" {
		par(l.Button + ":\n" + l.Link)
	}
	for _, line := range l.After {
		par(line)
	}
	return b.String() + "-- \n" + text.OneLine(l.Hoster) + "\n"
}
