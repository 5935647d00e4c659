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
		return portal.PreferencesForm(props), err
	}
	if err != nil {
		return nil, err
	}
	d.inside.Say(r.Context(), ui.Good, "Saved. Times stand by that clock from now on.")
	see(w, r, portal.PreferencesPath)
	return nil, nil //nolint:nilnil // it has answered by itself
}
