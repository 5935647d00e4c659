package dash

import (
	"strconv"
	"strings"

	"holdfast/web/ui"
)

// ruleKey is a rule's field as a policy file names it, and so its form field.
func ruleKey(i int, name string) string { return "rules[" + strconv.Itoa(i) + "]." + name }

// ruleID is the same as an anchor.
func ruleID(i int, name string) string { return "rule-" + strconv.Itoa(i) + "-" + name }

func (r RuleFields) kinds() []ui.Choice {
	return []ui.Choice{
		{Value: "database", Label: "Database", Selected: r.Kind.Value == "database"},
		{Value: "data", Label: "Data", Selected: r.Kind.Value == "data"},
	}
}

// title names a rule by what was typed: "Rule 2: data, weekly".
func (r RuleFields) title(i int) string {
	t := "Rule " + strconv.Itoa(i+1)
	if r.Tier.Value == "" {
		return t
	}
	kind := "database"
	if r.Kind.Value == "data" {
		kind = "data"
	}
	return t + ": " + kind + ", " + r.Tier.Value
}

// anchorOf makes a short word for an anchor of a label.
func anchorOf(label string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(label))
}

// barTop is the height of the tallest bar, in pixels; they stand on barFoot.
const (
	barTop  = 46
	barFoot = 52
)

func (d PreviewDay) pixels() int {
	h := min(max(d.Height, 0), 1000) * barTop / 1000
	if h == 0 && d.Height > 0 {
		return 1
	}
	return h
}

func (d PreviewDay) top() string  { return strconv.Itoa(barFoot - d.pixels()) }
func (d PreviewDay) tall() string { return strconv.Itoa(d.pixels()) }

func (d PreviewDay) hover() string {
	said := d.Label + ": " + d.Count
	if d.Tiers != "" {
		said += ", " + d.Tiers
	}
	return said
}

// part is where the n-th of the days begins, in thousandths.
func (r PreviewRuns) part(n int) int { return n * 1000 / max(len(r.Days), 1) }

func (r PreviewRuns) left(i int) string   { return ui.Percent(r.part(i)) }
func (r PreviewRuns) wide() string        { return ui.Percent(r.part(1) * 7 / 10) }
func (r PreviewRuns) middle(i int) string { return ui.Percent(r.part(i) + r.part(1)*35/100) }
func (r PreviewRuns) anchor(i int) string { return ui.Anchor(r.part(i)) }

func (p PolicyEditProps) nameHint() string {
	if p.NameOff {
		return "A policy keeps its name"
	}
	return "Lower-case letters, digits and hyphens"
}
