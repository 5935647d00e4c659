package app_test

import (
	"testing"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/tenant"
)

func (r *rig) person(email string, staff tenant.StaffRole, of string, role tenant.Role) id.Account {
	r.t.Helper()
	made, err := r.AddAccount(r.t.Context(), authz.Console(), app.NewAccount{Email: email, Name: email, Password: "correct horse battery", Staff: staff, Tenant: of, Role: role})
	r.must(err)
	return made
}

func TestRole_TheLastAdminStaysOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	r.tenant("own")
	of, err := r.TenantID(ctx, authz.Console(), "own")
	r.must(err)
	first, second := r.person("first@own.example", "", "own", tenant.Admin), r.person("second@own.example", "", "own", tenant.Viewer)
	who := authz.Actor{Account: first, Name: "customer:" + first.String(), Memberships: []authz.Membership{{Tenant: of, Role: tenant.Admin}}}
	if err := r.ChangeRole(ctx, who, of, first, tenant.Viewer); !errs.Is(err, errs.Conflict) {
		t.Errorf("an admin changes their own role: %v", err)
	}
	if err := r.ChangeRole(ctx, authz.Console(), of, first, tenant.Member); !errs.Is(err, errs.Conflict) {
		t.Errorf("staff demote the last admin: %v", err)
	}
	if err := r.ChangeRole(ctx, who, of, second, "owner"); !errs.Is(err, errs.Invalid) {
		t.Errorf("a role that is none: %v", err)
	}
	r.must(r.ChangeRole(ctx, who, of, second, tenant.Admin))
	r.must(r.ChangeRole(ctx, authz.Console(), of, first, tenant.Member))
	if err := r.ChangeRole(ctx, who, of, id.New[id.Account](), tenant.Admin); !errs.Is(err, errs.NotFound) {
		t.Errorf("somebody who is not there: %v", err)
	}
	people, err := r.PeopleOf(ctx, authz.Console(), of)
	r.must(err)
	for _, p := range people.People {
		if want := map[id.Account]tenant.Role{first: tenant.Member, second: tenant.Admin}[p.ID]; p.Role != want {
			t.Errorf("%s is %s, want %s", p.Email, p.Role, want)
		}
	}
	page, err := r.Audit(ctx, authz.Console(), app.AuditQuery{Verb: "account.role_changed"})
	if err != nil || len(page.Events) != 2 {
		t.Errorf("%d events, %v", len(page.Events), err)
	}
}

func TestRole_OfAnotherTenantIsNotThere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	r.tenant("own")
	r.tenant("other")
	own, err := r.TenantID(ctx, authz.Console(), "own")
	r.must(err)
	other, err := r.TenantID(ctx, authz.Console(), "other")
	r.must(err)
	me, them := r.person("me@own.example", "", "own", tenant.Admin), r.person("them@other.example", "", "other", tenant.Viewer)
	who := authz.Actor{Account: me, Name: "customer:" + me.String(), Memberships: []authz.Membership{{Tenant: own, Role: tenant.Admin}}}
	for _, of := range []id.Tenant{own, other} {
		if err := r.ChangeRole(ctx, who, of, them, tenant.Admin); !errs.Is(err, errs.NotFound) {
			t.Errorf("in %s: %v", of, err)
		}
	}
}

func TestRole_TheLastOwnerStaysOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	first, second := r.person("first@staff.example", tenant.Owner, "", ""), r.person("second@staff.example", tenant.Support, "", "")
	if err := r.ChangeStaffRole(ctx, authz.Console(), first, tenant.Auditor); !errs.Is(err, errs.Conflict) {
		t.Errorf("the last owner: %v", err)
	}
	if err := r.ChangeStaffRole(ctx, authz.Actor{Account: first, Name: "staff:x", Staff: tenant.Owner}, first, tenant.Auditor); !errs.Is(err, errs.Conflict) {
		t.Errorf("their own role: %v", err)
	}
	if err := r.ChangeStaffRole(ctx, authz.Actor{Account: second, Name: "staff:y", Staff: tenant.Support}, first, tenant.Auditor); !errs.Is(err, errs.Forbidden) {
		t.Errorf("support: %v", err)
	}
	r.must(r.ChangeStaffRole(ctx, authz.Console(), second, tenant.Owner))
	r.must(r.ChangeStaffRole(ctx, authz.Console(), first, tenant.Auditor))
	if err := r.ChangeStaffRole(ctx, authz.Console(), id.New[id.Account](), tenant.Auditor); !errs.Is(err, errs.NotFound) {
		t.Errorf("somebody who is not there: %v", err)
	}
	p, err := r.PersonByID(ctx, first)
	if err != nil || p.Actor.Staff != tenant.Auditor {
		t.Errorf("%+v, %v", p.Actor, err)
	}
}
