package moodle

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"holdfast/internal/errs"
)

// scan is one Scan at work.
type scan struct {
	opt    ScanOptions
	roots  []string
	gone   []string // roots that are not there
	report ScanReport

	mu      sync.Mutex // of what follows; Progress is called under it
	sites   []Found
	read    int
	folders int64
	walking bool
}

func newScan(roots []string, opt ScanOptions) *scan {
	opt.Depth = orDefault(opt.Depth, 8)
	opt.Folders = orDefault(opt.Folders, 500_000)
	opt.Sites = orDefault(opt.Sites, 5000)
	opt.Readers = orDefault(opt.Readers, 4)
	opt.For = orDefault(opt.For, 10*time.Minute)
	opt.Read.Timeout = orDefault(opt.Read.Timeout, 5*time.Second)
	s := &scan{opt: opt, report: ScanReport{Sites: []Found{}}}
	s.roots, s.gone = cleanRoots(roots)
	return s
}

func orDefault[T int | int64 | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

func (s *scan) may(path string) bool { return s.opt.May == nil || s.opt.May(path) }

// cut says why the report is not all; the first reason stands first.
func (s *scan) cut(format string, args ...any) {
	s.report.Truncated = strings.TrimSpace(s.report.Truncated + " " + fmt.Sprintf(format, args...))
}

// told tells how far the scan is; mu is held.
func (s *scan) told() {
	if s.opt.Progress != nil {
		s.opt.Progress(ScanProgress{Folders: s.folders, Found: len(s.sites), Read: s.read, Walking: s.walking})
	}
}

// run walks in this goroutine, while others read what was found.
func (s *scan) run(parent context.Context) (ScanReport, error) {
	if len(s.roots) == 0 {
		return ScanReport{}, errs.New(errs.Invalid, "None of the folders to look into is there: %s.", orElse(strings.Join(s.gone, ", "), "none was named"))
	}
	ctx, cancel := context.WithTimeout(parent, s.opt.For)
	defer cancel()
	todo := make(chan int, s.opt.Sites)
	var readers sync.WaitGroup
	for range s.opt.Readers {
		readers.Go(func() {
			for i := range todo {
				s.readSite(ctx, i)
			}
		})
	}
	s.walking = true
	s.walk(ctx, func(root, layout string) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if slices.ContainsFunc(s.sites, func(f Found) bool { return f.CodeDir == root }) {
			return true
		}
		if len(s.sites) >= s.opt.Sites {
			return false
		}
		s.sites = append(s.sites, Found{Install: Install{CodeDir: root, Layout: layout, Warnings: []string{}}})
		todo <- len(s.sites) - 1 // it has room for every site
		return true
	})
	s.mu.Lock()
	s.walking = false
	s.mu.Unlock()
	close(todo)
	readers.Wait()
	if err := parent.Err(); err != nil {
		return ScanReport{}, err
	}
	if ctx.Err() != nil {
		s.cut("The time of %s was over before everything was looked into.", s.opt.For)
	}
	s.finish()
	return s.report, nil
}

// finish orders what was found and judges the sites against each other.
func (s *scan) finish() {
	if n := s.report.Unreadable; n == 1 {
		s.cut("One folder may not be looked into by this user.")
	} else if n > 1 {
		s.cut("%d folders may not be looked into by this user.", n)
	}
	for _, r := range s.gone {
		s.cut("The folder %s is not there, or may not be looked into.", r)
	}
	sort.Slice(s.sites, func(i, j int) bool { return s.sites[i].CodeDir < s.sites[j].CodeDir })
	noteTwins(s.sites)
	for i := range s.sites {
		if s.sites[i].DataRoot != "" && s.sites[i].Problem == "" {
			s.sites[i].AccountRoot = accountRoot(s.sites, i, s.may)
		}
	}
	s.report.Sites, s.report.Folders = s.sites, s.folders
}

// readSite reads one site's config.php.
func (s *scan) readSite(ctx context.Context, i int) {
	s.mu.Lock()
	f := s.sites[i]
	s.mu.Unlock()
	s.inspect(ctx, &f)
	s.mu.Lock()
	s.sites[i] = f
	s.read++
	s.told()
	s.mu.Unlock()
}

