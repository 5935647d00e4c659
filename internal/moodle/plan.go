package moodle

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"holdfast/internal/errs"
)

// The names of a plan's roots, which are also the folders that a data copy
// comes back as.
const (
	RootCode   = "code"
	RootData   = "moodledata"
	RootOthers = "root"
)

// policyNames are the eight folders that the backup policy leaves out, at the
// first level of the account root and of moodledata and nowhere else. Moodle
// code has folders of these names too, without which it does not run.
var policyNames = []string{"sessions", "logs", "backup", "private", "cache", "temp", "trashdir", "upgradelogs"}

// remadeNames are further folders of moodledata that Moodle makes anew.
var remadeNames = []string{"localcache", "lock"}

// maintenanceFile keeps a site closed; a copy taken while it lay there would
// come back closed.
const maintenanceFile = "climaintenance.html"

// Plan is what a data copy stores: its roots and what each leaves out.
type Plan struct {
	Roots []PlanRoot `json:"roots"`
	// Warnings are sentences about what lies in unusual places.
	Warnings []string `json:"warnings"`
	// guarded are folders that no exclusion may touch, wherever they lie.
	guarded []string
}

// PlanRoot is one root of a data copy. Its fields mirror engine.Root.
type PlanRoot struct {
	Name            string            `json:"name"` // RootCode, RootData, RootOthers, or the key of a moved folder
	Path            string            `json:"path"` // absolute
	ExcludeDirs     []string          `json:"exclude_dirs"`
	ExcludePaths    []string          `json:"exclude_paths"`
	ExcludeTopFiles bool              `json:"exclude_top_files"`
	ExcludeSuffixIn map[string]string `json:"exclude_suffix_in"` // "." is the root itself
	Skip            []string          `json:"skip"`
}

// neededKeys are the moved folders that a restored site needs.
var neededKeys = []string{"filedir", "secretdataroot", "langotherroot", "langlocalroot", "themedir", "altcacheconfigpath"}

// Plan makes the plan of a data copy. accountRoot is the folder that holds
// code, moodledata and whatever else belongs to the site; empty where the
// site has none. Folders that config.php or a symbolic link moves out of
// moodledata, and that a restored site needs, become roots of their own.
func (in Install) Plan(accountRoot string) (Plan, error) {
	if !isDir(in.DataRoot) {
		return Plan{}, errs.Field("dataroot", "The folder %s, which config.php names, is not there or may not be entered.", in.DataRoot)
	}
	p := Plan{Warnings: []string{}}
	p.Roots = append(p.Roots,
		PlanRoot{Name: RootCode, Path: in.CodeDir},
		PlanRoot{
			Name: RootData, Path: in.DataRoot,
			ExcludeDirs:     slices.Concat(policyNames, remadeNames),
			ExcludePaths:    []string{maintenanceFile},
			ExcludeSuffixIn: map[string]string{"filedir": ".tmp"},
		})
	if in.DataRoot == in.CodeDir {
		return Plan{}, errs.Field("dataroot", "Code and moodledata are the same folder, %s.", in.CodeDir)
	}
	if err := p.addAccountRoot(in, accountRoot); err != nil {
		return Plan{}, err
	}
	p.addMoved(in)
	p.addLinked(in)
	p.skipNested()
	p.skipAside()
	p.guarded = append(p.guarded, in.FileDir)
	for _, key := range neededKeys {
		if path := in.Moved[key]; path != "" {
			p.guarded = append(p.guarded, path)
		}
	}
	return p, nil
}

func (p *Plan) addAccountRoot(in Install, accountRoot string) error {
	if accountRoot == "" {
		return nil
	}
	abs, err := filepath.Abs(accountRoot)
	if err != nil || !isDir(abs) {
		return errs.Field("root", "The account root %s is not a folder.", accountRoot)
	}
	abs = resolved(abs)
	if abs == "/" {
		return errs.Field("root", "The account root cannot be the root of the machine.")
	}
	if abs == in.CodeDir || abs == in.DataRoot {
		p.warn("The account root %s is the code or moodledata itself, so it adds nothing to a copy.", abs)
		return nil
	}
	if inside(abs, in.CodeDir) || inside(abs, in.DataRoot) {
		return errs.Field("root", "The account root %s lies inside the code or moodledata; it must be the folder that holds them.", abs)
	}
	if !inside(in.CodeDir, abs) && !inside(in.DataRoot, abs) {
		p.warn("The account root %s holds neither the code nor moodledata.", abs)
	}
	p.Roots = append(p.Roots, PlanRoot{Name: RootOthers, Path: abs, ExcludeDirs: slices.Clone(policyNames), ExcludeTopFiles: true})
	return nil
}

