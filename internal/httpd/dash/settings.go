package dash

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// restoreFee is fixed by policy, and no setting.
const restoreFee = "USD 100.00"

func (d *Door) settingsPages(r chi.Router) {
	r.Get(dash.SettingsPath, d.signed(d.settings))
	r.Get(dash.ChangeSettingsPath, d.fresh(dash.ChangeSettingsPath, d.settingsForm))
	r.Post(dash.ChangeSettingsPath, d.fresh(dash.ChangeSettingsPath, d.changeSettings))
	r.Get(dash.TokensPath, d.signed(d.tokens))
	r.Post(dash.TokensPath, d.fresh(dash.TokensPath, d.makeToken))
	r.Post(dash.TokensPath+"/{name}/revocation", d.fresh(dash.TokensPath, d.revokeToken))
}

// settingsTabs lead between the pages of this section, for who has several.
func settingsTabs(p app.Person, at string) []ui.Choice {
	if !may(p, authz.ManageTokens, id.Tenant{}) {
		return nil
	}
	return []ui.Choice{
		{Label: "Installation", Href: dash.SettingsPath, Selected: at == dash.SettingsPath},
		{Label: "API tokens", Href: dash.TokensPath, Selected: at == dash.TokensPath},
	}
}

func (d *Door) settings(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	v, err := d.app.LookAtSettings(r.Context(), p.Actor)
	if err != nil {
		return nil, err
	}
	props := dash.SettingsProps{Page: d.page(r.Context(), p, dash.SettingsSection), Tabs: settingsTabs(p, dash.SettingsPath), Sentence: settingsSentence(v.Settings), Groups: d.settingsGroups(v.Settings)}
	if may(p, authz.ChangeSettings, id.Tenant{}) {
		props.ChangeHref = dash.ChangeSettingsPath
	}
	props.Changed = "Nothing was saved here yet: these are the defaults, and what the program was started with."
	if v.Version > 0 {
		names, err := d.app.ActorNames(r.Context(), p.Actor, []string{v.ChangedBy})
		if err != nil {
			return nil, err
		}
		props.Changed = "Changed " + byWhom(p, v.ChangedBy, names) + ","
		props.ChangedAt = when(d.clock.Now(), v.ChangedAt, zoneOf(p.TimeZone))
	}
	return dash.Settings(props), nil
}

func settingsSentence(s app.Settings) []ui.Phrase {
	second := "Staff may sign in with a password alone."
	if s.StaffSecondFactor {
		second = "Staff must have a second factor."
	}
	approval := " A restore in place waits for a second person."
	if !s.SecondApproval {
		approval = " One person alone may restore in place."
	}
	return ui.Say(ui.Text("Customers see "), ui.Strong(s.HosterName), ui.Text(". "+second+approval))
}

func (d *Door) settingsGroups(s app.Settings) []dash.SettingsGroup {
	hours := make([]ui.Fact, 0, 8)
	for _, day := range app.Weekdays() {
		f := ui.Fact{Label: dayWords[day], Value: strings.Join(s.BusinessHours[day], ", ")}
		if f.Value == "" {
			f.Value = "closed"
		}
		hours = append(hours, f)
	}
	hours = append(hours, ui.Fact{Label: "Time zone", Value: s.BusinessZone})
	support := ui.Fact{Label: "Support’s mail address", Value: s.SupportEmail}
	if s.SupportEmail == "" {
		support.Value, support.Note = "none", "customers are not told where to write to"
	}
	provider, note := d.providerWords()
	return []dash.SettingsGroup{
		{ID: "customers", Title: "What customers see", Facts: []ui.Fact{{Label: "Your name", Value: s.HosterName}, support, {Label: "Language of customers who chose none", Value: languageWords[s.Language]}}},
		{ID: "sign-in", Title: "Signing in", Facts: []ui.Fact{
			{Label: "Second factor of staff", Value: onOff(s.StaffSecondFactor, "required", "optional")},
			{Label: "Signed in for", Value: words.Many(int64(s.SessionHours), "hour", "hours") + " at most", Note: "and never longer than 2 hours without a click"},
			{Label: "Identity provider", Value: provider, Note: note},
		}},
		{ID: "hours", Title: "Business hours", Hint: "Times to answer are counted in them", Facts: hours},
		{ID: "restores", Title: "Restores", Facts: []ui.Fact{
			{Label: "Before a restore in place", Value: onOff(s.SecondApproval, "a second person of the staff approves it", "nobody else is asked")},
			{Label: "Reminder to accept", Value: "after " + words.Many(int64(s.ReminderDays), "day", "days")},
			{Label: "Counts as accepted", Value: "after " + words.Many(int64(s.AutoCloseDays), "day", "days") + " without an answer"},
			{Label: "Fee of a restore", Value: restoreFee, Note: "fixed by the policy, the same for everybody"},
		}},
	}
}

