package authz_test

import (
	"testing"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/tenant"
)

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
	if want := 6; staffMay[tenant.Auditor] != want {
		t.Errorf("the auditor may do %d actions, want the %d that only read", staffMay[tenant.Auditor], want)
	}
}

func TestCheck_RefusesAnUnknownAction(t *testing.T) {
	t.Parallel()
	if _, err := authz.Check(authz.Console(), "no.such", id.Tenant{}); !errs.Is(err, errs.Forbidden) {
		t.Fatalf("got %v", err)
	}
}
