package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/errs"
)

// The limits of a policy. They only keep a slip of the hand out.
const (
	maxRules = 64
	maxKeep  = 10_000

	maxWindow = 12 * time.Hour
	minGrace  = 5 * time.Minute
	maxGrace  = 72 * time.Hour
)

var tierName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// reserved tiers are those of copies outside the counts.
var reserved = []Tier{"initial", "protected"}

// Validate says what is wrong with a policy: an errs.Field that names the key
// as it is written in a policy file, like rules[2].keep.
func (p Policy) Validate() error {
	if err := p.Night.validate("night"); err != nil {
		return err
	}
	if len(p.Rules) > maxRules {
		return errs.Field("rules", "has %d rules; at most %d make sense", len(p.Rules), maxRules)
	}
	seen := map[Key]int{}
	for i, r := range p.Rules {
		at := "rules[" + strconv.Itoa(i) + "]"
		if err := r.validate(at); err != nil {
			return err
		}
		if first, twice := seen[r.Key()]; twice {
			return errs.Field(at+".tier", "rules[%d] is a %s rule of kind %s already", first, r.Tier, r.Kind)
		}
		seen[r.Key()] = i
	}
	for _, kind := range backup.Kinds() {
		if len(p.Of(kind)) == 0 {
			return errs.Field("rules", "no rule is of kind %s; a restore needs both kinds", kind)
		}
	}
	return p.validateSpans()
}

func (p Policy) validateSpans() error {
	for _, s := range []struct {
		key       string
		span      time.Duration
		low, high time.Duration
	}{{"window", p.Window, 0, maxWindow}, {"grace", p.Grace, minGrace, maxGrace}} {
		if s.span < s.low || s.span > s.high {
			return errs.Field(s.key, "%s must be from %s to %s hours", HoursMinutes(s.span), HoursMinutes(s.low), HoursMinutes(s.high))
		}
		if s.span%time.Minute != 0 {
			return errs.Field(s.key, "%s must be whole minutes", s.span)
		}
	}
	if closest, i := p.closest(); p.Window >= closest {
		return errs.Field("window", "%s must be shorter than %s, the shortest time between two slots of rules[%d]: a site that starts late in the window would miss one",
			HoursMinutes(p.Window), HoursMinutes(closest), i)
	}
	return nil
}

// closest gives the shortest distance between two times of day of one rule,
// across midnight too, and the rule's place.
func (p Policy) closest() (time.Duration, int) {
	best, rule := TimeOfDay(24*60), 0
	for i, r := range p.Rules {
		at := slices.Sorted(slices.Values(r.Schedule.At))
		for j, t := range at {
			next := at[(j+1)%len(at)]
			if j == len(at)-1 {
				next += 24 * 60
			}
			if next-t < best {
				best, rule = next-t, i
			}
		}
	}
	return time.Duration(best) * time.Minute, rule
}

func (r Rule) validate(at string) error {
	if !slices.Contains(backup.Kinds(), r.Kind) {
		return errs.Field(at+".kind", "%q must be database or data", r.Kind)
	}
	if !tierName.MatchString(string(r.Tier)) {
		return errs.Field(at+".tier", "%q must be a short lower-case name, like daily", r.Tier)
	}
	if slices.Contains(reserved, r.Tier) {
		return errs.Field(at+".tier", "%s names copies outside the counts; choose another name", r.Tier)
	}
	if r.Keep < 1 || r.Keep > maxKeep {
		return errs.Field(at+".keep", "%d must be from 1 to %d copies", r.Keep, maxKeep)
	}
	return r.Schedule.validate(at)
}

func (s Schedule) validate(at string) error {
	if err := inRange(at+".months", s.Months, time.January, time.December); err != nil {
		return err
	}
	if err := inRange(at+".days", s.Days, 1, 31); err != nil {
		return err
	}
	if err := inRange(at+".weekdays", s.Weekdays, time.Sunday, time.Saturday); err != nil {
		return err
	}
	for i, t := range s.At {
		key := fmt.Sprintf("%s.at[%d]", at, i)
		if err := t.validate(key); err != nil {
			return err
		}
		if slices.Contains(s.At[:i], t) {
			return errs.Field(key, "%s is named twice", t)
		}
	}
	return s.fires(at)
}

func inRange[N ~int](key string, list []N, low, high N) error {
	for i, n := range list {
		if n < low || n > high {
			return errs.Field(fmt.Sprintf("%s[%d]", key, i), "%d must be from %d to %d", int(n), int(low), int(high))
		}
		if slices.Contains(list[:i], n) {
			return errs.Field(fmt.Sprintf("%s[%d]", key, i), "%v is named twice", n)
		}
	}
	return nil
}

// fires refuses a day that none of the months has. Every date of the calendar
// falls on every weekday in time, so that nothing else can keep a rule silent.
func (s Schedule) fires(at string) error {
	if len(s.Months) == 0 {
		return nil
	}
	longest := 0
	for _, m := range s.Months {
		// 2024 is a leap year; day 0 of the next month is the last of this one.
		longest = max(longest, time.Date(2024, m+1, 0, 0, 0, 0, 0, time.UTC).Day())
	}
	for i, d := range s.Days {
		if d > longest {
			return errs.Field(fmt.Sprintf("%s.days[%d]", at, i), "day %d is in none of the rule's months, so it can never fire", d)
		}
	}
	return nil
}

func (t TimeOfDay) validate(key string) error {
	if t < 0 || t >= 24*60 {
		return errs.Field(key, "%d minutes is not a time of day, from 00:00 to 23:59", int(t))
	}
	return nil
}

// String gives the form 04:00.
func (t TimeOfDay) String() string { return fmt.Sprintf("%02d:%02d", int(t)/60, int(t)%60) }

// ParseTimeOfDay reads the form 04:00. The error is an errs.Field about field.
func ParseTimeOfDay(field, s string) (TimeOfDay, error) {
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return 0, errs.Field(field, "%q is not a time of day, from 00:00 to 23:59", s)
	}
	return TimeOfDay(t.Hour()*60 + t.Minute()), nil
}

// HoursMinutes writes a duration as hours and minutes, like 01:30 or 72:00.
func HoursMinutes(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	return fmt.Sprintf("%s%02d:%02d", sign, int64(d/time.Hour), int64(d%time.Hour/time.Minute))
}

// ParseHoursMinutes reads the form that HoursMinutes writes, two digits each
// and no sign. The error is an errs.Field about field.
func ParseHoursMinutes(field, s string) (time.Duration, error) {
	if len(s) == 5 && s[2] == ':' {
		hours, err := strconv.ParseUint(s[:2], 10, 8)
		minutes, err2 := strconv.ParseUint(s[3:], 10, 8)
		if err == nil && err2 == nil && minutes < 60 {
			return time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute, nil //nolint:gosec // both are below 100
		}
	}
	return 0, errs.Field(field, "%q is not hours and minutes, like 01:30", s)
}
