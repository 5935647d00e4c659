package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/restore"
)

const someRestore = "0190b3a0-7c1e-7d2a-9c3b-0123456789ab"

// restoreFlags are what `holdfast restore SITE` is told.
type restoreFlags struct {
	point, what, root, why, without, yes string
	paths                                []string
	inPlace, side, upgrade, wait         bool
}

func newRestore(s *settings) *cobra.Command {
	var f restoreFlags
	c := leaf("restore SITE", "Restore a site in place, or bring files of it back, and see to the restores there are",
		"holdfast restore learn.school.example --point 2026-04-23T22:00:00Z --what everything --yes learn.school.example --wait\n"+
			"holdfast restore learn.school.example --point "+someCopy+" --what database --yes learn.school.example\n"+
			"holdfast restore learn.school.example --what files --root moodledata --path lang/de_local --side", 1, nil)
	c.Long = "Restore a site in place, or bring files of it back.\n\n" +
		"A safety copy of how the site is now is taken first. What was there before is kept aside until the restore is accepted; until then it can be undone. " +
		"The database is always restored whole: single courses come back through a mirror of the site."
	asJSON := jsonFlag(c)
	c.Flags().StringVar(&f.point, "point", "", "a copy's id, or a time like 2026-04-23T22:00:00Z: the newest copies from before it; the newest of all by default")
	c.Flags().StringVar(&f.what, "what", "", "everything, database, data or files")
	c.Flags().StringArrayVar(&f.paths, "path", nil, "of files: a folder or file below the root, again for more; none is all of the root")
	c.Flags().StringVar(&f.root, "root", restore.DefaultRoot, "of files: the root that they lie in, like moodledata or code")
	c.Flags().BoolVar(&f.inPlace, "in-place", false, "of files: put them back at their own places")
	c.Flags().BoolVar(&f.side, "side", false, "of files: put them into a new folder beside the site (the default)")
	c.Flags().BoolVar(&f.upgrade, "allow-upgrade", false, "let code that is newer than the database upgrade it")
	c.Flags().StringVar(&f.without, "without-safety", "", "why it is to begin without a safety copy, in 10 characters or more; kept with the restore")
	c.Flags().StringVar(&f.why, "reason", "", "why it is restored, in a few words")
	c.Flags().StringVar(&f.yes, "yes", "", "the site's name once more: what it holds now is replaced")
	c.Flags().BoolVar(&f.wait, "wait", false, "wait until it is restored; exit 1 if it is not")
	c.RunE = func(c *cobra.Command, args []string) error {
		n, err := f.read(c, args[0])
		if err != nil {
			return err
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			of, err := a.StartRestore(ctx, authz.Console(), n)
			if err != nil {
				return err
			}
			return showRestore(ctx, c, a, of, f.wait, *asJSON)
		})
	}
	c.AddCommand(restoreList(s), restoreShow(s),
		restoreAct(s, "cancel", "Stop a restore; one at work is rolled back first", "why, for the log", (*app.App).CancelRestore),
		restoreAct(s, "accept", "What came back is what was wanted: what was there before is removed", "",
			func(a *app.App, ctx context.Context, who authz.Actor, of id.Restore, _ string) error {
				return a.AcceptRestore(ctx, who, of)
			}),
		restoreAct(s, "undo", "Put back what was there before a restore that is not accepted", "why, for the log", (*app.App).UndoRestore))
	return c
}

// read checks what needs no database.
func (f restoreFlags) read(c *cobra.Command, site string) (app.NewRestore, error) {
	n := app.NewRestore{Site: site, What: restore.What(f.what), WithoutSafety: f.without, Why: f.why, Input: restore.Input{Paths: f.paths, AllowUpgrade: f.upgrade}}
	files := n.What == restore.Files
	switch {
	case f.what == "":
		return n, errs.Field("what", "say what to bring back: everything, database, data or files")
	case f.inPlace && f.side:
		return n, errs.Field("side", "is the contrary of --in-place; give one of them")
	case f.side && !files:
		return n, errs.Field("side", "is for files; %s is always restored in place", f.what)
	}
	if files {
		n.Input.InPlace = f.inPlace
	}
	if files || c.Flags().Changed("root") {
		n.Input.Root = f.root
	}
	var err error
	if n.Input, err = n.Input.Check(n.What); err != nil {
		return n, err
	}
	if n.WithoutSafety, err = restore.CheckWithoutSafety(f.without); err != nil {
		return n, errs.Field("without-safety", "say in %d to 300 characters why there is to be no safety copy", restore.MinWithoutSafety)
	}
	if c.Flags().Changed("without-safety") && n.WithoutSafety == "" {
		return n, errs.Field("without-safety", "say in %d to 300 characters why there is to be no safety copy", restore.MinWithoutSafety)
	}
	if (!files || f.inPlace) && f.yes != site {
		return n, errs.Field("yes", "what %s holds now is replaced; say so by its name: --yes %s", site, site)
	}
	return n, f.readPoint(&n)
}

