package sitedb

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"holdfast/internal/errs"
	"holdfast/internal/moodle"
)

// FileRows gives the contents that the site's files table speaks of, one row
// per contenthash, empty files left out. Contents that an
// object store holds alone are marked.
func FileRows(ctx context.Context, c Conn) iter.Seq2[moodle.FileRow, error] {
	return func(yield func(moodle.FileRow, error) bool) {
		if err := eachFileRow(ctx, c, func(r moodle.FileRow) bool { return yield(r, nil) }); err != nil {
			yield(moodle.FileRow{}, err)
		}
	}
}

func eachFileRow(ctx context.Context, c Conn, give func(moodle.FileRow) bool) error {
	db, inv, err := survey(ctx, c)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // read only
	has := func(table string) bool { _, ok := slices.BinarySearch(inv.tables, c.Prefix+table); return ok }
	if !has("files") {
		return errs.New(errs.NotFound, "The database %s has no table %sfiles; is the prefix right?", c.Name, c.Prefix)
	}
	external, join := "0", ""
	if has("tool_objectfs_objects") {
		external = "MAX(CASE WHEN o.location = 2 THEN 1 ELSE 0 END)"
		join = " LEFT JOIN " + c.Flavour.quote(c.Prefix+"tool_objectfs_objects") + " o ON o.contenthash = f.contenthash"
	}
	//nolint:gosec // the one name is quoted
	rows, err := db.QueryContext(ctx, "SELECT f.contenthash, MAX(f.filesize), MIN(f.filesize), COUNT(*), "+
		"SUM(CASE WHEN f.referencefileid IS NULL THEN 0 ELSE 1 END), "+external+
		" FROM "+c.Flavour.quote(c.Prefix+"files")+" f"+join+" WHERE f.filesize > 0 GROUP BY f.contenthash ORDER BY f.contenthash")
	if err != nil {
		return fmt.Errorf("read the files table: %w", err)
	}
	defer rows.Close() //nolint:errcheck // its error is asked for below
	for rows.Next() {
		var r moodle.FileRow
		var ext int
		if err := rows.Scan(&r.ContentHash, &r.Size, &r.MinSize, &r.Rows, &r.References, &ext); err != nil {
			return fmt.Errorf("read the files table: %w", err)
		}
		if r.External = ext == 1; !give(r) {
			return nil
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the files table: %w", err)
	}
	return nil
}
