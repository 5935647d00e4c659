package api_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/httpd/api"
)

var update = flag.Bool("update", false, "write docs/openapi.json")

// The document that the door serves is the one in the repository, so that a
// change of the API is seen in review.
func TestOpenAPI_IsTheOneInTheDocs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	got := h.ask(nobody, http.MethodGet, api.Prefix+"/openapi.json", "")
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v", got.status, got.header)
	}
	path := filepath.Join("..", "..", "..", "docs", "openapi.json")
	if *update {
		h.Must(os.WriteFile(path, []byte(got.body+"\n"), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	h.Must(err)
	if string(want) != got.body+"\n" {
		t.Error("docs/openapi.json is not what the door serves; look at the change, then run: go test ./internal/httpd/api -run OpenAPI -update")
	}
}

// The document holds together: every reference leads somewhere, every
// operation has an id of its own, an answer and the token, and every piece of
// a path in braces is a parameter.
func TestOpenAPI_IsWellFormed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	raw := h.ask(nobody, http.MethodGet, api.Prefix+"/openapi.json", "").body
	var doc struct {
		OpenAPI    string
		Info       struct{ Title, Version string }
		Components struct {
			Schemas         map[string]any
			SecuritySchemes map[string]any
		}
		Security []map[string][]string
		Paths    map[string]map[string]struct {
			OperationID string
			Summary     string
			Responses   map[string]any
			Parameters  []struct {
				Name, In string
				Required bool
			}
		}
	}
	h.Must(json.Unmarshal([]byte(raw), &doc))
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || doc.Info.Title == "" || doc.Info.Version == "" || len(doc.Security) != 1 || doc.Components.SecuritySchemes["token"] == nil {
		t.Errorf("the head: %s %+v %v", doc.OpenAPI, doc.Info, doc.Security)
	}
	ids, n := map[string]bool{}, 0
	for path, methods := range doc.Paths {
		for method, o := range methods {
			n++
			rest := path
			if o.OperationID == "" || ids[o.OperationID] || o.Summary == "" || len(o.Responses) < 2 {
				t.Errorf("%s %s: %+v", method, path, o)
			}
			ids[o.OperationID] = true
			for _, p := range o.Parameters {
				if p.In == "path" && (!p.Required || !strings.Contains(path, "{"+p.Name+"}")) {
					t.Errorf("%s %s: parameter %+v", method, path, p)
				}
				if p.In == "path" {
					rest = strings.Replace(rest, "{"+p.Name+"}", "x", 1)
				}
			}
			if strings.Contains(rest, "{") {
				t.Errorf("%s %s: a piece in braces is no parameter", method, path)
			}
		}
	}
	if n != len(routeTable())-1 { // all but the document itself
		t.Errorf("%d operations are described, %d are there", n, len(routeTable())-1)
	}
	var all any
	h.Must(json.Unmarshal([]byte(raw), &all))
	for _, ref := range references(all) {
		name, ok := strings.CutPrefix(ref, "#/components/schemas/")
		if !ok || doc.Components.Schemas[name] == nil {
			t.Errorf("%s leads nowhere", ref)
		}
	}
	if strings.Contains(raw, "http://") || strings.Contains(raw, "https://") && !strings.Contains(raw, "https://example.com") {
		t.Error("the document loads something from elsewhere")
	}
}

func references(v any) (out []string) {
	switch x := v.(type) {
	case map[string]any:
		for k, sub := range x {
			if ref, ok := sub.(string); ok && k == "$ref" {
				out = append(out, ref)
			}
			out = append(out, references(sub)...)
		}
	case []any:
		for _, sub := range x {
			out = append(out, references(sub)...)
		}
	}
	return out
}

// Every answer has exactly the keys that the document promises of it.
func TestAnswers_HaveTheKeysOfTheDocument(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill()
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any
				Required   []string
			}
		}
	}
	h.get("operator", api.Prefix+"/openapi.json", &doc)
	for path, where := range map[string]struct{ schema, list string }{
		"/sites/" + h.site.String():               {"SiteBody", ""},
		"/sites":                                  {"Site", "sites"},
		"/sites/" + h.site.String() + "/copies":   {"Copy", "copies"},
		"/sites/" + h.site.String() + "/standing": {"Standing", ""},
		"/runs":               {"Run", "runs"},
		"/policies":           {"Policy", "policies"},
		"/policies/published": {"PolicyView", ""},
	} {
		var got map[string]any
		h.get("operator", api.Prefix+path, &got)
		if where.list != "" {
			rows, ok := got[where.list].([]any)
			if !ok || len(rows) == 0 {
				t.Errorf("%s: no %s in %v", path, where.list, got)
				continue
			}
			got, _ = rows[0].(map[string]any)
		}
		s, ok := doc.Components.Schemas[where.schema]
		if !ok {
			t.Errorf("there is no schema %s", where.schema)
		}
		for k := range got {
			if s.Properties[k] == nil {
				t.Errorf("%s: %s is not in the document", path, k)
			}
		}
		for _, k := range s.Required {
			if _, ok := got[k]; !ok {
				t.Errorf("%s: %s is promised and not there: %s", path, k, fmt.Sprint(got))
			}
		}
	}
}

// The page about the API names every path of it.
func TestDocs_NameEveryPath(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range routeTable() {
		_, path, _ := strings.Cut(r.route, " ")
		if !strings.Contains(string(page), path) {
			t.Errorf("docs/api.md does not name %s", path)
		}
	}
}
