package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/api"
	"holdfast/internal/policy"
)

// newPolicy makes the commands about policies. Show without a name and
// simulate need no database.
func newPolicy(s *settings) *cobra.Command {
	return group("policy", "What is backed up when, and how long it is kept",
		newPolicyList(s), newPolicyShow(s), newPolicyCreate(s), newPolicyEdit(s), newPolicyAssign(s), newPolicyHistory(s), newPolicyPreview(s), newPolicySimulate())
}

// between lets a leaf take from least to most arguments; most below 0 is any
// number.
func between(c *cobra.Command, least, most int) *cobra.Command {
	c.Args = func(c *cobra.Command, got []string) error {
		if len(got) >= least && (most < 0 || len(got) <= most) {
			return nil
		}
		says := fmt.Sprintf("from %d to %d", least, most)
		if most < 0 {
			says = fmt.Sprintf("at least %d", least)
		}
		return usageError{fmt.Errorf("%s takes %s arguments, not %d; see: %s --help", c.CommandPath(), says, len(got), c.CommandPath())}
	}
	return c
}

func newPolicyList(s *settings) *cobra.Command {
	c := leaf("list", "List the policies and how many sites each has", "holdfast policy list --json", 0, nil)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			all, err := a.ListPolicies(ctx, authz.Console())
			if err != nil {
				return err
			}
			if *asJSON {
				out, err := api.PoliciesOf(all)
				if err != nil {
					return err
				}
				return printJSON(c.OutOrStdout(), out)
			}
			cells := [][]string{{"NAME", "VERSION", "SITES", "EDITED", "BY", "NOTE"}}
			for _, p := range all {
				version, edited := strconv.Itoa(int(p.Version)), p.EditedAt.UTC().Format(time.RFC3339)
				if p.BuiltIn() {
					version, edited = "built in", ""
				}
				cells = append(cells, []string{p.Name, version, strconv.FormatInt(p.Sites, 10), edited, p.EditedBy, p.Note})
			}
			return table(c.OutOrStdout(), cells)
		})
	}
	return c
}

func newPolicyShow(s *settings) *cobra.Command {
	var file string
	c := between(leaf("show [NAME]", "Show the published policy, one by its name, or check and show a file",
		"holdfast policy show\nholdfast policy show two-months\nholdfast policy show --policy ours.json --json", 0, nil), 0, 1)
	asJSON := jsonFlag(c)
	policyFlag(c, &file)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 1 && file != "" {
			return usageError{errors.New("--policy: show a file or a policy by its name, not both")}
		}
		if len(args) == 0 || args[0] == app.PublishedPolicy {
			p, err := readPolicy("--policy", file)
			if err != nil {
				return err
			}
			return printPolicy(c.OutOrStdout(), p, *asJSON)
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			v, err := a.ViewPolicy(ctx, authz.Console(), args[0])
			if err != nil {
				return err
			}
			if err := printPolicy(c.OutOrStdout(), v.Policy, *asJSON); err != nil || *asJSON {
				return err
			}
			cost, err := a.PreviewPolicy(ctx, authz.Console(), v.Policy, v.Name, nil)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), namedWords(api.PreviewOf(cost).Named))
			return err
		})
	}
	return c
}

func printPolicy(w io.Writer, p policy.Policy, asJSON bool) error {
	if asJSON {
		return printJSON(w, p)
	}
	rows := [][]string{{"KIND", "TIER", "WHEN (LOCAL TIME OF THE SITE)", "KEPT"}}
	for _, r := range p.Rules {
		rows = append(rows, []string{string(r.Kind), string(r.Tier), r.Schedule.Words(p.Night), strconv.Itoa(r.Keep)})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nA site starts within %s hours of a slot's due instant; a slot that is still owed %s hours after that is late.\n",
		policy.HoursMinutes(p.Window), policy.HoursMinutes(p.Grace))
	if err == nil {
		_, err = fmt.Fprintln(w, map[bool]string{
			true:  "The files that a database copy names are kept for as long as the copy is, outside these counts (keep-referenced-files).",
			false: "The files that a database copy names are kept only as long as a data copy has them (keep-referenced-files is off).",
		}[p.KeepReferencedFiles])
	}
	return err
}

func newPolicyCreate(s *settings) *cobra.Command {
	var file, note string
	c := leaf("create NAME", "Make a policy of a file; no site is under it yet", `holdfast policy create two-months --file two-months.json --note "for schools"`, 1, nil)
	asJSON := jsonFlag(c)
	fileFlag(c, &file)
	c.Flags().StringVar(&note, "note", "", "why, in a few words, for the history")
	c.RunE = func(c *cobra.Command, args []string) error {
		p, err := neededPolicy(c, file)
		if err != nil {
			return err
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			made, err := a.CreatePolicy(ctx, authz.Console(), args[0], p, note)
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"id": made, "name": args[0], "version": 1})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Made policy %s. Put sites under it with: holdfast policy assign %s SITE\n", args[0], args[0])
			return err
		})
	}
	return c
}

