package moodle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"holdfast/internal/errs"
)

// Plugin is one plug-in and its version, as its version.php or the database
// has it.
type Plugin struct {
	Component string `json:"component"` // like "mod_quiz"
	Version   string `json:"version"`   // like "2024100700"
}

// MaxPlugins is how many plug-ins a site may have before its list counts as
// broken. A plain Moodle has some 450.
const MaxPlugins = 5000

// Limits of the walk through a code tree. A plain Moodle has some 7,000
// folders and 29,000 files, and its deepest plug-ins lie 5 folders down.
const (
	pluginDepth   = 8
	pluginEntries = 1_000_000
)

var (
	// The names that Moodle gives to types of plug-ins and to plug-ins.
	componentName = regexp.MustCompile(`^[a-z][a-z0-9]*_[a-z0-9_]+$`)
	versionNumber = regexp.MustCompile(`^[0-9]{1,20}(\.[0-9]{1,10})?$`)

	componentLine = regexp.MustCompile(`(?m)(?:^|;|<\?php)[ \t]*\$plugin\s*->\s*component\s*=\s*(?:'([^'\n]*)'|"([^"\n]*)")\s*;`)
	pluginLine    = regexp.MustCompile(`(?m)(?:^|;|<\?php)[ \t]*\$plugin\s*->\s*version\s*=\s*['"]?(\d+(?:\.\d+)?)['"]?\s*;`)
)

// noPlugins are the folders that Moodle itself never looks for plug-ins in,
// and those that others' libraries fill.
var noPlugins = map[string]bool{
	"amd": true, "classes": true, "db": true, "fonts": true, "lang": true, "pix": true, "templates": true, "tests": true, "yui": true,
	"simpletest": true, "CVS": true, "_vti_cnf": true, "node_modules": true, "vendor": true,
}

// mayHold tells whether plug-ins may lie in a folder's folder. The one plug-in
// with a name that Moodle passes over everywhere else is auth_db.
func mayHold(folder, name string) bool {
	return !noPlugins[name] && name[0] != '.' || name == "db" && filepath.Base(folder) == "auth"
}

// Valid tells whether a component and its version are such as Moodle makes.
func (p Plugin) Valid() bool {
	return len(p.Component) <= 100 && componentName.MatchString(p.Component) && versionNumber.MatchString(p.Version)
}

// Plugins lists the plug-ins of the code tree, sorted by component: every
// folder whose version.php names a component that ends in the folder's name,
// as Moodle wants it. Nothing is run and no symbolic link followed; what is no
// plug-in's version.php is passed over, and so are a Moodle inside the Moodle
// and a moodledata. A component found twice is taken from the upper folder.
// Folders or files that may not be read give errs.Forbidden together with the
// list of the rest; any other error comes without a list: errs.Invalid where
// there is no plug-in at all or are more than MaxPlugins.
func Plugins(ctx context.Context, in Install) ([]Plugin, error) {
	w := pluginWalk{top: in.webRoot(), found: map[string]foundPlugin{}, elsewhere: append(mapValues(in.Moved), in.DataRoot)}
	if err := w.folder(ctx, w.top, 0); err != nil {
		return nil, fmt.Errorf("look for plug-ins in %s: %w", w.top, err)
	}
	if len(w.found) == 0 && w.denied == 0 {
		return nil, errs.New(errs.Invalid, "There is no plug-in in %s.", w.top)
	}
	out := make([]Plugin, 0, len(w.found))
	for _, f := range w.found {
		out = append(out, f.Plugin)
	}
	SortPlugins(out)
	if w.denied > 0 {
		more := ""
		if w.denied > 1 {
			more = fmt.Sprintf(" (and %d more)", w.denied-1)
		}
		return out, errs.New(errs.Forbidden, "%s%s may not be read, so that plug-ins may be missing from the list.", w.first, more)
	}
	return out, nil
}

