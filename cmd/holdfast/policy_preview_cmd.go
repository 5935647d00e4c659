package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/api"
	"holdfast/internal/policy"
)

func newPolicyPreview(s *settings) *cobra.Command {
	var file, name string
	var sites []string
	c := leaf("preview", "Show what a policy would do to sites; nothing is changed",
		"holdfast policy preview --file ours.json --policy two-months\nholdfast policy preview --file ours.json --site learn.school.example", 0, nil)
	asJSON := jsonFlag(c)
	fileFlag(c, &file)
	c.Flags().StringVar(&name, "policy", "", "look at the sites of the policy of this `name` (default: published), and show that policy where no file is given")
	c.Flags().StringArrayVar(&sites, "site", nil, "look at this site instead; may be given several times")
	c.RunE = func(c *cobra.Command, _ []string) error {
		p, err := readPolicy("--file", file) // before anything is opened
		if err != nil {
			return err
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			if name == "" {
				name = app.PublishedPolicy
			}
			if file == "" {
				v, err := a.ViewPolicy(ctx, authz.Console(), name)
				if err != nil {
					return err
				}
				p = v.Policy
			}
			v, err := a.PreviewPolicy(ctx, authz.Console(), p, name, sites)
			if err != nil {
				return err
			}
			return printPreview(c.OutOrStdout(), api.PreviewOf(v), *asJSON)
		})
	}
	return c
}

func newPolicyEdit(s *settings) *cobra.Command {
	var file, note string
	var yes bool
	c := leaf("edit NAME", "Change a policy for all of its sites; shows what that does, and asks", `holdfast policy edit two-months --file two-months.json --note "more weeks"`, 1, nil)
	asJSON := jsonFlag(c)
	fileFlag(c, &file)
	c.Flags().StringVar(&note, "note", "", "why, in a few words, for the history")
	c.Flags().BoolVar(&yes, "yes", false, "change it without asking")
	c.RunE = func(c *cobra.Command, args []string) error {
		p, err := neededPolicy(c, file)
		if err != nil {
			return err
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			name := args[0]
			seen, err := a.ViewPolicy(ctx, authz.Console(), name)
			if err != nil {
				return err
			}
			if seen.BuiltIn() { // says what to do instead
				return a.EditPolicy(ctx, authz.Console(), name, 0, p, note)
			}
			v, err := a.PreviewPolicy(ctx, authz.Console(), p, name, nil)
			if err != nil {
				return err
			}
			return edit(ctx, c, a, seen, p, editing{note: note, yes: yes, asJSON: *asJSON, preview: api.PreviewOf(v)})
		})
	}
	return c
}

type editing struct {
	note        string
	yes, asJSON bool
	preview     api.Preview
}

// edit shows the preview, asks, and changes the policy that was seen.
func edit(ctx context.Context, c *cobra.Command, a *app.App, seen app.PolicyView, p policy.Policy, e editing) error {
	type result struct {
		Policy  string      `json:"policy"`
		Version int32       `json:"version"`
		Changed bool        `json:"changed"`
		Preview api.Preview `json:"preview"`
	}
	w := c.OutOrStdout()
	if !e.asJSON {
		if err := printPreview(w, e.preview, false); err != nil {
			return err
		}
	}
	if !e.yes {
		err := errs.Field("yes", notAgreed)
		if e.asJSON { // a script: there is nobody to ask
			return errors.Join(printJSON(w, result{seen.Name, seen.Version, false, e.preview}), err)
		}
		if err := agreed(c, fmt.Sprintf("Change policy %s, of %s? [y/N] ", seen.Name, number(e.preview.Sites, "site"))); err != nil {
			return err
		}
	}
	if err := a.EditPolicy(ctx, authz.Console(), seen.Name, seen.Version, p, e.note); err != nil {
		return err
	}
	if e.asJSON {
		return printJSON(w, result{seen.Name, seen.Version + 1, true, e.preview})
	}
	_, err := fmt.Fprintf(w, "\nPolicy %s is at version %d.\n", seen.Name, seen.Version+1)
	return err
}

const notAgreed = "nothing was changed; look at the preview above, then do the same again with --yes"

