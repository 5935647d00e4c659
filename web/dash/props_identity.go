package dash

import "holdfast/web/ui"

// The addresses of signing in and of one's own account.
const (
	SignInCodePath   = "/sign-in/code"    // POST: code, next
	SignInAgainPath  = "/sign-in/again"   // POST: password, next
	SignInLinkPath   = "/sign-in/link"    // POST: email; below it a link's token
	ResetPath        = "/sign-in/reset"   // POST: email; below it a link's token
	PasskeySignIn    = "/sign-in/passkey" //nolint:gosec // an address
	ProviderPath     = "/sign-in/oidc"
	InvitationPath   = "/invitation/" // and its token
	AccountPath      = "/account"
	PasswordPath     = "/account/password" //nolint:gosec // an address
	SecondFactorPath = "/account/second-factor"
	RecoveryPath     = "/account/recovery-codes"
	PasskeysPath     = "/account/passkeys" //nolint:gosec // an address
	SessionsPath     = "/account/sessions"
	PeoplePath       = "/people"
	InvitePath       = "/people/invitations"
)

// Passkeys is what a page needs to ask the browser for a passkey. Empty, the
// page offers none.
type Passkeys struct {
	Options string // POST: answers what to ask the browser
	Submit  string // POST: the browser's answer
}

// SignInCodeProps are those of SignInCode.
type SignInCodeProps struct {
	Product, Next, Error string
	Authenticator        bool // they have one
	Passkeys             Passkeys
}

// SignInAgainProps are those of SignInAgain.
type SignInAgainProps struct {
	Product, Who, Email, Next, Error string
	Passkeys                         Passkeys
}

// AskLinkProps are those of AskLink: a form with an address, which asks for a
// mail.
type AskLinkProps struct {
	Product, Title, Lead string
	Action, Button       string
	Email, Error         string
	Sent                 string // what was done, once it was; no form then
	Off                  string // why no mail can be sent, and who helps
}

// OpenLinkProps are those of OpenLink: the page that a link in a mail leads to.
type OpenLinkProps struct {
	Product, Title, Lead string
	Action, Button       string
	Email                string // whose account it is
	Error                string
	AskName, AskPassword bool
	Name                 string // as typed before
	Problem              string // the field at fault: "name" or "password"
}

// AccountProps are those of Account.
type AccountProps struct {
	Page
	Name, Email   string
	Authenticator bool
	CodesLeft     string // "8 recovery codes are left"; empty where there are none
	FewCodes      bool
	Required      bool // a second factor may not be given up altogether
	Keys          []PasskeyRow
	AddKey        Passkeys
	Sessions      []SessionRow
	Others        bool // there are other sessions than this one
}

// PasskeyRow is one passkey.
type PasskeyRow struct {
	Name    string
	Made    ui.When
	Used    ui.When
	Removal string // POST
}

// SessionRow is one browser in which the person is signed in.
type SessionRow struct {
	Device, Address string
	SignedIn, Seen  ui.When
	Here            bool
	End             string // POST
}

// PasswordProps are those of ChangePassword.
type PasswordProps struct {
	Page
	Email, Error string
}

// EnrolProps are those of Enrol: setting up an authenticator.
type EnrolProps struct {
	Page
	Product string
	Must    bool   // before anything else
	QR      string // an SVG path of modules of one unit
	QRSize  string // its width and height in units
	Secret  string
	Account string // what the app will call it
	Error   string
	AddKey  Passkeys
	SignOut bool
}

// CodesProps are those of RecoveryCodes, which shows them this once.
type CodesProps struct {
	Page
	Product string
	Codes   []string
	Onward  string
}

// PeopleSection is the page of people in the navigation.
const PeopleSection Section = "people"

// PeopleProps are those of People: the staff, or one organisation's.
type PeopleProps struct {
	Page
	Title       string
	Tenant      string      // the organisation's short name; "" for the staff
	Search      bool        // staff look up an organisation
	Choices     []ui.Choice // of several organisations of one's own
	People      []PersonRow
	Factors     bool // rows tell of second factors
	Invitations []InvitationRow
	Invite      *InviteForm // nil for who may not
	Undelivered []MailRow
}

// PersonRow is somebody who may sign in.
type PersonRow struct {
	Name, Email, Role string
	You, Disabled     bool
	Second            string // "set up" or "none"
	SecondState       ui.State
	Acts              []PersonAct
	Change            *RoleForm // nil for who may not
}

// RoleForm gives somebody another role.
type RoleForm struct {
	ID, Action string // of the field; POST
	Roles      []ui.Choice
}

// PersonAct is a button beside a person.
type PersonAct struct{ Action, Label string }

// InvitationRow is an invitation that was not accepted yet.
type InvitationRow struct {
	Email, Role string
	Made, Ends  ui.When
	Over        bool
	Revocation  string // POST; empty for who may not
}

// InviteForm invites somebody by mail. With Command set no mail is set up, and
// that command makes a link to hand over.
type InviteForm struct {
	Roles          []ui.Choice
	Email, Problem string
	Command        string
}

// MailRow is a mail that was not delivered.
type MailRow struct {
	To, What, Error string
	At              ui.When
	Tries           int
}
