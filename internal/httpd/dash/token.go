package dash

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/tenant"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// tokenSoon is how many days before its end a token is marked as ending.
const tokenSoon = 14

func (d *Door) tokens(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	props, err := d.tokenProps(r, p, d.page(r.Context(), p, dash.SettingsSection))
	if err != nil {
		return nil, err
	}
	return dash.Tokens(props), nil
}

// tokenProps is the page with the list and an empty form.
func (d *Door) tokenProps(r *http.Request, p app.Person, page dash.Page) (dash.TokensProps, error) {
	props := dash.TokensProps{Page: page, Tabs: settingsTabs(p, dash.TokensPath), New: dash.TokenForm{Days: dash.Field{Value: strconv.Itoa(app.TokenDays)}, Roles: tokenRoles("")}}
	rows, err := d.app.ListTokens(r.Context(), p.Actor)
	if err != nil {
		return props, err
	}
	actors := make([]string, 0, len(rows))
	for _, t := range rows {
		actors = append(actors, t.MadeBy)
	}
	names, err := d.app.ActorNames(r.Context(), p.Actor, actors)
	if err != nil {
		return props, err
	}
	for _, t := range rows {
		props.Tokens = append(props.Tokens, d.tokenRow(p, t, names))
	}
	return props, nil
}

func (d *Door) tokenRow(p app.Person, t app.Token, names map[string]string) dash.TokenRow {
	now := d.clock.Now()
	row := dash.TokenRow{Name: t.Name, Of: t.TenantSlug, Made: d.on(p, t.CreatedAt), Ends: d.onDay(p, t.ExpiresAt), State: ui.Good, Word: "in force"}
	row.MadeBy = strings.TrimPrefix(byWhom(p, t.MadeBy, names), "by ")
	switch {
	case t.StaffRole != nil:
		row.Role, row.Of = string(*t.StaffRole), "of the staff"
	case t.Role != nil:
		row.Role = string(*t.Role)
	}
	if t.LastUsedAt != nil {
		row.Used = d.on(p, *t.LastUsedAt)
	} else {
		row.Used = ui.When{Words: "never"}
	}
	switch {
	case t.RevokedAt != nil:
		row.State, row.Word = ui.Cancelled, "revoked"
		return row
	case !t.ExpiresAt.After(now):
		row.State, row.Word = ui.None, "ended"
	case t.ExpiresAt.Before(now.AddDate(0, 0, tokenSoon)):
		row.State, row.Word = ui.Late, "ends soon"
	}
	row.Revocation = dash.TokensPath + "/" + t.Name + "/revocation"
	return row
}

// tokenRoles are what a token may be: a role of the staff, or one within an
// organisation.
func tokenRoles(chosen string) (out []ui.Choice) {
	for _, role := range app.TokenStaffRoles() {
		v := "staff " + string(role)
		out = append(out, ui.Choice{Value: v, Label: "Staff: " + string(role), Selected: v == chosen || chosen == "" && role == tenant.Auditor})
	}
	for _, role := range tenant.Roles() {
		v := "tenant " + string(role)
		out = append(out, ui.Choice{Value: v, Label: "An organisation: " + string(role), Selected: v == chosen})
	}
	return out
}

func (d *Door) makeToken(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if _, err := authz.Check(p.Actor, authz.ManageTokens, id.Tenant{}); err != nil {
		return nil, err
	}
	if err := readForm(r); err != nil {
		return nil, err
	}
	get := func(name string) string { return clipped(strings.TrimSpace(r.PostFormValue(name)), 80) }
	role, name, of, days := get("role"), get("name"), get("tenant"), get("days")
	n := app.NewToken{Name: name}
	kind, rest, _ := strings.Cut(role, " ")
	if kind == "tenant" {
		n.Tenant, n.Role = of, tenant.Role(rest)
	} else {
		n.Staff = tenant.StaffRole(rest)
	}
	count, err := strconv.ParseInt(days, 10, 32)
	n.Days = int(count)
	var token string
	var until time.Time
	switch {
	case err != nil || count < 1:
		err = errs.Field("expires", "%q must be a number of days, from 1 to %d", days, app.MaxTokenDays)
	case kind == "tenant" && of == "":
		err = errs.Field("tenant", "name the organisation that this role is within")
	case kind != "tenant" && of != "":
		err = errs.Field("tenant", "a role of the staff is within no organisation; leave this empty, or choose a role of an organisation")
	default:
		token, until, err = d.app.MakeToken(r.Context(), p.Actor, n)
	}
	if err != nil && !errs.Is(err, errs.Invalid) && !errs.Is(err, errs.NotFound) {
		return nil, err
	}
	props, second := d.tokenProps(r, p, d.frame(p, dash.SettingsSection))
	if second != nil {
		return nil, errors.Join(err, second)
	}
	if err == nil {
		props.Made = &dash.MadeToken{Name: name, Token: token, Until: d.onDay(p, until), Try: "curl -H \"Authorization: Bearer $TOKEN\" " + d.app.URL() + "/api/v1/sites"}
		return dash.Tokens(props), nil
	}
	props.New = dash.TokenForm{Name: dash.Field{Value: name}, Organisation: dash.Field{Value: of}, Days: dash.Field{Value: days}, Roles: tokenRoles(role)}
	markToken(&props.New, err)
	return dash.Tokens(props), errs.Wrap(errs.Invalid, err, "%s", sentence(err))
}

// markToken puts what is wrong beside its field.
func markToken(f *dash.TokenForm, err error) {
	field := new(errs.Error)
	said := problemOf(err)
	_ = asField(err, &field)
	switch {
	case errs.Is(err, errs.NotFound), field.Field == "tenant":
		f.Organisation.Problem = said
	case field.Field == "expires":
		f.Days.Problem = said
	case field.Field == "role":
		f.RoleProblem = said
	default:
		f.Name.Problem = said
	}
}

func (d *Door) revokeToken(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	name := chi.URLParam(r, "name")
	if err := d.app.RevokeToken(r.Context(), p.Actor, name); err != nil {
		return nil, err
	}
	d.say(r.Context(), ui.Good, "The token "+name+" is worth nothing from now on.")
	see(w, r, dash.TokensPath)
	return nil, nil //nolint:nilnil // it has answered by itself
}
