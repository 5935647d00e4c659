package dash

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
	"holdfast/internal/tenant"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// seesPeople tells whether a person has a page of people at all.
func seesPeople(p app.Person) bool {
	if isStaff(p) {
		return may(p, authz.ViewPeople, id.Tenant{})
	}
	for _, t := range p.Tenants {
		if may(p, authz.ViewPeople, t.TenantID) {
			return true
		}
	}
	return false
}

// organisation finds the tenant that a page or form is about: for customers
// among their own. None is the staff, which is staff's alone.
func (d *Door) organisation(r *http.Request, p app.Person, slug string) (of id.Tenant, name string, err error) {
	gone := errs.New(errs.NotFound, "There is no organisation of this name, or none that you may see.")
	if isStaff(p) {
		if slug == "" {
			return id.Tenant{}, "", nil
		}
		of, err = d.app.TenantID(r.Context(), p.Actor, slug)
		if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Forbidden) {
			return of, "", gone
		}
		return of, slug, err
	}
	for _, t := range p.Tenants {
		if (slug == "" || t.Slug == slug) && may(p, authz.ViewPeople, t.TenantID) {
			return t.TenantID, t.Name, nil
		}
	}
	return of, "", gone
}

func peoplePath(slug string) string {
	if slug == "" {
		return dash.PeoplePath
	}
	return dash.PeoplePath + "?" + url.Values{"tenant": {slug}}.Encode()
}

func (d *Door) people(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	props, err := d.peopleProps(r, p, r.URL.Query().Get("tenant"))
	if err != nil {
		return nil, err
	}
	props.Page = d.page(r.Context(), p, dash.PeopleSection)
	return dash.People(props), nil
}

func (d *Door) peopleProps(r *http.Request, p app.Person, slug string) (dash.PeopleProps, error) {
	of, name, err := d.organisation(r, p, slug)
	if err != nil {
		return dash.PeopleProps{}, err
	}
	props := dash.PeopleProps{Page: d.frame(p, dash.PeopleSection), Tenant: slug, Title: "People of " + name, Search: isStaff(p)}
	if of.IsZero() {
		props.Title = "Staff"
		return props, d.staffProps(r, p, &props)
	}
	if !isStaff(p) {
		for _, t := range p.Tenants {
			if may(p, authz.ViewPeople, t.TenantID) && len(p.Tenants) > 1 {
				props.Choices = append(props.Choices, ui.Choice{Label: t.Name, Href: peoplePath(t.Slug), Selected: t.TenantID == of})
			}
			if t.TenantID == of {
				props.Tenant = t.Slug
			}
		}
	}
	view, err := d.app.PeopleOf(r.Context(), p.Actor, of)
	if err != nil {
		return props, err
	}
	invites := may(p, authz.InvitePeople, of)
	for _, m := range view.People {
		row := dash.PersonRow{Name: m.Name, Email: m.Email, Role: string(m.Role), You: m.ID == p.Actor.Account, Disabled: m.DisabledAt != nil}
		if invites && !row.You {
			row.Acts = []dash.PersonAct{{Action: dash.PeoplePath + "/" + m.ID.String() + "/removal", Label: "Remove"}}
			row.Change = changeRole(m.ID, m.Role, tenant.Roles())
		}
		props.People = append(props.People, row)
	}
	d.invitations(&props, view.Invitations, invites)
	if invites {
		props.Invite = d.inviteForm("holdfast user invite ADDRESS --role member --tenant "+props.Tenant, roleChoices(tenant.Roles()))
	}
	return props, nil
}

