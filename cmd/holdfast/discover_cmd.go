package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
)

// lookEvery is how often a command that waits for a look asks how it stands.
const lookEvery = time.Second

// choiceFile is the JSON file by which found sites are registered.
type choiceFile struct {
	CodeDir     string `json:"code_dir"`
	Tenant      string `json:"tenant"`
	Name        string `json:"name"`
	AccountRoot string `json:"account_root,omitempty"`
	TimeZone    string `json:"time_zone,omitempty"`
	Destination string `json:"destination,omitempty"`
}

func newDiscover(s *settings) *cobra.Command {
	var file string
	var last bool
	c := leaf("discover HOST", "Have a host's agent find every Moodle, and register what it found",
		"holdfast host discover host-a --json\n  holdfast host discover host-a --register found.json", 1, nil)
	asJSON := jsonFlag(c)
	c.Flags().StringVar(&file, "register", "", `register what the JSON file names: [{"code_dir", "tenant", "name", "account_root", "time_zone", "destination"}]; all of it or none`)
	c.Flags().BoolVar(&last, "last", false, "show what was found last, and look no further")
	c.MarkFlagsMutuallyExclusive("register", "last")
	c.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			if file != "" {
				return registerFile(ctx, c, a, args[0], file, *asJSON)
			}
			l, err := look(ctx, c, a, args[0], last)
			if err != nil {
				return err
			}
			return printLook(c, l, *asJSON)
		})
	}
	return c
}

// look asks for a look and waits for its end, or gives the last one.
func look(ctx context.Context, c *cobra.Command, a *app.App, host string, last bool) (app.Look, error) {
	l, err := a.Discovery(ctx, authz.Console(), host)
	if err != nil || last {
		return l, err
	}
	if !l.Open() {
		if err := a.DiscoverSites(ctx, authz.Console(), host); err != nil {
			return l, err
		}
	}
	said := ""
	for {
		if l, err = a.Discovery(ctx, authz.Console(), host); err != nil || !l.Open() {
			break
		}
		if now := fmt.Sprintf("looked into %d folders, %s", l.Progress.DoneFiles, l.Progress.Detail); !l.Started.IsZero() && now != said {
			_, _ = fmt.Fprintln(c.ErrOrStderr(), now) // whoever waits; a broken terminal changes nothing
			said = now
		}
		t := time.NewTimer(lookEvery)
		select {
		case <-ctx.Done():
			t.Stop()
			return l, ctx.Err()
		case <-t.C:
		}
	}
	if err == nil && l.Error != "" {
		err = errs.New(errs.Conflict, "%s", l.Error)
	}
	return l, err
}

func printLook(c *cobra.Command, l app.Look, asJSON bool) error {
	type foundRow struct {
		choiceFile
		Release  string `json:"release"`
		WWWRoot  string `json:"wwwroot"`
		DataRoot string `json:"dataroot"`
		Site     string `json:"site,omitempty"`
		Problem  string `json:"problem,omitempty"`
	}
	out, cells := []foundRow{}, [][]string{{"CODE", "RELEASE", "NAME", "SITE"}}
	for _, f := range l.Sites {
		out = append(out, foundRow{choiceFile{CodeDir: f.CodeDir, Name: f.Name, AccountRoot: f.AccountRoot}, f.Release, f.WWWRoot, f.DataRoot, f.SiteName, f.Problem})
		state := f.SiteName
		if state == "" {
			state = "free"
		}
		if f.Problem != "" {
			state += "; " + f.Problem
		}
		cells = append(cells, []string{f.CodeDir, f.Release, f.Name, state})
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), map[string]any{"host": l.HostName, "state": l.State, "folders": l.Folders, "truncated": l.Truncated, "sites": out})
	}
	if err := table(c.OutOrStdout(), cells); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "%d found, %d not registered.%s\n", len(l.Sites), l.Free(), strings.TrimRight(" "+l.Truncated, " "))
	return err
}

func registerFile(ctx context.Context, c *cobra.Command, a *app.App, host, file string, asJSON bool) error {
	raw, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return errs.Wrap(errs.Invalid, err, "register: %s cannot be read", file)
	}
	var rows []choiceFile
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&rows); err != nil {
		return errs.Wrap(errs.Invalid, err, "register: %s is not a list of sites; see docs/operations/hosts.md", file)
	}
	choices := make([]app.Choice, 0, len(rows))
	for _, r := range rows {
		choices = append(choices, app.Choice{CodeDir: r.CodeDir, Tenant: r.Tenant, Name: r.Name, AccountRoot: r.AccountRoot, TimeZone: r.TimeZone, Destination: r.Destination})
	}
	made, err := a.RegisterFound(ctx, authz.Console(), host, choices)
	var wrong *app.RowsError
	if errors.As(err, &wrong) {
		for _, w := range wrong.Rows {
			_, _ = fmt.Fprintf(c.ErrOrStderr(), "row %d (%s): %s: %s\n", w.Row+1, rows[w.Row].CodeDir, w.Field, w.Text) // the error says the rest
		}
	}
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), map[string]any{"registered": made})
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "Registered %d sites. Their first copies are planned; watch them with: holdfast runs list\n", len(made))
	return err
}
