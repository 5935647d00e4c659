package dash

import "strings"

// settingWords name the settings, as events name them.
var settingWords = map[string]string{
	"hoster_name": "your name", "support_email": "support’s mail address", "staff_second_factor": "second factor of staff", "session_hours": "length of a session",
	"business_hours": "business hours", "business_zone": "time zone", "second_approval": "approval of restores", "reminder_days": "days of the reminder",
	"auto_close_days": "days until it counts as accepted", "language": "language",
}

// changedWords says which settings were changed.
func changedWords(names []string) string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		if w := settingWords[n]; w != "" {
			n = w
		}
		out = append(out, n)
	}
	if len(out) == 0 {
		return ""
	}
	return "Changed: " + strings.Join(out, ", ") + "."
}
