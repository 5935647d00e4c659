package app_test

import (
	"strings"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/tenant"
)

// who gives somebody who acts.
func (r *rig) who(account id.Account) authz.Actor {
	r.t.Helper()
	p, err := r.PersonByID(r.t.Context(), account)
	r.must(err)
	return p.Actor
}

func TestInvite_WhoMayInviteWhomWhere(t *testing.T) {
	t.Parallel()
	r, _ := mailed(t)
	r.tenant("a")
	r.tenant("b")
	a, err := r.TenantID(t.Context(), authz.Console(), "a")
	r.must(err)
	b, err := r.TenantID(t.Context(), authz.Console(), "b")
	r.must(err)
	people := map[string]authz.Actor{}
	for _, role := range tenant.StaffRoles() {
		people[string(role)] = r.who(r.account(app.NewAccount{Email: string(role) + "@h.example", Name: "S", Staff: role}))
	}
	for _, role := range tenant.Roles() {
		people[string(role)] = r.who(r.account(app.NewAccount{Email: string(role) + "@a.example", Name: "C", Tenant: "a", Role: role}))
	}
	for name, who := range people {
		for what, n := range map[string]app.NewInvitation{
			"staff": {Email: "new@h.example", Staff: tenant.Support}, "a": {Email: "new@a.example", Tenant: a, Role: tenant.Admin}, "b": {Email: "new@b.example", Tenant: b, Role: tenant.Viewer},
		} {
			want := name == "owner" || (name == "operator" || name == "support") && what != "staff" || name == "admin" && what == "a"
			got, err := r.Invite(t.Context(), who, n)
			if want && (err != nil || !got.Mailed) || !want && !errs.Is(err, errs.Forbidden) {
				t.Errorf("%s into %s: %v", name, what, err)
			}
		}
	}
	// One is open to each place, however often somebody was invited.
	if n := r.Count(`SELECT count(*) FROM invitation WHERE accepted_at IS NULL AND revoked_at IS NULL`); n != 3 {
		t.Errorf("%d invitations are open", n)
	}
	view, err := r.PeopleOf(t.Context(), people["admin"], a)
	if err != nil || len(view.People) != 3 || len(view.Invitations) != 1 {
		t.Errorf("an admin sees %d people and %d invitations, %v", len(view.People), len(view.Invitations), err)
	}
	for _, who := range []string{"admin", "member", "viewer"} {
		if _, err := r.PeopleOf(t.Context(), people[who], b); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s sees another tenant's people: %v", who, err)
		}
		if _, err := r.Staff(t.Context(), people[who]); !errs.Is(err, errs.Forbidden) {
			t.Errorf("%s sees the staff: %v", who, err)
		}
	}
	other, err := r.PeopleOf(t.Context(), authz.Console(), b)
	r.must(err)
	if err := r.RevokeInvitation(t.Context(), people["admin"], other.Invitations[0].ID); !errs.Is(err, errs.NotFound) {
		t.Errorf("another tenant's invitation: %v", err)
	}
	r.must(r.RevokeInvitation(t.Context(), people["admin"], view.Invitations[0].ID))
	if err := r.RevokeInvitation(t.Context(), people["admin"], view.Invitations[0].ID); !errs.Is(err, errs.Conflict) {
		t.Errorf("ended twice: %v", err)
	}
}

