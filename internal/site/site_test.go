package site_test

import (
	"errors"
	"testing"

	"holdfast/internal/errs"
	"holdfast/internal/site"
)

func TestValidate_NamesTheFieldThatIsWrong(t *testing.T) {
	t.Parallel()
	good := site.Entry{Name: "Learn.School.example", CodeDir: "/srv/a/", TimeZone: "Africa/Cairo"}
	for _, c := range []struct {
		field  string
		change func(*site.Entry)
	}{
		{"", func(*site.Entry) {}},
		{"name", func(e *site.Entry) { e.Name = "" }},
		{"name", func(e *site.Entry) { e.Name = "a b" }},
		{"name", func(e *site.Entry) { e.Name = "../x" }},
		{"code", func(e *site.Entry) { e.CodeDir = "relative" }},
		{"code", func(e *site.Entry) { e.CodeDir = "/" }},
		{"code", func(e *site.Entry) { e.CodeDir = "/a/../.." }},
		{"root", func(e *site.Entry) { e.AccountRoot = "home" }},
		{"tz", func(e *site.Entry) { e.TimeZone = "Mars/Olympus" }},
		{"tz", func(e *site.Entry) { e.TimeZone = "Local" }},
	} {
		e := good
		c.change(&e)
		_, err := e.Validate()
		var f *errs.Error
		if c.field == "" {
			if err != nil {
				t.Errorf("a good entry was refused: %v", err)
			}
			continue
		}
		if !errors.As(err, &f) || f.Field != c.field || f.Kind != errs.Invalid {
			t.Errorf("%+v: got %v, want a complaint about %s", e, err, c.field)
		}
	}
}
