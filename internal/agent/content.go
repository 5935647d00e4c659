package agent

import (
	"path/filepath"
	"slices"
	"strings"

	"holdfast/internal/engine"
	"holdfast/internal/moodle"
)

// engineRoots gives the roots of a plan as the engine takes them, and says in
// which of them filedir lies.
func engineRoots(p moodle.Plan, fileDir string) []engine.Root {
	in, rel := fileDirIn(p, fileDir)
	out := make([]engine.Root, 0, len(p.Roots))
	for i, r := range p.Roots {
		to := engine.Root{
			Name: r.Name, Path: r.Path, ExcludeDirs: r.ExcludeDirs, ExcludePaths: r.ExcludePaths,
			ExcludeTopFiles: r.ExcludeTopFiles, ExcludeSuffixIn: r.ExcludeSuffixIn, Skip: r.Skip,
		}
		if i == in {
			to.ContentAddressed = rel
		}
		out = append(out, to)
	}
	return out
}

// fileDirIn gives the innermost root of a plan that holds filedir, by where it
// truly is, and its place there with slashes; -1 if none does.
func fileDirIn(p moodle.Plan, fileDir string) (root int, rel string) {
	root, fileDir = -1, resolved(fileDir)
	for i, r := range p.Roots {
		at, err := filepath.Rel(r.Path, fileDir)
		if err != nil || at == ".." || strings.HasPrefix(at, "../") || slices.Contains(r.Skip, fileDir) {
			continue
		}
		if root < 0 || len(r.Path) > len(p.Roots[root].Path) {
			root, rel = i, filepath.ToSlash(at)
		}
	}
	return root, rel
}

// baseOf gives the folder of a data snapshot that holds filedir, "" if none.
func baseOf(p moodle.Plan, fileDir string) string {
	i, rel := fileDirIn(p, fileDir)
	switch {
	case i < 0:
		return ""
	case rel == ".":
		return p.Roots[i].Name
	}
	return p.Roots[i].Name + "/" + rel
}
