package app_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/mw"
	"holdfast/internal/id"
	"holdfast/internal/ticket"
)

// odd is what people and others type and send.
var odd = []string{
	"'; DROP TABLE ticket; --", "\x00", "a\x00b & c", ":*", "& | !", "a:* & (b", "'", "\"", "\\", "%", "_", "<->", "((((", "<script>alert(1)</script>",
	"\xff\xfe", "\u202eevil", strings.Repeat("long ", 5000), "#", "#1001x", "99999999999999999999", "-1", "school.example", "anna@school.example", "日本語", " ", "\n\n",
	"a'b''c", "{customer}", "${jndi:ldap://x}", "🙂", strings.Repeat("(", 1000), "AND OR NOT", "http://a.example/?q=1&b=2",
}

func TestSearch_NeverFailsAndFindsWords(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.question("Copies of learn.school.example")
	_, err := x.ReplyTicket(t.Context(), x.member, x.seen(of), say("The Chemistry course of anna@school.example is gone"))
	x.must(err)
	for _, text := range odd {
		for _, who := range []authz.Actor{x.support, x.member} {
			q := app.TicketQuery{Text: text}
			if who.Staff == "" {
				q.Tenant = x.tenantID
			}
			for _, sort := range []app.TicketSort{app.TicketsNewest, app.TicketsUrgent} {
				q.Sort = sort
				if _, err := x.ListTickets(t.Context(), who, q); err != nil {
					t.Errorf("%q: %v", text, err)
				}
			}
		}
	}
	number := x.look(of).Ticket.Number
	for _, text := range []string{"chemistry", "CHEMI", "chem gone", "learn.school.example", "anna@school.example", fmt.Sprint(number), fmt.Sprint("#", number), "copies"} {
		page, err := x.ListTickets(t.Context(), x.member, app.TicketQuery{Tenant: x.tenantID, Text: text})
		if err != nil || len(page.Tickets) != 1 {
			t.Errorf("%q finds %d, %v", text, len(page.Tickets), err)
		}
	}
	if page, err := x.ListTickets(t.Context(), x.support, app.TicketQuery{Text: "biology"}); err != nil || len(page.Tickets) != 0 {
		t.Errorf("found %d by a word that is nowhere, %v", len(page.Tickets), err)
	}
}

// Whatever is written arrives as text or is refused by its field; nothing of it
// breaks the page's data or the database.
func TestWords_HostileOnesAreTextOrRefused(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.question("Copies")
	for _, text := range odd {
		_, err := x.ReplyTicket(t.Context(), x.member, x.seen(of), say(text))
		if err != nil && !errs.Is(err, errs.Invalid) {
			t.Errorf("%.20q: %v", text, err)
		}
		d := x.wish(ticket.Everything)
		d.Subject, d.Request.Happened, d.Request.Zone, d.Request.What = text, text, text, ticket.What(text)
		d.Request.Root, d.Request.Paths, d.Request.Courses, d.Request.Why, d.Request.Urgent = text, []string{text}, []string{text}, text, true
		if was, err := x.DraftTicket(t.Context(), x.member, x.tenantID, ticket.Restore, x.restorable.site); err == nil {
			d.ID, d.Version = was.ID, was.Version
		}
		if _, err := x.SaveDraft(t.Context(), x.member, d); err != nil && !errs.Is(err, errs.Invalid) {
			t.Errorf("a draft of %.20q: %v", text, err)
		}
		if _, err := x.SubmitTicket(t.Context(), x.member, d, text, nil); !errs.Is(err, errs.Invalid) {
			t.Errorf("handed in %.20q: %v", text, err)
		}
	}
	if _, err := x.ReplyTicket(t.Context(), x.member, x.seen(of), say(strings.Repeat("x", 20_001))); !errs.Is(err, errs.Invalid) {
		t.Errorf("too long: %v", err)
	}
	for _, m := range x.look(of).Messages {
		if strings.ContainsAny(m.Body, "\x00\x1b\u202e") {
			t.Errorf("%q was kept", m.Body)
		}
	}
}

