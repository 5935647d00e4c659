package portal_test

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// Presses that come in the same moment, from a page that kept a draft or from
// one that did not, are one request: nobody owes two fees for a double click.
func TestRequest_PressedAtOnceIsOneTicket(t *testing.T) {
	t.Parallel()
	for _, kept := range []bool{true, false} {
		h := newHouse(t)
		h.fill("good")
		h.addAs("opener", "admin")
		b := h.visitor("opener")
		form := h.wishForm("send")
		if kept {
			if got := b.do(http.MethodPost, "/portal/bring-back", h.wishForm("keep")); got.status != http.StatusSeeOther {
				t.Fatalf("%d\n%s", got.status, text(got))
			}
			_, rest, found := strings.Cut(b.get("/portal/bring-back").body, `name="ticket" value="`)
			if !found {
				t.Fatal("the form names no draft")
			}
			form.Set("ticket", rest[:36])
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { b.do(http.MethodPost, "/portal/bring-back", form) })
		}
		all.Wait()
		page := b.get("/portal/tickets").body
		tickets := map[string]bool{}
		for _, link := range regexp.MustCompile(`"/portal/tickets/[0-9]+"`).FindAllString(page, -1) {
			tickets[link] = true
		}
		if len(tickets) != 1 {
			t.Errorf("kept %v: eight presses made %d tickets", kept, len(tickets))
		}
	}
}

// The form's script keeps the draft while somebody presses: what was pressed is
// handed in, and nobody is told of another window.
func TestRequest_SentWhileItsDraftIsKeptIsHandedIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill("good")
	h.addAs("opener", "admin")
	b := h.visitor("opener")
	keep := h.wishForm("keep")
	if got := b.do(http.MethodPost, "/portal/bring-back", keep); got.status != http.StatusSeeOther {
		t.Fatalf("%d\n%s", got.status, text(got))
	}
	_, rest, found := strings.Cut(b.get("/portal/bring-back").body, `name="ticket" value="`)
	if !found {
		t.Fatal("the form names no draft")
	}
	send := h.wishForm("send")
	keep.Set("ticket", rest[:36])
	send.Set("ticket", rest[:36])
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() { b.do(http.MethodPost, "/portal/bring-back/draft", keep) })
	}
	got := b.do(http.MethodPost, "/portal/bring-back", send)
	all.Wait()
	if got.status != http.StatusSeeOther {
		t.Errorf("%d\n%s", got.status, text(got))
	}
}
