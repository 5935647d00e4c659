package agent

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"holdfast/internal/errs"
)

// CodeOutsideRoots is the error code of a lease that the agent may not take.
const CodeOutsideRoots = "outside-allowed-roots"

// CleanRoots checks the folders that an operator allows: absolute, and at
// least one. A folder need not exist yet.
func CleanRoots(roots []string) ([]string, error) {
	if len(roots) == 0 {
		return nil, errs.Field("allow-root", "name at least one folder that holds this host's sites, like --allow-root /var/www")
	}
	out := make([]string, 0, len(roots))
	for _, r := range roots {
		if !filepath.IsAbs(r) {
			return nil, errs.Field("allow-root", "%q must be an absolute path", r)
		}
		out = append(out, filepath.Clean(r))
	}
	return out, nil
}

// outsideError says which path lies outside the allowed roots.
type outsideError struct{ what, path, resolved string }

func (e *outsideError) Error() string {
	if e.resolved != "" && e.resolved != e.path {
		return e.what + " " + e.path + " is in truth " + e.resolved + ", which is outside the folders that this host's agent may touch; allow it there with --allow-root, or correct the site"
	}
	return e.what + " " + e.path + " is outside the folders that this host's agent may touch; allow it there with --allow-root, or correct the site"
}

// Roots are the folders that may be read. The zero value allows none; a
// person's own local command uses Everywhere.
type Roots struct {
	Dirs       []string
	Everywhere bool
}

// Resolve follows every symbolic link of path and gives where it truly is, if
// that lies in an allowed root (links of the root itself resolved likewise).
// what names the path in the error, like "the code folder".
func (r Roots) Resolve(what, path string) (string, error) {
	if !filepath.IsAbs(path) {
		return "", &outsideError{what: what, path: path}
	}
	// Refuse by the name first: whether something outside exists is no answer
	// that the control plane should get.
	real, err := filepath.EvalSymlinks(path)
	if r.Everywhere {
		if err != nil {
			return "", missing(what, path, err)
		}
		return real, nil
	}
	if err != nil {
		if !r.within(filepath.Clean(path)) {
			return "", &outsideError{what: what, path: path}
		}
		return "", missing(what, path, err)
	}
	if !r.within(real) {
		return "", &outsideError{what: what, path: path, resolved: real}
	}
	return real, nil
}

func missing(what, path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errs.Wrap(errs.NotFound, err, "%s %s does not exist", what, path)
	}
	if errors.Is(err, fs.ErrPermission) {
		return errs.Wrap(errs.Forbidden, err, "%s %s cannot be read by the agent's user", what, path)
	}
	return errs.Wrap(errs.Invalid, err, "%s %s cannot be read", what, path)
}

// within tells whether a resolved path is an allowed root or lies in one.
func (r Roots) within(real string) bool {
	for _, root := range r.Dirs {
		for _, dir := range []string{root, resolved(root)} {
			if real == dir || dir == "/" || strings.HasPrefix(real, strings.TrimSuffix(dir, "/")+string(os.PathSeparator)) {
				return true
			}
		}
	}
	return false
}

func resolved(root string) string {
	if real, err := filepath.EvalSymlinks(root); err == nil {
		return real
	}
	return root
}
