package serve

import (
	"net/url"
	"strings"

	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/identity"
	"holdfast/internal/mail"
)

// PeopleConfig is how this installation treats people.
type PeopleConfig struct {
	Name         string // what it calls itself
	URL          string // how people reach the pages
	SMTPURL      string // "" sends no mail
	MailFrom     string
	SecondFactor string // of staff: required or optional
}

func peopleSettings(get func(string) string) PeopleConfig {
	return PeopleConfig{Name: get("name"), URL: get("url"), SMTPURL: get("smtp-url"), MailFrom: get("mail-from"), SecondFactor: get("staff-second-factor")}
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
	switch p.SecondFactor {
	case "required", "optional", "":
	default:
		wrong = append(wrong, errs.Field("HOLDFAST_STAFF_SECOND_FACTOR", "%q must be required or optional", p.SecondFactor))
	}
	return wrong
}

// at is how people reach the pages, which listen at web.
func (p *PeopleConfig) at(web string) string {
	if p.URL != "" {
		return p.URL
	}
	return web
}

// use tells the use cases how to treat people.
func (p PeopleConfig) use(a *app.App) error {
	people := app.People{Rules: identity.Rules{StaffSecondFactor: p.SecondFactor == "required"}, URL: p.URL, Product: p.Name}
	if p.SMTPURL != "" {
		server, err := mail.Open(p.SMTPURL, p.MailFrom, clock.System{})
		if err != nil {
			return err
		}
		people.Mailer = server
	}
	a.UsePeople(people)
	return nil
}
