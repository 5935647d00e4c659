package dash_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"holdfast/internal/authz"
	"holdfast/internal/policy"
)

var digestField = regexp.MustCompile(`name="digest" value="([0-9a-f]{64})"`)

// form is what the editor sends of the published policy under a name.
func editorForm(name, seen, do string) url.Values {
	v := url.Values{"name": {name}, "seen": {seen}, "night": {"00:00"}, "window": {"01:30"}, "grace": {"02:00"}, "note": {"a test"}, "do": {do}}
	for i, r := range policy.Default().Rules {
		at := "rules[" + strconv.Itoa(i) + "]."
		v.Set(at+"kind", string(r.Kind))
		v.Set(at+"tier", string(r.Tier))
		v.Set(at+"keep", strconv.Itoa(r.Keep))
	}
	return v
}

func TestSite_SaysWhatIsKeptOwedAndHowFarBack(t *testing.T) {
	t.Parallel()
	h, sites := lived(t)
	b := h.signIn("owner")
	got := b.get("/sites/" + h.site.String() + "?noticed=20")
	for _, want := range []string{
		"How new the newest copies are", "Copies kept", "7 of 7", "How far back", "20 days ago", "The nearest database copy before it is of", "Calendar",
		"One of the 7 newest daily", "The auditors look at it until spring", "Moodle went from 4.5.5 to 4.5.6", "missed", "published", "built in", "Take back", "What happened",
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the site's page lacks %q", want)
		}
	}
	far := b.get("/sites/" + sites["newyork"].String() + "?noticed=2019-01-01")
	for _, want := range []string{"No copy reaches back that far", "Nothing of this site is being deleted: legal hold", "Case 2026-114 of the school board", "Lift the legal hold", "clocks go", "only monthly copies are left"} {
		if !strings.Contains(far.body, want) {
			t.Errorf("the page of a site on hold lacks %q", want)
		}
	}
	customer := h.signIn("viewer").get("/sites/" + h.site.String())
	for _, no := range []string{"/policies", "legal hold on", "/pin", "/recovery", "Suspend"} {
		if strings.Contains(customer.body, no) {
			t.Errorf("a customer who may only look is shown %q", no)
		}
	}
}

func TestNoticed_BadValuesAreSaidAtTheField(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	b := h.signIn("viewer")
	path := "/sites/" + h.site.String() + "?noticed="
	for _, bad := range []string{"yesterday", "-1", "99999999999999999999", "36501", "2026-02-30", "9999-01-01", "0001-01-01", "1e3", "\x00", "\xff", hostile, strings.Repeat("9", 5000), "2026-10-17T12:00:00+99:99"} {
		got := b.get(path + url.QueryEscape(bad))
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `id="noticed-note" class="field-problem"`) {
			t.Errorf("%.40q: %d, without a sentence at the field", bad, got.status)
		}
		if strings.Contains(got.body, "<script>alert") {
			t.Errorf("%q is not escaped", bad)
		}
	}
	for _, good := range []string{"0", "4", "2026-10-17", "2026-10-17 12:00", "2026-10-17T12:00:00Z", " 3 ", "1971-01-01"} {
		if got := b.get(path + url.QueryEscape(good)); got.status != http.StatusOK {
			t.Errorf("%q: %d\n", good, got.status)
		}
	}
}

func TestCopyForms_KeepWhatWasTypedAndSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	b := h.signIn("owner")
	one := "/copies/" + h.anyCopy() + "/"
	siteOf := "/sites/" + h.site.String() + "/"
	long := strings.Repeat("long ", 100)
	for _, c := range []struct{ path, days, reason, want string }{
		{one + "protection", "4000", "audit", "4000 must be from 1 to 3650 days."},
		{one + "protection", "soon", "audit", "Type a whole number of days, like 30."},
		{one + "protection", "-1", hostile, "-1 must be from 1 to 3650 days."},
		{one + "protection", "30", long, "Is longer than 300 characters."},
		{one + "pin", "", "", "Say why, in a few words."},
		{one + "pin", "", long, "Is longer than 300 characters."},
		{one + "hold", "", " ", "Say why, in a few words."},
		{one + "recovery", "x", "", "Type a whole number of days, like 30."},
		{siteOf + "backups", "0", "audit", "Type a whole number of days, like 30."},
		{siteOf + "backups", "99999999999999999999", "audit", "Type a whole number of days, like 30."},
		{siteOf + "hold", "", "", "Say why, in a few words."},
		{siteOf + "suspension", "", long, "Is longer than 300 characters."},
	} {
		form := []string{"kind", "all", "reason", c.reason}
		if c.days != "" {
			form = append(form, "days", c.days)
		}
		got := b.post(c.path, form...)
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, c.want) {
			t.Errorf("%s with %.20q, %.20q: %d without %q", c.path, c.days, c.reason, got.status, c.want)
		}
		if c.days != "" && !strings.HasSuffix(c.path, "recovery") && !strings.Contains(got.body, `value="`+c.days+`"`) {
			t.Errorf("%s forgets the days %q", c.path, c.days)
		}
		if strings.Contains(got.body, "<script>alert") || strings.Contains(got.body, "hx-sse:connect") {
			t.Errorf("%s: unescaped, or a page that would update what was typed away", c.path)
		}
	}
	for _, path := range []string{one + "pin", one + "protection", one + "hold", siteOf + "hold", siteOf + "suspension", siteOf + "backups"} {
		if got := b.post(path, "kind", "all", "days", "3", "reason", "a\x00b"); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s with a NUL: %d", path, got.status)
		}
	}
	if got := b.post(one + "recovery"); got.status != http.StatusConflict || !strings.Contains(got.body, "not in the bin") {
		t.Errorf("taking back what is not in the bin: %d", got.status)
	}
}

