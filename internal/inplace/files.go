package inplace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"holdfast/internal/errs"
	"holdfast/internal/moodle"
)

// FilesOptions say which files come back where.
type FilesOptions struct {
	Options          // ID, Dir, Source, Allow, Clock, Log, Tell
	Root    string   // of the data copy: "code", "moodledata", …
	Paths   []string // files and folders, relative to the root, with slashes; "." is all
	Into    string   // a side folder that is empty or absent; or, with InPlace, the live root's folder
	InPlace bool     // put each file at its own place below Into; what it replaces is kept aside
}

// FilesReport is what Files did.
type FilesReport struct {
	Written  int64    `json:"written"`  // files and links
	Replaced int64    `json:"replaced"` // of them, those that took another's place
	Bytes    int64    `json:"bytes"`
	Aside    string   `json:"aside,omitempty"` // where the replaced ones lie until Settle
	Refused  []string `json:"refused"`         // paths that were not put in place, with the reason; at most 100
	Warnings []string `json:"warnings"`
}

// maxRefused is how many refused paths a report names.
const maxRefused = 100

// placing is what Files puts in place. Stage holds the copy's files before and
// what they replaced after, each at its own relative path.
type placing struct {
	Into    string      `json:"into"`
	Stage   string      `json:"stage"`
	InPlace bool        `json:"in_place"`
	Made    []string    `json:"made"` // folders that were not there
	Entries []*placed   `json:"entries"`
	Report  FilesReport `json:"report"`
}

// placed is one file or link, known by its inode.
type placed struct {
	Rel string `json:"rel"`
	Ino uint64 `json:"ino"`
}

// filer is one Files at work.
type filer struct {
	*work
	root string
	p    *placing
}

// Files brings single files and folders back. Nothing is ever written outside
// Into, whatever the copy holds and whatever is done to the folder meanwhile:
// every folder on the way is opened as one and never through a link. In place
// it is journaled: Recover puts a half-done one back, Undo a done one, and
// Settle removes what was kept aside. Errors: errs.NotFound (the copy has no
// such path), errs.Conflict (the side folder is not empty).
func Files(ctx context.Context, o FilesOptions) (FilesReport, error) {
	w := newWork(o.Options)
	var err error
	if w.j, err = openJournal(o.Dir, o.ID); err != nil {
		return FilesReport{}, err
	}
	defer w.j.close()
	if w.j.holds() {
		return FilesReport{}, errs.New(errs.Conflict, "The restore %s has been begun before (it is %s).", o.ID, w.j.State)
	}
	if len(o.Paths) == 0 {
		return FilesReport{}, errs.Field("paths", "name at least one file or folder")
	}
	f := &filer{work: w, root: o.Root, p: &placing{InPlace: o.InPlace, Report: FilesReport{Refused: []string{}, Warnings: []string{}}}}
	dir, lock := w.j.dir, w.j.lock
	*w.j = journal{dir: dir, lock: lock, Held: Held{ID: o.ID, Parts: Parts{}, Began: w.Clock.Now()}, Files: f.p}
	if err := f.aim(o.Into); err != nil {
		return FilesReport{}, err
	}
	if err := w.do("begin", func() error { return w.j.enter(StatePreparing) }); err != nil {
		return FilesReport{}, err
	}
	err = f.run(ctx, o.Paths)
	if err != nil {
		if e := w.filesBack(); e != nil {
			return f.p.Report, errs.Wrap(errs.Incomplete, errors.Join(err, e), "The files did not come back (%s), and what was done could not be taken back yet.", sentence(err))
		}
		return f.p.Report, err
	}
	return f.p.Report, nil
}

