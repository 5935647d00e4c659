package portal

import (
	"net/http"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/httpd/words"
	"holdfast/web/portal"
	"holdfast/web/ui"
)

// zones are offered to choose from; any other that is known may be typed.
var zones = []string{
	"Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi", "America/Argentina/Buenos_Aires", "America/Bogota", "America/Chicago",
	"America/Denver", "America/Los_Angeles", "America/Mexico_City", "America/New_York", "America/Sao_Paulo", "America/Toronto", "Asia/Baghdad",
	"Asia/Bangkok", "Asia/Dhaka", "Asia/Dubai", "Asia/Jakarta", "Asia/Jerusalem", "Asia/Karachi", "Asia/Kolkata", "Asia/Manila", "Asia/Riyadh",
	"Asia/Shanghai", "Asia/Singapore", "Asia/Tokyo", "Australia/Sydney", "Europe/Athens", "Europe/Berlin", "Europe/Dublin", "Europe/Istanbul",
	"Europe/Kyiv", "Europe/Lisbon", "Europe/London", "Europe/Madrid", "Europe/Paris", "Europe/Rome", "Europe/Warsaw", "Pacific/Auckland", "UTC",
}

func (d *Door) preferences(_ http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	props := portal.PreferencesProps{Page: d.page(r.Context(), p, portal.Preferences), Zone: p.TimeZone, Zones: zones}
	if err := d.letters(r, p, &props); err != nil {
		return nil, err
	}
	if p.TimeZone != "" {
		zone := figure.Zone(p.TimeZone)
		props.Now = "It is " + d.clock.Now().In(zone).Format("15:04") + " there now, " + words.Zone(d.clock.Now(), zone) + "."
	}
	return portal.PreferencesForm(props), nil
}

func (d *Door) savePreferences(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if err := d.inside.Form(r); err != nil {
		return nil, err
	}
	typed := r.PostFormValue("zone")
	err := d.app.SetTimeZone(r.Context(), p, typed)
	if errs.Is(err, errs.Invalid) {
		props := portal.PreferencesProps{Page: d.frame(p, portal.Preferences), Zones: zones, Problem: figure.Problem(err)}
		if len(typed) <= 64 {
			props.Zone = typed
		}
		if err := d.letters(r, p, &props); err != nil {
			return nil, err
		}
		return portal.PreferencesForm(props), err
	}
	if err != nil {
		return nil, err
	}
	d.inside.Say(r.Context(), ui.Good, "Saved. Times stand by that clock from now on.")
	see(w, r, portal.PreferencesPath)
	return nil, nil //nolint:nilnil // it has answered by itself
}

// letters puts on the page what is sent by mail.
func (d *Door) letters(r *http.Request, p app.Person, props *portal.PreferencesProps) (err error) {
	if !d.app.CanMail() {
		return nil
	}
	props.Mail = "Mails go to " + p.Email + ": about your tickets as they move, and once a week about your copies."
	props.Digest, props.Bounced, err = d.app.Digest(r.Context(), p.Actor.Account)
	return err
}

// saveLetters ends or begins the weekly letter, or says that an address works
// again.
func (d *Door) saveLetters(w http.ResponseWriter, r *http.Request, p app.Person) (templ.Component, error) {
	if err := d.inside.Form(r); err != nil {
		return nil, err
	}
	said := ""
	var err error
	switch r.PostFormValue("do") {
	case "on":
		said, err = "You get a letter each week from now on.", d.app.SetDigest(r.Context(), p, true)
	case "off":
		said, err = "You get no weekly letter any more.", d.app.SetDigest(r.Context(), p, false)
	case "works":
		said, err = "Thank you. We write to your address again.", d.app.MailWorks(r.Context(), p)
	default:
		err = errs.Field("do", "press one of the buttons of the page")
	}
	if err != nil {
		return nil, err
	}
	d.inside.Say(r.Context(), ui.Good, said)
	see(w, r, portal.PreferencesPath)
	return nil, nil //nolint:nilnil // it has answered by itself
}