func TestCopyForms_DoWhatTheySay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	b := h.signIn("owner")
	one, page := "/copies/"+h.anyCopy()+"/", "/sites/"+h.site.String()
	for _, c := range []struct{ path, want, later string }{
		{one + "protection", "The copy is protected.", "Protected until"},
		{one + "protection/end", "protection has ended", "A copy&#39;s protection was ended."},
		{one + "pin", "The copy is pinned.", "Pinned: "},
		{one + "pin/end", "not pinned any more", "A copy was unpinned."},
		{one + "hold", "A legal hold is on the copy.", "Legal hold: "},
		{one + "hold/end", "legal hold is lifted", "A copy&#39;s legal hold was lifted."},
		{page + "/hold", "A legal hold is on this site", "Nothing of this site is being deleted: legal hold"},
		{page + "/hold/end", "The legal hold is lifted.", "The site&#39;s legal hold was lifted."},
		{page + "/suspension", "The site is suspended", "no copy is taken until it is resumed"},
		{page + "/suspension/end", "The site is resumed.", "The site was resumed."},
		{page + "/backups", "What is taken stays for 12 days", "asked for by hand"},
	} {
		if got := b.post(c.path, "kind", "all", "days", "12", "reason", "Auditors & co"); got.status != http.StatusSeeOther || got.header.Get("Location") != page {
			t.Fatalf("%s: %d to %q\n%s", c.path, got.status, got.header.Get("Location"), got.body)
		}
		if got := b.get(page); !strings.Contains(got.body, c.want) || !strings.Contains(got.body, c.later) {
			t.Errorf("%s: the page lacks %q or %q", c.path, c.want, c.later)
		}
	}
	if got := b.post(page+"/hold", "reason", "x"); got.status != http.StatusSeeOther {
		t.Fatal(got.status)
	}
	if got := b.get("/sites"); !strings.Contains(got.body, "legal hold: nothing is deleted") {
		t.Error("the fleet does not say that a site is held")
	}
}

func TestPolicies_AreSavedOnlyAsTheyWerePreviewed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("operator")
	send := func(path string, v url.Values) answer { return b.do(http.MethodPost, path, v) }
	form := editorForm("two-months", "", "save")
	if got := send("/policies/new", form); got.status != http.StatusOK || !strings.Contains(got.body, "nothing was saved") {
		t.Fatalf("saving what was not previewed: %d", got.status)
	}
	form.Set("do", "preview")
	seen := send("/policies/new", form)
	digest := digestField.FindStringSubmatch(seen.body)
	if digest == nil || !strings.Contains(seen.body, "so saving it changes no copy") {
		t.Fatalf("no preview: %d\n%s", seen.status, seen.body)
	}
	form.Set("do", "save")
	form.Set("digest", digest[1])
	form.Set("rules[0].keep", "3")
	if got := send("/policies/new", form); got.status != http.StatusOK || !strings.Contains(got.body, "nothing was saved") {
		t.Fatalf("saving something else than was previewed: %d", got.status)
	}
	form.Set("rules[0].keep", "7")
	if got := send("/policies/new", form); got.status != http.StatusSeeOther || got.header.Get("Location") != "/policies/two-months" {
		t.Fatalf("saving: %d\n%s", got.status, got.body)
	}
	if got := b.get("/policies"); !strings.Contains(got.body, "two-months") || !strings.Contains(got.body, "version 1") {
		t.Error("the list lacks it")
	}
	change := editorForm("two-months", "1", "preview")
	change.Set("rules[0].keep", "9")
	digest = digestField.FindStringSubmatch(send("/policies/two-months/edit", change).body)
	change.Set("do", "save")
	change.Set("digest", digest[1])
	h.must(h.app.EditPolicy(t.Context(), authz.Console(), "two-months", 1, policy.Default(), "somebody else"))
	if got := send("/policies/two-months/edit", change); got.status != http.StatusConflict || !strings.Contains(got.body, "is at version 2 by now, not 1") || !strings.Contains(got.body, `value="9"`) {
		t.Errorf("an edit of an old version: %d\n%s", got.status, got.body)
	}
}

