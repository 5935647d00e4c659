package dash

import (
	"strconv"
	"strings"

	"holdfast/web/ui"
)

// The addresses of the policies' pages.
const (
	PoliciesPath  = "/policies"     // GET the list
	PolicyNewPath = "/policies/new" // GET the empty editor, POST it
)

// PoliciesSection is the place of the policies in the navigation.
const PoliciesSection Section = "policies"

// What the editor's buttons send in the field "do". Remove is followed by the
// number of the rule, from 0: "remove 2".
const (
	DoAdd     = "add"
	DoRemove  = "remove"
	DoPreview = "preview"
	DoSave    = "save"
)

// PoliciesProps are those of Policies.
type PoliciesProps struct {
	Page
	State    ui.State
	Sentence []ui.Phrase // "All 1,284 sites follow the published policy."
	Policies []PolicyRow // the published one first, then by name
	NewHref  string      // PolicyNewPath for whoever may make one
}

// PolicyRow is one policy in the list.
type PolicyRow struct {
	Href, Name string
	Version    string // "version 3", "built in"
	Changed    ui.When
	Sites      string // "1,271 sites"
	SitesHref  string
	Words      string // one line: "Database: 7 daily, 5 weekly, 60 monthly. Data: …"
	Promised   bool   // the published policy, which every customer is promised
}

// PolicyProps are those of Policy.
type PolicyProps struct {
	Page
	Crumbs   []ui.Crumb
	Name     string
	About    string // "version 3 of 21 Nov 2026, by Ada Brandt"
	State    ui.State
	Sentence []ui.Phrase // "41 sites keep 72 database copies and 20 data copies each under it."
	Rules    []RuleRow
	Facts    []ui.Fact // night, window, grace
	Versions []VersionRow
	Sites    []PolicySite
	SitesAll ui.Pager
	NoSites  string // what it means that no site has it
	EditHref string // empty for whoever may not, and for the published one
	EditWhy  string // why it cannot be edited: "The published policy is part of the program. Copy it to change it."
	CopyHref string // the editor, filled with this policy under a new name
	Assign   *AssignForm
}

// RuleRow is one rule of a policy.
type RuleRow struct {
	Kind string // "Database"
	Tier string // "weekly"
	When string // "every Friday at 00:00"
	Keep string // "5 copies"
	Back string // how far that reaches: "5 weeks"
}

// VersionRow is one version of a policy.
type VersionRow struct {
	Version string // "version 3"
	Href    string // of the policy as it was, optional
	Current bool
	When    ui.When
	Who     string
	Note    string
}

// PolicySite is a site that follows a policy.
type PolicySite struct {
	Href, Name, Tenant string
	Since              ui.When
}

// AssignForm gives a policy to a site: POST with site, on a policy's page, or
// with policy, on a site's page. Once previewed, the second button sends
// do=save and digest.
type AssignForm struct {
	Action  string
	Site    Field       // on a policy's page: what was typed
	Choices []ui.Choice // on a site's page: the policies; then Site is not asked for
	Off     bool
	Why     string // why it is off, or what pressing it does
	Preview *Preview
}

// Field is what was typed into a field, and what is wrong with it: one
// sentence, empty for nothing.
type Field struct{ Value, Problem string }

// PolicyEditProps are those of PolicyEdit. Its fields are named as the keys of
// a policy file: name, night, rules[2].keep; window, grace and note besides.
// All that was typed is given back as it was typed.
type PolicyEditProps struct {
	Page
	Crumbs  []ui.Crumb
	Title   string // "New policy", "Change gold"
	Action  string // POST, with do and seen
	Seen    string // the version that the edit is made from, sent back as seen
	Name    Field
	NameOff bool // an existing policy keeps its name
	Night   Field
	Window  Field // "01:30": starts are spread over it
	Grace   Field // "02:00": how long after the window a copy is not late yet
	Note    Field
	Named   Field // "false": the files that database copies name are not kept with them; else they are
	Rules   []RuleFields
	Problem string   // of the whole: "No rule is of kind data; a restore needs both kinds."
	Preview *Preview // what was previewed; nil before, and when the fields changed since
}

