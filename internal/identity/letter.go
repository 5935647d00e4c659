package identity

import (
	"fmt"
	"strings"
	"time"

	"holdfast/internal/text"
)

// LetterKind is why a mail is written.
type LetterKind string

// The kinds of letters.
const (
	SignInLetter     LetterKind = "sign_in_link"
	ResetLetter      LetterKind = "password_reset"
	InvitationLetter LetterKind = "invitation"
	NoticeLetter     LetterKind = "notice"
)

// Letter is what a mail is written from.
type Letter struct {
	Kind    LetterKind
	Product string // who writes
	Support string // where to write to with questions; "" for nowhere
	Link    string // for the kinds that carry one
	Into    string // an invitation: the organisation, "" for the staff
	Role    string // in it
	What    string // a notice: what was done, as the start of a sentence
	At      time.Time
}

// Lasts is how long a letter's link opens its door; a letter that comes later
// is not worth sending.
func (k LetterKind) Lasts() time.Duration {
	switch k {
	case SignInLetter:
		return SignInLinkFor
	case ResetLetter:
		return ResetLinkFor
	default:
		return InvitationFor
	}
}

// Write gives the letter's subject and its text, in plain words.
func (l Letter) Write() (subject, body string) {
	var lines []string
	switch l.Kind {
	case SignInLetter:
		subject = "Your link to sign in"
		lines = []string{"Open this link to sign in. It works once, for 15 minutes:", l.Link, "You did not ask for it? Then somebody typed your address; nothing happens as long as nobody opens the link."}
	case ResetLetter:
		subject = "Set a new password"
		lines = []string{"Open this link to set a new password. It works once, for an hour:", l.Link, "You did not ask for it? Then somebody typed your address. Your password stays as it is as long as nobody opens the link."}
	case InvitationLetter:
		subject = "You are invited"
		into := "to the staff of " + l.Product
		if l.Into != "" {
			subject, into = "You are invited to "+l.Into, "to "+l.Into+" on "+l.Product
		}
		lines = []string{fmt.Sprintf("You are invited %s, as %s.", into, l.Role), "Open this link to accept and to choose a password. It works once, for seven days:", l.Link, "You do not know what this is about? Then leave it; the invitation ends by itself."}
	case NoticeLetter:
		subject = l.What
		lines = []string{l.What + ", on " + l.At.UTC().Format("2 January 2006 at 15:04") + " UTC.", "Was it you? Then there is nothing to do.", "If it was not, set a new password now and tell us: " + l.Link}
	}
	foot := text.OneLine(l.Product) + "\n"
	if l.Support != "" {
		foot += "Questions: " + text.OneLine(l.Support) + "\n"
	}
	return text.OneLine(subject), strings.Join(lines, "\n\n") + "\n\n-- \n" + foot
}
