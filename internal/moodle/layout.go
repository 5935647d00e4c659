package moodle

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"holdfast/internal/errs"
)

// Detect finds the code root and the layout of the Moodle at dir, which may
// also be the public folder itself. Symbolic links in dir are resolved.
func Detect(dir string) (root, layout string, err error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", "", errs.Wrap(errs.Invalid, err, "The path %q of the code cannot be made absolute.", dir)
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", "", errs.Wrap(errs.Invalid, err, "There is no folder %s.", abs)
		}
		return "", "", errs.Wrap(errs.Invalid, err, "The folder %s cannot be entered.", abs)
	}
	if isFile(filepath.Join(real, "public", "version.php")) {
		return real, LayoutPublic, nil
	}
	if !isFile(filepath.Join(real, "version.php")) {
		return "", "", errs.New(errs.Invalid, "There is no Moodle in %s: neither version.php nor public/version.php is there.", abs)
	}
	parent := filepath.Dir(real)
	if filepath.Base(real) == "public" && isFile(filepath.Join(parent, "lib", "setup.php")) {
		return parent, LayoutPublic, nil
	}
	return real, LayoutClassic, nil
}

// Version is what version.php says.
type Version struct{ Release, Version, Branch string }

var (
	releaseLine = regexp.MustCompile(`(?m)^\s*\$release\s*=\s*(?:'([^'\n]*)'|"([^"\n]*)")\s*;`)
	versionLine = regexp.MustCompile(`(?m)^\s*\$version\s*=\s*['"]?(\d+(?:\.\d+)?)['"]?\s*;`)
	branchLine  = regexp.MustCompile(`(?m)^\s*\$branch\s*=\s*['"]?([0-9.]+)['"]?\s*;`)
)

// versionLimit is how much of version.php is read, in bytes; a real one has 2 KB.
const versionLimit = 1 << 16

// ReadVersion reads release, version and branch from a version.php without
// running it.
func ReadVersion(path string) (Version, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe of this name must not hold anyone up
	if err != nil {
		return Version{}, errs.Wrap(errs.Invalid, err, "%s cannot be read.", path)
	}
	defer func() { _ = f.Close() }()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return Version{}, errs.New(errs.Invalid, "%s is not a file.", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, versionLimit))
	if err != nil {
		return Version{}, errs.Wrap(errs.Invalid, err, "%s cannot be read.", path)
	}
	v := Version{Release: firstGroup(releaseLine, text), Version: firstGroup(versionLine, text), Branch: firstGroup(branchLine, text)}
	if v.Version == "" || v.Release == "" {
		return Version{}, errs.New(errs.Invalid, "%s is not Moodle's: it sets no $version and $release.", path)
	}
	return v, nil
}

// CodeVersion reads version.php anew.
func (in Install) CodeVersion() (Version, error) {
	return ReadVersion(filepath.Join(in.webRoot(), "version.php"))
}

func firstGroup(re *regexp.Regexp, text []byte) string {
	m := re.FindSubmatch(text)
	for i := 1; i < len(m); i++ {
		if len(m[i]) > 0 {
			return string(m[i])
		}
	}
	return ""
}

func isFile(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode().IsRegular()
}

func isDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}
