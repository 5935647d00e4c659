package dash

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/policy"
	"holdfast/web/dash"
)

// formRules is how many rules the editor shows at most: one more than a policy
// may have, so that the policy itself says what is too many.
const formRules = 65

// readEdit reads the fields of the editor as they were typed.
func readEdit(form url.Values) dash.PolicyEditProps {
	f := func(name string) dash.Field { return dash.Field{Value: form.Get(name)} }
	p := dash.PolicyEditProps{Seen: form.Get("seen"), Name: f("name"), Night: f("night"), Window: f("window"), Grace: f("grace"), Note: f("note"), Named: f("keep-referenced-files")}
	for i := range formRules {
		at := "rules[" + strconv.Itoa(i) + "]."
		if !form.Has(at+"kind") && !form.Has(at+"tier") && !form.Has(at+"keep") {
			break
		}
		p.Rules = append(p.Rules, dash.RuleFields{
			Kind: f(at + "kind"), Tier: f(at + "tier"), Keep: f(at + "keep"), Weekdays: f(at + "weekdays"), Days: f(at + "days"), Months: f(at + "months"), At: f(at + "at"),
		})
	}
	return p
}

// fillEdit is the editor filled with a policy.
func fillEdit(name string, p policy.Policy) dash.PolicyEditProps {
	e := dash.PolicyEditProps{
		Name: dash.Field{Value: name}, Night: dash.Field{Value: p.Night.String()}, Window: dash.Field{Value: policy.HoursMinutes(p.Window)}, Grace: dash.Field{Value: policy.HoursMinutes(p.Grace)},
		Named: dash.Field{Value: strconv.FormatBool(p.KeepReferencedFiles)},
	}
	for _, r := range p.Rules {
		x := dash.RuleFields{Kind: dash.Field{Value: string(r.Kind)}, Tier: dash.Field{Value: string(r.Tier)}, Keep: dash.Field{Value: strconv.Itoa(r.Keep)}}
		var weekdays, days, months, at []string
		for _, w := range r.Schedule.Weekdays {
			weekdays = append(weekdays, strings.ToLower(w.String()))
		}
		for _, d := range r.Schedule.Days {
			days = append(days, strconv.Itoa(d))
		}
		for _, m := range r.Schedule.Months {
			months = append(months, strconv.Itoa(int(m)))
		}
		for _, t := range r.Schedule.At {
			at = append(at, t.String())
		}
		x.Weekdays.Value, x.Days.Value, x.Months.Value, x.At.Value = strings.Join(weekdays, ", "), strings.Join(days, ", "), strings.Join(months, ", "), strings.Join(at, ", ")
		e.Rules = append(e.Rules, x)
	}
	return e
}

// policyFile is the form written as a policy file, which policy.Parse reads:
// its refusals name the keys as the form does.
type policyFile struct {
	Name   string     `json:"name"`
	Night  string     `json:"night"`
	Window string     `json:"window,omitempty"`
	Grace  string     `json:"grace,omitempty"`
	Named  any        `json:"keep-referenced-files,omitempty"`
	Rules  []ruleFile `json:"rules"`
}

type ruleFile struct {
	Kind     string   `json:"kind"`
	Tier     string   `json:"tier"`
	Keep     any      `json:"keep"`
	Months   []any    `json:"months,omitempty"`
	Days     []any    `json:"days,omitempty"`
	Weekdays []string `json:"weekdays,omitempty"`
	At       []string `json:"at,omitempty"`
}

// parseEdit makes a policy of what was typed. The error is an errs.Field that
// PolicyEditProps.Mark finds the field of.
func parseEdit(e dash.PolicyEditProps) (policy.Policy, error) {
	trim := strings.TrimSpace
	file := policyFile{Name: trim(e.Name.Value), Night: trim(e.Night.Value), Window: trim(e.Window.Value), Grace: trim(e.Grace.Value), Rules: []ruleFile{}}
	if typed := e.Named.Value; typed != "" {
		file.Named = typed
		if on, err := strconv.ParseBool(typed); err == nil {
			file.Named = on
		}
	}
	for _, r := range e.Rules {
		x := ruleFile{Kind: r.Kind.Value, Tier: trim(r.Tier.Value), Keep: numberOr(r.Keep.Value)}
		for _, m := range items(r.Months.Value) {
			x.Months = append(x.Months, monthOr(m))
		}
		for _, d := range items(r.Days.Value) {
			x.Days = append(x.Days, numberOr(d))
		}
		for _, w := range items(r.Weekdays.Value) {
			x.Weekdays = append(x.Weekdays, weekdayOr(w))
		}
		x.At = items(r.At.Value)
		file.Rules = append(file.Rules, x)
	}
	body, err := json.Marshal(file)
	if err != nil {
		return policy.Policy{}, err
	}
	if len(file.Rules) == 0 {
		return policy.Policy{Name: file.Name}, policy.Policy{}.Validate() // it says which kinds lack a rule
	}
	return policy.Parse(body)
}

// items takes a list with commas apart.
func items(typed string) []string {
	return strings.FieldsFunc(typed, func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '\t' })
}

// numberOr is a whole number, or what was typed where it is none, which
// policy.Parse refuses at its key.
func numberOr(typed string) any {
	typed = strings.TrimSpace(typed)
	if n, err := strconv.Atoi(typed); err == nil {
		return n
	}
	return typed
}

// monthOr reads a month's number or name.
func monthOr(typed string) any {
	for m := time.January; m <= time.December; m++ {
		if name := strings.ToLower(m.String()); len(typed) >= 3 && strings.HasPrefix(name, strings.ToLower(typed)) {
			return int(m)
		}
	}
	return numberOr(typed)
}

// weekdayOr reads the name of a weekday, or its first letters.
func weekdayOr(typed string) string {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := strings.ToLower(d.String()); len(typed) >= 2 && strings.HasPrefix(name, strings.ToLower(typed)) {
			return name
		}
	}
	return typed
}

// newRule is what "Add a rule" adds.
func newRule(there []dash.RuleFields) dash.RuleFields {
	kind := backup.Database
	if n := len(there); n > 0 && there[n-1].Kind.Value == string(backup.Data) {
		kind = backup.Data
	}
	return dash.RuleFields{Kind: dash.Field{Value: string(kind)}}
}