// Names of files are cleaned, contents must agree with them, and what is refused
// leaves nothing behind.
func TestFiles_LieUnderTheirIdentifierAlone(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.question("Copies")
	body := "it broke\n"
	said := app.Said{Body: "See here."}
	for _, name := range []string{"../../../etc/passwd.txt", "a\x00b.txt", "con.txt", "invoice\u202etxt.log", `C:\x\y.csv`, strings.Repeat("n", 400) + ".txt"} {
		said.Files = append(said.Files, app.Upload{Name: name, Body: strings.NewReader(body)})
	}
	_, err := x.ReplyTicket(t.Context(), x.member, x.seen(of), said)
	x.must(err)
	v := x.look(of)
	files := v.Messages[len(v.Messages)-1].Files
	if len(files) != 6 {
		t.Fatalf("%d files", len(files))
	}
	for _, f := range files {
		if strings.ContainsAny(f.Name, "/\\\x00\u202e") || len([]rune(f.Name)) > 140 || f.Bytes != int64(len(body)) || len(f.Sha256) != 64 {
			t.Errorf("%+v", f)
		}
		got, err := x.OpenAttachment(t.Context(), x.viewer, f.ID)
		x.must(err)
		b, err := io.ReadAll(got.Body)
		if err != nil || string(b) != body || got.Body.Close() != nil || got.MediaType == "" {
			t.Errorf("%q, %v", b, err)
		}
	}
	on := x.onDisk()
	if len(on) != 6 {
		t.Errorf("%d files lie in the folder: %v", len(on), on)
	}
	for _, path := range on {
		if _, err := id.Parse[id.Attachment](filepath.Base(path)); err != nil {
			t.Errorf("%s", path)
		}
	}
	for name, bad := range map[string][]app.Upload{
		"a program":   {{Name: "a.txt", Body: strings.NewReader(body)}, {Name: "b.exe", Body: strings.NewReader("MZ")}},
		"in disguise": {{Name: "a.png", Body: strings.NewReader("<html>")}},
		"empty":       {{Name: "a.txt", Body: strings.NewReader("")}},
		"too large":   {{Name: "a.txt", Body: io.LimitReader(spaces{}, ticket.MaxFileBytes+1)}},
		"cut short":   {{Name: "a.txt", Body: io.MultiReader(strings.NewReader("x"), broken{})}},
		"eleven":      make([]app.Upload, 11),
		"too much":    {{Name: "a.txt", Body: io.LimitReader(spaces{}, 20<<20)}, {Name: "b.txt", Body: io.LimitReader(spaces{}, 20<<20)}, {Name: "c.txt", Body: io.LimitReader(spaces{}, 20<<20)}},
	} {
		if _, err := x.ReplyTicket(t.Context(), x.member, x.seen(of), app.Said{Body: "See here.", Files: bad}); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := x.SubmitTicket(t.Context(), x.member, app.Draft{Tenant: x.tenantID, Kind: ticket.Support, Subject: "x", Body: "hello there"}, "", bad); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s, with a new ticket: %v", name, err)
		}
	}
	if n := len(x.onDisk()); n != 6 {
		t.Errorf("%d files lie in the folder after the refusals", n)
	}
}

// A ticket holds 50 MB of files and no more, over all its messages.
func TestFiles_ATicketHoldsFiftyMegabytes(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.question("Copies")
	for i, want := range []bool{true, true, false} {
		_, err := x.ReplyTicket(t.Context(), x.member, x.seen(of), app.Said{Body: "more", Files: []app.Upload{{Name: "a.log", Body: io.LimitReader(spaces{}, 19<<20)}}})
		if (err == nil) != want || err != nil && !errs.Is(err, errs.Invalid) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if n := len(x.onDisk()); n != 2 {
		t.Errorf("%d files", n)
	}
}

type spaces struct{}

func (spaces) Read(b []byte) (int, error) { return copy(b, bytes.Repeat([]byte("x"), len(b))), nil }

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// onDisk gives the files below the folder of attachments.
func (x *bureau) onDisk() (out []string) {
	x.t.Helper()
	x.must(filepath.WalkDir(x.folder, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			out = append(out, path)
		}
		return err
	}))
	return out
}

