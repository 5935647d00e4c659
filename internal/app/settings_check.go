package app

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/tenant"
)

// Languages are those that customers' pages and mails are written in.
func Languages() []string { return []string{"en"} }

// spansPerDay is how many stretches of business hours one day may have.
const spansPerDay = 4

// Check says which value is no good, and what it should be.
func (s Settings) Check() error {
	if n := len([]rune(s.HosterName)); n < 1 || n > 60 || strings.ContainsAny(s.HosterName, "\r\n<>") || strings.TrimSpace(s.HosterName) != s.HosterName {
		return errs.Field("hoster_name", "must be one line of 1 to 60 characters")
	}
	if s.SupportEmail != "" {
		if _, err := tenant.ValidateEmail(s.SupportEmail); err != nil {
			return errs.Field("support_email", "%q must be a mail address, like support@hoster.example", clip(s.SupportEmail, 80))
		}
	}
	if s.SessionHours < 1 || s.SessionHours > 168 {
		return errs.Field("session_hours", "%d must be from 1 to 168 hours", s.SessionHours)
	}
	if err := checkHours(s.BusinessHours); err != nil {
		return err
	}
	if _, err := time.LoadLocation(s.BusinessZone); err != nil || s.BusinessZone == "" || s.BusinessZone == "Local" {
		return errs.Field("business_zone", "%q is no time zone; take one like Europe/Madrid", clip(s.BusinessZone, 64))
	}
	if s.ReminderDays < 1 || s.ReminderDays > 30 {
		return errs.Field("reminder_days", "%d must be from 1 to 30 days", s.ReminderDays)
	}
	if s.AutoCloseDays <= s.ReminderDays || s.AutoCloseDays > 90 {
		return errs.Field("auto_close_days", "%d must be more than the days of the reminder, and at most 90", s.AutoCloseDays)
	}
	if !slices.Contains(Languages(), s.Language) {
		return errs.Field("language", "%q must be one of %s", clip(s.Language, 16), strings.Join(Languages(), ", "))
	}
	return nil
}

// checkHours holds every day's spans to a form, an order and their number. A
// week without any hour would let no ticket ever come due.
func checkHours(hours map[string][]string) error {
	open := false
	for day, spans := range hours {
		field := "hours_" + day
		if !slices.Contains(Weekdays(), day) {
			return errs.Field("business_hours", "%q must be a day from mon to sun", clip(day, 16))
		}
		if len(spans) > spansPerDay {
			return errs.Field(field, "has %d stretches; at most %d", len(spans), spansPerDay)
		}
		last := -1
		for _, span := range spans {
			from, to, err := ParseSpan(span)
			if err != nil {
				return errs.Field(field, "%q must be like 09:00-17:00, its end after its start", clip(span, 40))
			}
			if from <= last {
				return errs.Field(field, "%s overlaps with the stretch before it, or touches it", span)
			}
			last, open = to, true
		}
	}
	if !open {
		return errs.Field("hours_mon", "at least one day must have business hours: times to answer are counted in them")
	}
	return nil
}

// ParseSpan reads a stretch of a day like 09:00-17:00, as minutes since
// midnight; 24:00 is the day's end.
func ParseSpan(span string) (from, to int, err error) {
	a, b, ok := strings.Cut(span, "-")
	if !ok {
		return 0, 0, fmt.Errorf("%q has no dash", span)
	}
	if from, err = minutes(a); err != nil {
		return 0, 0, err
	}
	if to, err = minutes(b); err != nil {
		return 0, 0, err
	}
	if to <= from {
		return 0, 0, fmt.Errorf("%q ends before it starts", span)
	}
	return from, to, nil
}

func minutes(clock string) (int, error) {
	if clock == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", clock)
	if err != nil || len(clock) != len("15:04") {
		return 0, fmt.Errorf("%q is no time of day", clock)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// differs names the settings in which o differs, for the event log.
func (s Settings) differs(o Settings) []string {
	out := []string{}
	for _, f := range []struct {
		name string
		a, b any
	}{
		{"hoster_name", s.HosterName, o.HosterName},
		{"support_email", s.SupportEmail, o.SupportEmail},
		{"staff_second_factor", s.StaffSecondFactor, o.StaffSecondFactor},
		{"session_hours", s.SessionHours, o.SessionHours},
		{"business_hours", s.BusinessHours, o.BusinessHours},
		{"business_zone", s.BusinessZone, o.BusinessZone},
		{"second_approval", s.SecondApproval, o.SecondApproval},
		{"reminder_days", s.ReminderDays, o.ReminderDays},
		{"auto_close_days", s.AutoCloseDays, o.AutoCloseDays},
		{"language", s.Language, o.Language},
	} {
		if !reflect.DeepEqual(f.a, f.b) {
			out = append(out, f.name)
		}
	}
	return out
}