func newPolicyAssign(s *settings) *cobra.Command {
	c := between(leaf("assign NAME SITE...", "Put sites under a policy, all of them or none",
		"holdfast policy assign two-months learn.school.example\nholdfast policy assign published learn.school.example", 0, nil), 2, -1)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			if err := a.AssignPolicy(ctx, authz.Console(), args[0], args[1:]); err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"policy": args[0], "sites": args[1:]})
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "Under policy %s: %s.\n", args[0], strings.Join(args[1:], ", "))
			return err
		})
	}
	return c
}

func newPolicyHistory(s *settings) *cobra.Command {
	c := leaf("history NAME", "Show a policy's versions, the newest first", "holdfast policy history two-months --json", 1, nil)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			v, err := a.ViewPolicy(ctx, authz.Console(), args[0])
			if err != nil {
				return err
			}
			out, err := api.PolicyViewOf(v)
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), out.Versions)
			}
			if v.BuiltIn() {
				_, err = fmt.Fprintln(c.OutOrStdout(), "The published policy is built in; it has no versions.")
				return err
			}
			cells := [][]string{{"VERSION", "AT", "BY", "NOTE"}}
			for _, k := range out.Versions {
				cells = append(cells, []string{strconv.Itoa(int(k.Version)), k.At.Format(time.RFC3339), k.By, k.Note})
			}
			return table(c.OutOrStdout(), cells)
		})
	}
	return c
}

func newPolicySimulate() *cobra.Command {
	var zone, from, to, file string
	var down []string
	c := leaf("simulate", "Show which copies a policy would have taken, kept and missed",
		"holdfast policy simulate --tz Africa/Cairo --from 2026-04-20T00:00:00Z --to 2026-04-27T00:00:00Z --down 2026-04-23T20:00:00Z/2026-04-24T06:00:00Z --json", 0, nil)
	c.Flags().StringVar(&zone, "tz", "", "the site's IANA time zone")
	c.Flags().StringVar(&from, "from", "", "the first instant, RFC 3339")
	c.Flags().StringVar(&to, "to", "", "the last instant, RFC 3339")
	c.Flags().StringArrayVar(&down, "down", nil, "FROM/TO: no run can start from FROM until just before TO; may be given several times")
	policyFlag(c, &file)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		result, err := simulate(zone, from, to, down, file)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.OutOrStdout(), result)
		}
		return printSimulation(c.OutOrStdout(), result)
	}
	return c
}

func policyFlag(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "policy", "", "a policy `file`: JSON, as policy show --json prints it; the published policy when left out")
}

func fileFlag(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "file", "", "a policy `file`: JSON, as policy show --json prints it")
}

func simulate(zone, from, to string, down []string, file string) (policy.Result, error) {
	var none policy.Result
	for _, f := range [][2]string{{"--tz", zone}, {"--from", from}, {"--to", to}} {
		if f[1] == "" {
			return none, usageError{fmt.Errorf("%s is missing; see: holdfast policy simulate --help", f[0])}
		}
	}
	tz, err := policy.LoadZone("--tz", zone)
	if err != nil {
		return none, err
	}
	begin, err := policy.ParseInstant("--from", from)
	if err != nil {
		return none, err
	}
	end, err := policy.ParseInstant("--to", to)
	if err != nil {
		return none, err
	}
	if end.Before(begin) {
		return none, usageError{fmt.Errorf("--to: %s is before --from, %s", to, from)}
	}
	outages := make([]policy.Outage, 0, len(down))
	for _, d := range down {
		o, err := policy.ParseOutage("--down", d)
		if err != nil {
			return none, err
		}
		outages = append(outages, o)
	}
	p, err := readPolicy("--policy", file)
	if err != nil {
		return none, err
	}
	return policy.Simulate(tz, begin, end, outages, p)
}

// neededPolicy reads --file, which must be there.
func neededPolicy(c *cobra.Command, file string) (policy.Policy, error) {
	if file == "" {
		return policy.Policy{}, usageError{fmt.Errorf("--file: name the policy's file; see: %s --help", c.CommandPath())}
	}
	return readPolicy("--file", file)
}

// readPolicy gives the published policy, or the one in a file.
func readPolicy(flag, file string) (policy.Policy, error) {
	if file == "" {
		return policy.Default(), nil
	}
	f, err := os.Open(file) //nolint:gosec // the operator names the file
	if err != nil {
		return policy.Policy{}, usageError{fmt.Errorf("%s: %w", flag, err)}
	}
	b, err := io.ReadAll(io.LimitReader(f, policy.MaxFileBytes+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return policy.Policy{}, usageError{fmt.Errorf("%s: %w", flag, err)}
	}
	p, err := policy.Parse(b)
	if err != nil {
		return p, usageError{fmt.Errorf("%s %q: %s", flag, file, errs.Sentence(err))}
	}
	return p, nil
}
