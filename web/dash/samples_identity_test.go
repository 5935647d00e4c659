package dash

import (
	"strings"
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
