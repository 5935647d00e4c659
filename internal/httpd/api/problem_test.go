package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"holdfast/internal/httpd/api"
)

func TestBadInput_NamesTheField(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	site, of := "/sites/"+h.site.String(), "/copies/"+h.aCopy()
	rules := `"rules":[{"kind":"data","tier":"daily","kep":7}]`
	for _, c := range []struct {
		method, path, body string
		status             int
		field              string
	}{
		{"GET", "/sites?size=0", "", 422, "query.size"},
		{"GET", "/sites?size=many", "", 422, "query.size"},
		{"GET", "/sites?sise=3", "", 422, "query.sise"},
		{"GET", "/overdue?size=1001", "", 422, "query.size"},
		{"GET", "/runs?open=perhaps", "", 422, "query.open"},
		{"POST", site + "/backups", "", 400, ""},
		{"POST", site + "/backups", "{", 400, "body"},
		{"POST", site + "/backups", "[]", 422, "body"},
		{"POST", site + "/backups", `{"kinds":["some"]}`, 422, "body.kinds[0]"},
		{"POST", site + "/backups", `{"kinds":"data"}`, 422, "body.kinds"},
		{"POST", site + "/backups", `{"protect_days":0}`, 422, "body.protect_days"},
		{"POST", site + "/backups", `{"protect_days":-1}`, 422, "body.protect_days"},
		{"POST", site + "/backups", `{"protect_days":3651}`, 422, "body.protect_days"},
		{"POST", site + "/backups", `{"protect_days":1e40}`, 422, "body.protect_days"},
		{"POST", site + "/backups", `{"because":"x"}`, 422, "body.because"},
		{"POST", site + "/backups", `{"reason":"` + strings.Repeat("x", 301) + `"}`, 422, "body.reason"},
		{"POST", of + "/protection", `{"days":"30d"}`, 422, "body.days"},
		{"PUT", of + "/pin", `{}`, 422, "body"},
		{"PUT", of + "/pin", `{"reason":""}`, 422, "body.reason"},
		{"PUT", of + "/pin", `{"reason":"  "}`, 422, "reason"},
		{"PUT", "/copies/rubbish/pin", `{"reason":"x"}`, 422, "path.copy"},
		{"POST", "/runs/rubbish/cancellation", `{"reason":"x"}`, 422, "path.run"},
		{"POST", "/policies/preview", `{"policy":{` + rules + `}}`, 422, "policy.rules[0].kep"},
		{"POST", "/policies/preview", `{"policy":null}`, 422, "policy"},
		{"POST", "/policies/preview", `{"policy":7}`, 422, "policy"},
		{"POST", "/policies/preview", `{"sites":["no.such.example"]}`, 422, "site"},
		{"POST", "/policies/preview", `{"name":"none"}`, 404, ""},
		{"POST", site + "/backups", `{"reason":"` + strings.Repeat("x", 70_000) + `"}`, 413, ""},
		{"PATCH", site, "", 405, ""},
		{"OPTIONS", "/sites", "", 405, ""},
		{"GET", "/nothing", "", 404, ""},
		{"GET", "/docs", "", 404, ""},
		{"GET", "/schemas/Copy.json", "", 404, ""},
	} {
		a := h.ask("operator", c.method, api.Prefix+c.path, c.body)
		var p struct {
			Status int
			Title  string
			Detail string
			Errors []struct{ Message, Location string }
		}
		if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.status != c.status || p.Status != c.status || p.Title == "" || p.Detail == "" {
			t.Errorf("%s %s %.80s: %d %s, %v", c.method, c.path, c.body, a.status, a.body, err)
			continue
		}
		if c.status == http.StatusUnprocessableEntity && !strings.Contains(p.Detail, c.field+": ") || strings.Contains(a.body, `"value"`) || len(a.body) > 2000 {
			t.Errorf("%s %s %.80s: the sentence names nothing, or says too much: %s", c.method, c.path, c.body, a.body)
		}
		named := c.field == ""
		for _, e := range p.Errors {
			named = named || e.Location == c.field && e.Message != ""
		}
		if !named {
			t.Errorf("%s %s %.80s: %s is not named: %s", c.method, c.path, c.body, c.field, a.body)
		}
	}
	if n := h.Count("SELECT count(*) FROM run"); n != 4 {
		t.Errorf("%d runs: bad input planned one", n)
	}
}

// A body that says what it is not, or says nothing, is JSON or refused.
func TestBody_OfAnotherTypeIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "application/cbor"} {
		a := h.ask("operator", http.MethodPost, api.Prefix+"/sites/"+h.site.String()+"/backups", "kinds=data", func(r *http.Request) { r.Header.Set("Content-Type", kind) })
		if a.status != http.StatusUnsupportedMediaType || strings.Contains(a.body, "kinds=data") {
			t.Errorf("%s: %d %s", kind, a.status, a.body)
		}
	}
}
