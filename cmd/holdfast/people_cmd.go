package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/tenant"
)

func newTenant(s *settings) *cobra.Command {
	var slug string
	add := leaf("add NAME", "Add a customer organisation", `holdfast tenant add "Riverside Academy" --slug riverside`, 1, nil)
	asJSON := jsonFlag(add)
	add.Flags().StringVar(&slug, "slug", "", "its short name in commands, like riverside")
	add.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			made, err := a.AddTenant(ctx, authz.Console(), args[0], slug)
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"id": made, "slug": slug})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Added %s (%s).\n", slug, made)
			return err
		})
	}
	list := leaf("list", "List the customer organisations", "holdfast tenant list --json", 0, nil)
	listJSON := jsonFlag(list)
	list.RunE = func(c *cobra.Command, _ []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			rows, err := a.ListTenants(ctx, authz.Console())
			if err != nil {
				return err
			}
			type tenantRow struct {
				ID    string `json:"id"`
				Slug  string `json:"slug"`
				Name  string `json:"name"`
				State string `json:"state"`
				Sites int64  `json:"sites"`
			}
			out, cells := []tenantRow{}, [][]string{{"SLUG", "NAME", "STATE", "SITES"}}
			for _, r := range rows {
				out = append(out, tenantRow{r.ID.String(), r.Slug, r.Name, string(r.State), r.Sites})
				cells = append(cells, []string{r.Slug, r.Name, string(r.State), strconv.FormatInt(r.Sites, 10)})
			}
			if *listJSON {
				return printJSON(c.OutOrStdout(), out)
			}
			return table(c.OutOrStdout(), cells)
		})
	}
	return listing(group("tenant", "Customer organisations", add, list, newTenantWindow(s)), list)
}

func newUser(s *settings) *cobra.Command {
	var n app.NewAccount
	var staff, role, passwordFile string
	add := leaf("add EMAIL", "Add a person who may sign in",
		"holdfast user add anna@hoster.example --name Anna --staff operator\nholdfast user add ben@school.example --name Ben --tenant riverside --role admin --password-file ben.txt", 1, nil)
	asJSON := jsonFlag(add)
	add.Flags().StringVar(&n.Name, "name", "", "the person's name")
	add.Flags().StringVar(&staff, "staff", "", "staff role: owner, operator, support, billing or auditor")
	add.Flags().StringVar(&n.Tenant, "tenant", "", "the customer organisation's slug")
	add.Flags().StringVar(&role, "role", "member", "role in it: admin, member or viewer")
	add.Flags().StringVar(&passwordFile, "password-file", "", "file with the password; without it one line is read from standard input")
	add.RunE = func(c *cobra.Command, args []string) error {
		n.Email, n.Staff, n.Role = args[0], tenant.StaffRole(staff), tenant.Role(role)
		var err error
		if n.Password, err = readPassword(c, passwordFile); err != nil {
			return err
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			made, err := a.AddAccount(ctx, authz.Console(), n)
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"id": made})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Added %s (%s).\n", args[0], made)
			return err
		})
	}
	list := leaf("list", "List the people who may sign in", "holdfast user list", 0, nil)
	listJSON := jsonFlag(list)
	list.RunE = func(c *cobra.Command, _ []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			rows, err := a.ListAccounts(ctx, authz.Console())
			if err != nil {
				return err
			}
			type userRow struct {
				ID      string `json:"id"`
				Email   string `json:"email"`
				Name    string `json:"name"`
				Staff   string `json:"staff,omitempty"`
				Tenants string `json:"tenants,omitempty"`
			}
			out, cells := []userRow{}, [][]string{{"EMAIL", "NAME", "STAFF", "TENANTS"}}
			for _, r := range rows {
				role := ""
				if r.StaffRole != nil {
					role = string(*r.StaffRole)
				}
				out = append(out, userRow{r.ID.String(), r.Email, r.Name, role, r.Memberships})
				cells = append(cells, []string{r.Email, r.Name, role, r.Memberships})
			}
			if *listJSON {
				return printJSON(c.OutOrStdout(), out)
			}
			return table(c.OutOrStdout(), cells)
		})
	}
	return listing(group("user", "People who may sign in", append(userMore(s), add, list)...), list)
}

func readPassword(c *cobra.Command, file string) (string, error) {
	if file != "" {
		b, err := os.ReadFile(file) //nolint:gosec // the operator names the file
		if err != nil {
			return "", errs.Wrap(errs.Invalid, err, "password-file: cannot be read")
		}
		return strings.TrimRight(string(b), "\r\n"), nil
	}
	line, err := bufio.NewReader(c.InOrStdin()).ReadString('\n')
	if err != nil && line == "" {
		return "", errs.Field("password", "give it on standard input or with --password-file")
	}
	return strings.TrimRight(line, "\r\n"), nil
}
