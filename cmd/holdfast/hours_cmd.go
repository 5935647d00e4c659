package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/policy"
)

// windowOut is what both commands print.
type windowOut struct {
	Window   string       `json:"window"` // "" is at any hour
	Sites    []siteWindow `json:"sites,omitempty"`
	Warnings []string     `json:"warnings,omitempty"`
}

type siteWindow struct {
	Site   string `json:"site"`
	Window string `json:"window"` // "always" is at any hour
}

func newTenantWindow(s *settings) *cobra.Command {
	c := leaf("window SLUG [WINDOW|none]", "Show or set when the scheduled backups of a customer's sites may start",
		"holdfast tenant window riverside\nholdfast tenant window riverside 22:00-06:00 --accept\nholdfast tenant window riverside \"20:00-24:00 mon,tue,wed,thu,fri\"\nholdfast tenant window riverside none", 1, nil)
	c.Args = cobra.RangeArgs(1, 2)
	asJSON := jsonFlag(c)
	accept := c.Flags().Bool("accept", false, "take the window although the policy cannot be kept in full within it")
	c.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			var warnings []string
			if len(args) == 2 {
				text := args[1]
				if text == "none" {
					text = ""
				}
				var err error
				if warnings, err = a.SetTenantHours(ctx, authz.Console(), args[0], text, *accept); err != nil {
					return acceptable(err)
				}
			}
			v, err := a.ViewHours(ctx, authz.Console(), args[0])
			if err != nil {
				return err
			}
			out := windowOut{Window: v.Hours.String(), Warnings: warnings}
			for _, own := range v.Own {
				out.Sites = append(out.Sites, siteWindow{own.Name, windowWord(own.Hours)})
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), out)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Scheduled backups of %s start %s, by each site's own clock.\n", v.Slug, v.Hours.Words())
			for _, own := range v.Own {
				_, err = fmt.Fprintf(c.OutOrStdout(), "%s has its own: %s.\n", own.Name, own.Hours.Words())
			}
			return errors.Join(err, printWarnings(c, warnings))
		})
	}
	return c
}

func newSiteWindow(s *settings) *cobra.Command {
	c := leaf("window NAME WINDOW|always|tenant", "Set when a site's scheduled backups may start, otherwise than its customer's others",
		"holdfast site window learn.school.example 22:00-06:00\nholdfast site window learn.school.example always\nholdfast site window learn.school.example tenant", 2, nil)
	asJSON := jsonFlag(c)
	accept := c.Flags().Bool("accept", false, "take the window although the policy cannot be kept in full within it")
	c.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			text := args[1]
			if text == "tenant" {
				text = ""
			}
			warnings, err := a.SetSiteHours(ctx, authz.Console(), args[0], text, *accept)
			if err != nil {
				return acceptable(err)
			}
			v, err := a.ViewSite(ctx, authz.Console(), args[0])
			if err != nil {
				return err
			}
			hours := v.Policy.Policy.Hours
			if *asJSON {
				return printJSON(c.OutOrStdout(), windowOut{Window: hours.String(), Warnings: warnings})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Scheduled backups of %s start %s, by its own clock.\n", args[0], hours.Words())
			return errors.Join(err, printWarnings(c, warnings))
		})
	}
	return c
}

func windowWord(h policy.Hours) string {
	if h.Always() {
		return "always"
	}
	return h.String()
}

// acceptable says how a window that costs something is taken all the same.
func acceptable(err error) error {
	var w *app.HoursWarning
	if !errors.As(err, &w) {
		return err
	}
	return errs.New(errs.Conflict, "The policy cannot be kept in full within this window. %s Nothing was changed; to take it all the same, add --accept.", w.Error())
}

func printWarnings(c *cobra.Command, warnings []string) error {
	if len(warnings) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(c.ErrOrStderr(), "Accepted: %s\n", strings.Join(warnings, " "))
	return err
}
