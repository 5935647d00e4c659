package figure

import (
	"encoding/json"
	"path"

	"holdfast/internal/agentproto"
	"holdfast/internal/store/dbq"
)

// Details is what a copy's row keeps beside its figures.
type Details struct {
	Excluded []agentproto.Excluded `json:"excluded"`
	Problems []agentproto.Problem  `json:"problems"`
}

// DetailsOf reads them; what cannot be read is not known.
func DetailsOf(c *dbq.CopiesOfSiteRow) Details {
	var x Details
	if c != nil {
		_ = json.Unmarshal(c.Details, &x) // what cannot be read is shown as not known
	}
	return x
}

var reasons = map[string]string{
	"cache": "Moodle makes it anew", "localcache": "Moodle makes it anew", "temp": "work in progress", "sessions": "who is signed in now",
	"trashdir": "deleted in Moodle, kept for some days", "lock": "locks of running work", "logs": "logs", "upgradelogs": "logs of upgrades",
	"backup": "the policy leaves it out; automated course backups may lie here", "private": "the policy leaves it out",
	"muc": "Moodle makes it anew",
}

// WhyLeftOut says why a folder is left out of data copies.
func WhyLeftOut(folder string) string { return reasons[path.Base(folder)] }

// HoldsCourseBackups tells whether a folder is where Moodle keeps automated
// course backups unless it is told otherwise.
func HoldsCourseBackups(folder string) bool { return path.Base(folder) == "backup" }
