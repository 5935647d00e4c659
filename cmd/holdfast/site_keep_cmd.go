package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/api"
	"holdfast/internal/id"
)

// changeSite makes a command that changes one site.
func changeSite(s *settings, name, short, example, done string, needReason bool, fn func(ctx context.Context, a *app.App, site, reason string) error) *cobra.Command {
	c := leaf(name+" SITE", short, "holdfast site "+name+" learn.school.example"+example, 1, nil)
	reason := c.Flags().String("reason", "", "why, in a few words; it stands in the site's events")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if needReason && strings.TrimSpace(*reason) == "" {
			return errs.Field("reason", "say why, in a few words")
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			if err := fn(ctx, a, args[0], *reason); err != nil {
				return err
			}
			if *asJSON {
				v, err := a.ViewSite(ctx, authz.Console(), args[0])
				if err != nil {
					return err
				}
				return printJSON(c.OutOrStdout(), map[string]any{"id": v.Site.ID, "name": v.Site.Name, "state": v.Site.State, "legal_hold": v.Site.LegalHold})
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), done+"\n", args[0])
			return err
		})
	}
	return c
}

func newSuspend(s *settings) *cobra.Command {
	return changeSite(s, "suspend", "Take no more backups of a site; its copies are kept by the policy as before", ` --reason "contract ended"`,
		"%s is suspended: it takes no backups until it is resumed.", false,
		func(ctx context.Context, a *app.App, site, reason string) error {
			return a.SuspendSite(ctx, authz.Console(), site, true, reason)
		})
}

func newResume(s *settings) *cobra.Command {
	return changeSite(s, "resume", "Take backups of a suspended site again", "", "%s is active; what is owed starts now.", false,
		func(ctx context.Context, a *app.App, site, reason string) error {
			return a.SuspendSite(ctx, authz.Console(), site, false, reason)
		})
}

func newSiteHold(s *settings) *cobra.Command {
	return changeSite(s, "hold", "Put a site under a legal hold: no copy of it is deleted", ` --reason "case 24/113"`,
		"%s is under a legal hold: no copy of it is deleted until it is released.", true,
		func(ctx context.Context, a *app.App, site, reason string) error {
			return a.HoldSite(ctx, authz.Console(), site, true, reason)
		})
}

func newSiteRelease(s *settings) *cobra.Command {
	return changeSite(s, "release", "Lift a site's legal hold", "", "%s is under no legal hold any more; the policy decides.", false,
		func(ctx context.Context, a *app.App, site, reason string) error {
			return a.HoldSite(ctx, authz.Console(), site, false, reason)
		})
}

func newStanding(s *settings) *cobra.Command {
	c := leaf("standing SITE", "Show how old a site's newest good copies are, what is owed, and whether that is late", "holdfast site standing learn.school.example --json", 1, nil)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			v, err := a.ViewSite(ctx, authz.Console(), args[0])
			if err != nil {
				return err
			}
			return printStanding(c, api.StandingOf(v), *asJSON)
		})
	}
	return c
}

func printStanding(c *cobra.Command, v api.Standing, asJSON bool) error {
	if asJSON {
		return printJSON(c.OutOrStdout(), v)
	}
	cells := [][]string{{"KIND", "NEWEST GOOD", "AGE", "OWED SLOTS", "LATE SINCE", "NEXT START"}}
	for _, k := range v.Kinds {
		owed := make([]string, 0, len(k.Owed))
		for _, o := range k.Owed {
			owed = append(owed, o.Tier+" "+o.Slot)
		}
		if k.DueSince != nil && len(owed) == 0 {
			owed = append(owed, "the first copy")
		}
		cells = append(cells, []string{
			k.Kind, instant(k.NewestGood, "none yet"), age(k.AgeSeconds), orElse(strings.Join(owed, ", "), "none"), instant(k.LateSince, "not late"), instant(k.NextStart, "none planned"),
		})
	}
	if err := table(c.OutOrStdout(), cells); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "\n%s is %s, under policy %s, in %s.\n", v.Site, v.State, v.Policy, v.TimeZone)
	if err == nil && len(v.Stopped) > 0 {
		_, err = fmt.Fprintf(c.OutOrStdout(), "No copy of it is deleted: %s.\n", strings.Join(v.Stopped, ", "))
	}
	return err
}

func instant(t *time.Time, none string) string {
	if t == nil {
		return none
	}
	return t.UTC().Format(time.RFC3339)
}

func age(seconds *int64) string {
	if seconds == nil {
		return ""
	}
	return (time.Duration(*seconds) * time.Second).String()
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func newOverdue(s *settings) *cobra.Command {
	c := leaf("overdue", "List what is late, the longest first", "holdfast overdue --json", 0, nil)
	asJSON := jsonFlag(c)
	limit := c.Flags().Int32("limit", 1000, "how many at most, from 1 to 1000")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *limit < 1 || *limit > 1000 {
			return errs.Field("limit", "%d must be from 1 to 1000", *limit)
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			rows, total, err := a.ListOverdue(ctx, authz.Console(), id.Tenant{}, *limit)
			if err != nil {
				return err
			}
			late := api.LateOf(rows, clock.System{}.Now())
			if *asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"total": total, "overdue": late})
			}
			if total == 0 {
				_, err := fmt.Fprintln(c.OutOrStdout(), "Nothing is late.")
				return err
			}
			cells := [][]string{{"SITE", "TENANT", "KIND", "LATE SINCE", "NEWEST GOOD COPY", "AGE", "HOST"}}
			for _, l := range late {
				cells = append(cells, []string{l.Site, l.Tenant, l.Kind, l.LateSince.Format(time.RFC3339), instant(l.NewestGood, "none"), age(l.AgeSeconds), l.Host})
			}
			if err := table(c.OutOrStdout(), cells); err != nil || total == int64(len(late)) {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "\n%s of %s are shown.\n", strconv.Itoa(len(late)), strconv.FormatInt(total, 10))
			return err
		})
	}
	return c
}

func newClock(s *settings) *cobra.Command {
	trust := leaf("trust", "End the stop of deletions after the clock jumped: somebody has looked, and it is right", "holdfast clock trust", 0, nil)
	asJSON := jsonFlag(trust)
	trust.RunE = func(c *cobra.Command, _ []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			if err := a.TrustClock(ctx, authz.Console()); err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), map[string]bool{"trusted": true})
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), "The clock is trusted; deletions go on.")
			return err
		})
	}
	return group("clock", "What is thought of this machine's clock", trust)
}
