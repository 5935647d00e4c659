package mailin_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/smtp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"holdfast/internal/mailin"
)

func addresses() mailin.Addresses {
	return mailin.NewAddresses("replies.hoster.example", bytes.Repeat([]byte{7}, 32))
}

func TestAddresses_AreReadBackAndCannotBeMade(t *testing.T) {
	t.Parallel()
	a, who := addresses(), uuid.New()
	reply := a.Reply(1234567890123, who)
	if local, _, _ := strings.Cut(reply, "@"); len(local) > 64 {
		t.Fatalf("%s: the local part has %d characters", reply, len(local))
	}
	got, ok := a.Read(" " + strings.ToUpper(reply)) // mail programs change the case
	if !ok || got.Ticket != 1234567890123 || got.Account != who || got.Bounced() {
		t.Fatalf("%+v %v", got, ok)
	}
	if got, ok := a.Read(a.Bounce(who)); !ok || got.Mail != who || !got.Bounced() {
		t.Fatalf("%+v %v", got, ok)
	}
	other := mailin.NewAddresses("replies.hoster.example", bytes.Repeat([]byte{8}, 32))
	elsewhere := mailin.NewAddresses("other.example", bytes.Repeat([]byte{7}, 32))
	for _, bad := range []string{
		"", "@", "reply+1.x@replies.hoster.example", other.Reply(1, who), elsewhere.Reply(1, who), strings.Replace(reply, "1234567890123", "1234567890124", 1),
		strings.Replace(reply, "reply+", "bounce+", 1), strings.Replace(a.Bounce(who), "bounce+", "reply+", 1), "postmaster@replies.hoster.example", strings.Repeat("a", 300) + "@replies.hoster.example",
	} {
		if _, ok := a.Read(bad); ok {
			t.Errorf("%q is taken for ours", bad)
		}
	}
}

func parse(t *testing.T, raw string) mailin.Incoming {
	t.Helper()
	in, err := mailin.Parse(strings.NewReader(strings.ReplaceAll(raw, "\n", "\r\n")), "hoster.example")
	if err != nil {
		t.Fatal(err)
	}
	return in
}

const top = "From: Ana Ruiz <Ana@School.example>\nTo: reply@x.example\nMessage-ID: <m1@school.example>\nSubject: =?utf-8?q?Re=3A_Gr=C3=BC=C3=9Fe?=\n"

func TestParse_KeepsWhatAPersonWroteNewly(t *testing.T) {
	t.Parallel()
	const said = "It was the course \"Biology\".\n\nThank you!"
	quoted := map[string]string{
		"a marker":   "\n\nOn Mon, 2 Mar 2026 at 10:00, Bright Hosting wrote:\n> " + mailin.Marker + "\n> hello\n",
		"gmail":      "\n\nOn Mon, 2 Mar 2026 at 10:00, Bright Hosting <reply+1@replies.hoster.example> wrote:\n> hello\n> there\n",
		"broken":     "\n\nOn Mon, 2 Mar 2026 at 10:00, Bright Hosting\n<reply+1@replies.hoster.example> wrote:\n\n> hello\n",
		"german":     "\n\nAm Mo., 2. März 2026 um 10:00 Uhr schrieb Bright Hosting:\n> hallo\n",
		"french":     "\n\nLe lun. 2 mars 2026 à 10:00, Bright Hosting a écrit :\n> bonjour\n",
		"outlook":    "\n\nFrom: Bright Hosting\nSent: Monday, 2 March 2026\nTo: Ana\nSubject: x\n\nhello\n",
		"original":   "\n\n-----Original Message-----\nhello\n",
		"rule":       "\n\n________________________________\nFrom: x\n",
		"bare":       "\n\n> hello\n>\n> there\n",
		"signature":  "\n-- \nAna Ruiz\nRiverside School\n",
		"no quoting": "\n",
	}
	for name, q := range quoted {
		in := parse(t, top+"Content-Type: text/plain; charset=utf-8\n\n"+said+q)
		if in.Kind != mailin.Answer || in.Text != said || in.From != "ana@school.example" || in.MessageID != "m1@school.example" || in.Subject != "Re: Grüße" {
			t.Errorf("%s: %+v", name, in)
		}
	}
	if in := parse(t, top+"Content-Type: text/plain\n\n> only\n> quoted\n"); in.Text != "" {
		t.Errorf("nothing new, yet %q", in.Text)
	}
}

func TestParse_HTMLBecomesTextAndNothingOfItRuns(t *testing.T) {
	t.Parallel()
	in := parse(t, top+"Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"+
		"<html><head><title>x</title><style>p{color:red}</style></head><body><p>Gr=FC=DFe &amp; danke &lt;b&gt;</p><script>alert(1)</script>"+
		"<div>Zeile 2<br>Zeile 3</div><img src=3Dx onerror=3Dalert(1)><blockquote>old words</blockquote></body></html>")
	if in.Text != "Grüße & danke <b>\nZeile 2\nZeile 3" {
		t.Errorf("%q", in.Text)
	}
}

