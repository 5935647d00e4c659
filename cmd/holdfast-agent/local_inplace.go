package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/agent"
	"holdfast/internal/errs"
	"holdfast/internal/inplace"
)

// inPlaceFlags are those of a restore in place.
type inPlaceFlags struct {
	site, root, what, stateDir, without string
	yes, upgrade                        bool
}

func (i *inPlaceFlags) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&i.site, "in-place", "", "code folder of a site that is to be restored in its own place")
	f.StringVar(&i.what, "what", "", "with --in-place: everything, database or data (code and moodledata)")
	f.StringVar(&i.root, "root", "", "with --in-place: account root of the site, if it has one")
	f.StringVar(&i.without, "without-safety", "", "with --in-place: take no safety copy first, and say why")
	f.BoolVar(&i.upgrade, "allow-upgrade", false, "with --in-place: let newer code upgrade the database that comes back")
	f.BoolVar(&i.yes, "yes", false, "with --in-place: do not ask")
	f.StringVar(&i.stateDir, "state-dir", defaultStateDir(), "with --in-place: private folder of the agent, which keeps the restore's journal")
}

// unused refuses the flags of a restore in place where there is none.
func (i *inPlaceFlags) unused(c *cobra.Command) error {
	for _, name := range []string{"what", "root", "without-safety", "allow-upgrade", "yes", "state-dir"} {
		if c.Flags().Changed(name) {
			return fmt.Errorf("--%s goes with --in-place only", name)
		}
	}
	return nil
}

func (i *inPlaceFlags) run(c *cobra.Command, f *localFlags, ids []string) error {
	if err := agent.CheckWhat(i.what); err != nil {
		return err
	}
	if c.Flags().Changed("without-safety") && len(strings.TrimSpace(i.without)) < 3 {
		return errors.New("--without-safety wants the reason, like --without-safety \"the database is gone\"")
	}
	stateDir, err := filepath.Abs(i.stateDir)
	if err != nil {
		return err
	}
	return f.do(c, func(ctx context.Context, l agent.Local) error {
		r, err := l.RestoreInPlace(ctx, agent.InPlace{
			CodeDir: i.site, AccountRoot: i.root, What: i.what, Copies: ids, StateDir: stateDir,
			AllowUpgrade: i.upgrade, WithoutSafety: strings.TrimSpace(i.without),
			Confirm: func(in agent.Intention) error {
				if i.yes {
					return nil
				}
				return confirm(c, showIntention(in), in.Name)
			},
		})
		if err != nil {
			if f.asJSON && r.Evidence != nil {
				_ = printJSON(c.OutOrStdout(), r)
			}
			return err
		}
		if f.asJSON {
			return printJSON(c.OutOrStdout(), r)
		}
		return showInPlace(c.OutOrStdout(), r)
	})
}

// confirm shows what is about to happen and wants one word typed.
func confirm(c *cobra.Command, what, word string) error {
	w := c.ErrOrStderr()
	_, _ = fmt.Fprintf(w, "%s\nType %s to go on: ", what, word)
	typed, err := bufio.NewReader(io.LimitReader(c.InOrStdin(), 4096)).ReadString('\n')
	if err != nil && typed == "" {
		return errs.New(errs.Invalid, "Nobody confirmed, and nothing was touched. Where nobody can be asked, give --yes.")
	}
	if strings.TrimSpace(typed) != word {
		return errs.New(errs.Invalid, "That is not %s; nothing was touched.", word)
	}
	return nil
}

func showIntention(in agent.Intention) string {
	var b strings.Builder
	fmt.Fprintf(&b, "The site %s (%s) is restored in its own place:\n", in.Name, in.CodeDir)
	when := func(c *agent.LocalCopy) string { return c.TakenAt.Local().Format("2006-01-02 15:04:05") }
	if in.FromDatabase != nil {
		fmt.Fprintf(&b, "  the database %s becomes that of %s (copy %s)\n", in.Database, when(in.FromDatabase), in.FromDatabase.Copy)
	}
	if in.FromData != nil {
		fmt.Fprintf(&b, "  code and %s become those of %s (copy %s)\n", in.DataRoot, when(in.FromData), in.FromData.Copy)
	}
	if in.WithoutSafety != "" {
		fmt.Fprintf(&b, "  NO safety copy is taken first: %s\n", in.WithoutSafety)
	} else {
		b.WriteString("  a safety copy of it as it is now is taken first, into the same repositories\n")
	}
	b.WriteString("Whatever was changed since is gone from the site; the old state is kept aside until you settle the restore.")
	return b.String()
}

func showInPlace(w io.Writer, r agent.RestoredInPlace) error {
	t := newTable(w)
	t.row("restore", r.Restore)
	t.row("site", r.Code)
	for _, s := range r.Safety {
		t.row("safety copy", s.Copy+" ("+s.Kind+")"+word(s.Outcome == "good", "", " INCOMPLETE"))
	}
	if r.WithoutSafety != "" {
		t.row("safety copy", "none: "+r.WithoutSafety)
	}
	if e := r.Evidence; e != nil {
		showEvidence(t, *e)
	}
	t.row("time", (time.Duration(r.Seconds*1000) * time.Millisecond).String())
	if err := t.flush(); err != nil {
		return bad(err)
	}
	_, err := fmt.Fprintf(w, "The site is restored and open. Look at it, then remove what is kept aside: holdfast-agent restores settle %s\nOr go back to what it was: holdfast-agent restores undo %s\n", r.Restore, r.Restore)
	return bad(err)
}

func showEvidence(t table, e inplace.Evidence) {
	if e.Tables > 0 {
		t.row("database", fmt.Sprintf("%d tables with %s rows agree with the copy", e.Tables, count(e.Rows)))
	}
	if e.Files > 0 {
		t.row("files", fmt.Sprintf("%s, %s", count(e.Files), size(e.Bytes)))
	}
	if a := e.Agreement; a != nil {
		t.row("agreement", fmt.Sprintf("%s contents named, %s missing", count(a.Contents), count(a.Missing)))
	}
	t.row("closed for", (time.Duration(e.ClosedFor*1000) * time.Millisecond).String())
	for _, k := range e.Kept {
		t.row("kept aside", k.What+": "+k.Where)
	}
	for _, warning := range e.Warnings {
		t.row("warning", warning)
	}
}
