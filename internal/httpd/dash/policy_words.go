package dash

import (
	"strconv"
	"strings"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/policy"
	"holdfast/web/dash"
)

func policyPath(name string) string { return dash.PoliciesPath + "/" + name }

func versionWord(n int32) string {
	if n == 0 {
		return "built in"
	}
	return "version " + strconv.Itoa(int(n))
}

// policyLine says a policy on one line: "Database: 7 daily, 5 weekly. Data: …".
func policyLine(p policy.Policy) string {
	var kinds []string
	for _, kind := range backup.Kinds() {
		var parts []string
		for _, r := range p.Of(kind) {
			parts = append(parts, strconv.Itoa(r.Keep)+" "+string(r.Tier))
		}
		if len(parts) > 0 {
			kinds = append(kinds, kindWord(kind)+": "+strings.Join(parts, ", ")+".")
		}
	}
	return strings.Join(kinds, " ")
}

// ruleRows are the rules as a table has them.
func ruleRows(p policy.Policy) []dash.RuleRow {
	var out []dash.RuleRow
	for _, kind := range backup.Kinds() {
		for _, r := range p.Of(kind) {
			keep := strconv.Itoa(r.Keep) + " copies"
			if r.Keep == 1 {
				keep = "1 copy"
			}
			out = append(out, dash.RuleRow{
				Kind: kindWord(kind), Tier: string(r.Tier), When: r.Schedule.Words(p.Night), Keep: keep, Back: reach(time.Duration(r.Keep) * average(r)),
			})
		}
	}
	return out
}

// average is the mean time between two slots of a rule, over four years.
func average(r policy.Rule) time.Duration {
	from := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(4, 0, 0)
	n := len(r.Between(time.UTC, from.Add(-1), to))
	if n == 0 {
		return r.Spacing()
	}
	return to.Sub(from) / time.Duration(n)
}

// reach writes how far back so much time is, roundly: "7 days", "5 weeks".
func reach(d time.Duration) string {
	const day = 24 * time.Hour
	unit, one := time.Hour, "hour"
	switch {
	case d >= 700*day:
		unit, one = 365*day+6*time.Hour, "year"
	case d >= 80*day:
		unit, one = 365*day/12, "month"
	case d >= 21*day:
		unit, one = 7*day, "week"
	case d >= 23*time.Hour:
		unit, one = day, "day"
	}
	n := int((d + unit/2) / unit)
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}