func TestParse_TakesFilesAndLeavesLogosOut(t *testing.T) {
	t.Parallel()
	in := parse(t, top+"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\nContent-Type: text/plain\n\nhello\n--c\nContent-Type: text/html\n\n<p>other</p>\n--c--\n"+
		"--b\nContent-Type: image/png\nContent-ID: <logo>\n\nabc\n--b\nContent-Type: image/png; name=\"=?utf-8?q?sch=C3=A4rm.png?=\"\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\nAAEC\n--b--\n")
	if in.Text != "hello" || len(in.Files) != 1 || in.Files[0].Name != "schärm.png" || !bytes.Equal(in.Files[0].Data, []byte{0, 1, 2}) {
		t.Errorf("%+v", in)
	}
}

func TestParse_KnowsMachinesLoopsAndBounces(t *testing.T) {
	t.Parallel()
	for _, h := range []string{
		"Auto-Submitted: auto-replied\n", "Precedence: bulk\n", "List-Id: <x.example>\n", "X-Autoreply: yes\n", "Return-Path: <>\n", "Message-ID: <m9@hoster.example>\n",
	} {
		raw := strings.Replace(top, "Message-ID: <m1@school.example>\n", "", 1) + h + "\nI am away.\n"
		if in := parse(t, raw); in.Kind != mailin.Robot || in.Why == "" || in.Text != "" {
			t.Errorf("%q: %+v", h, in)
		}
	}
	if in := parse(t, top+"Auto-Submitted: no\n\nhello\n"); in.Kind != mailin.Answer || in.Text != "hello" {
		t.Errorf("%+v", in)
	}
	for status, permanent := range map[string]bool{"Action: failed\nStatus: 5.1.1\n": true, "Action: delayed\nStatus: 4.4.7\n": false, "Action: delayed\nStatus: 5.1.1\n": false} {
		in := parse(t, "From: MAILER-DAEMON@mx.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\nsorry\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; a@b\n"+status+"\n--b--\n")
		if in.Kind != mailin.Bounce || in.Permanent != permanent {
			t.Errorf("%q: %+v", status, in)
		}
	}
}

func TestParse_AMailWithoutAnIDIsKnownByItsContent(t *testing.T) {
	t.Parallel()
	raw := strings.Replace(top, "Message-ID: <m1@school.example>\n", "", 1) + "\nhello\n"
	if a, b := parse(t, raw), parse(t, raw); a.MessageID != b.MessageID || !strings.HasPrefix(a.MessageID, "sha256:") {
		t.Errorf("%q %q", a.MessageID, b.MessageID)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(top + "\nhello\n"))
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n"))
	f.Add([]byte("Content-Type: text/html; charset=utf-7\nContent-Transfer-Encoding: base64\n\n!!!\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		in, err := mailin.Parse(bytes.NewReader(raw), "hoster.example")
		if err != nil {
			if !errors.Is(err, mailin.ErrUnreadable) {
				t.Fatalf("a bare error: %v", err)
			}
			return
		}
		if len(in.Files) > 10 || strings.ContainsRune(in.Text, 0) || strings.ContainsAny(in.Subject, "\r\n") || in.Kind == mailin.Robot && in.Text != "" {
			t.Fatalf("%+v", in)
		}
	})
}

func TestDoor_TakesMailForOurAddressesAlone(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	took := make(chan mailin.Incoming, 4)
	answer := errors.New("the database is away")
	door := mailin.NewDoor(addresses(), "hoster.example", nil, func(_ context.Context, to mailin.To, in mailin.Incoming) error {
		switch in.Text {
		case "fail":
			return answer
		case "stranger":
			return mailin.Refusal{Sentence: "Write from the address that we wrote to."}
		}
		if to.Ticket != 1001 {
			t.Errorf("%+v", to)
		}
		took <- in
		return nil
	}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- door.Serve(ctx, l) }()
	to := addresses().Reply(1001, uuid.New())
	send := func(to, text string) error {
		return smtp.SendMail(l.Addr().String(), nil, "ana@school.example", []string{to}, []byte(strings.ReplaceAll(top, "\n", "\r\n")+"\r\n"+text+"\r\n"))
	}
	if err := send(to, "hello"); err != nil {
		t.Fatal(err)
	}
	if in := <-took; in.Text != "hello" {
		t.Errorf("%+v", in)
	}
	for text, want := range map[string]string{"fail": "451", "stranger": "550"} {
		if err := send(to, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := send("somebody@replies.hoster.example", "x"); err == nil || !strings.Contains(err.Error(), "550") {
		t.Errorf("a foreign address: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
