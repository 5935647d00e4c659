package mailin

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // mails come in every charset there is

	"holdfast/internal/text"
)

// What one mail may hold at most.
const (
	MaxBytes       = 25 << 20 // as it comes over the line
	maxTextBytes   = 256 << 10
	maxParts       = 200
	maxDepth       = 8
	maxAttachments = 10
)

// Kind is what a mail is.
type Kind string

// The kinds.
const (
	Answer Kind = "answer" // of a person
	Robot  Kind = "robot"  // an auto-reply, a list, a loop: never answered, never kept
	Bounce Kind = "bounce" // says that a mail of ours did not arrive
)

// Incoming is what is worth knowing of a mail.
type Incoming struct {
	Kind      Kind
	Why       string // of a Robot: what gave it away
	From      string // the one address of its From header, lower case
	MessageID string // without angle brackets, or "sha256:" and the mail's own checksum where it has none
	Subject   string
	Text      string // what was written newly, without quotations and signature
	Files     []File
	Left      []string // names of what was left out, with the reason
	Permanent bool     // of a Bounce: the address does not exist or refuses for good
	Status    string   // of a Bounce, like 5.1.1
}

// File is an attachment.
type File struct {
	Name string // as the sender says; whoever stores it cleans it
	Data []byte
}

// ErrUnreadable is a mail that is none.
var ErrUnreadable = errors.New("the mail cannot be read")

// Parse reads a mail. Own is the domain of our own mails: one that comes back
// from ourselves is a loop. The error is ErrUnreadable for what is no mail.
func Parse(raw io.Reader, own string) (Incoming, error) {
	sum := sha256.New()
	e, err := message.Read(io.TeeReader(io.LimitReader(raw, MaxBytes), sum))
	if e == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		return Incoming{}, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	in := Incoming{Kind: Answer, MessageID: clip(strings.Trim(strings.TrimSpace(e.Header.Get("Message-Id")), "<>"), 250)}
	in.Subject, _ = e.Header.Text("Subject")
	in.Subject = clip(text.OneLine(in.Subject), 200)
	from, err := mail.ParseAddressList(e.Header.Get("From"))
	if len(from) == 1 && err == nil {
		in.From = strings.ToLower(from[0].Address)
	}
	if kind, _, _ := e.Header.ContentType(); kind == "multipart/report" {
		in.Kind = Bounce
	} else if in.Why = robot(e.Header, own); in.Why != "" {
		in.Kind = Robot
		return in, nil
	}
	w := walk{in: &in}
	if err := w.part(e, 0); err != nil {
		return Incoming{}, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if in.Kind == Bounce {
		in.Text, in.Files = "", nil
		return in, nil
	}
	body := w.plain
	if strings.TrimSpace(body) == "" {
		body = fromHTML(w.html)
	}
	in.Text = Newest(body)
	if in.MessageID == "" {
		in.MessageID = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	}
	return in, nil
}

// robot tells by what a machine's mail gives itself away, "" for a person's.
// Sources: RFC 3834 (Auto-Submitted), RFC 2919 (List-Id), and what programs do.
func robot(h message.Header, own string) string {
	get := func(name string) string { return strings.ToLower(strings.TrimSpace(h.Get(name))) }
	if v := get("Auto-Submitted"); v != "" && v != "no" {
		return "Auto-Submitted: " + clip(v, 40)
	}
	switch v := get("Precedence"); v {
	case "bulk", "junk", "list", "auto_reply":
		return "Precedence: " + v
	}
	for _, name := range []string{"List-Id", "List-Unsubscribe", "X-Autoreply", "X-Autorespond", "X-Auto-Reply-From", "Feedback-Id"} {
		if h.Has(name) {
			return name
		}
	}
	if v := get("Return-Path"); v == "<>" {
		return "an empty Return-Path"
	}
	from := get("From")
	for _, name := range []string{"mailer-daemon@", "postmaster@", "noreply@", "no-reply@", "donotreply@"} {
		if strings.Contains(from, name) {
			return "From: " + strings.TrimSuffix(name, "@")
		}
	}
	if id := get("Message-Id"); own != "" && strings.HasSuffix(strings.Trim(id, "<>"), "@"+own) {
		return "it is a mail of ours"
	}
	return ""
}

// walk goes over the parts of a mail.
type walk struct {
	in          *Incoming
	plain, html string
	parts       int
}

func (w *walk) part(e *message.Entity, depth int) error {
	if w.parts++; w.parts > maxParts || depth > maxDepth {
		return errors.New("it has too many parts")
	}
	kind, params, err := e.Header.ContentType()
	if err != nil {
		kind = "text/plain"
	}
	if parts := e.MultipartReader(); parts != nil {
		for {
			p, err := parts.NextPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if p == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
				return err
			}
			if err := w.part(p, depth+1); err != nil {
				return err
			}
		}
	}
	disposition, dparams, _ := e.Header.ContentDisposition()
	name := dparams["filename"]
	if name == "" {
		name = params["name"]
	}
	if decoded, err := new(mime.WordDecoder).DecodeHeader(name); err == nil {
		name = decoded
	}
	switch {
	case kind == "message/delivery-status":
		return w.status(e.Body)
	case disposition == "attachment" || name != "" || !strings.HasPrefix(kind, "text/"):
		return w.file(name, kind, e.Body)
	}
	text, err := io.ReadAll(io.LimitReader(e.Body, maxTextBytes))
	if err != nil && len(text) == 0 {
		return err
	}
	if kind == "text/html" {
		w.html += valid(text)
	} else {
		w.plain += valid(text)
	}
	return nil
}

func (w *walk) file(name, kind string, body io.Reader) error {
	if w.in.Kind == Bounce {
		return nil
	}
	if name == "" {
		if strings.HasPrefix(kind, "image/") || kind == "application/ms-tnef" || strings.HasSuffix(kind, "signature") {
			return nil // logos of signatures and the like
		}
		name = "unnamed"
	}
	if len(w.in.Files) >= maxAttachments {
		w.in.Left = append(w.in.Left, clip(text.OneLine(name), 120)+": only ten files are taken with one mail")
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(body, MaxBytes))
	if err != nil {
		w.in.Left = append(w.in.Left, clip(text.OneLine(name), 120)+": it did not arrive whole")
		return nil
	}
	w.in.Files = append(w.in.Files, File{Name: clip(text.OneLine(name), 200), Data: data})
	return nil
}

// status reads a delivery-status part (RFC 3464).
func (w *walk) status(body io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(body, maxTextBytes))
	if err != nil {
		return err
	}
	for line := range strings.Lines(valid(text)) {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		value = strings.ToLower(strings.TrimSpace(value))
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "status":
			w.in.Status = clip(value, 20)
		case "action":
			w.in.Permanent = value == "failed"
		}
	}
	if !strings.HasPrefix(w.in.Status, "5.") {
		w.in.Permanent = false
	}
	return nil
}

// valid makes text of bytes: UTF-8 without NUL, lines ended by \n.
func valid(b []byte) string {
	s := strings.ToValidUTF8(string(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))), "\uFFFD")
	return strings.ReplaceAll(s, "\x00", "")
}

// clip cuts at most bytes, never within a character.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
