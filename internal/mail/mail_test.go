package mail_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/mail"
	"holdfast/internal/selfcert"
	"holdfast/internal/testkit"
)

func open(t *testing.T, url string) *mail.Server {
	t.Helper()
	s, err := mail.Open(url, "Bright Hösting <backup@hoster.example>", clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func letter() mail.Message {
	return mail.Message{ID: "0190b3a0", To: "anna@school.example", Subject: "Grüße", Text: "Öffnen Sie\n.\nhttps://h.example/sign-in/link/" + strings.Repeat("abc", 40) + "\n"}
}

func TestSend_BringsTheLetterWhole(t *testing.T) {
	t.Parallel()
	s := testkit.NewSMTP(t, nil)
	if err := open(t, "smtp://"+s.Addr).Send(t.Context(), letter()); err != nil {
		t.Fatal(err)
	}
	got := s.Next()
	if got.From != "backup@hoster.example" || got.To != "anna@school.example" || got.Subject != "Grüße" || strings.TrimSpace(got.Text) != strings.TrimSpace(letter().Text) {
		t.Errorf("%+v", got)
	}
	if id := got.Header.Get("Message-Id"); id != "<0190b3a0@hoster.example>" || got.Header.Get("Auto-Submitted") != "auto-generated" || got.Header.Get("Date") == "" {
		t.Errorf("head: %v", got.Header)
	}
}

func TestSend_SaysWhichRefusalIsFinal(t *testing.T) {
	t.Parallel()
	s := testkit.NewSMTP(t, nil)
	for said, want := range map[string]errs.Kind{"550 5.1.1 no anna@school.example here": errs.Invalid, "451 4.7.1 later": errs.Unavailable} {
		s.Answer(said)
		err := open(t, "smtp://"+s.Addr).Send(t.Context(), letter())
		if !errs.Is(err, want) || strings.Contains(errs.Sentence(err), "anna") {
			t.Errorf("%s: %v", said, err)
		}
	}
	if err := open(t, "smtp://127.0.0.1:1").Send(t.Context(), letter()); !errs.Is(err, errs.Unavailable) {
		t.Errorf("no server: %v", err)
	}
	bad := letter()
	bad.To = "no address"
	if err := open(t, "smtp://"+s.Addr).Send(t.Context(), bad); !errs.Is(err, errs.Invalid) {
		t.Errorf("a bad address: %v", err)
	}
}

func TestSend_EndsWithItsContextWhenTheServerHangs(t *testing.T) {
	t.Parallel()
	s := testkit.NewSMTP(t, nil)
	s.Answer("hang")
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	err := open(t, "smtp://"+s.Addr).Send(ctx, letter())
	if !errs.Is(err, errs.Unavailable) || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatalf("%v", err)
	}
}

// A server whose certificate nobody vouches for gets neither letter nor
// password.
func TestSend_GivesNoPasswordToAServerThatNobodyVouchesFor(t *testing.T) {
	t.Parallel()
	cert, err := selfcert.Load(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s := testkit.NewSMTP(t, &cert)
	if err := open(t, "smtp://user:secret-word@"+s.Addr).Send(t.Context(), letter()); err == nil || strings.Contains(err.Error(), "secret-word") {
		t.Errorf("%v", err)
	}
	if !s.Empty() {
		t.Error("the letter went out")
	}
}

func TestOpen_NamesTheWrongSetting(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ url, from, want string }{
		{"", "a@b.example", "HOLDFAST_SMTP_URL"},
		{"http://mail.example", "a@b.example", "HOLDFAST_SMTP_URL"},
		{"smtp://", "a@b.example", "HOLDFAST_SMTP_URL"},
		{"smtp://mail.example:99999", "a@b.example", "HOLDFAST_SMTP_URL"},
		{"smtp://user:secret-word@mail.example:x", "a@b.example", "HOLDFAST_SMTP_URL"},
		{"smtp://mail.example", "", "HOLDFAST_MAIL_FROM"},
		{"smtp://mail.example", "nobody", "HOLDFAST_MAIL_FROM"},
	} {
		_, err := mail.Open(c.url, c.from, clock.System{})
		if !errs.Is(err, errs.Invalid) || !strings.HasPrefix(errs.Sentence(err), c.want) || strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestSend_IntoAFolderKeepsEachLetterOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "mail")
	s := open(t, "file://"+dir)
	l := letter()
	l.HTML, l.ReplyTo, l.Thread = "<p>Öffnen</p>", "reply+1@replies.hoster.example", "ticket-1"
	for range 2 {
		if err := s.Send(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || files[0].Name() != l.ID+".eml" {
		t.Fatalf("%v %v", files, err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, files[0].Name()))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"text/plain", "text/html", "Reply-To: <reply+1@replies.hoster.example>", "References: <ticket-1@hoster.example>", "To: <anna@school.example>"} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("no %q in:\n%s", want, raw)
		}
	}
}
