package app

import (
	"context"

	"holdfast/internal/authz"
	"holdfast/internal/id"
	"holdfast/internal/identity"
	"holdfast/internal/mail"
	"holdfast/internal/store"
)

// Mailer sends one mail, or tells why it could not. An error of kind Invalid
// is final: the address or the mail itself is refused for good.
type Mailer interface {
	Send(ctx context.Context, m mail.Message) error
}

// People is how this installation treats people: what it asks of them, how it
// reaches them, and where they find it.
type People struct {
	Rules  identity.Rules
	Mailer Mailer // nil where no mail is set up
	URL    string // how people reach the pages, like https://backup.hoster.example
	// HTML draws a letter for mail programs that show more than text; nil for
	// text alone.
	HTML    func(ctx context.Context, l mail.Letter) string
	Product string // who mails and authenticators say this is
	Hoster  string // whose pages customers see until it is set; "" for Product
}

// UsePeople sets how people are treated. It is called before anything is
// served.
func (a *App) UsePeople(p People) {
	if p.Product == "" {
		p.Product = "Holdfast"
	}
	a.people = p
}

// CanMail tells whether mail is set up.
func (a *App) CanMail() bool { return a.people.Mailer != nil }

// Product is who this installation says it is: the hoster's name where that
// was set on the page of settings, what the environment says before.
func (a *App) Product() string {
	if name := a.called(); name != "" {
		return name
	}
	if a.people.Product == "" {
		return "Holdfast"
	}
	return a.people.Product
}

// Next tells what a person who has shown these proofs still owes.
func (a *App) Next(shown []identity.Proof, p Person) identity.Step {
	return identity.Next(shown, p.Holder, p.rules)
}

// From is where a request came from, for the event log and the person's own
// list of sessions. Both are what a network and a browser say of themselves.
type From struct{ Address, Device string }

// self runs fn with a person's right over their own account.
func (a *App) self(ctx context.Context, who authz.Actor, fn func(context.Context, *store.Tx) error) error {
	return a.store.Tx(ctx, authz.Self(who), fn)
}

// ofAccount is the subject of an account's events.
func ofAccount(account id.Account) store.Subject {
	return store.Subject{Kind: "account", ID: account.UUID()}
}

// StaffSecondFactor tells whether staff must have a second factor.
func (a *App) StaffSecondFactor(ctx context.Context) bool { return a.Known(ctx).StaffSecondFactor }