func onOff(on bool, yes, no string) string {
	if on {
		return yes
	}
	return no
}

var (
	dayWords      = map[string]string{"mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday"}
	languageWords = map[string]string{"en": "English"}
)

// providerWords say whether staff sign in by an identity provider.
func (d *Door) providerWords() (value, note string) {
	if d.provider == nil {
		return "none", "set with HOLDFAST_OIDC_ISSUER and its neighbours when the program starts"
	}
	return d.provider.c.Issuer, "set when the program started, with HOLDFAST_OIDC_ISSUER"
}

func (d *Door) settingsForm(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if _, err := authz.Check(p.Actor, authz.ChangeSettings, id.Tenant{}); err != nil {
		return nil, err
	}
	v, err := d.app.LookAtSettings(r.Context(), p.Actor)
	if err != nil {
		return nil, err
	}
	t := typedSettings{
		name: v.HosterName, support: v.SupportEmail, hours: strconv.Itoa(v.SessionHours), zone: v.BusinessZone, language: v.Language, version: strconv.Itoa(v.Version),
		remind: strconv.Itoa(v.ReminderDays), end: strconv.Itoa(v.AutoCloseDays), factor: v.StaffSecondFactor, approval: v.SecondApproval, days: map[string]string{},
	}
	for day, spans := range v.BusinessHours {
		t.days[day] = strings.Join(spans, ", ")
	}
	return dash.SettingsForm(d.settingsProps(d.page(r.Context(), p, dash.SettingsSection), t, nil)), nil
}

// typedSettings is the form as it was typed.
type typedSettings struct {
	version, name, support, hours, zone, language, remind, end string
	factor, approval                                           bool
	days                                                       map[string]string
}

func readSettings(r *http.Request) typedSettings {
	get := func(name string, most int) string { return clipped(strings.TrimSpace(r.PostFormValue(name)), most) }
	t := typedSettings{
		version: get("version", 10), name: get("hoster_name", 80), support: get("support_email", 260), hours: get("session_hours", 20), zone: get("business_zone", 80),
		language: get("language", 20), remind: get("reminder_days", 20), end: get("auto_close_days", 20),
		factor: r.PostFormValue("staff_second_factor") != "optional", approval: r.PostFormValue("second_approval") != "no", days: map[string]string{},
	}
	for _, day := range app.Weekdays() {
		t.days[day] = get("hours_"+day, 100)
	}
	return t
}

// settings reads what was typed; the first value that is no number is named.
func (t typedSettings) settings() (app.Settings, error) {
	s := app.Settings{
		HosterName: t.name, SupportEmail: t.support, StaffSecondFactor: t.factor, BusinessZone: t.zone, SecondApproval: t.approval,
		Language: t.language, BusinessHours: map[string][]string{},
	}
	for _, n := range []struct {
		field, typed string
		to           *int
	}{{"version", t.version, &s.Version}, {"session_hours", t.hours, &s.SessionHours}, {"reminder_days", t.remind, &s.ReminderDays}, {"auto_close_days", t.end, &s.AutoCloseDays}} {
		v, err := strconv.ParseInt(n.typed, 10, 32)
		if err != nil || v < 0 {
			return s, errs.Field(n.field, "%q must be a number", n.typed)
		}
		*n.to = int(v)
	}
	for day, typed := range t.days {
		for span := range strings.SplitSeq(typed, ",") {
			if span = strings.TrimSpace(strings.ReplaceAll(span, "–", "-")); span != "" {
				s.BusinessHours[day] = append(s.BusinessHours[day], strings.ReplaceAll(span, " ", ""))
			}
		}
	}
	return s, nil
}

