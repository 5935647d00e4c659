// Package identity holds what is true of signing in, without any I/O: which
// proofs a person still owes, what a good password is, how time-based codes
// and recovery codes are made and checked, how long a link lives, and the
// words of the mails that carry links. It stores nothing, hashes no password,
// reads no clock and sends no mail: it is told the time and gives answers.
package identity

import "time"

// Proof is one way in which somebody has shown who they are.
type Proof string

// The proofs.
const (
	Password Proof = "password"
	Passkey  Proof = "passkey" // held and unlocked by its owner: both factors in one
	MailLink Proof = "mail_link"
	Provider Proof = "oidc" // the staff's own identity provider, which asks for what it asks for
	Code     Proof = "totp"
	Recovery Proof = "recovery_code"
)

// Rules are what this installation asks of people.
type Rules struct {
	// StaffSecondFactor: staff without a second factor are led to get one
	// before anything else.
	StaffSecondFactor bool
}

// Holder is what is known of the person who signs in.
type Holder struct {
	Staff    bool
	TOTP     bool // a confirmed authenticator
	Passkeys int
}

// HasSecond tells whether the person has a second factor at all.
func (h Holder) HasSecond() bool { return h.TOTP || h.Passkeys > 0 }

// Step is what comes next in signing in.
type Step string

// The steps.
const (
	WantFirst  Step = "first"  // nothing that counts was shown yet
	WantSecond Step = "second" // a code of the authenticator, or a recovery code
	WantEnrol  Step = "enrol"  // signed in, but led to get a second factor first
	Done       Step = "done"
)

// Next tells what a person who has shown these proofs still owes. A passkey
// and the identity provider stand for both factors. A mail link opens
// customers' accounts only. Who has an authenticator is asked for it; staff who
// have only a passkey do not come in by their password alone, while for a
// customer a passkey is a second way in.
func Next(shown []Proof, h Holder, r Rules) Step {
	var first, second bool
	for _, p := range shown {
		switch p {
		case Passkey, Provider:
			if p == Provider && !h.Staff {
				continue
			}
			first, second = true, true
		case Password:
			first = true
		case MailLink:
			first = first || !h.Staff
		case Code, Recovery:
			second = true
		}
	}
	switch {
	case !first:
		return WantFirst
	case !second && (h.TOTP || h.Staff && h.Passkeys > 0):
		return WantSecond
	case MustEnrol(h, r) && !second:
		return WantEnrol
	}
	return Done
}

// MustEnrol tells whether the person is to get a second factor before anything
// else.
func MustEnrol(h Holder, r Rules) bool { return r.StaffSecondFactor && h.Staff && !h.HasSecond() }

// FreshFor is how long a sign-in by password or passkey lets somebody do what
// is dangerous without showing it again.
const FreshFor = 15 * time.Minute

// Fresh tells whether the last proof is new enough at now. One from the future
// is not.
func Fresh(shown, now time.Time) bool {
	age := now.Sub(shown)
	return !shown.IsZero() && age >= -time.Minute && age < FreshFor
}

// How long each link opens its door.
const (
	SignInLinkFor = 15 * time.Minute
	ResetLinkFor  = time.Hour
	InvitationFor = 7 * 24 * time.Hour
)
