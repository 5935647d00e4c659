package policy

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"holdfast/internal/backup"
)

type ruleForm struct {
	Kind     backup.Kind `json:"kind"`
	Tier     Tier        `json:"tier"`
	Months   []int       `json:"months,omitempty"`
	Days     []int       `json:"days,omitempty"`
	Weekdays []string    `json:"weekdays,omitempty"`
	At       []string    `json:"at,omitempty"`
	Keep     int         `json:"keep"`
}

// MarshalJSON writes the policy in the form of a policy file.
func (p Policy) MarshalJSON() ([]byte, error) {
	rules := make([]ruleForm, 0, len(p.Rules))
	for _, r := range p.Rules {
		f := ruleForm{Kind: r.Kind, Tier: r.Tier, Days: r.Schedule.Days, Keep: r.Keep}
		for _, m := range r.Schedule.Months {
			f.Months = append(f.Months, int(m))
		}
		for _, d := range r.Schedule.Weekdays {
			f.Weekdays = append(f.Weekdays, strings.ToLower(d.String()))
		}
		for _, t := range r.Schedule.At {
			f.At = append(f.At, t.String())
		}
		rules = append(rules, f)
	}
	return json.Marshal(struct {
		Name   string     `json:"name"`
		Night  string     `json:"night"`
		Window string     `json:"window"`
		Grace  string     `json:"grace"`
		Keep   bool       `json:"keep-referenced-files"`
		Rules  []ruleForm `json:"rules"`
	}{p.Name, p.Night.String(), HoursMinutes(p.Window), HoursMinutes(p.Grace), p.KeepReferencedFiles, rules})
}

// UnmarshalJSON reads a policy file as Parse does.
func (p *Policy) UnmarshalJSON(b []byte) error {
	got, err := Parse(b)
	if err == nil {
		*p = got
	}
	return err
}

// Words says when a schedule fires, for a person. Night is the policy's.
func (s Schedule) Words(night TimeOfDay) string {
	var parts []string
	if len(s.Weekdays) > 0 {
		parts = append(parts, "every "+list(s.Weekdays))
	}
	if len(s.Days) > 0 {
		days := make([]string, len(s.Days))
		for i, d := range s.Days {
			days[i] = ordinal(d)
		}
		parts = append(parts, "the "+list(days))
	}
	if len(parts) == 0 {
		parts = append(parts, "every day")
	}
	if len(s.Months) > 0 {
		parts = append(parts, "of "+list(s.Months))
	} else if len(s.Days) > 0 {
		parts = append(parts, "of every month")
	}
	at := s.At
	if len(at) == 0 {
		at = []TimeOfDay{night}
	}
	when := strings.Join(parts, " ")
	if len(s.Weekdays) > 0 && len(s.Days) > 0 {
		when = strings.Replace(when, " the ", " that is the ", 1)
	}
	return when + " at " + list(at)
}

// Any says which moments a schedule lets one go back to, for a person: "any
// Friday", "any 1st of a month".
func (s Schedule) Any() string {
	if len(s.Weekdays)+len(s.Days)+len(s.Months) == 0 {
		if len(s.At) > 1 {
			return "any of " + strconv.Itoa(len(s.At)) + " times a day"
		}
		return "any day"
	}
	day, month := "day", "a month"
	if len(s.Weekdays) > 0 {
		day = either(s.Weekdays)
	}
	if len(s.Months) > 0 {
		month = either(s.Months)
	}
	if len(s.Days) == 0 {
		if len(s.Months) == 0 {
			return "any " + day
		}
		return "any " + day + " in " + month
	}
	days := make([]string, len(s.Days))
	for i, d := range s.Days {
		days[i] = ordinal(d)
	}
	if len(s.Weekdays) > 0 {
		return "any " + day + " that is the " + either(days) + " of " + month
	}
	return "any " + either(days) + " of " + month
}

func either[T any](all []T) string {
	return strings.Replace(list(all), " and ", " or ", 1)
}

func list[T any](all []T) string {
	words := make([]string, len(all))
	for i, a := range all {
		words[i] = fmt.Sprint(a)
	}
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}
