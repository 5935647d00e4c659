package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/engine"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/api"
	"holdfast/internal/id"
	"holdfast/internal/sitedb"
	"holdfast/internal/vault"
)

func newCopies(s *settings) *cobra.Command {
	list := leaf("list SITE", "List a site's copies", "holdfast copies list learn.school.example --json", 1, nil)
	asJSON := jsonFlag(list)
	list.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error { return listCopies(ctx, c, a, args[0], *asJSON) })
	}
	verify := leaf("verify COPY", "Have the keeper read every byte of a copy", "holdfast copies verify 0190b3a0-7c1e-7d2a-9c3b-0123456789ab", 1,
		func(c *cobra.Command, args []string) error {
			of, err := id.Parse[id.Copy](args[0])
			if err != nil {
				return errs.Field("copy", "%v", err)
			}
			return console(c, s, func(ctx context.Context, a *app.App) error { return a.VerifyCopy(ctx, authz.Console(), of) })
		})
	return listing(group("copies", "The catalog", list, newCopiesAudit(s), verify, newFetch(s), newUnseal(s),
		newProtect(s), newUnprotect(s), newPin(s), newUnpin(s), newHold(s), newRelease(s), newTakeBack(s)), list)
}

func listCopies(ctx context.Context, c *cobra.Command, a *app.App, site string, asJSON bool) error {
	v, err := a.ViewSite(ctx, authz.Console(), site)
	if err != nil {
		return err
	}
	out, cells := api.CopiesOf(v), [][]string{{"COPY", "KIND", "STATE", "TAKEN", "BYTES", "STORED", "VERIFIED", "NAMED FILES", "SERVED", "STAYS BECAUSE"}}
	if asJSON {
		return printJSON(c.OutOrStdout(), out)
	}
	for _, r := range out {
		verified := "not yet"
		if r.VerifiedAt != nil {
			verified = r.VerifiedAt.Format(time.RFC3339)
		}
		cells = append(cells, []string{
			r.Copy, r.Kind, r.State, r.TakenAt.Format(time.RFC3339), fmt.Sprint(r.Bytes), fmt.Sprint(r.StoredBytes), verified, namedFiles(r.Named), slots(r.Served, "nothing"), staysBecause(r),
		})
	}
	return table(c.OutOrStdout(), cells)
}

// namedFiles says how much of what a database copy names comes back.
func namedFiles(n *api.Named) string {
	switch {
	case n == nil:
		return "-"
	case n.Best == nil:
		return "no data copy"
	case n.Best.MeasuredAt == nil:
		return "not measured yet"
	}
	said := fmt.Sprintf("%d of %d", n.Best.Present, n.Best.Contents)
	if n.MissingAtSource > 0 {
		said += fmt.Sprintf(", %d missing at the source", n.MissingAtSource)
	}
	return said
}

// newFetch brings a copy back on this machine, from the storage itself.
func newFetch(s *settings) *cobra.Command {
	var dir, file, database string
	var replace, sealed bool
	c := leaf("fetch COPY", "Bring a copy back to a folder, a file or a database",
		"holdfast copies fetch 0190b3a0-7c1e-7d2a-9c3b-0123456789ab --to /srv/restore\nholdfast copies fetch 0190b3a0-7c1e-7d2a-9c3b-0123456789ac --database mariadb://user@127.0.0.1/empty", 1, nil)
	asJSON := jsonFlag(c)
	c.Flags().StringVar(&dir, "to", "", "empty folder, for a data copy")
	c.Flags().StringVar(&file, "to-file", "", "new file, for a dump")
	c.Flags().StringVar(&database, "database", "", "empty database, for a dump: mariadb://… or postgres://…")
	c.Flags().BoolVar(&replace, "replace", false, "replace what the database holds")
	c.Flags().BoolVar(&sealed, "from-sealed-file", false, "read the plain sealed file instead of the repository")
	c.RunE = func(c *cobra.Command, args []string) error {
		of, err := id.Parse[id.Copy](args[0])
		if err != nil {
			return errs.Field("copy", "%v", err)
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			f, err := openFetch(ctx, a, of, sealed)
			if err != nil {
				return err
			}
			defer func() { _ = a.CloseCopy(context.WithoutCancel(ctx), authz.Console(), f.access) }() // it ends by itself in a day
			var got fetched
			switch {
			case f.access.Kind == backup.Data && dir != "" && file == "" && database == "":
				got, err = f.tree(ctx, dir)
			case f.access.Kind == backup.Database && file != "" && dir == "" && database == "":
				got, err = f.toFile(ctx, file)
			case f.access.Kind == backup.Database && database != "" && dir == "" && file == "":
				got, err = f.toDatabase(ctx, database, replace)
			default:
				return usageError{fmt.Errorf("a %s copy goes to %s; see: %s --help", f.access.Kind, map[backup.Kind]string{
					backup.Data: "--to FOLDER", backup.Database: "--to-file FILE or --database URL",
				}[f.access.Kind], c.CommandPath())}
			}
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), got)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Brought back %d files, %d bytes of %s.\n", got.Files, got.Bytes, f.access.SiteName)
			return err
		})
	}
	return c
}

