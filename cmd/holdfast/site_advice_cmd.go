package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/advisor"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/site"
)

func newAdvice(s *settings) *cobra.Command {
	c := leaf("advice SITE", "Tell what is not right yet at a site: what it means for a teacher, and the one thing to do", "holdfast site advice learn.school.example", 1, nil)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			v, err := a.Advice(ctx, authz.Console(), args[0])
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), adviceJSON(v))
			}
			return printAdvice(c.OutOrStdout(), v)
		})
	}
	return c
}

// adviceOut is the JSON of a site's advice.
type adviceOut struct {
	Site     string        `json:"site"`
	AsOf     *time.Time    `json:"as_of"` // when the newest copy with facts was taken; null for none
	Checks   int           `json:"checks"`
	Findings []findingOut  `json:"findings"`
	Looked   []string      `json:"looked_at"`
	Unjudged []unjudgedOut `json:"not_judged"`
}

type findingOut struct {
	Rule     string `json:"rule"`
	Severity string `json:"severity"`
	Title    string `json:"title"`
	Says     string `json:"says"`
	Remedy   string `json:"remedy"`
	Customer bool   `json:"shown_to_customer"`
}

type unjudgedOut struct {
	Topic string `json:"topic"`
	Why   string `json:"why"`
}

func adviceJSON(v app.Advice) adviceOut {
	out := adviceOut{Site: v.Name, Checks: v.Report.Rules, Findings: []findingOut{}, Looked: []string{}, Unjudged: []unjudgedOut{}}
	if at := newestOf(v); !at.IsZero() {
		at = at.UTC()
		out.AsOf = &at
	}
	for _, f := range v.Report.Findings {
		out.Findings = append(out.Findings, findingOut{string(f.Rule), string(f.Severity), f.Title, f.Says, f.Remedy, f.Customer != nil})
	}
	for _, t := range v.Report.Looked {
		out.Looked = append(out.Looked, string(t))
	}
	for _, u := range v.Report.Unjudged {
		out.Unjudged = append(out.Unjudged, unjudgedOut{string(u.Topic), u.Why})
	}
	return out
}

func newestOf(v app.Advice) time.Time {
	if v.Facts.DataAt.After(v.Facts.At) {
		return v.Facts.DataAt
	}
	return v.Facts.At
}

func printAdvice(w io.Writer, v app.Advice) error {
	at := newestOf(v)
	if at.IsZero() {
		_, err := fmt.Fprintf(w, "Nothing is known of %s yet: its first copies tell.\n", v.Name)
		return err
	}
	head := fmt.Sprintf("%d of %d checks of %s found something", len(v.Report.Findings), v.Report.Rules, v.Name)
	if len(v.Report.Findings) == 0 {
		head = fmt.Sprintf("%d checks of %s found nothing", v.Report.Rules, v.Name)
	}
	if _, err := fmt.Fprintf(w, "%s, as of the copies of %s.\n", head, at.UTC().Format(time.RFC3339)); err != nil {
		return err
	}
	for _, f := range v.Report.Findings {
		if _, err := fmt.Fprintf(w, "\n%s: %s\n  %s\n  What to do: %s\n", f.Severity, f.Title, f.Says, f.Remedy); err != nil {
			return err
		}
	}
	for i, u := range v.Report.Unjudged {
		if i == 0 {
			if _, err := fmt.Fprintln(w, "\nWhat could not be told:"); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(w, "  %s: %s\n", u.Topic, u.Why); err != nil {
			return err
		}
	}
	return nil
}

func newExclude(s *settings) *cobra.Command {
	var keep, unkeep, drop, undrop []string
	var look bool
	c := leaf("exclude SITE", "Show or change what a site's data copies leave out otherwise than its policy says",
		"holdfast site exclude learn.school.example --keep moodledata/backup --drop moodledata:old-videos", 1, nil)
	asJSON := jsonFlag(c)
	c.Flags().StringArrayVar(&keep, "keep", nil, "keep a folder that the policy leaves out, like moodledata/backup")
	c.Flags().StringArrayVar(&unkeep, "no-keep", nil, "leave it out again, as the policy says")
	c.Flags().StringArrayVar(&drop, "drop", nil, "leave out a further folder, root:path, like moodledata:old-videos/2019; exactly one folder, never a pattern")
	c.Flags().StringArrayVar(&undrop, "no-drop", nil, "copy such a folder again")
	c.Flags().BoolVar(&look, "preview", false, "only tell what it would change")
	c.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			v, err := a.Exclusions(ctx, authz.Console(), args[0])
			if err != nil {
				return err
			}
			if len(keep)+len(unkeep)+len(drop)+len(undrop) == 0 {
				return printExclusions(c.OutOrStdout(), args[0], v, *asJSON)
			}
			want, err := wantedExclusions(v.Exact, keep, unkeep, drop, undrop)
			if err != nil {
				return err
			}
			var p app.ExclusionPreview
			if look {
				p, err = a.PreviewExclusions(ctx, authz.Console(), args[0], want)
			} else {
				p, err = a.ChangeExclusions(ctx, authz.Console(), args[0], v.Version, want)
			}
			if err != nil {
				return err
			}
			return printChanges(c.OutOrStdout(), args[0], p, look, *asJSON)
		})
	}
	return c
}

