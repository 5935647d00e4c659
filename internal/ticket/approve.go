package ticket

import (
	"holdfast/internal/errs"
	"holdfast/internal/id"
)

// Approvals are the yeses that a restore has. An approval by the machine's own
// command line is nobody's account, and one person all the same.
type Approvals struct {
	Confirmed bool
	First     bool
	FirstBy   id.Account
	Second    bool
}

// Wanted is how many approvals of the staff a request wants: two for what
// changes the site itself, where the hoster has set that.
func Wanted(r Request, two bool) int {
	if two && r.Replaces() {
		return 2
	}
	return 1
}

// Complete tells whether nothing is missing.
func (a Approvals) Complete(wanted int) bool {
	return a.Confirmed && a.First && (wanted < 2 || a.Second)
}

// Approve adds a person's approval, or refuses it.
func (a Approvals) Approve(by id.Account, wanted int) (Approvals, error) {
	switch {
	case !a.First:
		a.First, a.FirstBy = true, by
	case wanted < 2 || a.Second:
		return a, errs.New(errs.Conflict, "This restore is approved already.")
	case by == a.FirstBy:
		return a, errs.New(errs.Conflict, "You approved this restore already; a second person must too, because it changes the site in place.")
	default:
		a.Second = true
	}
	return a, nil
}
