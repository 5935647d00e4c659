package dash

import "holdfast/web/ui"

// settingsSamples are the pages of what the hoster sets.
func settingsSamples() []sample {
	return []sample{
		{"settings", Settings(settingsFull())},
		{"settings-reader", Settings(SettingsProps{Page: staff(SettingsSection), Sentence: settingsFull().Sentence, Groups: settingsFull().Groups[:1], Changed: "Nothing was saved here yet: these are the defaults, and what the program was started with."})},
		{"settings-form", SettingsForm(settingsForm())},
		{"tokens", Tokens(tokensFull())},
		{"tokens-empty", Tokens(TokensProps{Page: staff(SettingsSection), Tabs: settingsTabs(TokensPath), New: TokenForm{Days: Field{Value: "90"}, Roles: tokenChoices()}})},
		{"tokens-made", Tokens(TokensProps{Page: staff(SettingsSection), Tabs: settingsTabs(TokensPath), Tokens: tokensFull().Tokens[:1], New: TokenForm{Name: Field{Value: "Not a name " + hostile, Problem: "It must be a short lower-case name, like monitoring."}, Organisation: Field{Value: longName, Problem: "There is no tenant of this name."}, Days: Field{Value: "0", Problem: "It must be from 1 to 1096 days."}, RoleProblem: "It must be one of these.", Roles: tokenChoices()}, Made: &MadeToken{
			Name: "monitoring", Token: "hft_5yQmT0cS2hXw9uVbK3nJrLpZaE7gFd1iMxYvOqRsUtW", Until: at("in 3 months", "19 Feb 2027 16:00:04 CET"), Try: `curl -H "Authorization: Bearer $TOKEN" https://backup.brightside.example/api/v1/sites`,
		}})},
	}
}

func settingsTabs(at string) []ui.Choice {
	return []ui.Choice{{Label: "Installation", Href: SettingsPath, Selected: at == SettingsPath}, {Label: "API tokens", Href: TokensPath, Selected: at == TokensPath}}
}

func settingsFull() SettingsProps {
	return SettingsProps{
		Page: staff(SettingsSection), Tabs: settingsTabs(SettingsPath), ChangeHref: ChangeSettingsPath, Changed: "Changed by " + rtlName + " (staff),", ChangedAt: at("2 h ago", "21 Nov 2026 16:00:04 CET"),
		Sentence: ui.Say(ui.Text("Customers see "), ui.Strong("Brightside Hosting"), ui.Text(". Staff must have a second factor. A restore in place waits for a second person.")),
		Groups: []SettingsGroup{
			{ID: "customers", Title: "What customers see", Facts: []ui.Fact{{Label: "Your name", Value: longName + hostile}, {Label: "Support’s mail address", Value: "none", Note: "customers are not told where to write to"}, {Label: "Language of customers who chose none", Value: "English"}}},
			{ID: "sign-in", Title: "Signing in", Facts: []ui.Fact{{Label: "Second factor of staff", Value: "required"}, {Label: "Signed in for", Value: "12 hours at most", Note: "and never longer than 2 hours without a click"}, {Label: "Identity provider", Value: "https://login.brightside.example", Note: "set when the program started, with HOLDFAST_OIDC_ISSUER"}}},
			{ID: "hours", Title: "Business hours", Hint: "Times to answer are counted in them", Facts: []ui.Fact{{Label: "Monday", Value: "09:00-13:00, 15:00-18:00"}, {Label: "Tuesday", Value: "09:00-17:00"}, {Label: "Sunday", Value: "closed"}, {Label: "Time zone", Value: "Europe/Madrid"}}},
			{ID: "restores", Title: "Restores", Facts: []ui.Fact{{Label: "Before a restore in place", Value: "a second person of the staff approves it"}, {Label: "Fee of a restore", Value: "USD 100.00", Note: "fixed by the policy, the same for everybody"}}},
		},
	}
}

func settingsForm() SettingsFormProps {
	return SettingsFormProps{
		Page: staff(SettingsSection), Crumbs: []ui.Crumb{{Label: "Settings", Href: SettingsPath}}, Version: "3", Problem: "Nothing was saved yet: one value cannot stay as it is.",
		Name: Field{Value: "Brightside Hosting"}, Support: Field{Value: "support@brightside.example"}, Hours: Field{Value: "12"}, Zone: Field{Value: "Europe/Nowhere", Problem: "“Europe/Nowhere” is no time zone; take one like Europe/Madrid."}, Remind: Field{Value: "3"}, Close: Field{Value: "7"},
		Days:      []DayField{{"mon", "Monday", Field{Value: "09:00-13:00, 15:00-18:00"}}, {"tue", "Tuesday", Field{Value: "9-17", Problem: "“9-17” must be like 09:00-17:00, its end after its start."}}, {"wed", "Wednesday", Field{}}, {"thu", "Thursday", Field{Value: "09:00-17:00"}}, {"fri", "Friday", Field{Value: "09:00-15:00"}}, {"sat", "Saturday", Field{}}, {"sun", "Sunday", Field{}}},
		Languages: []ui.Choice{{Value: "en", Label: "English", Selected: true}}, Factor: []ui.Choice{{Value: "required", Label: "Required", Selected: true}, {Value: "optional", Label: "Optional"}},
		Approval: []ui.Choice{{Value: "yes", Label: "A second person approves it", Selected: true}, {Value: "no", Label: "Nobody else is asked"}},
		Provider: "Identity provider of the staff: none, set with HOLDFAST_OIDC_ISSUER and its neighbours when the program starts.", Fee: "The fee of a restore is USD 100.00 for everybody. The policy fixes it; it cannot be set.",
	}
}

func tokenChoices() []ui.Choice {
	return []ui.Choice{{Value: "staff operator", Label: "Staff: operator"}, {Value: "staff auditor", Label: "Staff: auditor", Selected: true}, {Value: "tenant viewer", Label: "An organisation: viewer"}}
}

func tokensFull() TokensProps {
	seen, end := at("2 h ago", "21 Nov 2026 16:00:04 CET"), at("in 3 months", "19 Feb 2027 16:00:04 CET")
	return TokensProps{
		Page: staff(SettingsSection), Tabs: settingsTabs(TokensPath), New: TokenForm{Days: Field{Value: "90"}, Roles: tokenChoices()},
		Tokens: []TokenRow{
			{Name: "monitoring", Role: "auditor", Of: "of the staff", State: ui.Good, Word: "in force", Made: seen, Ends: end, Used: seen, MadeBy: "Ada Brandt (staff)", Revocation: TokensPath + "/monitoring/revocation"},
			{Name: "a-name-that-is-as-long-as-the-rule-for-names-of-tokens-lets-it", Role: "viewer", Of: longName, State: ui.Late, Word: "ends soon", Made: seen, Ends: end, Used: ui.When{Words: "never"}, MadeBy: hostile, Revocation: TokensPath + "/x/revocation"},
			{Name: "old", Role: "operator", Of: "of the staff", State: ui.Cancelled, Word: "revoked", Made: seen, Ends: end, Used: seen, MadeBy: rtlName},
		},
	}
}
