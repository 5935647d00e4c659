package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
)

func newVerify(s *settings) *cobra.Command {
	c := leaf("verify NAME", "Tell how what is stored of a site was read again, or have it read now", "holdfast site verify learn.school.example --whole", 1, nil)
	c.Long = "Tell how what is stored of a site was read again. --now has the keeper compare the lengths of what lies\n" +
		"in the storage, --whole has it read every byte; both come back at once, and the answer is there once the\n" +
		"keeper has done it."
	now := c.Flags().Bool("now", false, "compare lengths now")
	whole := c.Flags().Bool("whole", false, "read every byte now")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			if *now || *whole {
				if err := a.VerifySite(ctx, authz.Console(), args[0], *whole); err != nil {
					return err
				}
			}
			rows, err := a.Verification(ctx, authz.Console(), args[0])
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"repositories": rows})
			}
			cells := [][]string{{"KIND", "SAMPLE", "LENGTHS", "WHOLE READ", "NEXT", "COPIES", "PROVEN", "DAMAGED", "STATE"}}
			for _, v := range rows {
				cells = append(cells, []string{
					string(v.Kind), since(v.SampledAt), since(v.LookedAt), since(v.ScannedAt), since(v.NextScan),
					fmt.Sprint(v.Copies), fmt.Sprint(v.Proven), fmt.Sprint(v.Damaged), stateOf(v),
				})
			}
			if err := table(c.OutOrStdout(), cells); err != nil {
				return err
			}
			for _, v := range rows {
				for _, words := range []string{v.Damage, v.Trouble} {
					if words == "" {
						continue
					}
					if _, err := fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", v.Kind, words); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	return c
}

func since(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

func stateOf(v app.Verified) string {
	switch {
	case v.State != app.Sound:
		return string(v.State)
	case v.Overdue:
		return "overdue"
	case v.AtWork:
		return "being read"
	}
	return "sound"
}

func newRepair(s *settings) *cobra.Command {
	c := leaf("repair NAME", "Have the keeper repair what is stored of a site", "holdfast site repair learn.school.example", 1, nil)
	c.Long = "Have the keeper repair what is stored of a site: a lost index and lost manifests come back, damaged contents\n" +
		"are dropped and written again by the next run, as far as the site still has them. What is sound is not touched.\n\n" +
		"--acknowledge REASON lets go of what cannot be repaired instead: retention goes on, and the lost copies expire."
	acknowledge := c.Flags().String("acknowledge", "", "let go of what is lost, and why")
	c.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			if c.Flags().Changed("acknowledge") {
				return a.AcknowledgeDamage(ctx, authz.Console(), args[0], *acknowledge)
			}
			if err := a.RepairSite(ctx, authz.Console(), args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "The repair is planned; see how it goes with: holdfast site verify %s\n", args[0])
			return err
		})
	}
	return c
}

func newClearAlarm(s *settings) *cobra.Command {
	c := leaf("clear-alarm NAME", "Clear a site's tamper alarm: you have looked, and all is well", `holdfast site clear-alarm learn.school.example --reason "we moved the files ourselves"`, 1, nil)
	c.Long = "Clear a site's tamper alarm. Without --reason it is shown, with its evidence, and stays on."
	reason := c.Flags().String("reason", "", "why all is well; it stands in the log")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			if c.Flags().Changed("reason") {
				return a.ClearTamper(ctx, authz.Console(), args[0], *reason)
			}
			t, err := a.TamperOf(ctx, authz.Console(), args[0])
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), t)
			}
			if t.Alarm == "" {
				_, err := fmt.Fprintln(c.OutOrStdout(), "No tamper alarm is on for this site.")
				return err
			}
			if _, err := fmt.Fprintf(c.OutOrStdout(), "On since %s: %s\n", since(t.Since), t.Alarm); err != nil {
				return err
			}
			for _, e := range t.Evidence {
				if _, err := fmt.Fprintln(c.OutOrStdout(), "  "+e); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return c
}
