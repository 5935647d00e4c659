package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/id"
	"holdfast/internal/tenant"
)

// userMore are the commands about people beside add and list.
func userMore(s *settings) []*cobra.Command {
	return []*cobra.Command{
		newUserInvite(s), newUserReset(s),
		userAct(s, "disable", "Keep a person from signing in, and end their sessions", "Disabled %s.\n", (*app.App).DisableAccount),
		userAct(s, "enable", "Let a person sign in again", "Enabled %s.\n", (*app.App).EnableAccount),
		userAct(s, "reset-factors", "Take away authenticator, passkeys and recovery codes of who has lost them", "Reset the factors of %s.\n", (*app.App).ResetFactors),
	}
}

func newUserInvite(s *settings) *cobra.Command {
	var staff, slug, role string
	c := leaf("invite EMAIL", "Invite somebody: by mail, or by a link to hand over where no mail is set up",
		"holdfast user invite anna@hoster.example --staff operator\nholdfast user invite ben@school.example --tenant riverside --role admin", 1, nil)
	asJSON := jsonFlag(c)
	c.Flags().StringVar(&staff, "staff", "", "staff role: owner, operator, support, billing or auditor")
	c.Flags().StringVar(&slug, "tenant", "", "the customer organisation's slug")
	c.Flags().StringVar(&role, "role", "member", "role in it: admin, member or viewer")
	c.RunE = func(c *cobra.Command, args []string) error {
		if (staff == "") == (slug == "") {
			return usageError{fmt.Errorf("give either --staff or --tenant; see: %s --help", c.CommandPath())}
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			n := app.NewInvitation{Email: args[0], Staff: tenant.StaffRole(staff)}
			if slug != "" {
				of, err := a.TenantID(ctx, authz.Console(), slug)
				if err != nil {
					return err
				}
				n.Tenant, n.Role = of, tenant.Role(role)
			}
			made, err := a.Invite(ctx, authz.Console(), n)
			if err != nil {
				return err
			}
			if *asJSON {
				out := map[string]any{"id": made.ID, "mailed": made.Mailed}
				if !made.Mailed {
					out["link"] = made.Link
				}
				return printJSON(c.OutOrStdout(), out)
			}
			if made.Mailed {
				_, err = fmt.Fprintf(c.OutOrStdout(), "An invitation to %s is on its way; holdfast serve sends it.\n", args[0])
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "No mail is set up. Hand this link to %s; it works once, for seven days:\n%s\n", args[0], made.Link)
			return err
		})
	}
	return c
}

func newUserReset(s *settings) *cobra.Command {
	c := leaf("reset EMAIL", "Print a link that sets a new password, to hand over", "holdfast user reset anna@hoster.example", 1, nil)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			link, err := a.MakeResetLink(ctx, authz.Console(), args[0])
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"link": link})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Hand this link to %s; it works once, for an hour:\n%s\n", args[0], link)
			return err
		})
	}
	return c
}

// userAct makes a command that does one thing to one account.
func userAct(s *settings, verb, short, done string, act func(*app.App, context.Context, authz.Actor, id.Account) error) *cobra.Command {
	c := leaf(verb+" EMAIL", short, "holdfast user "+verb+" anna@hoster.example", 1, nil)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			acc, err := a.AccountByEmail(ctx, authz.Console(), args[0])
			if err != nil {
				return err
			}
			if err := act(a, ctx, authz.Console(), acc.ID); err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"id": acc.ID})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), done, acc.Email)
			return err
		})
	}
	return c
}