// aim finds where the files go and where they are put together.
func (f *filer) aim(into string) error {
	if !filepath.IsAbs(into) {
		return errs.Field("into", "%q must be an absolute path", into)
	}
	into = filepath.Clean(into)
	if f.p.InPlace {
		real, err := f.Allow("The folder", into)
		if err != nil {
			return err
		}
		f.p.Into = real
		holder := f.j.holder(real)
		if isMount(real) {
			holder = filepath.Join(real, ".holdfast-"+f.j.ID)
		}
		f.p.Stage = filepath.Join(holder, "files")
		return nil
	}
	parent, err := f.Allow("The folder", filepath.Dir(into))
	if err != nil {
		return err
	}
	f.p.Into = filepath.Join(parent, filepath.Base(into))
	if names, err := os.ReadDir(f.p.Into); err == nil && len(names) > 0 {
		return errs.New(errs.Conflict, "%s is not empty; name a folder that is empty or not there.", f.p.Into)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errs.Wrap(errs.Invalid, err, "%s is no folder that can be used.", f.p.Into)
	}
	f.p.Stage = filepath.Join(f.j.holder(f.p.Into), "files")
	return nil
}

func (f *filer) run(ctx context.Context, paths []string) error {
	if err := f.do("stage", func() error {
		if err := makeHolder(filepath.Dir(f.p.Stage)); err != nil {
			return err
		}
		return os.Mkdir(f.p.Stage, 0o700)
	}); err != nil {
		return fmt.Errorf("make the folder to put the files together in: %w", err)
	}
	f.began = f.Clock.Now()
	err := f.Source.Some(ctx, f.root, paths, f.p.Stage, func(done, total, _, _ int64) {
		f.tell(StepFiles, "Bringing the files back", done, total, "files")
	})
	if err != nil {
		return fmt.Errorf("bring the files back: %w", err)
	}
	if err := f.plan(ctx); err != nil {
		return err
	}
	if err := f.do("touch", func() error { return f.j.enter(StateSwitching) }); err != nil {
		return err
	}
	if f.p.InPlace {
		err = f.placeAll(ctx)
	} else {
		err = f.do("place", f.placeAside)
	}
	if err != nil {
		return err
	}
	if !f.p.InPlace {
		_ = os.Remove(filepath.Dir(f.p.Stage))
		return f.do("settled", func() error { return f.j.enter(StateSettled) })
	}
	f.p.Report.Aside = f.p.Stage
	return f.do("keep", func() error { return f.j.enter(StateKept) })
}

// plan looks at everything that came: what is no file, folder or link is not
// taken, links may not lead out, and set-user-id bits go.
func (f *filer) plan(ctx context.Context) error {
	return filepath.WalkDir(f.p.Stage, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == f.p.Stage {
			return err
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		rel, err := filepath.Rel(f.p.Stage, path)
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		if why := f.unfit(rel, path, fi); why != "" {
			f.refuse(rel, why)
			if d.IsDir() {
				return os.RemoveAll(path) //nolint:gosec // nobody else may enter the stage
			}
			return os.Remove(path) //nolint:gosec // as above
		}
		if err := dressOne(path, d, owner{}, owner{}); err != nil {
			return err
		}
		st, ok := fi.Sys().(*syscall.Stat_t)
		if !ok || d.IsDir() {
			return nil
		}
		f.p.Entries = append(f.p.Entries, &placed{Rel: rel, Ino: st.Ino})
		f.p.Report.Written++
		if fi.Mode().IsRegular() {
			f.p.Report.Bytes += fi.Size()
		}
		return nil
	})
}

// unfit says why an entry of the copy is not put in place, or nothing.
func (f *filer) unfit(rel, path string, fi fs.FileInfo) string {
	switch {
	case f.p.InPlace && f.root == moodle.RootCode && rel == "config.php":
		return "the site keeps its own config.php"
	case f.p.InPlace && f.root == moodle.RootData && rel == pageName:
		return "it would close the site"
	case fi.IsDir() || fi.Mode().IsRegular():
		return ""
	case fi.Mode()&os.ModeSymlink == 0:
		return "it is no file, folder or link"
	}
	target, err := os.Readlink(path)
	if err != nil || filepath.IsAbs(target) || !filepath.IsLocal(filepath.Join(filepath.Dir(rel), target)) {
		return "it is a link that leads out of the folder"
	}
	return ""
}

func (f *filer) refuse(rel, why string) {
	if len(f.p.Report.Refused) < maxRefused {
		f.p.Report.Refused = append(f.p.Report.Refused, strings.ToValidUTF8(rel, "?")+": "+why)
	}
}

