// Package mailin takes mails that people send to a ticket: the addresses that
// they answer to, which only we can make; what of a mail is worth keeping; and
// the SMTP door. It decides what is an answer of a person, a bounce or a
// machine's. It knows no tickets and no accounts, and never sends anything.
package mailin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// Addresses makes and reads the signed addresses of one domain. Whoever has
// one can write to that ticket as nobody but its account: the sender's own
// address is compared beside it.
type Addresses struct {
	domain string
	key    []byte
}

// NewAddresses signs with key (32 bytes) for a domain that brings its mail here.
func NewAddresses(domain string, key []byte) Addresses {
	return Addresses{domain: strings.ToLower(domain), key: key}
}

// Purposes of an address.
const (
	forReply  = "reply"
	forBounce = "bounce"
)

// small is base32 as mail programs keep it: lower case, no padding.
var small = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Reply is the address by which an account answers in the ticket of a number.
// Its local part stays below the 64 characters that RFC 5321 allows.
func (a Addresses) Reply(ticket int64, account uuid.UUID) string {
	return a.make(forReply, strconv.FormatInt(ticket, 10)+"."+small.EncodeToString(account[:]))
}

// Bounce is the envelope's sender of one mail, where its failure comes back to.
func (a Addresses) Bounce(mail uuid.UUID) string {
	return a.make(forBounce, small.EncodeToString(mail[:]))
}

func (a Addresses) make(purpose, what string) string {
	return purpose + "+" + what + "." + a.sign(purpose, what) + "@" + a.domain
}

func (a Addresses) sign(purpose, what string) string {
	m := hmac.New(sha256.New, a.key)
	m.Write([]byte(purpose + "\x00" + a.domain + "\x00" + what))
	return small.EncodeToString(m.Sum(nil)[:10])
}

// To is whom a mail is for: a ticket's account, or the mail that bounced.
type To struct {
	Ticket  int64     // its number; 0 for a bounce
	Account uuid.UUID // who answers
	Mail    uuid.UUID // what bounced
}

// Bounced tells whether the address takes bounces.
func (t To) Bounced() bool { return t.Ticket == 0 }

// Read gives what an address stands for; false if we did not make it.
func (a Addresses) Read(address string) (To, bool) {
	local, domain, ok := strings.Cut(strings.ToLower(strings.TrimSpace(address)), "@")
	if !ok || domain != a.domain || len(local) > 64 {
		return To{}, false
	}
	purpose, signed, ok := strings.Cut(local, "+")
	dot := strings.LastIndexByte(signed, '.')
	if !ok || dot < 0 {
		return To{}, false
	}
	what := signed[:dot]
	if !hmac.Equal([]byte(a.sign(purpose, what)), []byte(signed[dot+1:])) {
		return To{}, false
	}
	switch purpose {
	case forReply:
		number, account, _ := strings.Cut(what, ".")
		n, err := strconv.ParseInt(number, 10, 64)
		id, ok := read16(account)
		return To{Ticket: n, Account: id}, ok && err == nil && n > 0
	case forBounce:
		id, ok := read16(what)
		return To{Mail: id}, ok
	}
	return To{}, false
}

func read16(s string) (uuid.UUID, bool) {
	b, err := small.DecodeString(s)
	if err != nil || len(b) != 16 {
		return uuid.UUID{}, false
	}
	return uuid.UUID(b), true
}
