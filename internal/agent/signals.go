package agent

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"holdfast/internal/agentproto"
	"holdfast/internal/engine"
	"holdfast/internal/moodle"
	"holdfast/internal/reference"
)

// Bounds of what a data run remembers to tell.
const (
	maxSignalExamples = 50
	maxChangedPHP     = 50_000
)

// watching hears of each file that a data run looks at, from several
// goroutines at once.
type watching struct {
	mu      sync.Mutex
	files   int64
	changed int64
	paths   []string // of the changed ones, below the code folder
}

// saw is engine.TreeOptions.Watch.
func (w *watching) saw(root, rel string, changed bool) {
	if root != moodle.RootCode || !strings.HasSuffix(rel, ".php") {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files++
	if !changed {
		return
	}
	w.changed++
	if len(w.paths) < maxChangedPHP {
		w.paths = append(w.paths, rel)
	}
}

// signals gives what a data run saw that could mean damage or an attack. The
// error is ctx's alone.
func (w Work) signals(ctx context.Context, s site, snap engine.Snapshot, seen *watching, first bool) (*agentproto.Signals, error) {
	out := &agentproto.Signals{Reading: w.Reading, First: first, PHPFiles: seen.files, PHPChanged: seen.changed, Examples: []string{}}
	strange, err := strangePHP(ctx, s.install.CodeDir, seen.paths)
	if err != nil {
		return nil, err
	}
	out.PHPStrange = int64(len(strange))
	var bad, foreign, gone []string
	if c := snap.Content; c != nil {
		out.Checked, out.Mismatched, out.Contents, out.New, out.Gone, out.Foreign = c.Checked, c.Mismatched, c.Contents, c.New, c.Gone, c.Foreign
		cut := int(min(c.Mismatched, int64(len(c.Examples))))
		bad, foreign = c.Examples[:cut], c.Examples[cut:]
		if gone, err = w.untrashed(ctx, s, c.GoneNames); err != nil {
			return nil, err
		}
		out.GoneUntrashed = int64(len(gone))
	}
	for _, list := range [][]string{bad, strange, gone, foreign} {
		for _, path := range list {
			if len(out.Examples) < maxSignalExamples {
				out.Examples = append(out.Examples, clip(path, 1000))
			}
		}
	}
	return out, nil
}

// untrashed gives those of the contents that are gone which are not in trashdir,
// as paths.
func (w Work) untrashed(ctx context.Context, s site, names []string) ([]string, error) {
	trash, err := w.dirOrNone("The site's trashdir", s.install.TrashDir)
	if err != nil {
		trash = ""
	}
	var out []string
	for _, name := range names {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		h, ok := reference.ParseHash(name)
		if !ok {
			continue
		}
		if trash != "" {
			if _, err := os.Lstat(filepath.Join(trash, h.Path())); err == nil {
				continue
			}
		}
		out = append(out, "filedir/"+h.Path())
	}
	return out, nil
}

// phpHead is how much of a file is read to find PHP in it.
const phpHead = 256 << 10

// strangePHP gives those of the files below code that hold bytes, and no PHP.
func strangePHP(ctx context.Context, code string, paths []string) ([]string, error) {
	root, err := os.OpenRoot(code)
	if err != nil {
		return nil, nil //nolint:nilerr // the copy is stored; there is nothing to look at any more
	}
	defer root.Close() //nolint:errcheck // read only
	var out []string
	buf := make([]byte, phpHead)
	for _, rel := range paths {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		f, err := root.OpenFile(rel, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
		if err != nil {
			continue
		}
		n := 0
		if fi, err := f.Stat(); err == nil && fi.Mode().IsRegular() {
			n, _ = io.ReadFull(f, buf)
		}
		_ = f.Close()
		if n > 0 && !bytes.Contains(buf[:n], []byte("<?")) {
			out = append(out, moodle.RootCode+"/"+rel)
		}
	}
	return out, nil
}