func TestPolicies_SayWhatIsWrongAtItsField(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("operator")
	for _, c := range []struct{ field, value, id, want string }{
		{"name", "Not A Name", "", ""},
		{"name", "", "name", "Give it a short lower-case name"},
		{"night", "25:00", "night", "is not a time of day"},
		{"window", "soon", "window", "is not hours and minutes"},
		{"grace", "99:99", "grace", "is not hours and minutes"},
		{"keep-referenced-files", "maybe", "keep-referenced-files", "ust be true or false"},
		{"rules[2].keep", "0", "rule-2-keep", "0 must be from 1 to 10000 copies"},
		{"rules[2].keep", "many", "rule-2-keep", "Must be a whole number"},
		{"rules[2].keep", hostile, "rule-2-keep", "Must be a whole number"},
		{"rules[1].kind", hostile, "rule-1-kind", "must be database or data"},
		{"rules[1].tier", "initial", "rule-1-tier", "names copies outside the counts"},
		{"rules[1].tier", strings.Repeat("a", 500), "rule-1-tier", "ust be a short"},
		{"rules[1].weekdays", "friday, someday", "rule-1-weekdays", "Must be a day of the week"},
		{"rules[1].days", "32", "rule-1-days", "32 must be from 1 to 31"},
		{"rules[1].months", "13", "rule-1-months", "13 must be from 1 to 12"},
		{"rules[1].at", "noon", "rule-1-at", "is not a time of day"},
	} {
		form := editorForm("gold", "", "preview")
		form.Set(c.field, c.value)
		got := b.do(http.MethodPost, "/policies/new", form)
		if c.id == "" {
			if got.status != http.StatusOK {
				t.Errorf("%s=%q: %d", c.field, c.value, got.status)
			}
			continue
		}
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, c.want) || !strings.Contains(got.body, `id="`+c.id+`-note" class="field-problem"`) {
			t.Errorf("%s=%.20q: %d, without %q at %s", c.field, c.value, got.status, c.want, c.id)
		}
		if strings.Contains(got.body, "<script>alert") {
			t.Errorf("%s is not escaped", c.field)
		}
	}
	form := editorForm("gold", "", "remove 0")
	if got := b.do(http.MethodPost, "/policies/new", form); strings.Count(got.body, "<fieldset") != len(policy.Default().Rules)-1 {
		t.Error("removing a rule does not remove it")
	}
	for _, do := range []string{"remove x", "remove -1", "remove 9999", "", hostile} {
		form.Set("do", do)
		if got := b.do(http.MethodPost, "/policies/new", form); got.status >= 500 || strings.Count(got.body, "<fieldset") != len(policy.Default().Rules) {
			t.Errorf("do=%q: %d", do, got.status)
		}
	}
	for _, path := range []string{"/policies/none", "/policies/none/edit", "/policies/published/edit", "/policies/%00", "/policies/" + strings.Repeat("a", 2000), "/policies/new?of=none"} {
		if got := b.get(path); got.status != http.StatusNotFound {
			t.Errorf("%.40s: %d", path, got.status)
		}
	}
}

func TestAssign_FollowsAPreview(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	b := h.signIn("operator")
	path := "/policies/" + h.policy() + "/sites"
	for _, bad := range []string{"", "no.such.example", hostile, strings.Repeat("a,", 300)} {
		if got := b.post(path, "site", bad, "do", "preview"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `id="assign-site-note" class="field-problem"`) {
			t.Errorf("%.30q: %d", bad, got.status)
		}
	}
	seen := b.post(path, "site", "own.school.example", "do", "preview")
	digest := digestField.FindStringSubmatch(seen.body)
	if digest == nil || !strings.Contains(seen.body, "Give own.school.example this policy") {
		t.Fatalf("no preview: %d\n%s", seen.status, seen.body)
	}
	if got := b.post(path, "site", "other.school.example/moodle", "do", "save", "digest", digest[1]); got.status != http.StatusOK {
		t.Errorf("a digest of another site saves: %d", got.status)
	}
	if got := b.post(path, "site", "own.school.example", "do", "save", "digest", digest[1]); got.status != http.StatusSeeOther {
		t.Fatalf("assigning: %d\n%s", got.status, got.body)
	}
	if got := b.get("/sites/" + h.site.String()); !strings.Contains(got.body, "The site follows the policy gold from here on.") || !strings.Contains(got.body, `href="/policies/gold"`) {
		t.Error("the site's page does not say so")
	}
}

func TestFleet_ShowsWhatIsLateByItsSchedule(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	b := h.signIn("owner")
	if got := b.get("/sites?filter=late"); !strings.Contains(got.body, "No site is late") {
		t.Errorf("%d\n%s", got.status, got.body)
	}
	h.exec(`UPDATE schedule SET overdue_at = now() - interval '3 hours 5 minutes' WHERE site_id = $1 AND kind = 'database'`, h.site.UUID())
	got := b.get("/sites?filter=late")
	if !strings.Contains(got.body, "late for 3 h") || !strings.Contains(got.body, "own.school.example") || strings.Contains(got.body, "other.school.example") {
		t.Errorf("what is late is not shown:\n%s", got.body)
	}
}
