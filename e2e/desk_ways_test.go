package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"holdfast/internal/minimoodle"
)

const learn, campus = "learn.riverside.example", "campus.riverside.example"

// agree confirms a paid request by the site's name and approves it, by one of
// the staff or by two.
func (d *desk) agree(t *testing.T, ticket, site string, two bool) {
	t.Helper()
	d.hand(d.customer).visit(t, ticket)
	d.fill(t, d.customer, "#typed", site)
	d.submit(t, d.customer, "/confirmation")
	d.staffTicket(t, d.staff, "#"+path.Base(ticket))
	d.approve(t, d.staff, "demo staff password")
	if two {
		d.staffTicket(t, d.another, "#"+path.Base(ticket))
		d.approve(t, d.another, anotherPassword)
	}
}

// missing takes a folder of moodledata away, and gives what was in it.
func (d *desk) missing(t *testing.T, rel string) (path string, was map[string]entry) {
	t.Helper()
	path = filepath.Join(d.site.DataRoot, rel)
	was = tree(t, path)
	if len(was) == 0 {
		t.Fatalf("%s is empty", path)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	return path, was
}

// paidLate asks for a folder of moodledata. The page of payment expires while
// the customer looks for a card; a second page is opened; then the payment on
// the first comes through after all. It is one fee, and one ticket that goes
// on; and the folder comes back in its place.
func (d *desk) paidLate(t *testing.T) {
	d.bank(t, "switches", url.Values{"lose": {"0"}, "duplicate": {"true"}, "disorder": {"true"}})
	lang, was := d.missing(t, "lang")
	ticket := d.askFor(t, learn, "The language packs were deleted while we cleaned up.", "files", func() {
		d.fill(t, d.customer, "#path-0", "lang")
		d.fill(t, d.customer, "#where-in-place", "")
	})
	p, h := d.customer, d.hand(d.customer)
	d.submit(t, p, "/payment")
	first := d.session(t)
	d.bank(t, "expire", url.Values{"id": {first}})
	if text := d.fetch(t, d.pay+"/c/pay/"+first); !strings.Contains(text, "This page has expired and nothing was taken") {
		t.Errorf("the page that expired says:\n%s", text)
	}
	h.visit(t, ticket)
	d.sees(t, p, 10*time.Second, "waits for the fee", "Pay USD 100.00")
	d.submit(t, p, "/payment")
	second := d.session(t)
	if first == second {
		t.Fatal("the expired page is given again")
	}
	h.visit(t, ticket)
	d.bank(t, "late", url.Values{"id": {first}})
	d.sees(t, p, 60*time.Second, "It is paid, and waits for you")
	eventually(t, 60*time.Second, "the second page ends", func() (bool, string) {
		text := d.fetch(t, d.pay+"/c/pay/"+second)
		return strings.Contains(text, "has expired"), text
	})
	h.visit(t, "/portal/receipts")
	d.sees(t, p, 10*time.Second, "No. "+path.Base(ticket)+"\n", "paid")
	d.typedStays(t, ticket)
	d.agree(t, ticket, learn, true)
	h.visit(t, ticket)
	d.sees(t, p, 2*time.Minute, "Yes, all is well", "Files brought back")
	got := tree(t, lang)
	for name, want := range was {
		is := got[name]
		if want.mode.IsDir() { // what lies in it was written anew
			is.mtime = want.mtime
		}
		if is != want {
			t.Errorf("lang/%s came back as %+v, was %+v", name, short(is), short(want))
		}
	}
	d.submit(t, p, "/acceptance")
	var all []struct {
		Ticket int64
		State  string
	}
	d.told(t, &all, "billing", "list", "--json")
	n := 0
	for _, c := range all {
		if fmt.Sprint(c.Ticket) == path.Base(ticket) {
			n++
			if c.State != "paid" {
				t.Errorf("the charge is %s", c.State)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d charges of the ticket, want 1 (%+v)", n, all)
	}
}

// failsOnItsHost is a restore whose copy of the files turns out to be
// unreadable in the middle: the site stays as it was, and the fee goes back by
// itself.
func (d *desk) failsOnItsHost(t *testing.T) {
	ticket := d.ask(t, learn, "The front page shows an error since noon.")
	d.payBy(t, "card")
	d.sees(t, d.customer, 60*time.Second, "paid")
	before, courses := tree(t, d.site.CodeDir), d.courses(t)
	mend := d.spoilFiles(t, learn)
	d.agree(t, ticket, learn, true)
	d.hand(d.customer).visit(t, ticket)
	d.sees(t, d.customer, 2*time.Minute, "It could not be brought back", "Your site is as it was before", "The fee of USD 100.00 went back to you")
	mend()
	d.customer.look(t, "ticket-failed")
	if n := d.courses(t); n != courses {
		t.Errorf("%d courses, want the %d that were there", n, courses)
	}
	for name, is := range tree(t, d.site.CodeDir) {
		if before[name] != is {
			t.Errorf("%s is %+v, was %+v", name, short(is), short(before[name]))
		}
	}
	d.hand(d.customer).visit(t, "/portal/receipts")
	d.sees(t, d.customer, 10*time.Second, "No. "+path.Base(ticket)+"\n", "USD 100.00 came back")
	receipt := d.fetch(t, d.link(t, d.customer, "main tr a[href*='/receipts/'], main li a[href*='/receipts/']"))
	if !strings.Contains(receipt, "Paid back") || !strings.Contains(receipt, "100.00") {
		t.Errorf("the receipt does not show the refund:\n%s", receipt)
	}
	d.staffTicket(t, d.staff, "#"+path.Base(ticket))
	d.sees(t, d.staff, 10*time.Second, "Bringing the files back")
	d.wasWritten(t, "Your restore did not succeed", "[#"+path.Base(ticket)+"]")
}

// onPostgreSQL brings back a database that PostgreSQL holds.
func (d *desk) onPostgreSQL(t *testing.T) {
	site, err := minimoodle.Open(filepath.Join(d.dir, "sites", "host-a", campus))
	if err != nil {
		t.Fatal(err)
	}
	mine := d.site
	d.site = site
	defer func() { d.site = mine }()
	whole := d.courses(t)
	if err := d.live(t).Exec(t.Context(), "DELETE FROM {course} WHERE id > 1"); err != nil {
		t.Fatal(err)
	}
	ticket := d.askFor(t, campus, "Every course is gone.", "database", nil)
	d.payBy(t, "card")
	d.sees(t, d.customer, 60*time.Second, "paid")
	d.agree(t, ticket, campus, true)
	d.hand(d.customer).visit(t, ticket)
	d.sees(t, d.customer, 2*time.Minute, "Yes, all is well", "Tables compared")
	if n := d.courses(t); n != whole {
		t.Errorf("%d courses came back, want %d", n, whole)
	}
	d.submit(t, d.customer, "/acceptance")
}

// session is the page of payment that the customer looks at.
func (d *desk) session(t *testing.T) string {
	t.Helper()
	at, err := chromedp.Run(d.customer.ctx, chromedp.Evaluate[string]("location.pathname"))
	if err != nil || !strings.HasPrefix(at, "/c/pay/") {
		t.Fatalf("the customer is at %s (%v), not at a page of payment", at, err)
	}
	return path.Base(at)
}

func (d *desk) link(t *testing.T, p *page, css string) string {
	t.Helper()
	to, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](fmt.Sprintf("document.querySelector(%q)?.href ?? ''", css)))
	if err != nil || to == "" {
		t.Fatalf("%s: no link like %s (%v):\n%s", p.who, css, err, p.text(t))
	}
	return to
}

// told asks the program, as JSON.
func (d *desk) told(t *testing.T, into any, args ...string) {
	t.Helper()
	out, complaints, code := call(t, d.control, "", shared.holdfast, args...)
	if code != 0 {
		t.Fatalf("%s: exit %d: %s", strings.Join(args, " "), code, complaints)
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		t.Fatalf("%s: %v:\n%s", strings.Join(args, " "), err, out)
	}
}

// spoilFiles makes the contents of a site's data copies unreadable where they
// lie, in the middle of the next restore on the site's host: its safety copies
// are taken then, and nothing of the copy was read yet. It gives what makes
// them whole again.
func (d *desk) spoilFiles(t *testing.T, site string) (mend func()) {
	t.Helper()
	var sites []struct{ ID, Name string }
	d.told(t, &sites, "site", "list", "--json")
	whole, spoilt := map[string][]byte{}, map[string][]byte{}
	for _, s := range sites {
		if s.Name != site {
			continue
		}
		err := filepath.WalkDir(filepath.Join(d.dir, "vault", s.ID, "data", "p"), func(at string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(at) //nolint:gosec // a test's
			whole[at], spoilt[at] = b, bytes.Clone(b)
			for i := min(len(b), 512); i < len(b); i += 200 {
				spoilt[at][i] ^= 0xff
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(whole) == 0 {
		t.Fatalf("there are no packs of %s", site)
	}
	write := func(all map[string][]byte) error {
		var problems []error
		for at, b := range all {
			problems = append(problems, os.WriteFile(at, b, 0o600))
		}
		return errors.Join(problems...)
	}
	done := make(chan error, 1)
	go func() {
		for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
			// What a restore holds of the disk while it is at work.
			if found, err := filepath.Glob(filepath.Join(d.dir, "hosts", "host-a", "restores", "*", "ballast")); err != nil || len(found) > 0 {
				done <- errors.Join(err, write(spoilt))
				return
			}
		}
		done <- errors.New("no restore began")
	}()
	return func() {
		if err := errors.Join(<-done, write(whole)); err != nil {
			t.Fatal(err)
		}
	}
}

// fetch asks for a page as anybody may.
func (d *desk) fetch(t *testing.T, address string) string {
	t.Helper()
	resp, err := http.Get(address) //nolint:noctx,gosec // a test's, on this machine
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