func (f restoreFlags) readPoint(n *app.NewRestore) error {
	if f.point == "" {
		return nil
	}
	if of, err := id.Parse[id.Copy](f.point); err == nil {
		n.Point = of
		return nil
	}
	at, err := time.Parse(time.RFC3339, f.point)
	if err != nil {
		return errs.Field("point", "%q is neither a copy's id nor a time like 2026-04-23T22:00:00Z", f.point)
	}
	n.At = at
	return nil
}

func restoreList(s *settings) *cobra.Command {
	var q app.RestoreQuery
	c := leaf("list", "List restores, the newest first", "holdfast restore list --open --json", 0, nil)
	asJSON := jsonFlag(c)
	c.Flags().StringVar(&q.Site, "site", "", "only of this site")
	c.Flags().BoolVar(&q.OnlyOpen, "open", false, "only those that have not ended")
	c.Flags().Int32Var(&q.Size, "limit", 100, "how many at most")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			rows, err := a.ListRestores(ctx, authz.Console(), q)
			if err != nil {
				return err
			}
			out, cells := []restoreRow{}, [][]string{{"RESTORE", "SITE", "WHAT", "STATE", "ASKED BY", "CREATED", "ERROR"}}
			for _, r := range rows {
				row := rowOfRestore(r.Restore, r.SiteName)
				out = append(out, row)
				cells = append(cells, []string{row.Restore, row.Site, row.What, row.State, row.AskedBy, row.Created.UTC().Format(time.RFC3339), row.Error})
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), out)
			}
			return table(c.OutOrStdout(), cells)
		})
	}
	return c
}

func restoreShow(s *settings) *cobra.Command {
	c := leaf("show RESTORE", "Show a restore, how far it is and what it proved", "holdfast restore show "+someRestore+" --json", 1, nil)
	asJSON := jsonFlag(c)
	var wait bool
	c.Flags().BoolVar(&wait, "wait", false, "wait until nothing is to be done by it")
	c.RunE = func(c *cobra.Command, args []string) error {
		return onRestore(c, s, args[0], func(ctx context.Context, a *app.App, of id.Restore) error {
			return showRestore(ctx, c, a, of, wait, *asJSON)
		})
	}
	return c
}

// restoreAct makes a command by which a person decides on a restore.
func restoreAct(s *settings, name, short, reasonHelp string, act func(*app.App, context.Context, authz.Actor, id.Restore, string) error) *cobra.Command {
	c := leaf(name+" RESTORE", short, "holdfast restore "+name+" "+someRestore+" --wait", 1, nil)
	asJSON := jsonFlag(c)
	var wait bool
	var reason string
	c.Flags().BoolVar(&wait, "wait", false, "wait until its host has done it; exit 1 if that did not succeed")
	if reasonHelp != "" {
		c.Flags().StringVar(&reason, "reason", "", reasonHelp)
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		return onRestore(c, s, args[0], func(ctx context.Context, a *app.App, of id.Restore) error {
			if err := act(a, ctx, authz.Console(), of, strings.TrimSpace(reason)); err != nil {
				return err
			}
			return decided(ctx, c, a, of, name, wait, *asJSON)
		})
	}
	return c
}

func onRestore(c *cobra.Command, s *settings, name string, fn func(context.Context, *app.App, id.Restore) error) error {
	of, err := id.Parse[id.Restore](name)
	if err != nil {
		return errs.Field("restore", "%v", err)
	}
	return console(c, s, func(ctx context.Context, a *app.App) error { return fn(ctx, a, of) })
}

func printRestore(c *cobra.Command, v app.RestoreView, asJSON bool) error {
	if asJSON {
		return printJSON(c.OutOrStdout(), viewRow(v))
	}
	for _, line := range restoreLines(v) {
		if _, err := fmt.Fprintln(c.OutOrStdout(), line); err != nil {
			return err
		}
	}
	return nil
}
