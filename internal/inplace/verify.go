package inplace

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"holdfast/internal/errs"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
)

// verify looks at the site as it stands now, before cron may run: it can be
// read, has the tables that were loaded, and its files are there.
func (w *work) verify(ctx context.Context) error {
	in, err := moodle.Inspect(ctx, w.j.CodeDir, w.moodleOptions())
	if err != nil {
		return errs.Wrap(errs.Incomplete, err, "The restored site's config.php cannot be read.")
	}
	if in.DataRoot != w.j.DataRoot || in.DB.Name != w.in.DB.Name {
		return errs.New(errs.Incomplete, "The restored site's config.php names another moodledata or database than the site's.")
	}
	w.in = in
	w.j.Note.CodeVersion = in.Version
	if w.conn.Name == "" {
		return nil
	}
	if w.j.DB != nil {
		names, err := sitedb.Names(ctx, w.conn)
		if err != nil {
			return fmt.Errorf("list the site's tables: %w", err)
		}
		if len(names) != w.j.Note.Tables {
			return errs.New(errs.Incomplete, "The site has %d tables after the switch, and %d were loaded.", len(names), w.j.Note.Tables)
		}
	}
	if err := w.agree(ctx); err != nil {
		return err
	}
	return w.askWaiting(ctx)
}

// agree compares the files table with filedir. Files that are missing are told
// and do not undo the restore, for the site may have lacked them when the copy
// was taken; a filedir that has none of them is the wrong one.
func (w *work) agree(ctx context.Context) error {
	a, err := moodle.Agree(ctx, w.in.FileDir, w.in.TrashDir, sitedb.FileRows(ctx, w.conn), false)
	if err != nil {
		return fmt.Errorf("compare the files table with filedir: %w", err)
	}
	out := Agreement{Contents: a.Hashes, Missing: a.MissingCount, BadSize: a.SizeCount, Good: a.Good(), Orphans: a.OrphanCount, InTrash: a.InTrashCount, External: a.ExternalCount}
	if w.j.Note.Agreement != nil {
		out.Healed = w.j.Note.Agreement.Healed
	}
	w.j.Note.Agreement = &out
	if a.Hashes > 0 && a.MissingCount == a.Hashes {
		return errs.New(errs.Incomplete, "None of the %d files that the database names is in the site's filedir.", a.Hashes)
	}
	if !out.Good {
		w.warn("%d of %d files that the database names are missing or of another length.", a.MissingCount+a.SizeCount, a.Hashes)
	}
	return nil
}

// askWaiting warns of what cron will do again.
func (w *work) askWaiting(ctx context.Context) error {
	if w.j.DB == nil {
		return nil
	}
	v, err := sitedb.AskWaiting(ctx, w.conn)
	if err != nil {
		return err
	}
	if v.AdhocTasks > 0 {
		w.warn("%d tasks that were waiting when the copy was taken will run again once cron runs.", v.AdhocTasks)
	}
	if v.ForumPosts > 0 {
		w.warn("%d forum posts were not yet mailed when the copy was taken; Moodle will mail those of the last two days again.", v.ForumPosts)
	}
	return nil
}

// codeVersion reads $version of a code tree.
func codeVersion(dir string) (string, error) {
	v, err := moodle.ReadVersion(filepath.Join(dir, "public", "version.php"))
	if err != nil {
		v, err = moodle.ReadVersion(filepath.Join(dir, "version.php"))
	}
	return v.Version, err
}

// compareVersions compares two of Moodle's versions, like "2024100706.00",
// with trailing zeros or without.
func compareVersions(a, b string) int {
	norm := func(s string) (float64, bool) {
		f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		return f, err == nil
	}
	x, okX := norm(a)
	y, okY := norm(b)
	switch {
	case !okX || !okY:
		return strings.Compare(a, b)
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}