func (d *Door) staffProps(r *http.Request, p app.Person, props *dash.PeopleProps) error {
	view, err := d.app.Staff(r.Context(), p.Actor)
	if err != nil {
		return err
	}
	manages := may(p, authz.ManagePeople, id.Tenant{})
	for _, m := range view.People {
		row := dash.PersonRow{Name: m.Name, Email: m.Email, Role: string(*m.StaffRole), You: m.ID == p.Actor.Account, Disabled: m.DisabledAt != nil, Second: "none", SecondState: ui.None}
		if m.SecondFactor {
			row.Second, row.SecondState = "set up", ui.Good
		} else if d.app.StaffSecondFactor(r.Context()) {
			row.SecondState = ui.Late
		}
		if manages && !row.You {
			row.Acts = staffActs(dash.PeoplePath+"/"+m.ID.String(), row.Disabled, m.SecondFactor)
			row.Change = changeRole(m.ID, *m.StaffRole, tenant.StaffRoles())
		}
		props.People = append(props.People, row)
	}
	props.Factors = true
	d.invitations(props, view.Invitations, manages)
	if !manages {
		return nil
	}
	props.Invite = d.inviteForm("holdfast user invite ADDRESS --staff operator", roleChoices(tenant.StaffRoles()))
	return d.mailProps(r, p, props)
}

func staffActs(path string, disabled, second bool) (acts []dash.PersonAct) {
	if disabled {
		return []dash.PersonAct{{Action: path + "/enabling", Label: "Enable"}}
	}
	if second {
		acts = append(acts, dash.PersonAct{Action: path + "/factor-reset", Label: "Reset factors"})
	}
	return append(acts, dash.PersonAct{Action: path + "/disabling", Label: "Disable"})
}

// changeRole is the form that gives somebody another role.
func changeRole[R ~string](account id.Account, now R, all []R) *dash.RoleForm {
	f := &dash.RoleForm{ID: "role-" + account.String(), Action: dash.PeoplePath + "/" + account.String() + "/role"}
	for _, r := range all {
		f.Roles = append(f.Roles, ui.Choice{Value: string(r), Label: string(r), Selected: r == now})
	}
	return f
}

func (d *Door) setRole(r *http.Request, p app.Person, account id.Account) error {
	of, _, err := d.organisation(r, p, r.PostFormValue("tenant"))
	if err != nil {
		return err
	}
	role := r.PostFormValue("role")
	if of.IsZero() {
		return d.app.ChangeStaffRole(r.Context(), p.Actor, account, tenant.StaffRole(role))
	}
	return d.app.ChangeRole(r.Context(), p.Actor, of, account, tenant.Role(role))
}

// mailProps fills in the mails that were not delivered.
func (d *Door) mailProps(r *http.Request, p app.Person, props *dash.PeopleProps) error {
	rows, err := d.app.ListMail(r.Context(), p.Actor, 20)
	if err != nil {
		return err
	}
	now := d.clock.Now()
	for _, m := range rows {
		if m.State != dbq.MailStateFailed {
			continue
		}
		props.Undelivered = append(props.Undelivered, dash.MailRow{To: m.Recipient, What: strings.ReplaceAll(string(m.Kind), "_", " "), Error: m.Error, At: when(now, m.CreatedAt, time.UTC), Tries: int(m.Attempt)})
	}
	return nil
}

func (d *Door) inviteForm(command string, roles []ui.Choice) *dash.InviteForm {
	f := &dash.InviteForm{Roles: roles}
	if !d.app.CanMail() {
		f.Command = command
	}
	return f
}

func roleChoices[R ~string](roles []R) (out []ui.Choice) {
	for i, r := range roles {
		out = append(out, ui.Choice{Value: string(r), Label: string(r), Selected: i == len(roles)-1})
	}
	return out
}

func (d *Door) invitations(props *dash.PeopleProps, rows []dbq.Invitation, mayEnd bool) {
	now := d.clock.Now()
	for _, i := range rows {
		row := dash.InvitationRow{Email: i.Email, Made: when(now, i.CreatedAt, time.UTC), Ends: when(now, i.ExpiresAt, time.UTC), Over: !i.ExpiresAt.After(now)}
		if i.Role != nil {
			row.Role = string(*i.Role)
		}
		if i.StaffRole != nil {
			row.Role = string(*i.StaffRole)
		}
		if mayEnd {
			row.Revocation = dash.InvitePath + "/" + i.ID.String() + "/revocation"
		}
		props.Invitations = append(props.Invitations, row)
	}
}

