package serve

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestWeb_TheAPITakesItsPrefixAndLeavesTheAddressAsItIs(t *testing.T) {
	t.Parallel()
	door := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, name+" "+r.URL.EscapedPath()) })
	}
	h := besideAPI(door("api"), door("pages"))
	for path, want := range map[string]string{
		"/api/v1/sites":         "api /api/v1/sites",
		"/api/v1/sites/a%2Fb":   "api /api/v1/sites/a%2Fb",
		"/api/v1":               "api /api/v1",
		"/api/v12":              "pages /api/v12",
		"/api":                  "pages /api",
		"/":                     "pages /",
		"/sites/a.example//b":   "pages /sites/a.example//b",
		"/sites/a.example%2F..": "pages /sites/a.example%2F..",
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if got := w.Body.String(); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
