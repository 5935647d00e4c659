package dash

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"holdfast/web/ruler"
	"holdfast/web/static"
	"holdfast/web/ui"
)

func TestPolicyEdit_MarksEachFieldThatValidateNames(t *testing.T) {
	t.Parallel()
	fresh := func() PolicyEditProps { return PolicyEditProps{Rules: make([]RuleFields, 3)} }
	for key, field := range map[string]func(*PolicyEditProps) string{
		"name":              func(p *PolicyEditProps) string { return p.Name.Problem },
		"night":             func(p *PolicyEditProps) string { return p.Night.Problem },
		"window":            func(p *PolicyEditProps) string { return p.Window.Problem },
		"grace":             func(p *PolicyEditProps) string { return p.Grace.Problem },
		"note":              func(p *PolicyEditProps) string { return p.Note.Problem },
		"rules[0].kind":     func(p *PolicyEditProps) string { return p.Rules[0].Kind.Problem },
		"rules[2].tier":     func(p *PolicyEditProps) string { return p.Rules[2].Tier.Problem },
		"rules[2].keep":     func(p *PolicyEditProps) string { return p.Rules[2].Keep.Problem },
		"rules[1].days[4]":  func(p *PolicyEditProps) string { return p.Rules[1].Days.Problem },
		"rules[1].weekdays": func(p *PolicyEditProps) string { return p.Rules[1].Weekdays.Problem },
		"rules[1].months":   func(p *PolicyEditProps) string { return p.Rules[1].Months.Problem },
		"rules[1].at[0]":    func(p *PolicyEditProps) string { return p.Rules[1].At.Problem },
	} {
		p := fresh()
		p.Mark(key, "No.")
		if field(&p) != "No." || p.Problem != "" {
			t.Errorf("%s is not marked", key)
		}
	}
	for _, key := range []string{"", "rules", "rules[3].keep", "rules[-1].keep", "rules[x].keep", "rules[0].colour", "rules[0]", "digest"} {
		p := fresh()
		p.Mark(key, "No.")
		if p.Problem != "No." {
			t.Errorf("%q is lost", key)
		}
	}
}

// TestPolicyEdit_SavesOnlyWhatWasPreviewed looks for the button and the digest
// that goes with it.
func TestPolicyEdit_SavesOnlyWhatWasPreviewed(t *testing.T) {
	t.Parallel()
	before, after := render(t, PolicyEdit(policyEdit(galleryEdit()))), render(t, PolicyEdit(policyPreviewed()))
	if strings.Contains(before, `value="save"`) || strings.Contains(before, `name="digest"`) {
		t.Error("what nobody has previewed can be saved")
	}
	for _, want := range []string{`<button type="submit" class="btn btn-main" name="do" value="save">Save as version 4</button>`, `<input type="hidden" name="digest" value="5e0c">`, "An estimate", `name="do" value="remove 2"`, `name="rules[1].weekdays"`} {
		if !strings.Contains(after, want) {
			t.Errorf("missing %s", want)
		}
	}
	if first := strings.Index(after, `name="do"`); !strings.HasPrefix(after[first:], `name="do" value="preview"`) {
		t.Error("Enter in a field does not preview")
	}
}

// TestRuler_DrawsWithinItself draws positions off the ruler: nothing lies
// outside, and what does not fit is no label.
func TestRuler_DrawsWithinItself(t *testing.T) {
	t.Parallel()
	p := galleryRuler()
	p.Lanes[0].Marks = append(p.Lanes[0].Marks, RulerMark{At: -40}, RulerMark{At: 4000})
	p.Lanes[0].Stretches = append(p.Lanes[0].Stretches, RulerStretch{From: 700, To: 690, Label: "backwards"}, RulerStretch{From: 10, To: 11, Label: "no room for this"})
	page := render(t, ruler.Ruler(p))
	for _, bad := range []string{` x="-`, `x="400.0%"`, `width="-`, ">backwards<", ">no room for this<"} {
		if strings.Contains(page, bad) {
			t.Errorf("it draws %s", bad)
		}
	}
	if !strings.Contains(page, "no room for this") {
		t.Error("what does not fit is not said to who cannot see")
	}
	if n := strings.Count(page, `<tr role="row">`); n != len(p.Rows)+1 {
		t.Errorf("the table has %d rows, want %d and its head", n, len(p.Rows))
	}
}

// TestSlots_AreToldApartWithoutColour compares their shapes and words alone,
// in both widths.
func TestSlots_AreToldApartWithoutColour(t *testing.T) {
	t.Parallel()
	shapes, said := map[string]SlotState{}, map[string]SlotState{}
	for _, s := range allSlots {
		drawn := render(t, slotMark(Slot{State: s}, false))
		drawn = strings.ReplaceAll(drawn, s.class(), "")
		if other, ok := shapes[drawn]; ok {
			t.Errorf("%s looks like %s", s, other)
		}
		if other, ok := said[s.word()]; ok {
			t.Errorf("%s is called like %s", s, other)
		}
		shapes[drawn], said[s.word()] = s, s
	}
	if got := told([]Slot{{State: SlotKept}, {State: SlotLate}, {State: SlotKept}, {State: "odd"}}); got != "2 kept, 1 served late, 1 upcoming" {
		t.Error(got)
	}
}

