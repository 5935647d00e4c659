package serve

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"regexp"
	"strings"

	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/mail"
	"holdfast/internal/mailin"
	"holdfast/web/letter"
)

var domainName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$`)

// checkReplies names what is wrong with the settings of answers by mail.
func (p *PeopleConfig) checkReplies() (wrong []error) {
	p.ReplyDomain = strings.ToLower(p.ReplyDomain)
	if (p.ReplyDomain == "") != (p.MailListen == "") {
		wrong = append(wrong, errs.Field("HOLDFAST_REPLY_DOMAIN", "give it together with HOLDFAST_MAIL_LISTEN, or neither"))
	}
	if p.ReplyDomain != "" && (!domainName.MatchString(p.ReplyDomain) || len(p.ReplyDomain) > 190) {
		wrong = append(wrong, errs.Field("HOLDFAST_REPLY_DOMAIN", "%q must be a domain of its own whose mail comes here, like replies.hoster.example", p.ReplyDomain))
	}
	if _, port, err := net.SplitHostPort(p.MailListen); p.MailListen != "" && (err != nil || !isPort(port)) {
		wrong = append(wrong, errs.Field("HOLDFAST_MAIL_LISTEN", "%q must be host:port, like 127.0.0.1:2525", p.MailListen))
	}
	if p.ReplyDomain != "" && p.SMTPURL == "" {
		wrong = append(wrong, errs.Field("HOLDFAST_REPLY_DOMAIN", "answers come to mails that we send: set HOLDFAST_SMTP_URL too"))
	}
	return wrong
}

// drawLetter draws a letter as HTML; one that cannot be drawn goes as text.
func drawLetter(log *slog.Logger) func(context.Context, mail.Letter) string {
	return func(ctx context.Context, l mail.Letter) string {
		w := letter.Words{
			Hoster: l.Hoster, Subject: l.Subject, Above: l.Above, Title: l.Title, Lines: l.Lines, QuoteBy: l.QuoteBy,
			Facts: l.Facts, Button: l.Button, Link: l.Link, After: l.After,
		}
		if l.Quote != "" {
			w.Quote = strings.Split(l.Quote, "\n")
		}
		page, err := letter.HTML(ctx, w)
		if err != nil {
			log.Error("a letter goes as text alone", "error", err)
			return ""
		}
		return page
	}
}

// listenMail opens the door for answers by mail, where one is set up, and
// gives what serves it.
func (s *Server) listenMail(ctx context.Context, c Config, cert *tls.Config) (serve func(context.Context) error, err error) {
	addresses, ok := s.App.Addresses()
	if !ok {
		return nil, nil //nolint:nilnil // none is no error
	}
	sends, err := mail.Open(c.People.SMTPURL, c.People.MailFrom, clock.System{})
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.People.MailListen)
	if err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "HOLDFAST_MAIL_LISTEN: cannot listen on %s; is another program there?", c.People.MailListen)
	}
	s.MailAddr = l.Addr().String()
	var starttls *tls.Certificate
	if cert != nil && len(cert.Certificates) > 0 {
		starttls = &cert.Certificates[0]
	}
	door := mailin.NewDoor(addresses, sends.Domain(), starttls, s.App.TakeMail, c.Logger)
	return func(ctx context.Context) error { return door.Serve(ctx, l) }, nil
}

func useReplies(p PeopleConfig, a *app.App) error {
	if p.ReplyDomain == "" {
		return nil
	}
	return a.UseReplies(p.ReplyDomain)
}
