package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/backup"
	"holdfast/internal/policy"
)

// newPolicy makes the commands about policies. They need no database.
func newPolicy() *cobra.Command {
	return group("policy", "What is backed up when, and how long it is kept", newPolicyShow(), newPolicySimulate())
}

func newPolicyShow() *cobra.Command {
	var file string
	c := leaf("show", "Show the published policy, or check and show a file", "holdfast policy show\nholdfast policy show --policy ours.json --json", 0, nil)
	asJSON := jsonFlag(c)
	policyFlag(c, &file)
	c.RunE = func(c *cobra.Command, _ []string) error {
		p, err := readPolicy(file)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.OutOrStdout(), p)
		}
		rows := [][]string{{"KIND", "TIER", "WHEN (LOCAL TIME OF THE SITE)", "KEPT"}}
		for _, r := range p.Rules {
			rows = append(rows, []string{string(r.Kind), string(r.Tier), r.Schedule.Words(p.Night), strconv.Itoa(r.Keep)})
		}
		if err := table(c.OutOrStdout(), rows); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "\nA site starts within %s hours of a slot's due instant; a slot that is still owed %s hours after that is late.\n",
			policy.HoursMinutes(p.Window), policy.HoursMinutes(p.Grace))
		return err
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
	p, err := readPolicy(file)
	if err != nil {
		return none, err
	}
	return policy.Simulate(tz, begin, end, outages, p)
}

// readPolicy gives the published policy, or the one in a file.
func readPolicy(file string) (policy.Policy, error) {
	if file == "" {
		return policy.Default(), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return policy.Policy{}, usageError{fmt.Errorf("--policy: %w", err)}
	}
	b, err := io.ReadAll(io.LimitReader(f, policy.MaxFileBytes+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return policy.Policy{}, usageError{fmt.Errorf("--policy: %w", err)}
	}
	p, err := policy.Parse(b)
	if err != nil {
		return p, usageError{fmt.Errorf("--policy %q: %w", file, err)}
	}
	return p, nil
}

func printSimulation(w io.Writer, r policy.Result) error {
	rows := [][]string{{"KIND", "TAKEN (UTC)", "KEPT AS"}}
	for _, k := range r.Copies {
		as := make([]string, 0, len(k.Tiers))
		for _, served := range k.Tiers {
			as = append(as, string(served.Tier)+" "+served.Slot.String())
		}
		rows = append(rows, []string{string(k.Kind), k.At.Format(time.RFC3339), strings.Join(as, ", ")})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	if len(r.Missed) > 0 {
		rows := [][]string{{"", "", ""}, {"MISSED", "TIER", "SLOT"}}
		for _, m := range r.Missed {
			rows = append(rows, []string{string(m.Kind), string(m.Tier), m.Slot.String()})
		}
		if err := table(w, rows); err != nil {
			return err
		}
	}
	rows = [][]string{{"", "", "", "", ""}, {"KIND", "RUNS", "KEPT", "EXPIRED", "MISSED"}}
	for _, kind := range backup.Kinds() {
		missed := 0
		for _, m := range r.Missed {
			if m.Kind == kind {
				missed++
			}
		}
		rows = append(rows, []string{
			string(kind), strconv.Itoa(r.Runs[kind]), strconv.Itoa(r.Runs[kind] - r.Expired[kind]),
			strconv.Itoa(r.Expired[kind]), strconv.Itoa(missed),
		})
	}
	return table(w, rows)
}
