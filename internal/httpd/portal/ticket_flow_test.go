package portal_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/internal/app"
)

// upload sends a form with a file.
func (b *browser) upload(path, name, body string, form ...string) answer {
	b.h.t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for i := 0; i < len(form); i += 2 {
		b.h.must(w.WriteField(form[i], form[i+1]))
	}
	if name != "" {
		f, err := w.CreateFormFile("files", name)
		b.h.must(err)
		_, err = io.WriteString(f, body)
		b.h.must(err)
	}
	b.h.must(w.Close())
	r, err := http.NewRequestWithContext(b.h.t.Context(), http.MethodPost, b.h.web.URL+path, &out)
	b.h.must(err)
	r.Header.Set("Content-Type", w.FormDataContentType())
	res, err := b.web.Do(r)
	b.h.must(err)
	defer res.Body.Close() //nolint:errcheck // read whole
	got, err := io.ReadAll(res.Body)
	b.h.must(err)
	return answer{res.StatusCode, string(got), res.Header}
}

// A file comes back as a download that no browser shows; what is not taken is
// said beside its field, and the words that came with it stay.
func TestMessage_WithFiles(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill("good")
	page := h.openTicket()
	b := h.visitor("opener")
	if got := b.upload(page+"/messages", "note.txt", "It was the red one.", "version", "1", "body", "Here is a note."); got.status != http.StatusSeeOther {
		t.Fatalf("not taken: %d\n%s", got.status, text(got))
	}
	seen := b.get(page)
	says(t, seen, "Here is a note.", "note.txt")
	_, rest, _ := strings.Cut(seen.body, page+"/attachments/")
	file := b.get(page + "/attachments/" + rest[:36])
	if file.status != http.StatusOK || file.body != "It was the red one." {
		t.Errorf("the file is %d %q", file.status, file.body)
	}
	for k, want := range map[string]string{"Content-Disposition": "attachment", "Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"} {
		if !strings.Contains(file.header.Get(k), want) {
			t.Errorf("%s is %q", k, file.header.Get(k))
		}
	}
	for _, name := range []string{"stranger"} {
		if got := h.signIn(name).get(page + "/attachments/" + rest[:36]); got.status != http.StatusNotFound {
			t.Errorf("%s gets another tenant's file: %d", name, got.status)
		}
	}
	got := b.upload(page+"/messages", "virus.exe", "MZ", "version", "1", "body", "These words stay.")
	if got.status != http.StatusUnprocessableEntity && got.status != http.StatusBadRequest || !strings.Contains(text(got), "These words stay.") || !strings.Contains(got.body, `id="files-note" class="field-problem"`) {
		t.Errorf("a file that is not taken: %d\n%s", got.status, text(got))
	}
}

// Sending the same request twice, from an old page or by two presses, makes
// one ticket.
func TestRequest_SentTwiceIsOneTicket(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill("good")
	first := h.openTicket()
	b := h.visitor("opener")
	if got := b.do(http.MethodPost, "/portal/bring-back", h.wishForm("send")); got.status != http.StatusSeeOther || got.to() != first {
		t.Errorf("the second press led to %d %q", got.status, got.to())
	}
	says(t, b.get(first), "This request was handed in already.")
	if got := b.do(http.MethodPost, "/portal/bring-back", h.wishForm("send", "story", "Something quite different is gone too.")); got.to() == first || got.status != http.StatusSeeOther {
		t.Errorf("another request led to %d %q", got.status, got.to())
	}
}

// A draft waits for its writer, by their own clock, and for nobody else.
func TestDraft_WaitsForItsWriter(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill("good")
	b := h.signIn("member")
	if got := b.post("/portal/preferences", "zone", "Asia/Tokyo"); got.status != http.StatusSeeOther {
		t.Fatal(got.status)
	}
	if got := b.do(http.MethodPost, "/portal/bring-back", h.wishForm("keep", "urgent", "yes", "why", "Exams begin on Monday.")); got.status != http.StatusSeeOther {
		t.Fatalf("%d\n%s", got.status, text(got))
	}
	says(t, b.get("/portal/bring-back"), "We kept what you wrote.", "Kept at", "Asia/Tokyo", "Biology 9b", "best for you", "What will be gone")
	says(t, b.get("/portal/tickets"), "Nobody has seen it yet.")
	h.clock.Set(h.clock.Now().Add(30 * time.Hour))
	says(t, b.get("/portal/bring-back"), "Go on where you left off.", "Biology 9b")
	if got := h.signIn("admin").get("/portal/bring-back"); strings.Contains(got.body, "Biology 9b") {
		t.Error("somebody else sees the draft")
	}
	if got := b.do(http.MethodPost, "/portal/bring-back", h.wishForm("discard")); got.to() != "/portal/tickets" {
		t.Errorf("thrown away: %d %q", got.status, got.to())
	}
	if got := b.get("/portal/bring-back"); strings.Contains(got.body, "Biology 9b") {
		t.Error("the draft is still there")
	}
}

// What is wrong is said at each field, in one go, and nothing is lost.
func TestRequest_SaysAllThatIsWrongAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill("good")
	b := h.signIn("admin")
	got := b.do(http.MethodPost, "/portal/bring-back", h.wishForm("send", "story", "Gone", "want", "files", "path", "../etc/passwd", "urgent", "yes", "why", "", "typed", "another.example", "terms", ""))
	page := text(got)
	for _, w := range []string{"5 things need another look", "at least 10 characters", "must name a folder or file below the root", "Say why it is urgent", "This is not the site’s name", "tick the box"} {
		if !strings.Contains(page, w) {
			t.Errorf("the page does not say %q", w)
		}
	}
	if got.status != http.StatusUnprocessableEntity && got.status != http.StatusBadRequest || strings.Count(got.body, "autofocus") != 1 || !strings.Contains(got.body, `value="../etc/passwd"`) {
		t.Errorf("status %d, %d fields have the focus", got.status, strings.Count(got.body, "autofocus"))
	}
	// Of the database there is no part: the page says so and names the way.
	says(t, b.get("/portal/bring-back?site="+h.site.String()), "A database always comes back whole, never in part")
}

// Too many at once is said in words, with what was typed.
func TestRequest_TooOftenIsSaidInWords(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(h *house) {
		h.app.UseTicketLimits(app.TicketLimits{Open: never{}, Reply: never{}, Attach: never{}})
	})
	h.fill("good")
	b := h.signIn("admin")
	got := b.do(http.MethodPost, "/portal/bring-back", h.wishForm("send"))
	if got.status < 400 || !strings.Contains(text(got), "Nothing you wrote is lost.") || !strings.Contains(got.body, "Biology 9b") {
		t.Errorf("%d\n%s", got.status, text(got))
	}
}

// never lets nothing through.
type never struct{}

func (never) Take(string) time.Duration { return time.Minute }

// A person of two organisations sees each one's tickets apart.
func TestTickets_OfTwoOrganisationsAreApart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill("good")
	h.openTicket()
	b := h.signIn(both)
	own, other := b.get("/portal/tickets?tenant=own"), b.get("/portal/tickets?tenant=other")
	if !strings.Contains(own.body, "own.school.example") || strings.Contains(other.body, "own.school.example") {
		t.Error("the lists are not apart")
	}
	if got := b.get("/portal/tickets?tenant=third"); got.status != http.StatusNotFound {
		t.Errorf("an organisation that is none of theirs: %d", got.status)
	}
}