// What no row names goes after a day; what a row names stays.
func TestSweep_RemovesFilesThatNoTicketNames(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.question("Copies")
	_, err := x.ReplyTicket(t.Context(), x.member, x.seen(of), app.Said{Body: "See here.", Files: []app.Upload{{Name: "a.txt", Body: strings.NewReader("x")}}})
	x.must(err)
	orphan := id.New[id.Attachment]().String()
	shelf := filepath.Join(x.folder, orphan[len(orphan)-2:])
	x.must(os.MkdirAll(shelf, 0o700))
	fresh := id.New[id.Attachment]().String()
	stranger := filepath.Join(shelf, "README")
	for _, p := range []string{filepath.Join(shelf, orphan), filepath.Join(shelf, fresh), filepath.Join(x.folder, ".incoming-1"), stranger} {
		x.must(os.WriteFile(p, []byte("x"), 0o600))
	}
	old := x.clock.Now().Add(-25 * time.Hour)
	for _, p := range append(x.onDisk(), stranger) {
		if filepath.Base(p) != fresh {
			x.must(os.Chtimes(p, old, old))
		}
	}
	x.must(os.Chtimes(filepath.Join(shelf, fresh), x.clock.Now(), x.clock.Now()))
	x.must(x.SweepTickets(t.Context()))
	left := x.onDisk()
	if len(left) != 3 { // the named one, the fresh one, and what is not ours
		t.Errorf("left are %v", left)
	}
	v := x.look(of)
	if f, err := x.OpenAttachment(t.Context(), x.member, v.Messages[1].Files[0].ID); err != nil {
		t.Errorf("the named one is gone: %v", err)
	} else {
		x.must(f.Body.Close())
	}
}

// Ten thousand messages: the page reads the newest, the others page by page,
// each once and in order.
func TestMessages_TenThousandArePaged(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	of := x.question("Copies")
	x.SQL(`INSERT INTO ticket_message (tenant_id, id, ticket_id, author, internal, body, created_at)
		SELECT $1, gen_random_uuid(), $2, CASE WHEN n % 3 = 0 THEN 'staff' ELSE 'customer' END::message_author, n % 6 = 0, 'message ' || n, $3::timestamptz + n * interval '1 second' / 2
		FROM generate_series(1, 10000) n`, x.tenantID.String(), of.String(), x.clock.Now())
	began := time.Now()
	v, err := x.Ticket(t.Context(), x.member, of)
	x.must(err)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the page took %s", took)
	}
	if len(v.Messages) != 200 || v.Earlier != 10_001-1666-200 || v.Messages[199].Body != "message 10000" {
		t.Fatalf("%d messages and %d before them", len(v.Messages), v.Earlier)
	}
	all := len(v.Messages)
	first := v.Messages[0]
	for {
		page, err := x.EarlierMessages(t.Context(), x.member, of, app.MessageCursor{At: first.CreatedAt, ID: first.ID})
		x.must(err)
		if len(page) == 0 {
			break
		}
		for i := range page {
			if page[i].Internal || i > 0 && page[i].CreatedAt.Before(page[i-1].CreatedAt) || !page[i].CreatedAt.Before(first.CreatedAt) {
				t.Fatalf("%+v", page[i])
			}
		}
		all, first = all+len(page), page[0]
	}
	if all != 10_001-1666 {
		t.Errorf("%d messages were paged through", all)
	}
	_, err = x.ReplyTicket(t.Context(), x.support, x.seen(of), say("Here we are."))
	x.must(err)
	if list, err := x.ListTickets(t.Context(), x.member, app.TicketQuery{Tenant: x.tenantID, Text: "message 7777"}); err != nil || len(list.Tickets) != 1 {
		t.Errorf("%d, %v", len(list.Tickets), err)
	}
}

