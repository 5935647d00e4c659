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
	"holdfast/internal/errs"
	"holdfast/internal/tenant"
)

func newToken(s *settings) *cobra.Command {
	list := newTokenList(s)
	revoke := leaf("revoke NAME", "Make a token worthless at once", "holdfast token revoke monitoring", 1, nil)
	asJSON := jsonFlag(revoke)
	revoke.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			if err := a.RevokeToken(ctx, authz.Console(), args[0]); err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"name": args[0], "revoked": true})
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "Token %s opens nothing any more.\n", args[0])
			return err
		})
	}
	return listing(group("token", "Tokens of the JSON API", newTokenCreate(s), list, revoke), list)
}

func newTokenCreate(s *settings) *cobra.Command {
	var role, of, expires string
	c := leaf("create NAME", "Make a token of the API and print it, once",
		"holdfast token create monitoring --role auditor\nholdfast token create riverside-ci --tenant riverside --role member --expires 30d", 1, nil)
	asJSON := jsonFlag(c)
	c.Flags().StringVar(&role, "role", "", "operator, support or auditor; with --tenant: admin, member or viewer")
	c.Flags().StringVar(&of, "tenant", "", "the customer organisation that it is for, by its slug; every one when left out")
	c.Flags().StringVar(&expires, "expires", strconv.Itoa(app.TokenDays)+"d", "for how long it is good, in days")
	c.RunE = func(c *cobra.Command, args []string) error {
		n := app.NewToken{Name: args[0], Tenant: of}
		if of == "" {
			n.Staff = tenant.StaffRole(role)
		} else {
			n.Role = tenant.Role(role)
		}
		days, err := strconv.Atoi(strings.TrimSuffix(expires, "d"))
		if err != nil || days < 1 {
			return errs.Field("expires", "%q must be a number of days, like %dd", expires, app.TokenDays)
		}
		n.Days = days
		if err := n.Check(); err != nil {
			return err
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			token, until, err := a.MakeToken(ctx, authz.Console(), n)
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"name": n.Name, "token": token, "expires": until.UTC()})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s\n\nThis is token %s, good until %s. It is shown this once: keep it where secrets are kept.\n", token, n.Name, until.UTC().Format(time.RFC3339))
			return err
		})
	}
	return c
}

func newTokenList(s *settings) *cobra.Command {
	c := leaf("list", "List the tokens, never the secrets themselves", "holdfast token list --json", 0, nil)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			rows, err := a.ListTokens(ctx, authz.Console())
			if err != nil {
				return err
			}
			type tokenRow struct {
				ID       string     `json:"id"`
				Name     string     `json:"name"`
				Role     string     `json:"role"`
				Tenant   string     `json:"tenant"`
				MadeBy   string     `json:"made_by"`
				Created  time.Time  `json:"created"`
				Expires  time.Time  `json:"expires"`
				Revoked  *time.Time `json:"revoked"`
				LastUsed *time.Time `json:"last_used"`
			}
			out, cells := []tokenRow{}, [][]string{{"NAME", "ROLE", "TENANT", "EXPIRES", "LAST USED", "REVOKED"}}
			for _, r := range rows {
				role := ""
				if r.StaffRole != nil {
					role = string(*r.StaffRole)
				} else if r.Role != nil {
					role = string(*r.Role)
				}
				out = append(out, tokenRow{r.ID.String(), r.Name, role, r.TenantSlug, r.MadeBy, r.CreatedAt.UTC(), r.ExpiresAt.UTC(), r.RevokedAt, r.LastUsedAt})
				cells = append(cells, []string{r.Name, role, r.TenantSlug, instant(&r.ExpiresAt, ""), instant(r.LastUsedAt, "never"), instant(r.RevokedAt, "")})
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), out)
			}
			return table(c.OutOrStdout(), cells)
		})
	}
	return c
}