func (s *scan) inspect(ctx context.Context, f *Found) {
	bare := f.Install
	if v, err := bare.CodeVersion(); err == nil {
		bare.Release, bare.Version, bare.Branch = v.Release, v.Version, v.Branch
	}
	f.Install = bare
	cfg := filepath.Join(f.CodeDir, "config.php")
	switch _, err := os.Lstat(cfg); {
	case ctx.Err() != nil:
		f.Problem = "There was no time left to read its config.php; look into this folder alone."
		return
	case err == nil && !s.may(cfg):
		f.Problem = "Its config.php is a link to a file outside the folders that may be looked into."
		return
	}
	in, err := Inspect(ctx, f.CodeDir, s.opt.Read)
	switch {
	case err != nil && ctx.Err() != nil:
		f.Problem = "There was no time left to read its config.php; look into this folder alone."
	case err != nil:
		f.Problem = problemOf(err)
	case !s.may(in.DataRoot):
		in.Warnings, in.Moved = []string{}, nil // they tell of what lies there
		f.Install = in
		f.Problem = fmt.Sprintf("Its moodledata, %s, lies outside the folders that may be looked into.", in.DataRoot)
	default:
		f.Install = in
	}
}

// problemOf is the sentence of an error; what has none is of the system.
func problemOf(err error) string {
	if errs.KindOf(err) == errs.Other {
		return "It could not be read: " + err.Error() + "."
	}
	return errs.Sentence(err)
}

// noteTwins warns of sites that share a moodledata or a database: one of them
// is most likely an old copy of the code.
func noteTwins(sites []Found) {
	note := func(what string, key func(Found) string) {
		by := map[string][]int{}
		for i, f := range sites {
			if k := key(f); k != "" {
				by[k] = append(by[k], i)
			}
		}
		for _, twins := range by {
			for _, i := range twins {
				for _, j := range twins {
					if i != j && len(sites[i].Warnings) < 20 {
						sites[i].warn("The Moodle in %s has the same %s; one of the two may be an old copy of the code.", sites[j].CodeDir, what)
					}
				}
			}
		}
	}
	note("moodledata", func(f Found) string { return f.DataRoot })
	note("database tables", func(f Found) string {
		if f.DB.Name == "" {
			return ""
		}
		return fmt.Sprintf("%s|%s|%d|%s|%s|%s", f.DB.Type, f.DB.Host, f.DB.Port, f.DB.Socket, f.DB.Name, f.DB.Prefix)
	})
}

// systemFolders are nobody's account root, whatever lies in them.
var systemFolders = names("/ /bin /boot /data /dev /etc /home /lib /media /mnt /opt /proc /root /run /sbin " +
	"/srv /sys /tmp /usr /usr/local /usr/share /var /var/lib /var/www /var/tmp")

// accountRoot guesses the folder that belongs to one site alone: the one that
// holds its code and its moodledata and, but for files, hidden folders and
// those that the policy leaves out, nothing else.
func accountRoot(sites []Found, i int, may func(string) bool) string {
	f := sites[i]
	parent := commonParent(f.CodeDir, f.DataRoot)
	if systemFolders[parent] || parent == f.CodeDir || parent == f.DataRoot || !may(parent) {
		return ""
	}
	for j, o := range sites {
		if j != i && (inside(o.CodeDir, parent) || inside(o.DataRoot, parent)) {
			return ""
		}
	}
	mine := []string{below(f.CodeDir, parent), below(f.DataRoot, parent)}
	entries, err := os.ReadDir(parent)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() && !slices.Contains(mine, name) && !strings.HasPrefix(name, ".") && !slices.Contains(policyNames, name) {
			return ""
		}
	}
	return parent
}

// below is the first folder on the way from dir to path.
func below(path, dir string) string {
	rel, _, _ := strings.Cut(strings.TrimPrefix(path[len(strings.TrimSuffix(dir, "/")):], "/"), "/")
	return rel
}

func commonParent(a, b string) string {
	for a != "/" && a != b && !inside(b, a) {
		a = filepath.Dir(a)
	}
	return a
}