// named are the two choices for the files that database copies name.
func (p PolicyEditProps) named() []ui.Choice {
	return []ui.Choice{
		{Value: "true", Label: "Kept with the copy", Selected: p.Named.Value != "false"},
		{Value: "false", Label: "Left to the data copies", Selected: p.Named.Value == "false"},
	}
}

// RuleFields are the fields of one rule. Lists are typed with commas.
type RuleFields struct {
	Kind                                   Field // "database" or "data"
	Tier, Weekdays, Days, Months, At, Keep Field
}

// Mark puts the sentence of a refused value at its field, by the key as
// policy.Validate names it ("rules[2].days[0]", "night"). What has no field of
// its own becomes the Problem of the whole.
func (p *PolicyEditProps) Mark(key, sentence string) {
	if f := p.field(key); f != nil {
		f.Problem = sentence
		return
	}
	p.Problem = sentence
}

func (p *PolicyEditProps) field(key string) *Field {
	switch key {
	case "name":
		return &p.Name
	case "night":
		return &p.Night
	case "window":
		return &p.Window
	case "grace":
		return &p.Grace
	case "note":
		return &p.Note
	case "keep-referenced-files":
		return &p.Named
	}
	rest, ok := strings.CutPrefix(key, "rules[")
	number, name, closed := strings.Cut(rest, "].")
	n, err := strconv.Atoi(number)
	if !ok || !closed || err != nil || n < 0 || n >= len(p.Rules) {
		return nil
	}
	name, _, _ = strings.Cut(name, "[") // of a list, any element
	return p.Rules[n].field(name)
}

func (r *RuleFields) field(name string) *Field {
	switch name {
	case "kind":
		return &r.Kind
	case "tier":
		return &r.Tier
	case "weekdays":
		return &r.Weekdays
	case "days":
		return &r.Days
	case "months":
		return &r.Months
	case "at":
		return &r.At
	case "keep":
		return &r.Keep
	default:
		return nil
	}
}

// Preview says what a policy would do before it does it.
type Preview struct {
	Digest   string // of what was previewed; comes back with do=save
	Save     string // "Save as version 4", "Give learn.riverside.example this policy"
	State    ui.State
	Sentence []ui.Phrase // "On 41 sites, 12 copies would expire at once; nothing else is lost."
	Expire   []PreviewExpire
	Full     []PreviewFull
	Runs     []PreviewRuns
	First    []PreviewRun
	Now      ui.Amount // stored now
	Then     ui.Amount // stored in full swing; an estimate
	Basis    string    // what the estimate rests on: "the mean of this site's last 30 copies of each kind"
	Named    string    // what keeping the named files took until now, in a sentence
}

// PreviewExpire is what would expire at once, of one kind.
type PreviewExpire struct {
	Kind   string   // "Database"
	Count  string   // "12 copies", "no copy"
	None   bool     // nothing of this kind
	Copies []string // "learn.riverside.example, 1 Nov 2021 00:04"; the oldest first
	More   string   // "and 41 more"
}

// PreviewFull is what one rule keeps in full swing.
type PreviewFull struct {
	Kind, Tier string
	When       string // "every Friday at 00:00"
	Now, Keep  string // copies kept in 30 days and in full swing: "5", "8"
	Reached    string // "after 8 weeks"
}

// PreviewRuns is how many runs of one kind the next days bring.
type PreviewRuns struct {
	Kind  string // "Database"
	Total string // "30 runs in 30 days"
	Days  []PreviewDay
}

// PreviewDay is one day of PreviewRuns. Height is that of its bar, from 0 to
// 1000, the same scale for all kinds.
type PreviewDay struct {
	Label  string // "Sun 22 Nov"
	Tick   string // below the bar, on some days only: "22 Nov"
	Count  string // "6"
	Height int
	Tiers  string // "hourly, daily"
}

// PreviewRun is one of the first runs.
type PreviewRun struct {
	When  ui.When
	Kind  string
	Tiers string // "daily, weekly"
}
