package inplace

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/sitedb"
)

// pageName is the file that makes Moodle answer 503 before it looks at
// anything else.
const pageName = "climaintenance.html"

// templateName is the site's own text for it, which an administrator may place.
const templateName = "climaintenance.template.html"

const maxPage = 1 << 20

const defaultPage = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><title>We will be back soon</title></head>
<body><h1>We will be back soon</h1><p>This site is being restored. Nothing needs to be done; please come back in a little while.</p></body></html>
`

// page is what a site's maintenance page was before we closed it.
type page struct {
	Was   bool   `json:"was"` // the site was closed already
	Text  []byte `json:"text,omitempty"`
	UID   int    `json:"uid"`
	GID   int    `json:"gid"`
	Mode  uint32 `json:"mode"`
	MTime int64  `json:"mtime"` // Unix nanoseconds
	Dir   int64  `json:"dir"`   // the folder's own mtime
}

// readPage notes how closed the site is now. A link or anything else that is
// no file counts as none.
func readPage(dataRoot string) (*page, error) {
	root, err := os.OpenRoot(dataRoot)
	if err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "moodledata, %s, cannot be entered.", dataRoot)
	}
	defer root.Close() //nolint:errcheck // read only
	p := &page{Mode: 0o644}
	if fi, err := root.Stat("."); err == nil {
		p.Dir = fi.ModTime().UnixNano()
		if st, ok := fi.Sys().(*syscall.Stat_t); ok {
			p.UID, p.GID = int(st.Uid), int(st.Gid)
		}
	}
	text, fi, err := readIn(root, pageName)
	if err != nil || fi == nil {
		return p, err
	}
	p.Was, p.Text, p.Mode, p.MTime = true, text, uint32(fi.Mode().Perm()), fi.ModTime().UnixNano()
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		p.UID, p.GID = int(st.Uid), int(st.Gid)
	}
	return p, nil
}

// readIn reads a small file of a folder, and never through a link.
func readIn(root *os.Root, name string) ([]byte, fs.FileInfo, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, nil //nolint:nilerr // it is not there, or is nothing that can be read
	}
	defer f.Close() //nolint:errcheck // read only
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() {
		return nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPage))
	return text, fi, err
}

// shut puts the maintenance page into a moodledata, whole at once and never
// through a link that lies in its place.
func shut(dataRoot string, p *page) error {
	root, err := os.OpenRoot(dataRoot)
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "moodledata, %s, cannot be entered.", dataRoot)
	}
	defer root.Close() //nolint:errcheck // errors came before
	text := p.Text
	if !p.Was {
		text, _, _ = readIn(root, templateName)
	}
	if len(text) == 0 {
		text = []byte(defaultPage)
	}
	if err := writePage(root, text, p); err != nil {
		return errs.Wrap(errs.Unavailable, err, "The maintenance page cannot be written into %s.", dataRoot)
	}
	return nil
}

func writePage(root *os.Root, text []byte, p *page) error {
	const tmp = ".holdfast-page"
	if err := root.RemoveAll(tmp); err != nil {
		return err
	}
	f, err := root.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil && os.Geteuid() == 0 {
		err = f.Chown(p.UID, p.GID)
	}
	if err = errors.Join(err, f.Chmod(os.FileMode(p.Mode)), f.Sync(), f.Close()); err != nil {
		return err
	}
	if fi, err := root.Lstat(pageName); err == nil && fi.IsDir() {
		if err := root.RemoveAll(pageName); err != nil {
			return err
		}
	}
	if err := root.Rename(tmp, pageName); err != nil {
		return err
	}
	return syncRoot(root)
}

// reopen makes a moodledata as closed or open as it was before us.
func reopen(dataRoot string, p *page) error {
	if p == nil {
		return nil
	}
	root, err := os.OpenRoot(dataRoot)
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "moodledata, %s, cannot be entered.", dataRoot)
	}
	defer root.Close() //nolint:errcheck // errors came before
	if err := root.RemoveAll(".holdfast-page"); err != nil {
		return err
	}
	if p.Was {
		if err := writePage(root, p.Text, p); err != nil {
			return errs.Wrap(errs.Unavailable, err, "The maintenance page cannot be written into %s.", dataRoot)
		}
		at := time.Unix(0, p.MTime)
		return root.Chtimes(pageName, at, at)
	}
	return unlock(root)
}

// unlock removes the maintenance page.
func unlock(root *os.Root) error {
	if err := root.Remove(pageName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errs.Wrap(errs.Unavailable, err, "The maintenance page cannot be removed; delete %s in moodledata by hand.", pageName)
	}
	return syncRoot(root)
}

func syncRoot(root *os.Root) error {
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// quiet waits until what the site had at work ends, no longer than grace, and
// then ends its database sessions.
func quiet(ctx context.Context, c sitedb.Conn, grace time.Duration) error {
	wait, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	for {
		n, err := sitedb.Sessions(ctx, c)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		select {
		case <-wait.Done():
			n = 0
		case <-time.After(200 * time.Millisecond):
		}
		if n == 0 {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	return sitedb.Disconnect(ctx, c)
}

// isMount tells whether something is mounted at a path: it is on another file
// system than its parent, or the kernel says so (a bind mount).
func isMount(path string) bool {
	var a, b syscall.Stat_t
	if syscall.Stat(path, &a) != nil || syscall.Stat(filepath.Dir(path), &b) != nil {
		return false
	}
	return a.Dev != b.Dev || slices.Contains(mountPoints(), path)
}
