package inplace

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
)

// defaultGrace is how long requests may take to end once the page is up.
const defaultGrace = 10 * time.Second

// backTime limits the way back, which no caller's context ends.
const backTime = 2 * time.Hour

// work is one restore at work.
type work struct {
	Options
	j    *journal
	in   moodle.Install
	conn sitedb.Conn // of the site's own database

	began    time.Time // of the present step
	closedAt time.Time
}

func newWork(o Options) *work {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	if o.Allow == nil {
		o.Allow = func(_, path string) (string, error) { return path, nil }
	}
	if o.Tell == nil {
		o.Tell = func(Step) {}
	}
	return &work{Options: o}
}

func (w *work) moodleOptions() moodle.Options {
	return moodle.Options{PHP: w.PHP, Env: w.Env, Override: w.Override}
}

// inspect reads the live site, every path held against what is allowed before
// and after.
func (w *work) inspect(ctx context.Context, codeDir string) error {
	code, err := w.Allow("The code folder", codeDir)
	if err != nil {
		return err
	}
	top, _, err := moodle.Detect(code)
	if err != nil {
		return fmt.Errorf("looking for Moodle: %w", err)
	}
	if _, err := w.Allow("The code folder", top); err != nil {
		return err
	}
	if _, err := w.Allow("The file", filepath.Join(top, "config.php")); err != nil {
		return err
	}
	if w.in, err = moodle.Inspect(ctx, top, w.moodleOptions()); err != nil {
		return fmt.Errorf("inspecting the site: %w", err)
	}
	if w.conn, err = sitedb.FromMoodle(w.in.DB); err != nil && w.Parts.Database {
		return fmt.Errorf("reading the database's address: %w", err)
	}
	return nil
}

// trees says which folders are exchanged: of a data copy all roots but the
// account's other files.
func (w *work) trees() ([]*tree, error) {
	if !w.Parts.Code && !w.Parts.Data {
		return nil, nil
	}
	plan, err := w.in.Plan("")
	if gone, _ := inode(w.in.DataRoot); gone == 0 && w.Parts.Data {
		// moodledata itself is lost, which is what a restore is for.
		plan, err = moodle.Plan{Roots: []moodle.PlanRoot{{Name: moodle.RootCode, Path: w.in.CodeDir}, {Name: moodle.RootData, Path: w.in.DataRoot}}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("planning the restore: %w", err)
	}
	var out []*tree
	for _, r := range plan.Roots {
		if r.Name == moodle.RootCode && !w.Parts.Code || r.Name != moodle.RootCode && !w.Parts.Data {
			continue
		}
		real, err := w.Allow("The site's "+r.Name+" folder", r.Path)
		if errs.Is(err, errs.NotFound) {
			if real, err = w.Allow("The folder of the site's "+r.Name, filepath.Dir(r.Path)); err == nil {
				real = filepath.Join(real, filepath.Base(r.Path))
			}
		}
		if err != nil {
			return nil, err
		}
		t := &tree{Name: r.Name, Live: real, Beside: filepath.Join(w.j.holder(real), r.Name), Inside: isMount(real)}
		if t.OldIno, err = inode(real); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// copyRoots are the roots that the data copy has.
func (w *work) copyRoots() []string {
	if len(w.Expect.Roots) == 0 {
		return []string{moodle.RootCode, moodle.RootData}
	}
	return w.Expect.Roots
}

// sizes gives what comes back of each tree, by its root's name, and whether
// that is known apart. Else the copy's sum stands for the first tree.
func (w *work) sizes() (map[string]Size, bool) {
	out, known := map[string]Size{}, len(w.Expect.Sizes) > 0
	for i, t := range w.j.Trees {
		switch {
		case known:
			out[t.Name] = w.Expect.Sizes[t.Name]
		case i == 0:
			out[t.Name] = Size{w.Expect.Files, w.Expect.Bytes}
		}
	}
	return out, known
}

// treeOf gives the tree of a root, nil if it is not exchanged.
func (j *journal) treeOf(name string) *tree {
	if i := slices.IndexFunc(j.Trees, func(t *tree) bool { return t.Name == name }); i >= 0 {
		return j.Trees[i]
	}
	return nil
}

// tell tells where the present step is, with an estimate of what is left.
func (w *work) tell(name, words string, done, total int64, of string) {
	s := Step{Name: name, Words: words, Done: done, Total: total}
	if total > 0 {
		first := of
		if of != "bytes" {
			first = ""
		}
		s.Words += fmt.Sprintf(": %s of %s", amount(done, first), amount(total, of))
		spent := w.Clock.Now().Sub(w.began)
		if spent > 3*time.Second && done > 0 && done < total {
			s.Left = time.Duration(float64(spent) * float64(total-done) / float64(done))
			s.Words += ", " + about(s.Left) + " left"
		}
	}
	w.Tell(s)
}

func amount(n int64, of string) string {
	if of != "bytes" {
		return strings.TrimSpace(grouped(n) + " " + of)
	}
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func about(d time.Duration) string {
	switch m := int(d.Round(time.Minute) / time.Minute); {
	case d < 50*time.Second:
		return "less than a minute"
	case m < 2:
		return "about a minute"
	case m < 90:
		return fmt.Sprintf("about %d minutes", m)
	default:
		return fmt.Sprintf("about %d hours", (m+30)/60)
	}
}

// step does one step, and notes it with its time.
func (w *work) step(ctx context.Context, name, words string, do func(ctx context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	w.began = w.Clock.Now()
	w.Tell(Step{Name: name, Words: words})
	w.Log.Info("restore in place", "restore", w.j.ID, "step", name)
	err := do(ctx)
	taken := StepTaken{Name: name, Words: words, Seconds: seconds(w.Clock.Now().Sub(w.began)), Outcome: Pass}
	if err != nil {
		taken.Outcome = Fail
		taken.Words = words + ": " + sentence(err)
	}
	w.j.Note.Steps = append(w.j.Note.Steps, taken)
	return err
}

// sentence is what may be shown of an error.
func sentence(err error) string {
	if errs.KindOf(err) == errs.Other {
		return "it failed; the cause is in the host's log"
	}
	return errs.Sentence(err)
}

// do does one thing that changes something. Tests come in between.
func (w *work) do(point string, f func() error) error {
	if w.at != nil {
		if err := w.at(point + "<"); err != nil {
			return err
		}
	}
	if err := f(); err != nil {
		return err
	}
	if w.at != nil {
		return w.at(point + ">")
	}
	return nil
}

func (w *work) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(w.j.Note.Warnings, text) {
		w.j.Note.Warnings = append(w.j.Note.Warnings, text)
	}
}

// fileCopy copies a file's bytes into a new one.
func fileCopy(from io.Reader, to string, mode os.FileMode) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	if e := f.Sync(); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
