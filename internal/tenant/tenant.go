// Package tenant names the organisations that are the hoster's customers and
// the roles that people have in them and on the hoster's staff. It decides
// what a valid tenant is; who may do what is authz's.
package tenant

import (
	"regexp"
	"strings"

	"holdfast/internal/errs"
)

// Role is what a person is within a tenant.
type Role string

// The roles of a tenant's people.
const (
	Admin  Role = "admin"
	Member Role = "member"
	Viewer Role = "viewer"
)

// StaffRole is what a person is within the hoster's staff; "" is none.
type StaffRole string

// The roles of the hoster's staff.
const (
	Owner    StaffRole = "owner"
	Operator StaffRole = "operator"
	Support  StaffRole = "support"
	Billing  StaffRole = "billing"
	Auditor  StaffRole = "auditor"
)

// Roles are all roles of a tenant's people.
func Roles() []Role { return []Role{Admin, Member, Viewer} }

// StaffRoles are all roles of the staff.
func StaffRoles() []StaffRole { return []StaffRole{Owner, Operator, Support, Billing, Auditor} }

var slug = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Validate checks a tenant's name (1-120 characters) and slug (its short name
// in commands and addresses). Errors name the field.
func Validate(name, short string) error {
	if n := len([]rune(strings.TrimSpace(name))); n < 1 || n > 120 {
		return errs.Field("name", "a tenant's name has 1 to 120 characters")
	}
	if !slug.MatchString(short) {
		return errs.Field("slug", "%q must be lower-case letters, digits and hyphens, 63 at most, like hillcrest-college", short)
	}
	return nil
}

var address = regexp.MustCompile(`^[^@\s\pC<>",;:\\]+@[^@\s\pC<>",;:\\]+$`)

// ValidateAccount checks a person's mail address and name, and gives the
// address in the form that is stored: lower case, no spaces around it. What a
// good password is, internal/identity says.
func ValidateAccount(email, name string) (string, error) {
	email, err := ValidateEmail(email)
	if err != nil {
		return "", err
	}
	if n := len([]rune(strings.TrimSpace(name))); n < 1 || n > 120 {
		return "", errs.Field("name", "a person's name has 1 to 120 characters")
	}
	return email, nil
}

// ValidateEmail checks a mail address and gives it in the form that is stored.
func ValidateEmail(email string) (string, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	if !address.MatchString(email) || len(email) > 254 {
		return "", errs.Field("email", "%q is not a mail address, like anna@school.example", email)
	}
	return email, nil
}