func (d *Door) changeSettings(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if _, err := authz.Check(p.Actor, authz.ChangeSettings, id.Tenant{}); err != nil {
		return nil, err
	}
	if err := readForm(r); err != nil {
		return nil, err
	}
	t := readSettings(r)
	s, err := t.settings()
	if err == nil {
		err = d.app.ChangeSettings(r.Context(), p.Actor, s)
	}
	if errs.Is(err, errs.Invalid) || errs.Is(err, errs.Conflict) {
		return dash.SettingsForm(d.settingsProps(d.frame(p, dash.SettingsSection), t, err)), err
	}
	if err != nil {
		return nil, err
	}
	d.say(r.Context(), ui.Good, "The settings are saved, and in force from now on.")
	see(w, r, dash.SettingsPath)
	return nil, nil //nolint:nilnil // it has answered by itself
}

func (d *Door) settingsProps(page dash.Page, t typedSettings, wrong error) dash.SettingsFormProps {
	props := dash.SettingsFormProps{
		Page: page, Crumbs: []ui.Crumb{{Label: "Settings", Href: dash.SettingsPath}}, Version: t.version,
		Name: dash.Field{Value: t.name}, Support: dash.Field{Value: t.support}, Hours: dash.Field{Value: t.hours}, Zone: dash.Field{Value: t.zone},
		Remind: dash.Field{Value: t.remind}, Close: dash.Field{Value: t.end},
		Factor:   []ui.Choice{{Value: "required", Label: "Required", Selected: t.factor}, {Value: "optional", Label: "Optional", Selected: !t.factor}},
		Approval: []ui.Choice{{Value: "yes", Label: "A second person approves it", Selected: t.approval}, {Value: "no", Label: "Nobody else is asked", Selected: !t.approval}},
		Fee:      "The fee of a restore is " + restoreFee + " for everybody. The policy fixes it; it cannot be set.",
	}
	for _, l := range app.Languages() {
		props.Languages = append(props.Languages, ui.Choice{Value: l, Label: languageWords[l], Selected: l == t.language})
	}
	provider, note := d.providerWords()
	props.Provider = "Identity provider of the staff: " + provider + ", " + note + "."
	fields := map[string]*dash.Field{"hoster_name": &props.Name, "support_email": &props.Support, "session_hours": &props.Hours, "business_zone": &props.Zone, "reminder_days": &props.Remind, "auto_close_days": &props.Close}
	props.Days = make([]dash.DayField, 0, 7)
	for _, day := range app.Weekdays() {
		props.Days = append(props.Days, dash.DayField{Key: day, Label: dayWords[day], Field: dash.Field{Value: t.days[day]}})
	}
	if f := new(errs.Error); errs.Is(wrong, errs.Invalid) && asField(wrong, &f) {
		at := fields[f.Field]
		if i := slices.IndexFunc(props.Days, func(day dash.DayField) bool { return "hours_"+day.Key == f.Field }); i >= 0 {
			at = &props.Days[i].Field
		}
		switch {
		case at != nil:
			at.Problem = problemOf(f)
			props.Problem = "Nothing was saved yet: one value cannot stay as it is."
		case f.Field == "language":
			props.LanguageProblem = problemOf(f)
		default:
			props.Problem = sentence(wrong)
		}
	} else if wrong != nil {
		props.Problem = sentence(wrong)
	}
	return props
}

// byWhom says who did something, for staff; names are of those who have one.
func byWhom(p app.Person, actor string, names map[string]string) string {
	kind, _, _ := strings.Cut(actor, ":")
	name := names[actor]
	switch {
	case actor == p.Actor.Name:
		return "by you"
	case kind == "cli":
		return "at the command line"
	case kind == "system" || kind == "agent":
		return "by itself"
	case name != "" && kind == "staff":
		return "by " + name + " (staff)"
	case name != "" && kind == "token":
		return "by the API token " + name
	case name != "":
		return "by " + name
	case kind == "token":
		return "by an API token"
	case kind == "staff":
		return "by somebody of the staff"
	}
	return "by somebody who is no longer there"
}

// onDay is on, by its date.
func (d *Door) onDay(p app.Person, t time.Time) ui.When {
	w := d.on(p, t)
	w.Words = words.Day(d.clock.Now(), t, zoneOf(p.TimeZone))
	return w
}

// on is a moment in a person's own zone.
func (d *Door) on(p app.Person, t time.Time) ui.When {
	return when(d.clock.Now(), t, zoneOf(p.TimeZone))
}
