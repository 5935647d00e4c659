package dash

import (
	"strings"

	"holdfast/web/ui"
)

// identitySamples are the pages of signing in and of one's own account.
func identitySamples() []sample {
	offer := Passkeys{Options: "/sign-in/passkey/options", Submit: "/sign-in/passkey"}
	return []sample{
		{"signin-ways", SignIn(SignInProps{Next: "/sites", MailWays: true, ProviderLabel: "Sign in with your organisation", ProviderHref: ProviderPath, Passkeys: offer})},
		{"signin-code", SignInCode(SignInCodeProps{Next: "/sites", Authenticator: true, Passkeys: offer})},
		{"signin-code-error", SignInCode(SignInCodeProps{Product: "Brightside Hosting", Error: "This code is wrong, or was used already."})},
		{"signin-again", SignInAgain(SignInAgainProps{Who: hostile, Email: "ada@brightside.example", Next: "/account/password", Passkeys: offer})},
		{"ask-link", AskLink(AskLinkProps{Title: "A link by mail", Lead: "We send you a link that signs you in.", Action: SignInLinkPath, Button: "Send me a link"})},
		{"ask-link-sent", AskLink(AskLinkProps{Title: "A link by mail", Action: SignInLinkPath, Sent: "If there is an account with this address, a link is on its way. It works once, for 15 minutes."})},
		{"ask-link-off", AskLink(AskLinkProps{Title: "A new password", Action: ResetPath, Off: "No mail is set up here. Ask your hoster for a link that sets a new password."})},
		{"open-link", OpenLink(OpenLinkProps{Title: "Join Riverside Academy", Lead: "You are invited as admin.", Action: "/invitation/x", Button: "Join", Email: "jo@riverside.example", AskName: true, AskPassword: true, Error: "Password: needs at least 12 characters.", Problem: "password", Name: longName})},
		{"open-link-old", OpenLink(OpenLinkProps{Title: "This link has ended", Lead: "It was used already, or its time is over. Ask for a new one."})},
		{"account", Account(accountFull())},
		{"account-new", Account(AccountProps{Page: customer(NoSection), Name: rtlName, Email: longName + "@x.example", Sessions: accountFull().Sessions[:1]})},
		{"password", ChangePassword(PasswordProps{Page: staff(NoSection), Email: "ada@brightside.example", Error: "Password: is among those that are guessed first; take a few words that do not belong together."})},
		{"enrol", Enrol(EnrolProps{Page: staff(NoSection), QR: "M4 4h7v1h-7z", QRSize: "41", Secret: "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ", Account: "ada@brightside.example"})},
		{"enrol-must", Enrol(EnrolProps{Must: true, QR: "M4 4h7v1h-7z", QRSize: "41", Secret: "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ", Account: longName + "@x.example", Error: "Code: is not the one that the authenticator shows now.", AddKey: offer})},
		{"people", People(peopleStaff())},
		{"people-tenant", People(peopleTenant())},
		{"people-empty", People(PeopleProps{Page: staff(PeopleSection), Title: "People of hillcrest", Tenant: "hillcrest", Search: true})},
		{"codes", RecoveryCodes(CodesProps{Codes: strings.Fields(strings.Repeat("k3mf-9wq2-hx7p ", 10)), Onward: AccountPath})},
	}
}

func accountFull() AccountProps {
	seen := at("2 min ago", "21 Nov 2026 16:00:04 CET")
	return AccountProps{
		Page: staff(NoSection), Name: "Ada Brandt " + hostile, Email: "ada@brightside.example", Authenticator: true, CodesLeft: "2 codes are left.", FewCodes: true, Required: true,
		Keys:   []PasskeyRow{{Name: "my phone " + hostile, Made: seen, Removal: "/account/passkeys/1/removal"}, {Name: longName, Made: seen, Used: seen, Removal: "/account/passkeys/2/removal"}},
		AddKey: Passkeys{Options: "/account/passkeys/options", Submit: "/account/passkeys"},
		Sessions: []SessionRow{
			{Device: "Firefox on Linux", Address: "192.0.2.7", SignedIn: seen, Seen: seen, Here: true},
			{Device: "Safari on an iPhone", Address: "2001:db8:1234:5678::/64", SignedIn: seen, Seen: seen, End: "/account/sessions/2/end"},
		},
		Others: true,
	}
}

func peopleStaff() PeopleProps {
	seen := at("2 h ago", "21 Nov 2026 16:00:04 CET")
	acts := []PersonAct{{"/people/1/factor-reset", "Reset factors"}, {"/people/1/disabling", "Disable"}}
	return PeopleProps{
		Page: staff(PeopleSection), Title: "Staff", Search: true, Factors: true,
		People: []PersonRow{
			{Name: "Ada Brandt", Email: "ada@brightside.example", Role: "owner", You: true, Second: "set up", SecondState: ui.Good},
			{Name: hostile, Email: longName + "@x.example", Role: "operator", Second: "none", SecondState: ui.Late, Acts: acts, Change: &RoleForm{ID: "role-2", Action: "/people/2/role", Roles: []ui.Choice{{Value: "owner", Label: "owner"}, {Value: "operator", Label: "operator", Selected: true}}}},
			{Name: rtlName, Email: "gone@brightside.example", Role: "support", Disabled: true, Second: "none", SecondState: ui.None, Acts: acts[1:]},
		},
		Invitations: []InvitationRow{{Email: "new@brightside.example", Role: "auditor", Made: seen, Ends: seen, Revocation: "/people/invitations/1/revocation"}, {Email: longName + "@x.example", Role: "support", Made: seen, Ends: seen, Over: true, Revocation: "/people/invitations/2/revocation"}},
		Invite:      &InviteForm{Roles: []ui.Choice{{Value: "owner", Label: "owner"}, {Value: "auditor", Label: "auditor", Selected: true}}, Email: "new@brightside", Problem: "Email: new@brightside has an account already; staff need an address of their own."},
		Undelivered: []MailRow{{To: longName + "@x.example", What: "invitation", Error: "the mail server refuses this letter for good (550): 550 5.1.1 no such user " + hostile, At: seen, Tries: 1}},
	}
}

func peopleTenant() PeopleProps {
	return PeopleProps{
		Page: customer(PeopleSection), Title: "People of Riverside Academy", Tenant: "riverside", Choices: []ui.Choice{{Label: "Riverside Academy", Href: "/people?tenant=riverside", Selected: true}, {Label: "Hillcrest", Href: "/people?tenant=hillcrest"}},
		People: []PersonRow{{Name: "Jo Okafor", Email: "jo@riverside.example", Role: "admin", You: true}, {Name: "Lee", Email: "lee@riverside.example", Role: "viewer", Acts: []PersonAct{{"/people/1/removal", "Remove"}}, Change: &RoleForm{ID: "role-1", Action: "/people/1/role", Roles: []ui.Choice{{Value: "admin", Label: "admin"}, {Value: "viewer", Label: "viewer", Selected: true}}}}},
		Invite: &InviteForm{Command: "holdfast user invite ADDRESS --role member --tenant riverside"},
	}
}
