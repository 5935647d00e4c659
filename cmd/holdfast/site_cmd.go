package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/catalog"
	"holdfast/internal/errs"
	"holdfast/internal/vault"
)

func newSite(s *settings) *cobra.Command {
	var n app.NewSite
	add := leaf("add NAME", "Register a Moodle site; its first copies are taken at once",
		"holdfast site add learn.school.example --tenant riverside --host host-a --code /var/www/moodle --tz Europe/Berlin", 1, nil)
	asJSON := jsonFlag(add)
	add.Flags().StringVar(&n.Tenant, "tenant", "", "the customer organisation's slug")
	add.Flags().StringVar(&n.Host, "host", "", "the machine it is on")
	add.Flags().StringVar(&n.CodeDir, "code", "", "folder that holds config.php (the parent of public/)")
	add.Flags().StringVar(&n.AccountRoot, "root", "", "account root, if the site has other files too")
	add.Flags().StringVar(&n.TimeZone, "tz", "UTC", "IANA time zone of the site")
	add.Flags().StringVar(&n.Destination, "destination", app.DefaultDestination, "where its repositories go")
	add.RunE = func(c *cobra.Command, args []string) error {
		n.Name = args[0]
		return console(c, s, func(ctx context.Context, a *app.App) error {
			made, err := a.AddSite(ctx, authz.Console(), n)
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"id": made, "name": args[0]})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Added %s (%s). Its first copies are planned; watch them with: holdfast runs list --site %s\n", args[0], made, args[0])
			return err
		})
	}
	list := leaf("list", "List the sites with the time of their newest copies", "holdfast site list --json", 0, nil)
	listJSON := jsonFlag(list)
	search := list.Flags().String("search", "", "part of the site's or tenant's name")
	list.RunE = func(c *cobra.Command, _ []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error { return listSites(ctx, c, a, *search, *listJSON) })
	}
	maintain := leaf("maintain NAME", "Have the keeper maintain a site's repositories", "holdfast site maintain learn.school.example", 1,
		func(c *cobra.Command, args []string) error {
			return console(c, s, func(ctx context.Context, a *app.App) error {
				return a.MaintainSite(ctx, authz.Console(), args[0])
			})
		})
	return listing(group("site", "Moodle sites", add, list, maintain, newSuspend(s), newResume(s), newSiteHold(s), newSiteRelease(s), newStanding(s), newAdvice(s), newExclude(s), newVerify(s), newRepair(s), newClearAlarm(s), newSiteWindow(s)), list)
}

func listSites(ctx context.Context, c *cobra.Command, a *app.App, search string, asJSON bool) error {
	type siteRow struct {
		ID       string     `json:"id"`
		Name     string     `json:"name"`
		Tenant   string     `json:"tenant"`
		State    string     `json:"state"`
		Database *time.Time `json:"newest_database_copy"`
		Data     *time.Time `json:"newest_data_copy"`
		Error    string     `json:"last_error,omitempty"`
	}
	out, cells := []siteRow{}, [][]string{{"NAME", "TENANT", "STATE", "DATABASE", "DATA"}}
	when := func(t time.Time, state string) (*time.Time, string) {
		if state == "" {
			return nil, "none yet"
		}
		t = t.UTC()
		word := t.Format(time.RFC3339)
		if state != string(catalog.Good) {
			word += " (" + state + ")"
		}
		return &t, word
	}
	for after := ""; ; {
		page, err := a.ListFleet(ctx, authz.Console(), app.FleetQuery{Search: search, After: after, Size: 500})
		if err != nil {
			return err
		}
		for _, r := range page.Sites {
			db, dbWord := when(r.DatabaseAt, r.DatabaseState)
			data, dataWord := when(r.DataAt, r.DataState)
			out = append(out, siteRow{r.ID.String(), r.Name, r.TenantName, string(r.State), db, data, r.FailedError})
			cells = append(cells, []string{r.Name, r.TenantName, string(r.State), dbWord, dataWord})
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), out)
	}
	return table(c.OutOrStdout(), cells)
}

func newDestination(s *settings) *cobra.Command {
	var kind, file, vaultURL string
	var quota int64
	add := leaf("add NAME", "Add a storage for repositories",
		"holdfast destination add falkenstein --kind s3 --backend-file s3.json", 1, nil)
	asJSON := jsonFlag(add)
	add.Flags().StringVar(&kind, "kind", "filesystem", "filesystem, s3 or sftp")
	add.Flags().StringVar(&file, "backend-file", "", "JSON file that describes it, with its credentials (see docs/operations/destinations.md)")
	add.Flags().StringVar(&vaultURL, "vault-url", "", "vault process beside the storage, like https://storage-1:8443#sha256:…; empty for the one inside serve")
	add.Flags().Int64Var(&quota, "quota-bytes", 0, "most bytes that one run may add to its repository; 0 for no limit")
	add.RunE = func(c *cobra.Command, args []string) error {
		raw, err := os.ReadFile(file) //nolint:gosec // the operator names the file
		if err != nil {
			return errs.Wrap(errs.Invalid, err, "backend-file: cannot be read")
		}
		var b vault.Backend
		if err := json.Unmarshal(raw, &b); err != nil {
			return errs.Field("backend-file", "is not the JSON of a destination")
		}
		b.Kind = kind
		if err := b.Check(); err != nil {
			return err
		}
		if raw, err = json.Marshal(b); err != nil {
			return err
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			made, err := a.AddDestination(ctx, authz.Console(), app.NewDestination{Name: args[0], Kind: kind, Backend: raw, VaultURL: vaultURL, QuotaBytes: quota})
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"id": made, "name": args[0]})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Added %s (%s).\n", args[0], made)
			return err
		})
	}
	list := leaf("list", "List the storages", "holdfast destination list", 0, nil)
	listJSON := jsonFlag(list)
	list.RunE = func(c *cobra.Command, _ []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			rows, err := a.Destinations(ctx)
			if err != nil {
				return err
			}
			type destinationRow struct {
				ID         string `json:"id"`
				Name       string `json:"name"`
				Kind       string `json:"kind"`
				State      string `json:"state"`
				VaultURL   string `json:"vault_url"`
				QuotaBytes int64  `json:"quota_bytes"`
				MaxRuns    int    `json:"max_runs"`
			}
			out, cells := []destinationRow{}, [][]string{{"NAME", "KIND", "STATE", "QUOTA BYTES", "RUNS AT ONCE"}}
			for _, r := range rows {
				out = append(out, destinationRow{r.ID.String(), r.Name, r.Kind, r.State, r.VaultURL, r.QuotaBytes, r.MaxRuns})
				cells = append(cells, []string{r.Name, r.Kind, r.State, strconv.FormatInt(r.QuotaBytes, 10), limitWords(r.MaxRuns)})
			}
			if *listJSON {
				return printJSON(c.OutOrStdout(), out)
			}
			return table(c.OutOrStdout(), cells)
		})
	}
	return listing(group("destination", "Storages that hold repositories", add, list, newLimit(s), newVaultKey(s)), list)
}
