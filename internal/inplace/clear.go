package inplace

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"holdfast/internal/errs"
	"holdfast/internal/moodle"
)

// cleared are the folders of moodledata that speak of the database as it was:
// localcache/bootstrap.php alone, keyed by credentials that stay the same,
// makes a restored site wrong. Moodle makes all of them anew.
var cleared = []string{"cache", "localcache", "temp", "sessions"}

// clearing is one such folder, which is laid aside and comes back on the way
// back.
type clearing struct {
	Path  string `json:"path"`
	Aside string `json:"aside"`
	Had   bool   `json:"had"`
	Again bool   `json:"again"`           // it must be there, empty: config.php names it
	Empty string `json:"empty,omitempty"` // a mount, or where a link leads, is emptied and not laid aside
	Done  bool   `json:"done"`            // Had is known, and it may lie aside
}

// shared are folders that are never emptied, whatever config.php says.
var shared = []string{"/", "/tmp", "/var/tmp", "/dev/shm", "/run", "/var/cache", "/var/lib", "/home", "/var/www", "/srv", "/mnt"}

// planClears says which folders are laid aside: none of a moodledata that is
// exchanged whole, for no copy holds them.
func (w *work) planClears() {
	holder := w.j.holder(w.j.DataRoot)
	if w.j.treeOf(moodle.RootData) == nil {
		for _, name := range cleared {
			w.j.Clears = append(w.j.Clears, &clearing{Path: filepath.Join(w.j.DataRoot, name), Aside: filepath.Join(holder, "cleared-"+name)})
		}
	}
	for _, key := range []string{"cachedir", "localcachedir", "tempdir"} {
		path := w.in.Moved[key]
		known := slices.ContainsFunc(w.j.Clears, func(c *clearing) bool { return c.Path == path })
		if path == "" || known || slices.Contains(shared, path) {
			continue
		}
		if real, err := w.Allow("The site's "+key+" folder", path); err != nil || real != path {
			w.warn("%s, where config.php puts %s, is not emptied by us; Moodle's own purge must do.", path, key)
			continue
		}
		w.j.Clears = append(w.j.Clears, &clearing{Path: path, Aside: filepath.Join(w.j.holder(path), "cleared-"+key), Again: true})
	}
}

// clearAll lays the caches aside.
func (w *work) clearAll(_ context.Context) error {
	for _, c := range w.j.Clears {
		if err := w.do("clear "+filepath.Base(c.Path), func() error { return w.clearOne(c) }); err != nil {
			return errs.Wrap(errs.Unavailable, err, "%s cannot be emptied.", c.Path)
		}
	}
	return nil
}

func (w *work) clearOne(c *clearing) error {
	fi, err := os.Lstat(c.Path)
	if errors.Is(err, fs.ErrNotExist) {
		fi, err = nil, nil
	}
	if err != nil {
		return err
	}
	if fi != nil && (!fi.IsDir() || isMount(c.Path)) {
		return w.emptyFor(c)
	}
	c.Had, c.Done = fi != nil, true
	if err := w.j.save(); err != nil || !c.Had {
		return err
	}
	if err := makeHolder(filepath.Dir(c.Aside)); err != nil {
		return err
	}
	if err := os.Rename(c.Path, c.Aside); err != nil {
		return err
	}
	if c.Again {
		return mkdirLike(c.Path, fi)
	}
	return syncDir(filepath.Dir(c.Path))
}

// emptyFor empties a mount, or the folder that a link leads to, if we may.
func (w *work) emptyFor(c *clearing) error {
	real, err := filepath.EvalSymlinks(c.Path)
	if err == nil {
		real, err = w.Allow("The site's folder", real)
	}
	if fi, e := os.Stat(real); err != nil || e != nil || !fi.IsDir() || slices.Contains(shared, real) {
		w.warn("%s is not emptied by us; Moodle's own purge must do.", c.Path)
		return nil
	}
	c.Empty, c.Done = real, true
	if err := w.j.save(); err != nil {
		return err
	}
	return emptyOut(real)
}

// emptyOut removes what is in a folder, and follows no link in it.
func emptyOut(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // errors came before
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := root.RemoveAll(n.Name()); err != nil {
			return err
		}
	}
	return nil
}

func mkdirLike(path string, fi fs.FileInfo) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		if err := os.Lchown(path, int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	return os.Chmod(path, fi.Mode())
}

// unclear brings a folder back; what was made in its place since speaks of the
// new database and goes.
func (c *clearing) unclear() error {
	if !c.Done {
		return nil
	}
	if c.Empty != "" {
		return emptyOut(c.Empty) // Moodle makes anew what was in it
	}
	if c.Had {
		if _, err := os.Lstat(c.Aside); errors.Is(err, fs.ErrNotExist) {
			return nil // it is back already, or was never moved
		}
	}
	if err := os.RemoveAll(c.Path); err != nil {
		return err
	}
	if c.Had {
		if err := os.Rename(c.Aside, c.Path); err != nil {
			return err
		}
	}
	return syncDir(filepath.Dir(c.Path))
}