func mapValues(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// SortPlugins sorts by component, then by version.
func SortPlugins(list []Plugin) {
	slices.SortFunc(list, func(a, b Plugin) int {
		if c := strings.Compare(a.Component, b.Component); c != 0 {
			return c
		}
		return strings.Compare(a.Version, b.Version)
	})
}

// pluginWalk is one walk through a code tree.
type pluginWalk struct {
	top       string
	elsewhere []string // folders that hold no code, wherever they lie
	found     map[string]foundPlugin
	entries   int
	denied    int    // folders and files that may not be read
	first     string // the first of them
}

type foundPlugin struct {
	Plugin
	depth int
	path  string
}

// folder looks at one folder and those below it.
func (w *pluginWalk) folder(ctx context.Context, path string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var below []string
	version := false
	err := eachEntry(path, func(e fs.DirEntry) error {
		if w.entries++; w.entries > pluginEntries {
			return errs.New(errs.Invalid, "There are more than %d files in %s; its plug-ins are not looked for.", pluginEntries, w.top)
		}
		name := e.Name()
		switch {
		case e.IsDir() && depth < pluginDepth && mayHold(path, name) && !slices.Contains(w.elsewhere, filepath.Join(path, name)):
			below = append(below, name)
		case name == "version.php" && e.Type().IsRegular():
			version = true
		}
		return nil
	})
	if err := w.unreadable(path, err); err != nil {
		return err
	}
	if version && depth > 0 {
		another, err := w.read(path, depth)
		if err := w.unreadable(filepath.Join(path, "version.php"), err); err != nil {
			return err
		}
		if another {
			return nil
		}
	}
	for _, name := range below {
		if err := w.folder(ctx, filepath.Join(path, name), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// unreadable notes what may not be read, and gives back any other error.
func (w *pluginWalk) unreadable(path string, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if w.denied++; w.denied == 1 || path < w.first {
		w.first = path
	}
	return nil
}

// read takes a folder's version.php. It tells whether that is a Moodle's own,
// whose plug-ins are not this one's.
func (w *pluginWalk) read(folder string, depth int) (another bool, err error) {
	text, err := readSmall(filepath.Join(folder, "version.php"))
	if err != nil || text == nil {
		return false, err
	}
	p := Plugin{Component: firstGroup(componentLine, text), Version: firstGroup(pluginLine, text)}
	if p.Component == "" {
		return firstGroup(versionLine, text) != "" && firstGroup(releaseLine, text) != "", nil
	}
	_, name, _ := strings.Cut(p.Component, "_")
	if !p.Valid() || name != filepath.Base(folder) {
		return false, nil
	}
	if f, known := w.found[p.Component]; known && (f.depth < depth || f.depth == depth && f.path < folder) {
		return false, nil
	}
	w.found[p.Component] = foundPlugin{Plugin: p, depth: depth, path: folder}
	if len(w.found) > MaxPlugins {
		return false, errs.New(errs.Invalid, "There are more than %d plug-ins in %s.", MaxPlugins, w.top)
	}
	return false, nil
}

// readSmall reads a regular file of at most versionLimit bytes; nil stands for
// any other thing, and for one that has gone.
func readSmall(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0) //nolint:gosec // a path of the tree that is walked
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || isLinkError(err) || errors.Is(err, syscall.ENXIO) {
			return nil, nil
		}
		return nil, err
	}
	defer func() { _ = f.Close() }()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() || fi.Size() > versionLimit {
		return nil, nil
	}
	text, err := io.ReadAll(io.LimitReader(f, versionLimit))
	if text == nil {
		text = []byte{}
	}
	return text, err
}

// CodeFingerprint tells one state of a code tree from another by core's version
// and the plug-ins' (sorted); empty without a version.
func CodeFingerprint(version string, plugins []Plugin) string {
	return fingerprint("code1:", plugins, version, "version="+version)
}

// DatabaseFingerprint tells one state of a database from another by the
// versions it says are installed; empty without a version.
func DatabaseFingerprint(version, allVersionsHash string, plugins []Plugin) string {
	return fingerprint("db1:", plugins, version, "version="+version, "allversionshash="+allVersionsHash)
}

func fingerprint(form string, plugins []Plugin, version string, lines ...string) string {
	if version == "" {
		return ""
	}
	for _, p := range plugins {
		lines = append(lines, p.Component+"="+p.Version)
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n") + "\n"))
	return form + hex.EncodeToString(sum[:])
}
