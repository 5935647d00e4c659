package mailin

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"
)

// Taker takes what came for an address of ours. An error of type Refusal ends
// the mail for good; any other asks the sender's server to try again.
type Taker func(ctx context.Context, to To, in Incoming) error

// Refusal is a final no, with a sentence that the sender's server hands on.
type Refusal struct{ Sentence string }

func (r Refusal) Error() string { return r.Sentence }

// Door is the SMTP server at which the hoster's mail server hands answers in.
// It takes mail for our signed addresses alone, and sends none.
type Door struct {
	smtp *smtp.Server
	log  *slog.Logger
	busy atomic.Int32
	base context.Context //nolint:containedctx // of Serve: a connection has none of its own
}

// The door's bounds.
const (
	lineTimeout = 60 * time.Second
	takeTimeout = 30 * time.Second
	// One recipient has an answer of its own: a mail to two tickets of which one
	// refuses it would come back whole. A sender's server that has more of them
	// is told so (452), and hands the mail in again for each.
	maxRecipients = 1
	maxSessions   = 50
)

// NewDoor makes a door for the domain of addresses. Own is the domain of our
// own mails. A certificate offers STARTTLS; without one the door speaks plain
// SMTP, which is right behind a mail server on the same machine or network.
func NewDoor(addresses Addresses, own string, cert *tls.Certificate, take Taker, log *slog.Logger) *Door {
	d := &Door{log: log}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		if d.busy.Add(1) > maxSessions {
			d.busy.Add(-1)
			return nil, &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "Too many at once; try again in a minute."}
		}
		return &session{door: d, addresses: addresses, own: own, take: take}, nil
	}))
	s.Domain = addresses.domain
	s.MaxMessageBytes = MaxBytes
	s.MaxRecipients = maxRecipients
	s.ReadTimeout, s.WriteTimeout = lineTimeout, lineTimeout
	s.ErrorLog = quiet{log}
	if cert != nil {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12}
	}
	d.smtp = s
	return d
}

// Serve takes mail from l until ctx ends.
func (d *Door) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = d.smtp.Close() })
	defer stop()
	d.base = ctx
	if err := d.smtp.Serve(l); err != nil && !errors.Is(err, smtp.ErrServerClosed) && ctx.Err() == nil {
		return err
	}
	return nil
}

// session is one connection: a mail and its recipients.
type session struct {
	door      *Door
	addresses Addresses
	own       string
	take      Taker
	from      string
	to        []To
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	t, ok := s.addresses.Read(to)
	if !ok {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such address here. Answer a mail of a ticket, or write on the ticket's page."}
	}
	s.to = append(s.to, t)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.door.base, takeTimeout)
	defer cancel()
	in, err := Parse(bytes.NewReader(raw), s.own)
	if err != nil {
		s.door.log.Info("a mail was refused", "why", "it cannot be read")
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "This mail cannot be read. Write on the ticket's page."}
	}
	if s.from == "" && in.Kind == Answer {
		in.Kind, in.Why = Robot, "an empty envelope sender"
	}
	for _, to := range s.to {
		if err := s.take(ctx, to, in); err != nil {
			var no Refusal
			if errors.As(err, &no) {
				return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: no.Sentence}
			}
			s.door.log.Error("a mail could not be taken", "error", err)
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "We cannot take this just now; try again in a few minutes."}
		}
	}
	return nil
}

func (s *session) Reset() { s.from, s.to = "", nil }

func (s *session) Logout() error {
	s.door.busy.Add(-1)
	return nil
}

// quiet hands the library's complaints about connections to the log.
type quiet struct{ log *slog.Logger }

func (q quiet) Printf(_ string, _ ...any) { q.log.Debug("a mail connection ended early") }
func (q quiet) Println(_ ...any)          { q.log.Debug("a mail connection ended early") }
