package dash

import (
	"context"
	"slices"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/id"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

func isStaff(p app.Person) bool { return p.Actor.Staff != "" }

// may tells whether to offer something; the use case itself decides.
func may(p app.Person, action authz.Action, of id.Tenant) bool {
	_, err := authz.Check(p.Actor, action, of)
	return err == nil
}

// frame is what surrounds every page of the person.
func (d *Door) frame(p app.Person, section dash.Section) dash.Page {
	if isStaff(p) {
		return dash.Page{Nav: withPeople(p, section, dash.StaffNav(section)), Who: p.Name, Org: "Staff"}
	}
	f := d.customerFrame(p, section)
	switch n := len(p.Tenants); n {
	case 0:
		f.Org = "No organisation"
	case 1:
		f.Org = p.Tenants[0].Name
	default:
		f.Org = p.Tenants[0].Name + " and more"
	}
	return f
}

// withPeople adds the page of people for those who may see it.
func withPeople(p app.Person, section dash.Section, nav []ui.NavItem) []ui.NavItem {
	if !seesPeople(p) {
		return nav
	}
	return append(nav, ui.NavItem{Label: "People", Href: dash.PeoplePath, Current: section == dash.PeopleSection, Break: isStaff(p)})
}

// withActivity adds the page of what happened for a customer's admins.
func withActivity(p app.Person, section dash.Section, nav []ui.NavItem) []ui.NavItem {
	if len(auditors(p)) == 0 {
		return nav
	}
	return append(nav, ui.NavItem{Label: "Activity", Href: dash.AuditPath, Current: section == dash.AuditSection})
}

// page is frame with the answer to what was just done, which is said once.
func (d *Door) page(ctx context.Context, p app.Person, section dash.Section) dash.Page {
	f := d.frame(p, section)
	if text := d.sessions.PopString(ctx, keyNotice); text != "" {
		f.Notice = &ui.Notice{State: ui.State(d.sessions.PopString(ctx, keyNoticeState)), Text: text}
	}
	return f
}

// say leaves a sentence for the next page.
func (d *Door) say(ctx context.Context, state ui.State, text string) {
	d.sessions.Put(ctx, keyNotice, text)
	d.sessions.Put(ctx, keyNoticeState, string(state))
}

// scopes are the tenants whose rows a person is shown: none, which means every
// one, for staff; a customer's own otherwise.
func scopes(p app.Person) []id.Tenant {
	if isStaff(p) {
		return []id.Tenant{{}}
	}
	out := make([]id.Tenant, 0, len(p.Tenants))
	for _, t := range p.Tenants {
		out = append(out, t.TenantID)
	}
	return slices.Compact(out)
}

// hostNames names hosts for those who may see them; others get none.
func (d *Door) hostNames(ctx context.Context, p app.Person) (map[id.Host]string, error) {
	if !may(p, authz.ViewHosts, id.Tenant{}) {
		return map[id.Host]string{}, nil
	}
	return d.app.HostNames(ctx, p.Actor)
}