// placeAside gives the put-together folder its name, in one rename.
func (f *filer) placeAside() error {
	parent, err := openPlain(filepath.Dir(f.p.Into))
	if err != nil {
		return err
	}
	defer parent.Close() //nolint:errcheck // errors came before
	like, err := parent.Stat()
	if err != nil {
		return err
	}
	mode := os.FileMode(0o750)
	if was, err := os.Lstat(f.p.Into); err == nil && was.IsDir() {
		like, mode = was, was.Mode()
	}
	if st, ok := like.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		if err := os.Lchown(f.p.Stage, int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	if err := os.Chmod(f.p.Stage, mode); err != nil {
		return err
	}
	if err := renameInto(f.p.Stage, parent, filepath.Base(f.p.Into)); err != nil {
		return errs.Wrap(errs.Conflict, err, "%s was filled meanwhile, or cannot be written.", f.p.Into)
	}
	return parent.Sync()
}

// placeAll puts every file at its own place.
func (f *filer) placeAll(ctx context.Context) error {
	live, err := openPlain(f.p.Into)
	if err != nil {
		return err
	}
	defer live.Close() //nolint:errcheck // errors came before
	stage, err := openPlain(f.p.Stage)
	if err != nil {
		return err
	}
	defer stage.Close() //nolint:errcheck // errors came before
	f.began = f.Clock.Now()
	refused := []*placed{}
	for i, e := range f.p.Entries {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		err := f.do("place "+e.Rel, func() error { return f.place(live, stage, e) })
		var no *unplaceable
		if errors.As(err, &no) {
			f.refuse(e.Rel, no.why)
			f.p.Report.Written--
			refused = append(refused, e)
			continue
		}
		if err != nil {
			return fmt.Errorf("put %s in place: %w", e.Rel, err)
		}
		f.tell(StepSwitch, "Putting the files in place", int64(i+1), int64(len(f.p.Entries)), "files")
	}
	f.p.Entries = slices.DeleteFunc(f.p.Entries, func(e *placed) bool { return slices.Contains(refused, e) })
	return nil
}

// unplaceable says why the live side does not take a file.
type unplaceable struct{ why string }

func (u *unplaceable) Error() string { return u.why }

// place exchanges one file for what is in its place, or puts it where nothing is.
func (f *filer) place(live, stage *os.File, e *placed) error {
	to, err := f.parentOf(live, stage, filepath.Dir(e.Rel), true)
	if err != nil {
		return err
	}
	defer to.Close() //nolint:errcheck // errors came before
	from, err := f.parentOf(stage, nil, filepath.Dir(e.Rel), false)
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // errors came before
	name := filepath.Base(e.Rel)
	switch ino, isDir, err := lookAt(to, name); {
	case err != nil:
		return err
	case isDir:
		return &unplaceable{"a folder of that name is in its place"}
	case ino == e.Ino:
		return nil
	case ino == 0:
		err = placeAt(int(from.Fd()), name, int(to.Fd()), name) //nolint:gosec // a file descriptor fits
		return errors.Join(err, to.Sync())
	}
	if err := exchangeAt(int(from.Fd()), name, int(to.Fd()), name); err != nil { //nolint:gosec // a file descriptor fits
		return err
	}
	f.p.Report.Replaced++
	return errors.Join(to.Sync(), from.Sync())
}

// parentOf opens a folder below another, each step as a folder and never
// through a link; with make, those that are not there are made like those of like.
func (f *filer) parentOf(top, like *os.File, rel string, mkdir bool) (*os.File, error) {
	at, err := openAt(top, ".", os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	if rel == "." {
		return at, nil
	}
	done := ""
	for name := range strings.SplitSeq(rel, "/") {
		done = filepath.Join(done, name)
		next, err := openAt(at, name, os.O_RDONLY|syscall.O_DIRECTORY, 0)
		if errors.Is(err, fs.ErrNotExist) && mkdir {
			next, err = f.makeDir(at, like, name, done)
		}
		_ = at.Close()
		if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENOTDIR) {
			return nil, &unplaceable{done + " is a link or a file there, and no folder"}
		}
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}
