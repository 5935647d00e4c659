package dash

import "holdfast/web/ui"

// The addresses of what the hoster sets.
const (
	SettingsPath       = "/settings"
	ChangeSettingsPath = "/settings/change" // GET the form, POST it
	TokensPath         = "/settings/tokens" //nolint:gosec // an address; GET the list, POST a new one; below it NAME/revocation
)

// SettingsSection is the page of settings in the navigation.
const SettingsSection Section = "settings"

// SettingsProps are those of Settings.
type SettingsProps struct {
	Page
	Tabs       []ui.Choice // the pages of this section; none for who sees only this one
	Sentence   []ui.Phrase
	Groups     []SettingsGroup
	ChangeHref string // empty for who may not
	Changed    string // "Changed by Ana Ruiz", "Nothing was saved here yet; …"
	ChangedAt  ui.When
}

// SettingsGroup is what belongs together, as it is set now.
type SettingsGroup struct {
	ID, Title, Hint string
	Facts           []ui.Fact
}

// SettingsFormProps are those of SettingsForm.
type SettingsFormProps struct {
	Page
	Crumbs                      []ui.Crumb
	Problem                     string // with the whole of it
	Version                     string // that was shown
	Name, Support, Hours, Zone  Field
	Remind, Close               Field
	Days                        []DayField
	Languages, Factor, Approval []ui.Choice
	LanguageProblem             string
	Provider                    string // whether staff sign in by a provider, in words
	Fee                         string
}

// DayField is the business hours of one day of the week.
type DayField struct {
	Key, Label string
	Field
}

// TokensProps are those of Tokens.
type TokensProps struct {
	Page
	Tabs   []ui.Choice
	Tokens []TokenRow
	New    TokenForm
	Made   *MadeToken // right after one was made
}

// TokenRow is one token of the API; its secret is known to nobody.
type TokenRow struct {
	Name, Role, Of   string // Of: "staff", or the organisation's short name
	State            ui.State
	Word             string
	Made, Ends, Used ui.When
	MadeBy           string
	Revocation       string // POST; empty where there is nothing to revoke
}

// TokenForm makes a token.
type TokenForm struct {
	Name, Organisation, Days Field
	Roles                    []ui.Choice
	RoleProblem              string
}

// MadeToken is shown once.
type MadeToken struct {
	Name, Token string
	Until       ui.When
	Try         string // a line for a shell that uses it
}
