package dash_test

import (
	"net/http"
	"strings"
	"testing"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/id"
	"holdfast/internal/restore"
)

// openRestore gives the restore of own that is open, and begins one if none is.
func (h *house) openRestore() id.Restore {
	h.t.Helper()
	list, err := h.app.ListRestores(h.t.Context(), authz.Console(), app.RestoreQuery{Site: h.site.String(), OnlyOpen: true})
	h.must(err)
	if len(list) > 0 {
		return list[0].ID
	}
	of, err := h.app.StartRestore(h.t.Context(), authz.Console(), app.NewRestore{Site: h.site.String(), What: restore.Database, Why: "a test"})
	h.must(err)
	return of
}

func restoreAt(rest string) func(*house) string {
	return func(h *house) string { return "/restores/" + h.openRestore().String() + rest }
}

// restoreTable are the rows of restores; see routeTable.
func restoreTable() []row {
	const one = "/restores/{id:[0-9a-f-]{36}}"
	return []row{
		{"GET /restores", at("/restores"), nil, []int{303, 404, 404, 404, 404, 200, 200, 200, 200, 200}, true},
		{"GET /restores/stream", at("/restores/stream"), nil, []int{401, 404, 404, 404, 404, 200, 200, 200, 200, 200}, true},
		{"GET /restores/new", func(h *house) string { return "/restores/new?site=" + h.site.String() }, nil, []int{303, 404, 404, 404, 404, 200, 200, 404, 404, 404}, true},
		{"POST /restores", at("/restores"), []string{"site", "own.school.example", "name", "another"}, []int{303, 404, 403, 403, 403, 422, 422, 403, 403, 403}, true},
		{"GET " + one, restoreAt(""), nil, []int{303, 404, 200, 200, 200, 200, 200, 200, 200, 200}, true},
		{"GET " + one + "/stream", restoreAt("/stream"), nil, []int{401, 404, 200, 200, 200, 200, 200, 200, 200, 200}, true},
		{"POST " + one + "/cancellation", restoreAt("/cancellation"), []string{"reason", ""}, []int{303, 404, 403, 403, 403, 422, 422, 403, 403, 403}, true},
		{"POST " + one + "/acceptance", restoreAt("/acceptance"), nil, []int{303, 404, 403, 409, 409, 409, 409, 403, 403, 403}, true},
		{"POST " + one + "/undoing", restoreAt("/undoing"), []string{"reason", ""}, []int{303, 404, 403, 422, 422, 422, 422, 403, 403, 403}, true},
	}
}

func TestRestorePage_FromTheFormToTheCancellation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	b := h.signIn("owner")
	if got := b.get("/sites/" + h.site.String()); !strings.Contains(got.body, "/restores/new?site="+h.site.String()) {
		t.Error("the site's page has no way to restore it")
	}
	form := b.get("/restores/new?site=" + h.site.String())
	for _, want := range []string{"From which moment", "database of ", "never restored in part", "Type own.school.example"} {
		if !strings.Contains(form.body, want) {
			t.Errorf("the form lacks %q", want)
		}
	}
	for _, c := range []struct {
		says string
		form []string
	}{
		{"to go on", []string{"what", "database", "why", "a test", "name", "another"}},
		{"say why", []string{"what", "database", "why", " ", "name", "own.school.example"}},
		{"everything, database, data or files", []string{"what", "tables", "why", "a test", "name", "own.school.example"}},
		{"never restored in part", []string{"what", "database", "paths", "mdl_course", "why", "a test", "name", "own.school.example"}},
		{"leads out", []string{"what", "files", "paths", "lang, ../x", "why", "a test", "name", "own.school.example"}},
		{"10 characters", []string{"what", "database", "without", "short", "why", "a test", "name", "own.school.example"}},
	} {
		got := b.post("/restores", append(c.form, "site", h.site.String())...)
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, c.says) {
			t.Errorf("%v: %d, wants %q", c.form, got.status, c.says)
		}
	}
	got := b.post("/restores", "site", h.site.String(), "what", "database", "why", "a course <b>was</b> deleted", "name", "own.school.example")
	path := got.header.Get("Location")
	if got.status != http.StatusSeeOther || !strings.HasPrefix(path, "/restores/") {
		t.Fatalf("%d to %q\n%s", got.status, path, got.body)
	}
	page := b.get(path)
	for _, want := range []string{"Restore of own.school.example", "It begins in a moment", "Safety copy of how the site is now", "Cancel this restore", "a course &lt;b&gt;was&lt;/b&gt; deleted", path + "/stream"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if list := b.get("/restores?state=open"); !strings.Contains(list.body, path) {
		t.Error("the list lacks it")
	}
	if got := b.post("/restores", "site", h.site.String(), "what", "database", "why", "again", "name", "own.school.example"); got.status != http.StatusConflict || !strings.Contains(got.body, "open already") {
		t.Errorf("a second one: %d", got.status)
	}
	if got := b.post(path+"/cancellation", "reason", "found it again"); got.status != http.StatusSeeOther {
		t.Fatalf("%d\n%s", got.status, got.body)
	}
	if page := b.get(path); !strings.Contains(page.body, "It was cancelled, and the site is as it was.") || strings.Contains(page.body, path+"/stream") {
		t.Error("the page does not say that it was cancelled")
	}
}
