package serve

import (
	"log/slog"
	"net/url"
	"os"
	"strings"

	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/dash"
	"holdfast/internal/identity"
	"holdfast/internal/mail"
)

// PeopleConfig is how this installation treats people.
type PeopleConfig struct {
	Name         string // what it calls itself
	URL          string // how people reach the pages
	SMTPURL      string // "" sends no mail
	MailFrom     string
	ReplyDomain  string // answers by mail come to its addresses; "" takes none
	MailListen   string // where they come in
	SecondFactor string // of staff: required or optional

	OIDCIssuer, OIDCClientID string // the staff's identity provider; "" for none
	OIDCSecretFile           string
	OIDCRoleClaim            string
}

func peopleSettings(get func(string) string) PeopleConfig {
	return PeopleConfig{
		Name: get("name"), URL: get("url"), SMTPURL: get("smtp-url"), MailFrom: get("mail-from"), ReplyDomain: get("reply-domain"), MailListen: get("mail-listen"), SecondFactor: get("staff-second-factor"),
		OIDCIssuer: get("oidc-issuer"), OIDCClientID: get("oidc-client-id"), OIDCSecretFile: get("oidc-client-secret-file"), OIDCRoleClaim: get("oidc-role-claim"),
	}
}

// check names every setting that is wrong.
func (p *PeopleConfig) check() (wrong []error) {
	if u, err := url.Parse(p.URL); p.URL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "") {
		wrong = append(wrong, errs.Field("HOLDFAST_URL", "%q must be https://host with no path", p.URL))
	}
	p.URL = strings.TrimRight(p.URL, "/")
	if n := len([]rune(p.Name)); n > 60 || strings.ContainsAny(p.Name, "\r\n<>") {
		wrong = append(wrong, errs.Field("HOLDFAST_NAME", "must be one line of at most 60 characters"))
	}
	if p.SMTPURL != "" || p.MailFrom != "" {
		if _, err := mail.Open(p.SMTPURL, p.MailFrom, clock.System{}); err != nil {
			wrong = append(wrong, err)
		}
	}
	wrong = append(wrong, p.checkReplies()...)
	if _, err := p.provider(); err != nil {
		wrong = append(wrong, err)
	}
	switch p.SecondFactor {
	case "required", "optional", "":
	default:
		wrong = append(wrong, errs.Field("HOLDFAST_STAFF_SECOND_FACTOR", "%q must be required or optional", p.SecondFactor))
	}
	return wrong
}

// provider gives the staff's identity provider, nil for none.
func (p *PeopleConfig) provider() (*dash.ProviderConfig, error) {
	if p.OIDCIssuer == "" && p.OIDCClientID == "" && p.OIDCSecretFile == "" {
		return nil, nil //nolint:nilnil // none is no error
	}
	u, err := url.Parse(p.OIDCIssuer)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "127.0.0.1" && u.Hostname() != "localhost") {
		return nil, errs.Field("HOLDFAST_OIDC_ISSUER", "%q must be the provider's https address", p.OIDCIssuer)
	}
	if p.OIDCClientID == "" {
		return nil, errs.Field("HOLDFAST_OIDC_CLIENT_ID", "give it together with HOLDFAST_OIDC_ISSUER")
	}
	secret, err := os.ReadFile(p.OIDCSecretFile) //nolint:gosec // the operator names this file
	if err != nil || strings.TrimSpace(string(secret)) == "" {
		return nil, errs.Wrap(errs.Invalid, err, "HOLDFAST_OIDC_CLIENT_SECRET_FILE: cannot be read, or is empty")
	}
	return &dash.ProviderConfig{Issuer: p.OIDCIssuer, ClientID: p.OIDCClientID, Secret: strings.TrimSpace(string(secret)), RoleClaim: p.OIDCRoleClaim}, nil
}

// at is how people reach the pages, which listen at web.
func (p *PeopleConfig) at(web string) string {
	if p.URL != "" {
		return p.URL
	}
	return web
}

// use tells the use cases how to treat people.
func (p PeopleConfig) use(a *app.App, hoster string, log *slog.Logger) error {
	people := app.People{Rules: identity.Rules{StaffSecondFactor: p.SecondFactor == "required"}, URL: p.URL, Product: p.Name, Hoster: hoster}
	if p.SMTPURL != "" {
		server, err := mail.Open(p.SMTPURL, p.MailFrom, clock.System{})
		if err != nil {
			return err
		}
		people.Mailer = server
	}
	people.HTML = drawLetter(log)
	a.UsePeople(people)
	return useReplies(p, a)
}
