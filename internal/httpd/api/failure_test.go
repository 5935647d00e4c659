package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"holdfast/internal/httpd/api"
)

// A database that is gone is said to be our fault, with the request's id and
// nothing of the inside.
func TestFailure_SaysWhoseFaultItIsAndNoMore(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.SQL("ALTER TABLE schedule RENAME TO gone")
	a := h.ask("operator", http.MethodGet, api.Prefix+"/overdue", "")
	var p struct{ Detail string }
	h.Must(json.Unmarshal([]byte(a.body), &p))
	if a.status != http.StatusInternalServerError || !strings.Contains(p.Detail, a.header.Get("X-Request-Id")) || strings.Contains(a.body, "schedule") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if !strings.Contains(h.log.String(), a.header.Get("X-Request-Id")) {
		t.Error("the log does not know the request")
	}
	h.SQL("ALTER TABLE api_token RENAME TO gone_too")
	if a := h.ask("operator", http.MethodGet, sites, ""); a.status != http.StatusInternalServerError || strings.Contains(a.body, "api_token") {
		t.Errorf("%d %s", a.status, a.body)
	}
}
