// Package site is what a registered Moodle site is: what its entry may say.
// What is true of the Moodle itself comes from its agent.
package site

import (
	"path/filepath"
	"regexp"
	"strings"

	"holdfast/internal/errs"
	"holdfast/internal/policy"
)

// Entry is what staff say of a site.
type Entry struct {
	Name        string // its host name, like learn.riverside.example
	CodeDir     string // absolute; the folder of config.php, the parent of public/
	AccountRoot string // absolute, or "" for none
	TimeZone    string // IANA
}

var name = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(/[a-z0-9._-]+)*$`)

// Validate checks an entry and gives it in the form that is stored. Errors
// name the field and the remedy.
func (e Entry) Validate() (Entry, error) {
	e.Name = strings.ToLower(strings.TrimSpace(e.Name))
	if len(e.Name) > 253 || !name.MatchString(e.Name) {
		return e, errs.Field("name", "%q must be the site's host name, like learn.school.example", e.Name)
	}
	var err error
	if e.CodeDir, err = folder("code", e.CodeDir); err != nil {
		return e, err
	}
	if e.AccountRoot != "" {
		if e.AccountRoot, err = folder("root", e.AccountRoot); err != nil {
			return e, err
		}
	}
	if e.TimeZone == "" {
		e.TimeZone = "UTC"
	}
	_, err = policy.LoadZone("tz", e.TimeZone)
	return e, err
}

func folder(field, p string) (string, error) {
	if !filepath.IsAbs(p) || strings.ContainsRune(p, 0) {
		return p, errs.Field(field, "%q must be an absolute folder on the host, like /var/www/moodle", p)
	}
	p = filepath.Clean(p)
	if p == "/" {
		return p, errs.Field(field, "/ is the whole machine; name the folder of the site")
	}
	return p, nil
}
