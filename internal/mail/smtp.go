package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"

	"holdfast/internal/clock"
	"holdfast/internal/errs"
)

// timeout is how long one try may take, from dialling to the server's last word.
const timeout = 20 * time.Second

// Server sends by one SMTP server. It is safe for several goroutines.
type Server struct {
	host   string
	opts   []gomail.Option
	from   *mail.Address
	domain string // of our Message-IDs
	ssl    bool
	dir    string // letters are put there as files and sent nowhere; "" sends
	clock  clock.Clock
}

// Open reads the settings of an SMTP server: its address as smtp://host:587
// (STARTTLS), smtps://host:465 (TLS at once), with user:password@ where the
// server wants it, and who the mails are from; file:///folder puts each letter
// there as a file, for the demo. Nothing is dialled. STARTTLS is
// insisted on except to this very machine. Errors name the setting and hold no
// password.
func Open(address, from string, c clock.Clock) (*Server, error) {
	u, err := url.Parse(address)
	if err == nil && u.Scheme == "file" && filepath.IsAbs(u.Path) && u.Host == "" {
		return inFolder(u.Path, from, c)
	}
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		return nil, errs.Field("HOLDFAST_SMTP_URL", "must look like smtp://user:password@mail.hoster.example:587 or smtps://…:465")
	}
	sender, err := mail.ParseAddress(from)
	if err != nil {
		return nil, errs.Field("HOLDFAST_MAIL_FROM", "must be a mail address, like Bright Hosting <backup@hoster.example>")
	}
	s := &Server{host: u.Hostname(), from: sender, clock: c}
	_, s.domain, _ = strings.Cut(sender.Address, "@")
	port, policy := 587, gomail.TLSMandatory
	if u.Scheme == "smtps" {
		port, s.ssl = 465, true
		s.opts = append(s.opts, gomail.WithSSL())
	} else if loopback(u.Hostname()) {
		policy = gomail.TLSOpportunistic
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return nil, errs.Field("HOLDFAST_SMTP_URL", "the port %q is not a number from 1 to 65535", p)
		}
		port = int(n)
	}
	s.opts = append(s.opts, gomail.WithPort(port), gomail.WithTLSPolicy(policy), gomail.WithTimeout(timeout), gomail.WithHELO(s.domain))
	if user := u.User.Username(); user != "" {
		password, _ := u.User.Password()
		s.opts = append(s.opts, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(user), gomail.WithPassword(password))
	}
	if _, err := gomail.NewClient(s.host, s.opts...); err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "HOLDFAST_SMTP_URL: cannot be used")
	}
	return s, nil
}

// inFolder is a server that puts letters into a folder, for nobody but the one
// who runs it.
func inFolder(dir, from string, c clock.Clock) (*Server, error) {
	sender, err := mail.ParseAddress(from)
	if err != nil {
		return nil, errs.Field("HOLDFAST_MAIL_FROM", "must be a mail address, like Bright Hosting <backup@hoster.example>")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "HOLDFAST_SMTP_URL: cannot make the folder %s", dir)
	}
	s := &Server{from: sender, dir: dir, clock: c}
	_, s.domain, _ = strings.Cut(sender.Address, "@")
	return s, nil
}

// keep writes a letter whole or not at all; sent again, it is the same file.
func (s *Server) keep(letter *gomail.Msg, id string) error {
	f, err := os.CreateTemp(s.dir, ".letter-*")
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "the folder of mails cannot be written")
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone once it has its name
	_, err = letter.WriteTo(f)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(s.dir, filepath.Base(id)+".eml"))
	}
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "the folder of mails cannot be written")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Domain is that of our own Message-IDs.
func (s *Server) Domain() string { return s.domain }

// Send hands one letter to the server. An error of kind Invalid is final: the
// server will not take this letter, however often it is tried. The error's own
// sentence holds no address; its cause may.
func (s *Server) Send(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	letter, err := s.letter(m)
	if err != nil {
		return errs.Wrap(errs.Invalid, err, "the letter cannot be written")
	}
	if s.dir != "" {
		return s.keep(letter, m.ID)
	}
	line := &line{}
	// What hangs, at any word, ends with the context.
	stop := context.AfterFunc(ctx, line.cut)
	defer stop()
	client, err := gomail.NewClient(s.host, append(slices.Clone(s.opts), gomail.WithDialContextFunc(s.dial(line)))...)
	if err != nil {
		return fmt.Errorf("mail client: %w", err)
	}
	if err := client.DialWithContext(ctx); err != nil {
		return errs.Wrap(errs.Unavailable, err, "the mail server does not let us in")
	}
	err = client.Send(letter)
	// The server has taken the letter or refused it by now; how the line is
	// closed changes nothing.
	_ = client.Close()
	return refused(err)
}

// line is the connection of one try.
type line struct {
	mu   sync.Mutex
	conn net.Conn
	over bool
}

// cut ends the connection, also one that is yet to come.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.conn != nil {
		_ = l.conn.Close()
	}
}

func (l *line) hold(c net.Conn) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = c
	if l.over {
		_ = c.Close()
	}
	return c
}

func (s *Server) dial(l *line) gomail.DialContextFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c = l.hold(c)
		if !s.ssl {
			return c, nil
		}
		t := tls.Client(c, &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12})
		return t, t.HandshakeContext(ctx)
	}
}

func refused(err error) error {
	if err == nil {
		return nil
	}
	var said *gomail.SendError
	if errors.As(err, &said) && !said.IsTemp() && said.ErrorCode() >= 500 {
		return errs.Wrap(errs.Invalid, err, "the mail server refuses this letter for good (%d)", said.ErrorCode())
	}
	if errors.As(err, &said) && said.ErrorCode() > 0 {
		return errs.Wrap(errs.Unavailable, err, "the mail server does not take this letter now (%d)", said.ErrorCode())
	}
	return errs.Wrap(errs.Unavailable, err, "the mail server went away")
}

func (s *Server) letter(m Message) (*gomail.Msg, error) {
	letter := gomail.NewMsg()
	letter.FromMailAddress(s.from)
	if err := letter.To(m.To); err != nil {
		return nil, err
	}
	letter.Subject(m.Subject)
	letter.SetMessageIDWithValue(m.ID + "@" + s.domain)
	letter.SetDateWithValue(s.clock.Now())
	letter.SetGenHeader("Auto-Submitted", "auto-generated") // out-of-office programs do not answer
	if m.ReplyTo != "" {
		if err := letter.ReplyTo(m.ReplyTo); err != nil {
			return nil, err
		}
	}
	if m.Bounce != "" {
		if err := letter.EnvelopeFrom(m.Bounce); err != nil {
			return nil, err
		}
	}
	if m.Thread != "" {
		thread := "<" + m.Thread + "@" + s.domain + ">"
		letter.SetGenHeader("In-Reply-To", thread)
		letter.SetGenHeader("References", thread)
	}
	if m.Unsubscribe != "" {
		letter.SetGenHeader("List-Unsubscribe", "<"+m.Unsubscribe+">")
	}
	letter.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		letter.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return letter, nil
}