func TestInvitation_IsAcceptedOnceWithinSevenDays(t *testing.T) {
	t.Parallel()
	r, s := mailed(t)
	r.tenant("a")
	r.tenant("b")
	a, err := r.TenantID(t.Context(), authz.Console(), "a")
	r.must(err)
	invite := func(n app.NewInvitation) string {
		_, err := r.Invite(t.Context(), authz.Console(), n)
		r.must(err)
		r.post()
		path, token := linked(t, s.Next())
		if !strings.HasPrefix(path, "/invitation/") {
			t.Errorf("leads to %s", path)
		}
		return token
	}
	token := invite(app.NewInvitation{Email: "New@A.example", Tenant: a, Role: tenant.Admin})
	if i, err := r.LookAtInvitation(t.Context(), token); err != nil || i.Known || i.Into != "a" || i.Role != "admin" || i.Email != "new@a.example" {
		t.Fatalf("%+v, %v", i, err)
	}
	if _, _, err := r.AcceptInvitation(t.Context(), token, "New", "short"); !errs.Is(err, errs.Invalid) {
		t.Errorf("a bad password: %v", err)
	}
	p, fresh, err := r.AcceptInvitation(t.Context(), token, "New Person", "seven purple boats")
	if err != nil || !fresh || len(p.Tenants) != 1 || p.Actor.Memberships[0].Role != tenant.Admin {
		t.Fatalf("%+v %v %v", p, fresh, err)
	}
	if _, _, err := r.AcceptInvitation(t.Context(), token, "New Person", "seven purple boats"); !errs.Is(err, errs.Unsigned) {
		t.Errorf("accepted twice: %v", err)
	}
	if _, err := r.Invite(t.Context(), p.Actor, app.NewInvitation{Email: "new@a.example", Tenant: a, Role: tenant.Viewer}); !errs.Is(err, errs.Invalid) {
		t.Errorf("who is there already is invited: %v", err)
	}
	// Who has an account joins without a new one.
	b, err := r.TenantID(t.Context(), authz.Console(), "b")
	r.must(err)
	if p, fresh, err := r.AcceptInvitation(t.Context(), invite(app.NewInvitation{Email: "new@a.example", Tenant: b, Role: tenant.Viewer}), "", ""); err != nil || fresh || len(p.Tenants) != 2 {
		t.Errorf("%+v %v %v", p, fresh, err)
	}
	// A customer's address is not made staff, nor staff a customer.
	if _, err := r.Invite(t.Context(), authz.Console(), app.NewInvitation{Email: "new@a.example", Staff: tenant.Owner}); !errs.Is(err, errs.Invalid) {
		t.Errorf("a customer is invited to the staff: %v", err)
	}
	staff := invite(app.NewInvitation{Email: "sue@h.example", Staff: tenant.Support})
	r.clock.Add(7 * 24 * time.Hour)
	if _, _, err := r.AcceptInvitation(t.Context(), staff, "Sue", "seven purple boats"); !errs.Is(err, errs.Unsigned) {
		t.Errorf("after seven days: %v", err)
	}
	again := invite(app.NewInvitation{Email: "sue@h.example", Staff: tenant.Support})
	p, _, err = r.AcceptInvitation(t.Context(), again, "Sue", "seven purple boats")
	if err != nil || p.Actor.Staff != tenant.Support {
		t.Errorf("%+v %v", p, err)
	}
}

func TestPeople_TheLastOwnerAndTheLastAdminStay(t *testing.T) {
	t.Parallel()
	r, _ := mailed(t)
	r.tenant("a")
	a, err := r.TenantID(t.Context(), authz.Console(), "a")
	r.must(err)
	owner := r.account(app.NewAccount{Email: "o@h.example", Name: "O", Staff: tenant.Owner})
	admin := r.account(app.NewAccount{Email: "ana@a.example", Name: "A", Tenant: "a", Role: tenant.Admin})
	viewer := r.account(app.NewAccount{Email: "vi@a.example", Name: "V", Tenant: "a", Role: tenant.Viewer})
	for name, err := range map[string]error{
		"the last owner, by the console": r.DisableAccount(t.Context(), authz.Console(), owner),
		"oneself":                        r.DisableAccount(t.Context(), r.who(owner), owner),
		"the last admin, by themselves":  r.RemoveMember(t.Context(), r.who(admin), a, admin),
	} {
		if !errs.Is(err, errs.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.RemoveMember(t.Context(), r.who(viewer), a, admin); !errs.Is(err, errs.NotFound) {
		t.Errorf("a viewer removes somebody: %v", err)
	}
	r.must(r.RemoveMember(t.Context(), r.who(admin), a, viewer))
	p, err := r.PersonByID(t.Context(), viewer)
	if err != nil || len(p.Tenants) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	r.must(r.DisableAccount(t.Context(), r.who(owner), admin))
	if _, err := r.SignIn(t.Context(), app.From{}, "ana@a.example", "seven purple boats"); !errs.Is(err, errs.Unsigned) {
		t.Errorf("a disabled account signs in: %v", err)
	}
	r.must(r.EnableAccount(t.Context(), r.who(owner), admin))
	if _, err := r.SignIn(t.Context(), app.From{}, "ana@a.example", "seven purple boats"); err != nil {
		t.Errorf("an account that was enabled: %v", err)
	}
}