// wantedExclusions is what is in force, changed as was asked.
func wantedExclusions(was site.Exclusions, keep, unkeep, drop, undrop []string) (site.Exclusions, error) {
	want := site.Exclusions{Keep: slices.Concat(was.Keep, keep), Drop: slices.Clone(was.Drop)}
	for _, k := range unkeep {
		if !slices.Contains(want.Keep, k) {
			return want, errs.Field("no-keep", "%q is not kept now", k)
		}
		want.Keep = slices.DeleteFunc(want.Keep, func(x string) bool { return x == k })
	}
	for _, d := range drop {
		f, err := site.ParseFolder(d)
		if err != nil {
			return want, err
		}
		want.Drop = append(want.Drop, f)
	}
	for _, d := range undrop {
		f, err := site.ParseFolder(d)
		if err != nil || !slices.Contains(want.Drop, f) {
			return want, errs.Field("no-drop", "%q is not left out now", d)
		}
		want.Drop = slices.DeleteFunc(want.Drop, func(x site.Folder) bool { return x == f })
	}
	return want, nil
}

func printExclusions(w io.Writer, name string, v app.ExclusionsView, asJSON bool) error {
	if asJSON {
		folders := v.Newest.Folders
		if folders == nil {
			folders = []advisor.Folder{}
		}
		return printJSON(w, map[string]any{"site": name, "version": v.Version, "keep": listOf(v.Exact.Keep), "drop": v.Exact.Dropped(), "may_be_kept": v.Liftable, "left_out_by_the_newest_copy": folders})
	}
	cells := [][]string{{"LEFT OUT", "FILES", "BYTES", "BYTES BEFORE"}}
	for _, f := range v.Newest.Folders {
		before := "-"
		if was, ok := v.Before.Folder(f.Path); ok {
			before = strconv.FormatInt(was.Bytes, 10)
		}
		cells = append(cells, []string{f.Path, strconv.FormatInt(f.Files, 10), strconv.FormatInt(f.Bytes, 10), before})
	}
	if len(cells) > 1 {
		if err := table(w, cells); err != nil {
			return err
		}
	} else if _, err := fmt.Fprintln(w, "No data copy has told yet what it leaves out."); err != nil {
		return err
	}
	if v.Exact.Empty() {
		_, err := fmt.Fprintf(w, "\n%s leaves out what its policy says, and nothing besides.\n", name)
		return err
	}
	for _, k := range v.Exact.Keep {
		if _, err := fmt.Fprintf(w, "\nKept though the policy leaves it out: %s", k); err != nil {
			return err
		}
	}
	for _, d := range v.Exact.Dropped() {
		if _, err := fmt.Fprintf(w, "\nLeft out besides: %s", d); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

func listOf(all []string) []string {
	if all == nil {
		return []string{}
	}
	return all
}

func printChanges(w io.Writer, name string, p app.ExclusionPreview, look, asJSON bool) error {
	if asJSON {
		type change struct {
			Path     string `json:"path"`
			Kept     bool   `json:"kept"`
			Measured bool   `json:"measured"`
			Files    int64  `json:"files"`
			Bytes    int64  `json:"bytes"`
		}
		changes, raised := []change{}, []string{}
		for _, c := range p.Changes {
			changes = append(changes, change(c))
		}
		for _, f := range p.Raised {
			raised = append(raised, string(f.Rule))
		}
		return printJSON(w, map[string]any{"site": name, "saved": !look, "keep": listOf(p.Exact.Keep), "drop": p.Exact.Dropped(), "changes": changes, "raises": raised})
	}
	if len(p.Changes) == 0 {
		_, err := fmt.Fprintf(w, "Nothing changes: this is what %s leaves out already.\n", name)
		return err
	}
	for _, c := range p.Changes {
		what, much := "left out", "not measured yet"
		if c.Kept {
			what = "in copies"
		}
		if c.Measured {
			much = fmt.Sprintf("%d files, %d bytes", c.Files, c.Bytes)
		}
		if _, err := fmt.Fprintf(w, "%s: %s from the next data copy on (%s)\n", c.Path, what, much); err != nil {
			return err
		}
	}
	for _, f := range p.Raised {
		if _, err := fmt.Fprintf(w, "%s: %s\n", f.Severity, f.Title); err != nil {
			return err
		}
	}
	if look {
		_, err := fmt.Fprintln(w, "Nothing was saved.")
		return err
	}
	_, err := fmt.Fprintf(w, "%s follows it from its next data copy on; copies that are there stay as they are.\n", name)
	return err
}
