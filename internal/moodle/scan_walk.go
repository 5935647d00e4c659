package moodle

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// coreFolders are what lies at the top of a Moodle's web root, over all
// releases since 2.0: nobody's own site is in them.
var coreFolders = names("admin ai analytics auth availability backup badges blocks blog cache calendar cohort comment communication " +
	"competency completion contentbank course customfield dataformat editor enrol error favourites files filter grade group h5p install " +
	"iplookup lang lib local login media message mnet mod moodlenet my notes payment pix plagiarism portfolio privacy question rating " +
	"report reportbuilder repository rss search sms tag tagging theme user userpix webservice vendor public")

// giants are folders in which no site lies and that may hold millions of files.
var giants = names("node_modules bower_components .git .svn .hg .cache .npm .composer filedir trashdir localcache lost+found .snapshot .zfs .Trash")

// dataFolders are those of a moodledata: nothing in them is looked at.
var dataFolders = names("filedir trashdir cache localcache temp sessions lock muc lang secret repository models geoip backup upgradelogs " +
	"diag antivirus_quarantine analytics dkim environment cache_old")

// kernelFolders are no files at all; they matter where / itself is scanned.
var kernelFolders = names("/proc /sys /dev /run")

func names(list string) map[string]bool {
	set := map[string]bool{}
	for _, n := range strings.Fields(list) {
		set[n] = true
	}
	return set
}

// place is one folder that waits to be looked into.
type place struct {
	path  string
	depth int
	// only says that the folder counts if it is a Moodle itself: nothing below
	// it is looked at.
	only bool
}

// listing is what matters of a folder's entries.
type listing struct {
	dirs    []string
	version bool // version.php is there
}

// list reads a folder's names. A folder that this process may not look into is
// counted and empty.
func (s *scan) list(ctx context.Context, dir string) listing {
	var l listing
	err := eachEntry(dir, func(e fs.DirEntry) error {
		switch {
		case e.IsDir():
			l.dirs = append(l.dirs, e.Name())
		case e.Name() == "version.php":
			l.version = true
		}
		return ctx.Err()
	})
	if err != nil && ctx.Err() == nil {
		s.report.Unreadable++
	}
	slices.Sort(l.dirs)
	return l
}

// walk looks through the folders breadth first, so that a limit costs what
// lies deepest, and hands every Moodle to found.
func (s *scan) walk(ctx context.Context, found func(root, layout string) bool) {
	queue := make([]place, 0, len(s.roots))
	for _, r := range s.roots {
		queue = append(queue, place{path: r})
	}
	for len(queue) > 0 && ctx.Err() == nil {
		p := queue[0]
		queue = queue[1:]
		if s.folders >= s.opt.Folders {
			s.cut("More than %d folders were looked into, and the rest were not; look into parts of the tree.", s.opt.Folders)
			return
		}
		s.mu.Lock()
		s.folders++
		s.told()
		s.mu.Unlock()
		l := s.list(ctx, p.path)
		next, ok := s.step(p, l, found)
		if !ok {
			s.cut("More than %d sites were found, and the rest are not listed; look into parts of the tree.", s.opt.Sites)
			return
		}
		queue = append(queue, next...)
	}
}

// step judges one folder and gives what is to be looked into next. It is false
// where no more sites are wanted.
func (s *scan) step(p place, l listing, found func(root, layout string) bool) ([]place, bool) {
	if moodleAt(p.path, l) != "" {
		// A root may be the public folder of a site, which then is its parent.
		root, layout, err := Detect(p.path)
		if err == nil && s.may(root) {
			if !found(root, layout) {
				return nil, false
			}
			return s.besides(p, l, layout), true
		}
	}
	if p.only {
		return nil, true
	}
	data := slices.Contains(l.dirs, "filedir")
	var next []place
	for _, name := range l.dirs {
		if data && dataFolders[name] {
			continue
		}
		next = s.add(next, place{path: filepath.Join(p.path, name), depth: p.depth + 1, only: data})
	}
	return next, true
}

// besides gives the folders within a Moodle's web root that are not Moodle's
// own: further sites are put there.
func (s *scan) besides(p place, l listing, layout string) []place {
	var next []place
	for _, name := range l.dirs {
		if !coreFolders[name] {
			next = s.add(next, place{path: filepath.Join(p.path, name), depth: p.depth + 1})
		}
	}
	if layout != LayoutPublic {
		return next
	}
	web := filepath.Join(p.path, "public")
	_ = eachEntry(web, func(e fs.DirEntry) error {
		if e.IsDir() && !coreFolders[e.Name()] {
			next = s.add(next, place{path: filepath.Join(web, e.Name()), depth: p.depth + 2})
		}
		return nil
	})
	return next
}

func (s *scan) add(list []place, p place) []place {
	name := filepath.Base(p.path)
	if p.depth > s.opt.Depth || giants[name] || kernelFolders[p.path] || strings.HasPrefix(name, strings.TrimSuffix(asideGlob, "*")) || slices.Contains(s.roots, p.path) {
		return list
	}
	return append(list, p)
}

// moodleAt tells which layout of Moodle a folder is the code root of, "" for
// none. version.php alone says nothing: every plug-in has one.
func moodleAt(dir string, l listing) string {
	if l.version {
		if _, err := ReadVersion(filepath.Join(dir, "version.php")); err == nil {
			return LayoutClassic
		}
	}
	if !slices.Contains(l.dirs, "public") {
		return ""
	}
	path := filepath.Join(dir, "public", "version.php")
	if fi, err := os.Lstat(path); err != nil || !fi.Mode().IsRegular() {
		return ""
	}
	if _, err := ReadVersion(path); err != nil {
		return ""
	}
	return LayoutPublic
}

// cleanRoots resolves the roots and drops those that are there twice. It names
// those that are not there.
func cleanRoots(roots []string) (good, gone []string) {
	for _, r := range roots {
		abs, err := filepath.Abs(r)
		if err != nil {
			gone = append(gone, r)
			continue
		}
		real, err := filepath.EvalSymlinks(abs)
		if err != nil || !isDir(real) {
			gone = append(gone, r)
			continue
		}
		if !slices.Contains(good, real) {
			good = append(good, real)
		}
	}
	return good, gone
}
