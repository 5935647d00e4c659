// Package mail hands finished letters to an SMTP server. It decides how the
// connection is made safe and which refusals are final; it knows no accounts,
// writes no words and keeps no queue.
package mail

// Message is one letter, in plain text.
type Message struct {
	ID      string // its Message-ID's left part: the same on every try, so that a mailbox can tell a second copy
	To      string
	Subject string
	Text    string
}