type fetched struct {
	Copy   string `json:"copy"`
	Files  int64  `json:"files"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256,omitempty"`
}

type fetch struct {
	access  app.CopyAccess
	backend vault.Backend
	sealed  bool
}

func openFetch(ctx context.Context, a *app.App, of id.Copy, sealed bool) (fetch, error) {
	f := fetch{sealed: sealed}
	var err error
	if f.access, err = a.OpenCopy(ctx, authz.Console(), of); err != nil {
		return f, err
	}
	if f.access.Copy.State == catalog.Damaged || f.access.Copy.State == catalog.Gone {
		return f, errs.New(errs.Conflict, "This copy is %s; choose another from: holdfast copies list %s", f.access.Copy.State, f.access.SiteName)
	}
	if sealed && f.access.Copy.SealedName == "" {
		return f, errs.New(errs.NotFound, "This copy has no plain sealed file; only each month's first good database copy has.")
	}
	list, err := a.Destinations(ctx)
	if err != nil {
		return f, err
	}
	for _, d := range list {
		if d.ID == f.access.Destination {
			return f, json.Unmarshal(d.Backend, &f.backend)
		}
	}
	return f, errs.New(errs.NotFound, "The copy's destination is gone.")
}

func (f fetch) repository(ctx context.Context) (*engine.Repository, error) {
	return engine.Open(ctx, engine.Location{Backend: &f.backend, Repository: f.access.Repository}, f.access.Password)
}

func (f fetch) tree(ctx context.Context, dir string) (fetched, error) {
	repo, err := f.repository(ctx)
	if err != nil {
		return fetched{}, err
	}
	got, err := repo.RestoreTree(ctx, f.access.Copy.Snapshot, dir, engine.RestoreOptions{})
	return fetched{Copy: f.access.Copy.ID.String(), Files: got.Files, Bytes: got.Bytes}, errors.Join(err, repo.Close(ctx))
}

// stream writes the dump to w and holds it against its checksum.
func (f fetch) stream(ctx context.Context, w io.Writer) (fetched, error) {
	sum := sha256.New()
	n := &counting{w: io.MultiWriter(w, sum)}
	var err error
	if f.sealed {
		err = engine.ReadSealed(ctx, f.backend, f.access.Copy.SealedName, f.access.SealKey, n)
	} else {
		var repo *engine.Repository
		if repo, err = f.repository(ctx); err == nil {
			_, err = repo.ReadStream(ctx, f.access.Copy.Snapshot, n)
			err = errors.Join(err, repo.Close(ctx))
		}
	}
	got := fetched{Copy: f.access.Copy.ID.String(), Files: 1, Bytes: n.n, SHA256: hex.EncodeToString(sum.Sum(nil))}
	if err == nil && got.SHA256 != f.access.Copy.Sha256 {
		err = errs.New(errs.Incomplete, "What came back is not what was taken: its checksum differs.")
	}
	return got, err
}

type counting struct {
	w io.Writer
	n int64
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func (f fetch) toFile(ctx context.Context, path string) (fetched, error) {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	if errors.Is(err, os.ErrExist) {
		return fetched{}, errs.Field("to-file", "%s exists; name a new file", path)
	}
	if err != nil {
		return fetched{}, errs.Wrap(errs.Invalid, err, "to-file: cannot be made")
	}
	w := bufio.NewWriterSize(out, 1<<20)
	got, err := f.stream(ctx, w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return got, errors.Join(err, os.Remove(path))
	}
	return got, nil
}

func (f fetch) toDatabase(ctx context.Context, url string, replace bool) (fetched, error) {
	conn, err := sitedb.ParseURL(url)
	if err != nil {
		return fetched{}, err
	}
	r, w := io.Pipe()
	var got fetched
	done := make(chan error, 1)
	go func() {
		var err error
		got, err = f.stream(ctx, w)
		_ = w.CloseWithError(err)
		done <- err
	}()
	err = sitedb.Load(ctx, conn, r, sitedb.LoadOptions{Replace: replace})
	_ = r.CloseWithError(err)
	return got, errors.Join(err, <-done)
}

func newRescueKit(s *settings) *cobra.Command {
	var file string
	c := leaf("rescue-kit", "Write what opens every repository without Holdfast", "holdfast rescue-kit --file rescue.json", 0, nil)
	c.Flags().StringVar(&file, "file", "", "new file for it; it holds every password, keep it in a safe")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if file == "" {
			return usageError{errors.New("--file: name a new file for the kit")}
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			kit, err := a.RescueKit(ctx, authz.Console())
			if err != nil {
				return err
			}
			out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
			if err != nil {
				return errs.Wrap(errs.Invalid, err, "file: %s cannot be made; name a new one", file)
			}
			if err := errors.Join(printJSON(out, kit), out.Sync(), out.Close()); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Wrote %d repositories to %s.\n", len(kit), file)
			return err
		})
	}
	return c
}
