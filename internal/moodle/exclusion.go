package moodle

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Exclusions are what one site leaves out otherwise than the policy says.
// Paths are exact and relative, with slashes: never patterns.
type Exclusions struct {
	Keep []string    `json:"keep,omitempty"` // exclusions of the policy that are lifted, as Measure writes them
	Drop []Exclusion `json:"drop,omitempty"` // further folders that are left out
}

// Exclusion is one folder of a root that is left out with all that is in it.
type Exclusion struct {
	Root string `json:"root"` // RootData or RootOthers
	Path string `json:"path"` // below it, like "repository-old/2019"
}

// Refused is an exclusion that was not applied.
type Refused struct {
	Path string `json:"path"` // root and path, as it was given
	Why  string `json:"why"`  // a sentence
}

// dropLimit is how long the path of a drop may be, in bytes.
const dropLimit = 1024

// neededHere are the folders of moodledata that a restored site cannot do
// without; nothing at or below them is ever left out.
var neededHere = map[string]string{
	"filedir":    "it holds the files of every course",
	"secret":     "it holds the key without which encrypted values are lost",
	"lang":       "it holds the language packs and their own wording",
	"muc":        "it holds the settings of Moodle's caches",
	"repository": "it holds files that teachers put there by hand and that courses may only refer to",
}

// Apply gives the plan with a site's own exclusions. What cannot be applied,
// or would take away what a restored site needs, is refused with the reason,
// and the copy is then larger than was asked for, never smaller. Code is never
// cut.
func (p Plan) Apply(e Exclusions) (Plan, []Refused) {
	out := Plan{Roots: slices.Clone(p.Roots), Warnings: slices.Clone(p.Warnings), guarded: p.guarded}
	var refused []Refused
	for _, path := range e.Keep {
		lifted, err := out.Lift(path)
		if err != nil {
			refused = append(refused, Refused{Path: path, Why: fmt.Sprintf("%q is not one of the folders that the policy leaves out of this site's copies.", path)})
			continue
		}
		out = lifted
	}
	for _, d := range e.Drop {
		full := d.Root + "/" + d.Path
		if slices.Contains(e.Keep, full) {
			refused = append(refused, Refused{Path: full, Why: "It is to be kept and to be left out at once; it is kept."})
			continue
		}
		at := slices.IndexFunc(out.Roots, func(r PlanRoot) bool { return r.Name == d.Root })
		if why := out.refuseDrop(d, at); why != "" {
			refused = append(refused, Refused{Path: full, Why: why})
			continue
		}
		if r := &out.Roots[at]; !slices.Contains(r.ExcludePaths, d.Path) {
			r.ExcludePaths = append(slices.Clone(r.ExcludePaths), d.Path)
		}
	}
	return out, refused
}

// refuseDrop says why a folder is not left out, "" if it may be. at is where
// its root stands in the plan, -1 if nowhere.
func (p Plan) refuseDrop(d Exclusion, at int) string {
	if why := CheckDrop(d); why != "" {
		return why
	}
	if at < 0 {
		return "This site has no account root, so there is nothing of that name to leave out."
	}
	root := p.Roots[at]
	path := filepath.Join(root.Path, d.Path)
	for _, place := range []string{path, resolved(path)} {
		for _, o := range p.Roots {
			if o.Path == place || inside(o.Path, place) {
				return fmt.Sprintf("It holds the site's %s, which every copy needs.", rootWord(o.Name))
			}
			if o.Name == RootCode && inside(place, o.Path) {
				return "It lies in the code, and code is never cut."
			}
		}
		for _, g := range p.guarded {
			if place == g || inside(place, g) || inside(g, place) {
				return fmt.Sprintf("config.php puts a folder there that a restored site needs (%s).", filepath.Base(g))
			}
		}
		for _, o := range p.Roots {
			rel, err := filepath.Rel(o.Path, place)
			if o.Name != RootData || err != nil || !inside(place, o.Path) {
				continue
			}
			first, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
			if why, needed := neededHere[first]; needed {
				return fmt.Sprintf("moodledata/%s is never left out, nor is anything in it: %s.", first, why)
			}
		}
	}
	if fi, err := os.Lstat(path); err == nil && !fi.IsDir() {
		return "It is not a folder; whole folders are left out, never single files."
	}
	return ""
}

// CheckDrop says why no site may leave out this folder, "" if one may: what
// can be said without looking at the disk.
func CheckDrop(d Exclusion) string {
	parts := strings.Split(d.Path, "/")
	switch {
	case d.Root == RootCode:
		return "Code is never cut: Moodle has folders of every name and does not run without them."
	case d.Root != RootData && d.Root != RootOthers:
		return fmt.Sprintf("%q is not a root of which folders can be left out; it is %s or %s.", d.Root, RootData, RootOthers)
	case d.Path == "" || len(d.Path) > dropLimit || d.Path != filepath.ToSlash(filepath.Clean(d.Path)) || filepath.IsAbs(d.Path) || slices.Contains(parts, "..") || d.Path == ".":
		return "It must be the path of a folder below " + d.Root + ", like old-videos/2019, without .. and without a slash at either end."
	case strings.ContainsAny(d.Path, "*?\\") || strings.ContainsFunc(d.Path, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "It must be the exact path of one folder; there are no patterns."
	case slices.Contains(parts, "filedir"):
		return "A folder of the name filedir is never left out: it holds the files of every course."
	}
	if why, needed := neededHere[parts[0]]; needed && d.Root == RootData {
		return fmt.Sprintf("moodledata/%s is never left out, nor is anything in it: %s.", parts[0], why)
	}
	return ""
}

func rootWord(name string) string {
	switch name {
	case RootCode:
		return "code"
	case RootData:
		return "moodledata"
	}
	return name
}
