package authz_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/tenant"
)

var update = flag.Bool("update", false, "write the table of roles into docs/security.md")

func TestCheck_EveryRoleTimesEveryAction(t *testing.T) {
	t.Parallel()
	own, foreign := id.New[id.Tenant](), id.New[id.Tenant]()
	staffMay := map[tenant.StaffRole]int{}
	for _, action := range authz.Actions() {
		for _, role := range tenant.StaffRoles() {
			g, err := authz.Check(authz.Actor{Name: "s", Staff: role}, action, own)
			if err == nil {
				staffMay[role]++
				if g.Scope() != authz.StaffScope {
					t.Errorf("%s/%s: scope %v", role, action, g.Scope())
				}
			}
		}
		for _, role := range tenant.Roles() {
			a := authz.Actor{Name: "c", Memberships: []authz.Membership{{Tenant: own, Role: role}}}
			if g, err := authz.Check(a, action, own); err == nil && (g.Scope() != authz.TenantScope || g.Tenant() != own) {
				t.Errorf("%s/%s: a customer's grant reaches beyond the tenant: %+v", role, action, g)
			}
			if _, err := authz.Check(a, action, foreign); !errs.Is(err, errs.Forbidden) {
				t.Errorf("%s/%s: allowed on a foreign tenant", role, action)
			}
			if _, err := authz.Check(a, action, id.Tenant{}); !errs.Is(err, errs.Forbidden) {
				t.Errorf("%s/%s: a customer was granted every tenant's rows", role, action)
			}
		}
		if _, err := authz.Check(authz.Actor{}, action, own); !errs.Is(err, errs.Forbidden) {
			t.Errorf("%s: allowed to nobody in particular", action)
		}
	}
	if staffMay[tenant.Owner] != len(authz.Actions()) {
		t.Errorf("the owner may do %d of %d actions", staffMay[tenant.Owner], len(authz.Actions()))
	}
}

// Whoever only looks does nothing else: the auditor, the viewer, and billing but for the fee.
func TestCheck_ReadersOnlyRead(t *testing.T) {
	t.Parallel()
	own := id.New[id.Tenant]()
	readers := map[string]authz.Actor{
		"auditor": {Name: "s", Staff: tenant.Auditor},
		"billing": {Name: "s", Staff: tenant.Billing},
		"viewer":  {Name: "c", Memberships: []authz.Membership{{Tenant: own, Role: tenant.Viewer}}},
	}
	for name, who := range readers {
		for _, action := range authz.Actions() {
			if _, err := authz.Check(who, action, own); err == nil && !strings.HasSuffix(string(action), ".view") && (name != "billing" || !strings.HasPrefix(string(action), "fee.")) {
				t.Errorf("the %s may %s", name, action)
			}
		}
	}
}

func TestCheck_RefusesAnUnknownAction(t *testing.T) {
	t.Parallel()
	if _, err := authz.Check(authz.Console(), "no.such", id.Tenant{}); !errs.Is(err, errs.Forbidden) {
		t.Fatalf("got %v", err)
	}
}

// The printed table is what Check answers, for every role and every action.
func TestTable_IsPrintedInTheDocs(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "security.md")
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- roles: printed by go test ./internal/authz -update -->\n", "<!-- end of roles -->"
	head, rest, ok1 := strings.Cut(string(doc), begin)
	old, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatal("docs/security.md has no place for the table of roles")
	}
	want := printed(t)
	if *update {
		if err := os.WriteFile(path, []byte(head+begin+want+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != want {
		t.Errorf("the table of roles in docs/security.md is not what the code does; look at the change, then run: go test ./internal/authz -update\n%s", want)
	}
}

func printed(t *testing.T) string {
	t.Helper()
	own := id.New[id.Tenant]()
	var b strings.Builder
	head, line := "| action | |", "|---|---|"
	var who []authz.Actor
	for _, r := range tenant.StaffRoles() {
		who = append(who, authz.Actor{Name: "s", Staff: r})
		head, line = head+" "+string(r)+" |", line+":-:|"
	}
	for _, r := range tenant.Roles() {
		who = append(who, authz.Actor{Name: "c", Memberships: []authz.Membership{{Tenant: own, Role: r}}})
		head, line = head+" "+string(r)+" |", line+":-:|"
	}
	b.WriteString(head + "\n" + line + "\n")
	for _, action := range authz.Actions() {
		if action.Says() == "" {
			t.Errorf("%s is not said in words", action)
		}
		b.WriteString("| `" + string(action) + "` | " + action.Says() + " |")
		for _, a := range who {
			mark := " "
			if _, err := authz.Check(a, action, own); err == nil {
				mark = " yes "
			}
			b.WriteString(mark + "|")
		}
		b.WriteString("\n")
	}
	return b.String()
}
