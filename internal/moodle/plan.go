package moodle

import "context"

// Plan is what a data copy stores: its roots and what each leaves out.
type Plan struct {
	Roots    []PlanRoot `json:"roots"`
	Warnings []string   `json:"warnings"`
}

// PlanRoot is one root of a data copy. Its fields mirror engine.Root.
type PlanRoot struct {
	Name            string            `json:"name"` // code, moodledata, root, or filedir
	Path            string            `json:"path"` // absolute
	ExcludeDirs     []string          `json:"exclude_dirs"`
	ExcludePaths    []string          `json:"exclude_paths"`
	ExcludeTopFiles bool              `json:"exclude_top_files"`
	ExcludeSuffixIn map[string]string `json:"exclude_suffix_in"`
	Skip            []string          `json:"skip"`
}

// Excluded is one thing a plan leaves out, with what lies in it.
type Excluded struct {
	Path  string `json:"path"` // root name and path below it, e.g. "moodledata/cache"
	Files int64  `json:"files"`
	Bytes int64  `json:"bytes"`
}

// Plan makes the plan of a data copy. accountRoot is the folder that holds
// code, moodledata and whatever else belongs to the site; empty where the
// site has none.
func (in Install) Plan(accountRoot string) (Plan, error) { panic("moodle: not built yet") }

// Measure counts the files and bytes of everything the plan leaves out.
func (p Plan) Measure(ctx context.Context) ([]Excluded, error) { panic("moodle: not built yet") }
