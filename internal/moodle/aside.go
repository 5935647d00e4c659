package moodle

import (
	"path/filepath"
	"sort"
)

// asideGlob is how a restore in place calls the folder in which it keeps what
// it replaced: beside a root, or inside one that is a mount.
const asideGlob = ".holdfast-*"

// skipAside makes every root leave out what a restore in place keeps aside: it
// is not the site's, and would double each copy until it is settled.
func (p *Plan) skipAside() {
	found := map[string]bool{}
	for _, r := range p.Roots {
		for _, dir := range []string{filepath.Dir(r.Path), r.Path} {
			list, err := filepath.Glob(filepath.Join(globQuote(dir), asideGlob))
			if err != nil {
				continue
			}
			for _, path := range list {
				if isDir(path) {
					found[path] = true
				}
			}
		}
	}
	var all []string
	for path := range found {
		all = append(all, path)
	}
	sort.Strings(all)
	for _, path := range all {
		used := false
		for i := range p.Roots {
			if inside(path, p.Roots[i].Path) {
				p.Roots[i].Skip = append(p.Roots[i].Skip, path)
				sort.Strings(p.Roots[i].Skip)
				used = true
			}
		}
		if used {
			p.warn("%s holds what a restore has replaced; it is not part of the copy.", path)
		}
	}
}

// globQuote makes a path match itself alone.
func globQuote(path string) string {
	var out []rune
	for _, c := range path {
		if c == '*' || c == '?' || c == '[' || c == '\\' {
			out = append(out, '\\')
		}
		out = append(out, c)
	}
	return string(out)
}