func TestSite_SaysWhyCopiesAreKeptAndWhatStopsDeletion(t *testing.T) {
	t.Parallel()
	page := render(t, SiteLive(sitePolicyFull()))
	for _, want := range []string{
		"Before the upgrade to Moodle 5.1", "Pinned: <bdi>Auditors", "Legal hold: <bdi>Case", "In use: <bdi>a restore",
		"tamper alarm", `action="/copies/b1/return"`, "It stays while the tamper alarm is on.", `action="/copies/c1/pin"`, `action="/copies/c1/protection"`,
		"late since 20:00", "Owed: today’s 20:00", "4 h 10 min old",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("missing %s", want)
		}
	}
	plain := siteFull()
	if page := render(t, SiteLive(plain)); strings.Contains(page, "Why it is kept") || strings.Contains(page, `id="bin"`) || strings.Contains(page, "How far back") {
		t.Error("a site without a policy shows parts of one")
	}
}

// TestSite_IsLightHoweverMuchItHolds weighs the fullest page as it is sent, with
// all that a first visit loads besides.
func TestSite_IsLightHoweverMuchItHolds(t *testing.T) {
	t.Parallel()
	zipped := func(b []byte) int {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		if _, err := z.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Len()
	}
	total := zipped([]byte(render(t, Site(sitePolicyMany(92)))))
	for _, name := range []string{"app.css", "charts.css", "app.js", "htmx.min.js", "hx-sse.min.js", "mark.svg", "inter-latin.woff2"} {
		b, err := os.ReadFile("../static/assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		total += zipped(b)
	}
	t.Logf("%d bytes", total)
	if total > 150_000 {
		t.Errorf("a first visit loads %d bytes, more than 150,000", total)
	}
}

// TestSite_KeepsOpenFormWhileItUpdates opens a copy's form, types into it and
// lets the stream send the page again with one copy more before it.
func TestSite_KeepsOpenFormWhileItUpdates(t *testing.T) {
	t.Parallel()
	send := make(chan struct{})
	mux := http.NewServeMux()
	mux.Handle(static.Prefix, static.Handler())
	mux.HandleFunc("/site", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", ui.Policy("n"))
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err := Site(sitePolicyFull()).Render(templ.WithNonce(r.Context(), "n"), w); err != nil {
			t.Errorf("render: %v", err)
		}
	})
	mux.HandleFunc("/sites/1/stream", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-send:
		case <-r.Context().Done():
			return
		}
		next := sitePolicyFull()
		fresh := next.Copies[0].Copies[0]
		fresh.ID, fresh.Acts = "c0", &CopyActs{ID: "c0", Protect: &ProtectForm{Action: "/copies/c0/protection"}}
		next.Copies[0].Copies = append([]CopyRow{fresh}, next.Copies[0].Copies...)
		next.Name = "moved on"
		next.Basis, next.Problems = "It was sent again.", nil
		var page strings.Builder
		if err := SiteLive(next).Render(r.Context(), &page); err != nil {
			t.Errorf("render: %v", err)
		}
		for line := range strings.SplitSeq(page.String(), "\n") {
			fmt.Fprintf(w, "data: %s\n", line)
		}
		fmt.Fprint(w, "\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	ctx, said := tab(t, browser(t))
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(srv.URL+"/site"), chromedp.Click(chromedp.CSS("#acts-c1 > summary")),
		chromedp.Click(chromedp.CSS("#reason-c1")), chromedp.KeyEvent("exam week")); err != nil {
		t.Fatal(err)
	}
	close(send)
	const state = `[document.querySelector("#acts-c1").open, document.querySelector("#reason-c1").value, document.querySelector("#reason-c1").form.getAttribute("action"), document.activeElement.id].join("|")`
	if err := chromedp.Do(ctx, chromedp.Poll[chromedp.Void](`document.body.textContent.includes("It was sent again.") && document.querySelector("#acts-c0")`)); err != nil {
		t.Fatalf("the page did not change: %v", err)
	}
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](state))
	if err != nil || got != "true|exam week|/copies/c1/protection|reason-c1" {
		t.Errorf("after the update: %q (%v)", got, err)
	}
	if heard := said(); len(heard) > 0 {
		t.Errorf("the console says:\n%s", strings.Join(heard, "\n"))
	}
}

// TestPolicyEdit_WorksByKeyboardWithoutScript previews by Enter in a field,
// and sends all fields by their names in a policy file.
func TestPolicyEdit_WorksByKeyboardWithoutScript(t *testing.T) {
	t.Parallel()
	posted := make(chan map[string][]string, 1)
	mux := http.NewServeMux()
	mux.Handle(static.Prefix, static.Handler())
	mux.HandleFunc("GET /edit", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", ui.Policy("n"))
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err := PolicyEdit(policyEdit(galleryEdit())).Render(r.Context(), w); err != nil {
			t.Errorf("render: %v", err)
		}
	})
	mux.HandleFunc("POST "+PoliciesPath+"/gold/edit", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Errorf("read the form: %v", err)
		}
		posted <- r.PostForm
		fmt.Fprint(w, "<h1>ok</h1>")
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	ctx, _ := tab(t, browser(t))
	if err := chromedp.Do(ctx, chromedp.Navigate(srv.URL+"/edit"), chromedp.Focus(chromedp.CSS("#rule-1-keep")), chromedp.KeyEvent(kb.End), chromedp.KeyEvent("0"), chromedp.KeyEvent(kb.Enter)); err != nil {
		t.Fatal(err)
	}
	form := <-posted
	for key, want := range map[string]string{"do": "preview", "rules[1].keep": "80", "rules[1].weekdays": "friday", "rules[2].kind": "data", "rules[2].at": "00:00, 04:00, 08:00, 12:00, 16:00, 20:00", "night": "00:00", "window": "01:30", "grace": "02:00", "name": "gold", "note": ""} {
		if got := form[key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}
