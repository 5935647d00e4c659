package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"holdfast/internal/agent"
	"holdfast/internal/sitedb"
)

func localRestoreCommand() *cobra.Command {
	var f localFlags
	var ids []string
	var database, databasePassword string
	var t agent.Target
	var in inPlaceFlags
	c := &cobra.Command{
		Use:   "restore",
		Short: "Restore one copy to a folder, a file or a database, or a site in its own place",
		Example: `  holdfast-agent local restore --repo /backup/s1 --password-file pw --copy ID --to /srv/restored
  holdfast-agent local restore --repo /backup/s1 --password-file pw --copy ID --to-file dump.sql
  holdfast-agent local restore --repo /backup/s1 --password-file pw --copy ID --database 'mariadb://moodle@127.0.0.1:3306/moodle' --database-password-file dbpw
  holdfast-agent local restore --repo /backup/s1 --password-file pw --in-place /srv/s1/moodle --what everything`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			set := 0
			for _, name := range []string{"to", "to-file", "database", "in-place"} {
				if v := c.Flags().Lookup(name).Value.String(); v != "" {
					set++
				}
			}
			if set != 1 {
				return errors.New("give one of --to DIR, --to-file FILE, --database URL and --in-place DIR")
			}
			if in.site != "" {
				return in.run(c, &f, ids)
			}
			if err := in.unused(c); err != nil {
				return err
			}
			if len(ids) != 1 {
				return errors.New("give one --copy ID")
			}
			if database != "" {
				conn, err := sitedb.ParseURL(database)
				if err != nil {
					return err
				}
				if databasePassword != "" {
					if conn.Password, err = readPassword(databasePassword, c.ErrOrStderr()); err != nil {
						return err
					}
				}
				t.Database = &conn
			}
			return f.do(c, func(ctx context.Context, l agent.Local) error {
				r, err := l.Restore(ctx, ids[0], t)
				if err != nil {
					return err
				}
				if f.asJSON {
					return printJSON(c.OutOrStdout(), r)
				}
				return showRestored(c.OutOrStdout(), r)
			})
		},
	}
	c.Flags().StringArrayVar(&ids, "copy", nil, "id of the copy; with --in-place at most one of each kind, and the newest good one where there is none")
	c.Flags().StringVar(&t.Dir, "to", "", "folder for a data copy, absent or empty: becomes DIR/code, DIR/moodledata, DIR/root")
	c.Flags().StringVar(&t.File, "to-file", "", "file for a dump, as the database's client wrote it")
	c.Flags().StringVar(&database, "database", "", "empty database to load a dump into: mariadb://USER:PASSWORD@HOST:PORT/NAME?socket=PATH or postgres://…")
	c.Flags().StringVar(&databasePassword, "database-password-file", "", "file with the database's password, so that it need not stand in the URL")
	c.Flags().BoolVar(&t.Replace, "replace", false, "replace what the target holds")
	in.flags(c)
	f.repository(c)
	f.reader(c)
	f.common(c)
	return c
}

func showRestored(w io.Writer, r agent.RestoredCopy) error {
	var err error
	switch {
	case r.To != "":
		_, err = fmt.Fprintf(w, "Restored %s files (%s) to %s in %.1f s.\n", count(r.Files), size(r.Bytes), r.To, r.Seconds)
	case r.ToFile != "":
		_, err = fmt.Fprintf(w, "Wrote the dump (%s, sha256 %s) to %s in %.1f s.\n", size(r.Bytes), r.SHA256, r.ToFile, r.Seconds)
	default:
		_, err = fmt.Fprintf(w, "Loaded %d tables with %s rows into %s in %.1f s.\n", r.Tables, count(r.Rows), r.Database, r.Seconds)
	}
	return bad(err)
}