// addMoved adds the folders that config.php moves to where no root holds them.
func (p *Plan) addMoved(in Install) {
	for _, key := range neededKeys {
		path, moved := in.Moved[key]
		if !moved {
			continue
		}
		if !isDir(path) {
			if key != "altcacheconfigpath" || !isFile(path) {
				p.warn("config.php moves %s to %s, which is not there.", key, path)
			}
			continue
		}
		p.addRoot(key, path, key == "filedir", "config.php moves "+key)
	}
}

// addLinked adds the folders of moodledata that are symbolic links to where
// no root holds them: a link alone would be stored without its content.
func (p *Plan) addLinked(in Install) {
	entries, err := os.ReadDir(in.DataRoot)
	if err != nil {
		return
	}
	dropped := slices.Concat(policyNames, remadeNames)
	for _, e := range entries {
		if e.Type()&os.ModeSymlink == 0 || slices.Contains(dropped, e.Name()) {
			continue
		}
		path, err := filepath.EvalSymlinks(filepath.Join(in.DataRoot, e.Name()))
		if err != nil || !isDir(path) {
			continue
		}
		name := RootData + "." + e.Name()
		if e.Name() == "filedir" {
			name = "filedir"
		}
		p.addRoot(name, path, name == "filedir", "A symbolic link puts moodledata/"+e.Name())
	}
}

func (p *Plan) addRoot(name, path string, fileDir bool, why string) {
	if p.holds(path) {
		return
	}
	for _, r := range p.Roots {
		if inside(r.Path, path) {
			p.warn("%s at %s, which holds the root %q; it is not stored apart.", why, path, r.Name)
			return
		}
	}
	r := PlanRoot{Name: name, Path: path}
	if fileDir {
		r.ExcludeSuffixIn = map[string]string{".": ".tmp"}
	}
	p.Roots = append(p.Roots, r)
	p.warn("%s at %s, outside moodledata; it is stored as a root %q of its own and comes back under that name.", why, path, name)
}

// holds tells whether a folder is stored by one of the roots already.
func (p *Plan) holds(path string) bool {
	for _, r := range p.Roots {
		if r.Path == path {
			return true
		}
		if !inside(path, r.Path) {
			continue
		}
		rel, err := filepath.Rel(r.Path, path)
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(rel, string(filepath.Separator))
		if !slices.Contains(r.ExcludeDirs, first) {
			return true
		}
	}
	return false
}

// skipNested makes each root leave out the roots that lie inside it, so that
// nothing is stored twice, and orders the exclusions.
func (p *Plan) skipNested() {
	for i := range p.Roots {
		r := &p.Roots[i]
		for _, o := range p.Roots {
			if inside(o.Path, r.Path) {
				r.Skip = append(r.Skip, o.Path)
			}
		}
		sort.Strings(r.Skip)
	}
}

// Lift gives the plan without the named exclusions, each written as Measure
// writes it, e.g. "moodledata/backup". Staff may lift one for a site whose
// automated course backups lie there.
func (p Plan) Lift(paths ...string) (Plan, error) {
	out := Plan{Roots: slices.Clone(p.Roots), Warnings: p.Warnings, guarded: p.guarded}
	for _, path := range paths {
		root, name, _ := strings.Cut(path, "/")
		found := false
		for i, r := range out.Roots {
			if r.Name != root {
				continue
			}
			if at := slices.Index(r.ExcludeDirs, name); at >= 0 {
				out.Roots[i].ExcludeDirs = slices.Delete(slices.Clone(r.ExcludeDirs), at, at+1)
				found = true
			}
		}
		if !found {
			return Plan{}, errs.Field("keep", "%q is not one of the folders that the policy leaves out.", path)
		}
	}
	return out, nil
}

func (p *Plan) warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}

// inside tells whether path lies strictly below dir; both are clean and
// absolute.
func inside(path, dir string) bool {
	return path != dir && strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}
