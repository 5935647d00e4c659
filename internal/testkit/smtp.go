package testkit

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"
)

// Letter is a mail that an SMTP server has taken.
type Letter struct {
	From, To   string // of the envelope
	Header     mail.Header
	Subject    string
	Text       string
	TLS        bool
	User, Pass string
}

// SMTP is a mail server on this machine, which speaks the real protocol and
// keeps what it is given.
type SMTP struct {
	Addr string // host:port
	t    testing.TB
	cert *tls.Certificate

	mu      sync.Mutex
	answers []string // to RCPT, before it takes any: "451 busy", "550 no such user"; "hang" says nothing, "drop" takes the letter and hangs up before saying so
	letters chan Letter
	open    sync.WaitGroup
}

// NewSMTP starts a mail server, with STARTTLS where it has a certificate.
func NewSMTP(t testing.TB, cert *tls.Certificate) *SMTP {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed by the test's end
	if err != nil {
		t.Fatal(err)
	}
	s := &SMTP{Addr: l.Addr().String(), t: t, cert: cert, letters: make(chan Letter, 100)}
	var conns sync.Map
	s.open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Store(c, true)
			s.open.Go(func() {
				defer c.Close() //nolint:errcheck // done with it
				s.serve(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		conns.Range(func(c, _ any) bool {
			_ = c.(net.Conn).Close() //nolint:errcheck // stored above
			return true
		})
		s.open.Wait()
	})
	return s
}

// Answer makes the server answer the next recipients so, one each.
func (s *SMTP) Answer(said ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = append(s.answers, said...)
}

func (s *SMTP) answer() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.answers) == 0 {
		return ""
	}
	a := s.answers[0]
	s.answers = s.answers[1:]
	return a
}

// Next gives the next letter, and fails the test where none comes.
func (s *SMTP) Next() Letter {
	s.t.Helper()
	select {
	case l := <-s.letters:
		return l
	case <-time.After(30 * time.Second):
		s.t.Fatal("no letter came")
		return Letter{}
	}
}

// Empty tells whether no letter waits.
func (s *SMTP) Empty() bool { return len(s.letters) == 0 }

func (s *SMTP) serve(c net.Conn) {
	r, l := bufio.NewReader(c), Letter{}
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(c, format+"\r\n", args...) }
	say("220 test ESMTP")
	drop := false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO", "HELO":
			if s.cert != nil && !l.TLS {
				say("250-test\r\n250 STARTTLS")
			} else {
				say("250-test\r\n250 AUTH PLAIN")
			}
		case "STARTTLS":
			say("220 go on")
			t := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{*s.cert}, MinVersion: tls.VersionTLS12})
			c, r, l.TLS = t, bufio.NewReader(t), true
		case "AUTH":
			raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
			if p := strings.Split(string(raw), "\x00"); len(p) == 3 {
				l.User, l.Pass = p[1], p[2]
			}
			say("235 in")
		case "MAIL":
			l.From = between(rest)
			say("250 ok")
		case "RCPT":
			switch a := s.answer(); a {
			case "hang":
				_, _ = r.ReadString(0)
				return
			case "drop":
				drop = true
				l.To = between(rest)
				say("250 ok")
			case "":
				l.To = between(rest)
				say("250 ok")
			default:
				say("%s", a)
			}
		case "DATA":
			say("354 go on")
			if err := l.read(r); err != nil {
				say("554 %v", err)
				return
			}
			s.letters <- l
			if drop {
				return
			}
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func between(s string) string {
	_, s, _ = strings.Cut(s, "<")
	s, _, _ = strings.Cut(s, ">")
	return s
}

// read takes a letter's text up to the line with a lone dot.
func (l *Letter) read(r *bufio.Reader) error {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if line == ".\r\n" {
			break
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
	m, err := mail.ReadMessage(strings.NewReader(b.String()))
	if err != nil {
		return err
	}
	l.Header = m.Header
	if l.Subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		return err
	}
	body := m.Body
	if strings.EqualFold(m.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	l.Text = strings.ReplaceAll(string(text), "\r\n", "\n")
	return err
}
