package dash

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
)

// Limits of a file of events.
const (
	exportsAtOnce = 2 // in this process
	exportRows    = 1_000_000
	exportPage    = 1_000
	exportStall   = 30 * time.Second // that a page may take, from the database to the browser
)

// fromOf is the network that an event of signing in tells itself.
func fromOf(detail json.RawMessage) string {
	var d struct {
		From any `json:"from"`
	}
	_ = json.Unmarshal(detail, &d) // what cannot be read is not shown
	return textOf(d.From)
}

func asField(err error, into **errs.Error) bool { return errors.As(err, into) && (*into).Field != "" }

// auditFile sends the events that are looked for as CSV, page by page, so that
// a million take no more room here than a thousand.
func (d *Door) auditFile(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if !isStaff(p) && len(auditors(p)) == 0 {
		return nil, errs.New(errs.Forbidden, "You may not do this.")
	}
	a := readAsked(r.URL.Query())
	q, err := a.query(p, zoneOf(p.TimeZone))
	if err != nil {
		return nil, err
	}
	select {
	case d.exports <- struct{}{}:
		defer func() { <-d.exports }()
	default:
		return nil, errs.New(errs.Unavailable, "Other files are being sent at this moment. Try again in a minute.")
	}
	q.Size = exportPage
	page, err := d.app.Audit(r.Context(), p.Actor, q)
	if err != nil {
		return nil, err
	}
	if r.Method != http.MethodHead {
		if err := d.app.NoteExport(r.Context(), p.Actor, q); err != nil {
			return nil, err
		}
	}
	now := d.clock.Now()
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", `attachment; filename="holdfast-events-`+now.UTC().Format("20060102-1504")+`.csv"`)
	d.sendEvents(w, r, p, q, page, teller{now, zoneOf(p.TimeZone)})
	return nil, nil //nolint:nilnil // it has answered by itself
}

// sendEvents sends page after page. Where one fails the connection is cut, so
// that nobody takes the half for the whole.
func (d *Door) sendEvents(w http.ResponseWriter, r *http.Request, p app.Person, q app.AuditQuery, page app.AuditPage, t teller) {
	rc := http.NewResponseController(w)
	out := csv.NewWriter(w)
	line := func(cells ...string) {
		for i := range cells {
			cells[i] = harmless(cells[i])
		}
		_ = out.Write(cells) // auditAsked for once a page, below
	}
	line("time", "who", "address of who", "actor", "from", "verb", "what", "note", "site", "customer", "about", "id")
	for sent := 0; ; {
		_ = rc.SetWriteDeadline(d.clock.Now().Add(exportStall)) // a writer without deadlines, as tests use, sends all the same
		for _, e := range page.Events {
			row := auditRow(p, e, t)
			line(e.At.UTC().Format("2006-01-02T15:04:05.000000Z"), row.Who, e.WhoMail, actorFor(p, e.Actor), row.From, e.Verb, row.Text, row.Note, e.Site, e.Tenant, e.Subject, e.ID.String())
		}
		sent += len(page.Events)
		last := page.Next.ID.IsZero()
		if !last && sent >= exportRows {
			line("", "", "", "", "", "", "The file ends here: "+words.Count(exportRows)+" events are in it, and there are older ones. Narrow the days to get them.", "", "", "", "", "")
			last = true
		}
		out.Flush()
		if out.Error() != nil {
			panic(http.ErrAbortHandler) // the reader is gone
		}
		if last {
			return
		}
		q.After = page.Next
		var err error
		if page, err = d.app.Audit(r.Context(), p.Actor, q); err != nil {
			d.log.ErrorContext(r.Context(), "a file of events ended in the middle", "error", err)
			panic(http.ErrAbortHandler)
		}
	}
}

// actorFor keeps from customers who of the staff it was.
func actorFor(p app.Person, actor string) string {
	kind, _, _ := strings.Cut(actor, ":")
	if !isStaff(p) && (kind == "staff" || kind == "cli") {
		return "our staff"
	}
	return actor
}

// harmless keeps a cell from being taken for a formula by a program that opens
// the file: an apostrophe before it makes it a text.
func harmless(cell string) string {
	cell = strings.ReplaceAll(cell, "\x00", "")
	if cell != "" && strings.ContainsRune("=+-@\t\r\n|%", rune(cell[0])) || strings.HasPrefix(cell, "＝") || strings.HasPrefix(cell, "＋") || strings.HasPrefix(cell, "－") || strings.HasPrefix(cell, "＠") {
		return "'" + cell
	}
	return cell
}
