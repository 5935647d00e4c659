package api_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/httpd/api"
	"holdfast/internal/tenant"
)

const sites = api.Prefix + "/sites"

func TestToken_IsWorthlessOnceRevokedOverOrItsTenantSuspended(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if a := h.ask("support", http.MethodGet, sites, ""); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	h.Must(h.RevokeToken(t.Context(), authz.Console(), "support"))
	if a := h.ask("support", http.MethodGet, sites, ""); a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") == "" {
		t.Errorf("revoked: %d %s", a.status, a.body)
	}
	h.SQL("UPDATE tenant SET state = 'suspended' WHERE slug = 'own'")
	if a := h.ask("admin", http.MethodGet, sites, ""); a.status != http.StatusUnauthorized {
		t.Errorf("its tenant is suspended: %d %s", a.status, a.body)
	}
	h.clock.Add(app.TokenDays * 24 * time.Hour)
	if a := h.ask("operator", http.MethodGet, sites, ""); a.status != http.StatusUnauthorized {
		t.Errorf("over: %d %s", a.status, a.body)
	}
}

func TestToken_IsKeptAsAHashAndItsLastUseIsNoted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.tokens["auditor"]
	if !strings.HasPrefix(token, app.TokenPrefix) || len(token) < 40 {
		t.Errorf("%d characters are no token", len(token))
	}
	if n := h.Count("SELECT count(*) FROM api_token WHERE api_token::text LIKE '%' || $1 || '%'", token); n != 0 {
		t.Error("the database has the token itself")
	}
	if n := h.Count("SELECT count(*) FROM event WHERE event::text LIKE '%' || $1 || '%'", token); n != 0 {
		t.Error("an event has the token itself")
	}
	used := func() (at time.Time) {
		rows, err := h.ListTokens(t.Context(), authz.Console())
		h.Must(err)
		for _, r := range rows {
			if r.Name == "auditor" && r.LastUsedAt != nil {
				at = *r.LastUsedAt
			}
		}
		return at
	}
	if !used().IsZero() {
		t.Error("a token was used that nobody used")
	}
	h.ask("auditor", http.MethodGet, sites, "")
	first := used()
	h.clock.Add(10 * time.Second)
	h.ask("auditor", http.MethodGet, sites, "")
	if got := used(); first.IsZero() || !got.Equal(first) {
		t.Errorf("used at %s, then at %s: it is noted once a minute", first, got)
	}
	h.clock.Add(2 * time.Minute)
	h.ask("auditor", http.MethodGet, sites, "")
	if !used().After(first) {
		t.Error("a later use is not noted")
	}
	if n := h.Count("SELECT count(*) FROM event WHERE verb = 'token.made'"); n != len(everybody())-1 {
		t.Errorf("%d events of %d tokens", n, len(everybody())-1)
	}
	if strings.Contains(h.log.String(), token) {
		t.Error("the log has the token")
	}
}

func TestToken_OnlyTheOwnerMakesOne(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, role := range []tenant.StaffRole{tenant.Operator, tenant.Support, tenant.Billing, tenant.Auditor} {
		if _, _, err := h.MakeToken(t.Context(), authz.Actor{Name: "s", Staff: role}, app.NewToken{Name: "more", Staff: tenant.Auditor}); err == nil {
			t.Errorf("the %s made a token", role)
		}
	}
	for _, n := range []app.NewToken{
		{Name: "", Staff: tenant.Auditor},
		{Name: "Upper", Staff: tenant.Auditor},
		{Name: "auditor", Staff: tenant.Auditor}, // there already
		{Name: "x", Staff: tenant.Owner},
		{Name: "x", Staff: tenant.Billing},
		{Name: "x"},
		{Name: "x", Tenant: "own"},
		{Name: "x", Tenant: "own", Role: "owner"},
		{Name: "x", Tenant: "none", Role: tenant.Viewer},
		{Name: "x", Staff: tenant.Auditor, Days: -1},
		{Name: "x", Staff: tenant.Auditor, Days: 5000},
	} {
		if token, _, err := h.MakeToken(t.Context(), authz.Console(), n); err == nil || token != "" {
			t.Errorf("%+v was made", n)
		}
	}
}

func TestToken_TooManyWrongOnesWait(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	wrong := func(r *http.Request) { r.Header.Set("Authorization", "Bearer hft_wrong") }
	for range 100 { // good ones and none at all do not count
		h.ask("operator", http.MethodGet, sites, "")
		h.ask(nobody, http.MethodGet, sites, "")
	}
	for i := range 20 {
		if a := h.ask(nobody, http.MethodGet, sites, "", wrong); a.status != http.StatusUnauthorized {
			t.Fatalf("wrong token %d: %d %s", i, a.status, a.body)
		}
	}
	for _, name := range []string{"operator", "viewer"} {
		if a := h.ask(name, http.MethodGet, sites, ""); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
			t.Errorf("after 20 wrong ones: %d %v", a.status, a.header)
		}
	}
	h.clock.Add(6 * time.Minute)
	if a := h.ask("operator", http.MethodGet, sites, ""); a.status != http.StatusOK {
		t.Errorf("after the wait: %d %s", a.status, a.body)
	}
}

// What is no token in its place is none: a cookie, a basic password, an address.
func TestToken_IsReadFromItsHeaderAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.tokens["operator"]
	for name, change := range map[string]func(*http.Request){
		"cookie": func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "holdfast", Value: token}) },
		"basic":  func(r *http.Request) { r.SetBasicAuth("operator", token) },
		"query":  func(r *http.Request) { r.URL.RawQuery = "access_token=" + token },
		"empty":  func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") },
		"long":   func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+strings.Repeat("x", 5000)) },
	} {
		if a := h.ask(nobody, http.MethodGet, sites, "", change); a.status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, a.status)
		}
	}
}

// Good tokens that come all at once are never taken for wrong ones.
func TestToken_ManyGoodOnesAtOnceDoNotWait(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var wg sync.WaitGroup
	for range 60 {
		wg.Go(func() {
			if a := h.ask("operator", http.MethodGet, sites, ""); a.status != http.StatusOK {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	wg.Wait()
}

// What a program does is on record with where it came from; who is no proxy of
// ours is not believed about it.
func TestToken_WhatIsDoneNotesFromWhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.ask("operator", http.MethodPost, sites+"/"+h.site.String()+"/backups", `{"kinds":["data"]}`, func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.9") })
	if a.status >= 300 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if n := h.Count("SELECT count(*) FROM event WHERE actor LIKE 'token:%' AND address = '127.0.0.1'"); n == 0 {
		t.Error("the event does not say from where")
	}
	if n := h.Count("SELECT count(*) FROM event WHERE address LIKE '203.%'"); n != 0 {
		t.Error("a stranger's word for where they are is on record")
	}
}
