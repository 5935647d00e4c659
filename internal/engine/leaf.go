package engine

import (
	"context"
	"encoding/json"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kopia/kopia/snapshot"
)

// The fast path for folders whose files are named by their content, like
// Moodle's filedir. A file in a leaf "ab/cd" is made whole elsewhere and then
// renamed into place, and never changed; so a leaf that has the same time, mode
// and owner as before holds what it held, and its entry of the previous
// snapshot is taken over: no listing, no look at its files, no read or write.
// Where a whole folder "ab" is as it was, its leaves cost one lstat each.
//
// What it does not see is a file that was overwritten in place, which Moodle
// never does and an intruder may. A run without Fast looks at every file and
// finds what has another size, time, mode or owner, and reads one in a hundred
// of the others anyway; a run without Previous reads all.

// settled is how much older than the previous snapshot the last change of a
// folder must be: within one tick of the file system's clock, which is up to
// 2 s, a folder can change after it was listed and bear the same time. A folder
// with a time in the future is for the same reason never taken over.
const settled = 3 * time.Second

// rereadPercent of the unchanged files are read in a run that is not fast.
const rereadPercent = 1

// looked is what one lstat of a folder tells.
type looked struct {
	isDir         bool
	mode          os.FileMode // permissions and set-id bits
	uid, gid      uint32
	mtime, ctime  int64 // ns since 1970
	changeIsKnown bool  // ctime is there
}

// holds tells whether a folder is as e has it. The time of its last change of
// any kind cannot be set by a user: it gives away a time that was set back.
func (p *prior) holds(l looked, e *snapshot.DirEntry) bool {
	if e == nil || !isTree(e) || !l.isDir || !l.changeIsKnown {
		return false
	}
	limit := p.start.Add(-settled).UnixNano()
	s := e.DirSummary
	return l.mtime == int64(e.ModTime) && l.mode == modeOf(e) && l.uid == e.UserID && l.gid == e.GroupID &&
		l.mtime <= limit && l.ctime <= limit &&
		s != nil && s.FatalErrorCount == 0 && s.IgnoredErrorCount == 0 && s.IncompleteReason == ""
}

// isHex tells whether s is n hexadecimal digits as Moodle writes them.
func isHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// contentNameLen is that of a SHA-1 in hexadecimal digits.
const contentNameLen = 40

// DirEntryOrNil gives the entry of the previous snapshot where the folder is
// certain to be as it was, and nil where it is to be looked into.
func (d *dirNode) DirEntryOrNil(ctx context.Context) (*snapshot.DirEntry, error) {
	if !d.b.fast || d.virtual || d.placed != nil || (d.kind != kindFirst && d.kind != kindLeaf) {
		return nil, nil //nolint:nilnil // Kopia's way to say that there is none
	}
	was := d.was(ctx)
	if was == nil || !was.p.holds(d.looked(), was.entry) {
		return nil, nil //nolint:nilnil // the same
	}
	if d.kind == kindFirst && !d.sameLeaves(ctx, was) {
		return nil, nil //nolint:nilnil // the same
	}
	if _, err := d.b.repository.VerifyObject(ctx, was.entry.ObjectID); err != nil {
		return nil, nil //nolint:nilnil,nilerr // its listing is lost, so it is written again
	}
	d.b.tree.took(was.entry.DirSummary)
	return was.entry, nil
}

// sameLeaves tells whether every leaf of a folder "ab" is as it was. That none
// came or went is told by the folder's own time.
func (d *dirNode) sameLeaves(ctx context.Context, was *earlier) bool {
	leaves, err := was.list(ctx)
	if err != nil {
		return false
	}
	f, err := d.b.open(d.rel)
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // read only
	for name, e := range leaves {
		if ctx.Err() != nil || !isHex(name, 2) {
			return false
		}
		l, err := lookAt(f, name)
		if err != nil || !was.p.holds(l, e) {
			return false
		}
		id, _, direct := e.ObjectID.ContentID()
		if !direct {
			return false
		}
		if _, err := d.b.repository.ContentInfo(ctx, id); err != nil {
			return false
		}
	}
	return true
}

func (d *dirNode) looked() looked {
	return looked{
		isDir: d.mode.IsDir(), mode: d.mode & modBits, uid: d.owner.UserID, gid: d.owner.GroupID,
		mtime: d.mtime.UnixNano(), ctime: d.ctime, changeIsKnown: d.ctime != 0,
	}
}

const modBits = os.ModePerm | os.ModeSetgid | os.ModeSetuid | os.ModeSticky

// was gives the folder as the previous snapshot has it, nil where it has none.
func (d *dirNode) was(ctx context.Context) *earlier {
	d.wasOnce.Do(func() {
		switch {
		case d.b.prior == nil:
		case d.up != nil:
			d.wasThen = d.up.was(ctx).dir(ctx, d.name)
		default:
			d.wasThen = d.b.prior.top.dir(ctx, d.name)
		}
	})
	return d.wasThen
}

// addressedKey names a content-addressed folder within a snapshot.
func addressedKey(at, root, folder string) string {
	return path.Join(at, root, folder)
}

// rules gives, in words that can be compared, what is left out within the
// content-addressed folder of b. A leaf of a snapshot that was made with others
// is not taken over.
func (b *branch) rules() string {
	var out []string
	for p := range b.skip {
		if rel, ok := below(b.addressed, p); ok {
			out = append(out, "skip "+rel)
		}
	}
	for dir, suffix := range b.spec.ExcludeSuffixIn {
		dir = path.Clean(dir)
		if rel, ok := below(b.addressed, dir); ok {
			out = append(out, "suffix "+suffix+" in "+rel)
		} else if _, above := below(dir, b.addressed); above {
			out = append(out, "suffix "+suffix+" in .")
		}
	}
	slices.Sort(out)
	text, err := json.Marshal(out)
	if err != nil {
		return "?"
	}
	return string(text)
}

// below gives p relative to folder, if it is there or below.
func below(folder, p string) (string, bool) {
	switch {
	case folder == p:
		return ".", true
	case folder == ".":
		return p, true
	}
	return strings.CutPrefix(p, folder+"/")
}