// agreed asks the person at the terminal. Without one there is nobody to ask.
func agreed(c *cobra.Command, question string) error {
	if f, ok := c.InOrStdin().(*os.File); ok {
		if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
			return errs.Field("yes", notAgreed)
		}
	}
	if _, err := fmt.Fprint(c.ErrOrStderr(), question); err != nil {
		return err
	}
	line, err := bufio.NewReader(c.InOrStdin()).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	case "":
		if err != nil { // the end of the input: nobody answers
			return errs.Field("yes", notAgreed)
		}
	}
	return errs.New(errs.Conflict, "Nothing was changed.")
}

const expiringShown = 10

func printPreview(w io.Writer, p api.Preview, asJSON bool) error {
	if asJSON {
		return printJSON(w, p)
	}
	var b strings.Builder
	if p.Looked < p.Sites {
		fmt.Fprintf(&b, "Looked at %d of %s; the figures are theirs alone.\n\n", p.Looked, number(p.Sites, "site"))
	} else {
		fmt.Fprintf(&b, "Looked at %s.\n\n", number(p.Looked, "site"))
	}
	rows := [][]string{{"KIND", "RUNS IN " + strconv.Itoa(p.Days) + " DAYS", "COPIES IN " + strconv.Itoa(p.Days) + " DAYS", "IN FULL SWING", "BY TIER"}}
	for _, kind := range backup.Kinds() {
		k := string(kind)
		rows = append(rows, []string{k, strconv.Itoa(p.Runs[k]), strconv.Itoa(p.In30Days[k].Copies), strconv.Itoa(p.Steady[k].Copies), byTier(p.Steady[k].Tiers)})
	}
	if err := table(&b, rows); err != nil {
		return err
	}
	fmt.Fprintf(&b, "\nExpire at once: %s. What expires lies in the bin for %d hours, and can be taken back from there.\n", number(int64(p.Expires), "copy"), int(app.BinTime/time.Hour))
	for _, c := range p.Expire[:min(len(p.Expire), expiringShown)] {
		fmt.Fprintf(&b, "  %s  %s of %s\n", c.Copy, c.Kind, c.TakenAt.Format(time.RFC3339))
	}
	if more := p.Expires - min(len(p.Expire), expiringShown); more > 0 {
		fmt.Fprintf(&b, "  and %d more\n", more)
	}
	steady := p.BytesWhy
	if p.BytesSteady != nil {
		steady = fmt.Sprintf("%d (%s)", *p.BytesSteady, p.BytesWhy)
	}
	fmt.Fprintf(&b, "\nBytes in the storage now: %d; in full swing: %s.\n", p.BytesNow, steady)
	fmt.Fprintf(&b, "%s\n", namedWords(p.Named))
	if len(p.FirstRuns) > 0 {
		rows := [][]string{{"FIRST RUNS (UTC)", "KIND", "SERVES"}}
		for _, r := range p.FirstRuns {
			rows = append(rows, []string{r.Due.Format(time.RFC3339), r.Kind, slots(r.Serves, "the first copy")})
		}
		b.WriteString("\n")
		if err := table(&b, rows); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// namedWords says whether the files that database copies name are kept, and
// what that took until now.
func namedWords(n api.NamedFiles) string {
	said := "Files that database copies name are not kept with them (keep-referenced-files is off)"
	if n.Kept {
		said = "Files that database copies name are kept with them (keep-referenced-files)"
	}
	if n.Copies == 0 {
		return said + "; no copy has any yet."
	}
	return said + fmt.Sprintf("; %s have them, which added %d bytes to the storage when they were taken.", number(n.Copies, "copy"), n.Bytes)
}

// number counts sites or copies.
func number(n int64, what string) string {
	one, many := what, what+"s"
	if what == "copy" {
		many = "copies"
	}
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(n, 10) + " " + many
}

func byTier(tiers map[string]int) string {
	out := make([]string, 0, len(tiers))
	for t, n := range tiers {
		out = append(out, fmt.Sprintf("%s %d", t, n))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// slots says which slots a copy serves, or none.
func slots(serves map[string]string, none string) string {
	if len(serves) == 0 {
		return none
	}
	out := make([]string, 0, len(serves))
	for tier, slot := range serves {
		out = append(out, tier+" "+slot)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