// Pages of a list hold each ticket once, in both orders, whatever is narrowed.
func TestList_EachTicketOnceInBothOrders(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	x.SQL(`INSERT INTO ticket (tenant_id, id, number, kind, state, priority, subject, site_id, created_at, updated_at, submitted_at, reply_due_at, resolve_due_at, ended_at)
		SELECT $1, gen_random_uuid(), nextval('ticket_number'), 'support', (CASE WHEN n % 5 = 0 THEN 'closed' ELSE 'submitted' END)::ticket_state,
			(ARRAY['low','normal','high','urgent'])[1 + n % 4]::ticket_priority, 'Subject ' || n, CASE WHEN n % 2 = 0 THEN $2::uuid END, $3::timestamptz, $3::timestamptz, $3::timestamptz,
			CASE WHEN n % 3 > 0 THEN $3::timestamptz + (n % 7 - 3) * interval '1 hour' END, NULL, CASE WHEN n % 5 = 0 THEN $3::timestamptz END
		FROM generate_series(1, 230) n`, x.tenantID.String(), x.restorable.site.String(), x.clock.Now())
	for _, c := range []struct {
		q    app.TicketQuery
		want int
	}{
		{app.TicketQuery{}, 230},
		{app.TicketQuery{Open: true}, 184},
		{app.TicketQuery{Ended: true}, 46},
		{app.TicketQuery{Site: x.name}, 115},
		{app.TicketQuery{States: []ticket.State{ticket.Closed}}, 46},
		{app.TicketQuery{Kind: ticket.Restore}, 0},
		{app.TicketQuery{Unassigned: true, TenantSlug: "a"}, 230},
		{app.TicketQuery{Mine: true}, 0},
		{app.TicketQuery{TenantSlug: "b"}, 0},
		{app.TicketQuery{WaitsForUs: true}, 184},
	} {
		for _, sort := range []app.TicketSort{app.TicketsNewest, app.TicketsUrgent} {
			q := c.q
			q.Sort, q.Size = sort, 17
			seen := map[id.Ticket]bool{}
			for {
				page, err := x.ListTickets(t.Context(), x.support, q)
				x.must(err)
				for _, r := range page.Tickets {
					if seen[r.ID] {
						t.Fatalf("%+v: #%d twice", q, r.Number)
					}
					seen[r.ID] = true
				}
				if page.Next.Number == 0 {
					break
				}
				if q.After, err = app.ParseTicketCursor(page.Next.String()); err != nil || q.After != page.Next {
					t.Fatalf("%+v became %+v, %v", page.Next, q.After, err)
				}
			}
			if len(seen) != c.want {
				t.Errorf("%+v: %d tickets, want %d", c.q, len(seen), c.want)
			}
		}
	}
	for _, bad := range []string{"x", "-1", "0", "1.low", "1.most.3", "1.low.-4", "1.low.3.4", "99999999999999999999", "1 ", "01"} {
		if _, err := app.ParseTicketCursor(bad); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Too many tickets, messages and files of one tenant or address are refused
// with how long to wait; the staff are not.
func TestLimits_OfATenantAndOfAnAddress(t *testing.T) {
	t.Parallel()
	x := newBureau(t)
	x.UseTicketLimits(app.TicketLimits{
		Open: mw.NewLimiter(x.clock, 3, time.Hour, 100), Reply: mw.NewLimiter(x.clock, 2, time.Hour, 100), Attach: mw.NewLimiter(x.clock, 1, time.Hour, 100),
	})
	from := app.WithAddress(t.Context(), "192.0.2.7")
	ask := func(who authz.Actor) error {
		_, err := x.SubmitTicket(from, who, app.Draft{Tenant: x.tenantID, Kind: ticket.Support, Subject: "x", Body: "hello there"}, "", nil)
		return err
	}
	for range 3 {
		x.must(ask(x.member))
	}
	for _, who := range []authz.Actor{x.member, x.admin} {
		if err := ask(who); !tooOften(err) {
			t.Errorf("a fourth from one address: %v", err)
		}
	}
	x.must(ask(x.support))
	of := x.question("From another address")
	for range 2 {
		_, err := x.ReplyTicket(from, x.member, x.seen(of), say("hello"))
		x.must(err)
	}
	if _, err := x.ReplyTicket(from, x.member, x.seen(of), say("hello")); !tooOften(err) {
		t.Errorf("a third message: %v", err)
	}
	x.clock.Add(time.Hour + time.Second)
	x.must(ask(x.member))
	x.SQL(`INSERT INTO ticket (tenant_id, id, number, kind, state, subject, created_at, updated_at, submitted_at)
		SELECT $1, gen_random_uuid(), nextval('ticket_number'), 'support', 'submitted', 'x', $2, $2, $2 FROM generate_series(1, 30)`, x.tenantID.String(), x.clock.Now())
	if _, err := x.SubmitTicket(t.Context(), x.member, app.Draft{Tenant: x.tenantID, Kind: ticket.Support, Subject: "y", Body: "another question"}, "", nil); !tooOften(err) {
		t.Errorf("too many of a tenant: %v", err)
	}
}