func (d *Door) invite(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if err := readForm(r); err != nil {
		return nil, err
	}
	slug := r.PostFormValue("tenant")
	of, _, err := d.organisation(r, p, slug)
	if err != nil {
		return nil, err
	}
	n := app.NewInvitation{Email: r.PostFormValue("email"), Tenant: of, Role: tenant.Role(r.PostFormValue("role"))}
	if of.IsZero() {
		n.Staff, n.Role = tenant.StaffRole(r.PostFormValue("role")), ""
	}
	if !d.app.CanMail() {
		return nil, errs.New(errs.Unsupported, "No mail is set up here, so no invitation can be sent. On the machine itself, holdfast user invite makes one to hand over.")
	}
	_, err = d.app.Invite(r.Context(), p.Actor, n)
	if errs.Is(err, errs.Invalid) {
		props, second := d.peopleProps(r, p, slug)
		if second != nil || props.Invite == nil {
			return nil, err
		}
		props.Invite.Problem = sentence(err)
		if len(n.Email) <= 254 {
			props.Invite.Email = n.Email
		}
		return dash.People(props), err
	}
	if err != nil {
		return nil, err
	}
	d.say(r.Context(), ui.Good, "The invitation is on its way. It works once, for seven days.")
	see(w, r, peoplePath(slug))
	return nil, nil //nolint:nilnil // it has answered by itself
}

func (d *Door) revokeInvitation(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if err := readForm(r); err != nil {
		return nil, err
	}
	i, err := id.Parse[id.Invitation](chi.URLParam(r, "id"))
	if err != nil {
		return nil, errs.Wrap(errs.NotFound, err, "There is no such invitation.")
	}
	if err := d.app.RevokeInvitation(r.Context(), p.Actor, i); err != nil {
		return nil, err
	}
	d.say(r.Context(), ui.Good, "The invitation is withdrawn; its link opens nothing.")
	see(w, r, peoplePath(r.PostFormValue("tenant")))
	return nil, nil //nolint:nilnil // it has answered by itself
}

// actOn adapts what is done to one account.
func (d *Door) actOn(said string, act func(r *http.Request, p app.Person, account id.Account) error) signedPage {
	return func(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
		if err := readForm(r); err != nil {
			return nil, err
		}
		account, err := id.Parse[id.Account](chi.URLParam(r, "id"))
		if err != nil {
			return nil, errs.Wrap(errs.NotFound, err, "There is no such person.")
		}
		if err := act(r, p, account); err != nil {
			return nil, err
		}
		d.say(r.Context(), ui.Good, said)
		see(w, r, peoplePath(r.PostFormValue("tenant")))
		return nil, nil //nolint:nilnil // it has answered by itself
	}
}

func (d *Door) removeMember(r *http.Request, p app.Person, account id.Account) error {
	of, _, err := d.organisation(r, p, r.PostFormValue("tenant"))
	if err != nil {
		return err
	}
	return d.app.RemoveMember(r.Context(), p.Actor, of, account)
}

func (d *Door) peoplePages(r chi.Router) {
	const account = dash.PeoplePath + "/{id:[0-9a-f-]{36}}/"
	fresh := func(h signedPage) http.HandlerFunc { return d.fresh(dash.PeoplePath, h) }
	r.Get(dash.PeoplePath, d.signed(d.people))
	r.Post(dash.InvitePath, fresh(d.invite))
	r.Post(dash.InvitePath+"/{id:[0-9a-f-]{36}}/revocation", fresh(d.revokeInvitation))
	r.Post(account+"removal", fresh(d.actOn("They are no longer among your people.", d.removeMember)))
	r.Post(account+"role", fresh(d.actOn("The role is changed, from their next click on.", d.setRole)))
	r.Post(account+"disabling", fresh(d.actOn("The account is disabled, and its sessions have ended.", func(r *http.Request, p app.Person, a id.Account) error {
		return d.app.DisableAccount(r.Context(), p.Actor, a)
	})))
	r.Post(account+"enabling", fresh(d.actOn("They may sign in again.", func(r *http.Request, p app.Person, a id.Account) error {
		return d.app.EnableAccount(r.Context(), p.Actor, a)
	})))
	r.Post(account+"factor-reset", fresh(d.actOn("Their second factors are gone, and their sessions have ended.", func(r *http.Request, p app.Person, a id.Account) error {
		return d.app.ResetFactors(r.Context(), p.Actor, a)
	})))
}
