package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/selfcert"
	"holdfast/internal/serve"
	"holdfast/internal/store/dbq"
)

func newHost(s *settings) *cobra.Command {
	var maxRuns int32
	add := leaf("add NAME", "Add a machine and print the command that enrols its agent", "holdfast host add host-a --max-runs 2", 1, nil)
	asJSON := jsonFlag(add)
	add.Flags().Int32Var(&maxRuns, "max-runs", 2, "how many runs the host may have at once")
	add.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			_, token, err := a.AddHost(ctx, authz.Console(), args[0], maxRuns)
			if err != nil {
				return err
			}
			return printEnrolment(c, s, args[0], token, *asJSON)
		})
	}
	enrol := leaf("enrol NAME", "Print a fresh command that enrols a host's agent", "holdfast host enrol host-a", 1, nil)
	enrolJSON := jsonFlag(enrol)
	enrol.RunE = func(c *cobra.Command, args []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			token, err := a.NewEnrolment(ctx, authz.Console(), args[0])
			if err != nil {
				return err
			}
			return printEnrolment(c, s, args[0], token, *enrolJSON)
		})
	}
	list := leaf("list", "List the hosts", "holdfast host list --json", 0, nil)
	listJSON := jsonFlag(list)
	list.RunE = func(c *cobra.Command, _ []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error { return listHosts(ctx, c, a, *listJSON) })
	}
	move := func(use, short string, to dbq.HostState) *cobra.Command {
		return leaf(use+" NAME", short, "holdfast host "+use+" host-a", 1, func(c *cobra.Command, args []string) error {
			return console(c, s, func(ctx context.Context, a *app.App) error {
				if err := a.MoveHost(ctx, authz.Console(), args[0], to, ""); err != nil {
					return err
				}
				_, err := fmt.Fprintf(c.OutOrStdout(), "%s is %s.\n", args[0], to)
				return err
			})
		})
	}
	return listing(group("host", "Machines with sites", add, enrol, list, newDiscover(s),
		move("maintain", "Give the host no new work", dbq.HostStateMaintenance),
		move("resume", "Give the host work again", dbq.HostStateActive),
		move("revoke", "Make the agent's credential worthless", dbq.HostStateRevoked)), list)
}

// printEnrolment prints the one command that an operator pastes on the host.
func printEnrolment(c *cobra.Command, s *settings, name, token string, asJSON bool) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	url, pin := cfg.AgentURL, ""
	if url == "" {
		url = "https://" + cfg.AgentListen
	}
	if cfg.TLSCert == "" {
		cert, err := selfcert.Load(serve.TLSDir(cfg), clock.System{}.Now())
		if err != nil {
			return errs.Wrap(errs.Unavailable, err, "The certificate of the agents' door is not there yet; start `holdfast serve` once")
		}
		if pin, err = selfcert.Pin(cert); err != nil {
			return err
		}
	}
	command := app.EnrolCommand(token, url, pin)
	if asJSON {
		return printJSON(c.OutOrStdout(), map[string]string{"host": name, "token": token, "server": url, "pin": pin, "command": command})
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "Run this on %s within %s (once; name the folders that hold its sites):\n\n  %s\n\n", name, app.EnrolmentLife, command)
	return err
}

func listHosts(ctx context.Context, c *cobra.Command, a *app.App, asJSON bool) error {
	rows, err := a.ListHosts(ctx, authz.Console())
	if err != nil {
		return err
	}
	type hostRow struct {
		ID           string     `json:"id"`
		Name         string     `json:"name"`
		State        string     `json:"state"`
		AgentVersion string     `json:"agent_version"`
		Protocol     int32      `json:"protocol"`
		LastSeen     *time.Time `json:"last_seen"`
		Running      int64      `json:"running"`
		Waiting      int64      `json:"waiting"`
		MaxRuns      int32      `json:"max_runs"`
		Sites        int64      `json:"sites"`
	}
	out, cells := []hostRow{}, [][]string{{"NAME", "STATE", "AGENT", "LAST SEEN", "RUNNING", "WAITING", "SITES"}}
	for _, r := range rows {
		out = append(out, hostRow{r.ID.String(), r.Name, string(r.State), r.AgentVersion, r.Protocol, r.LastSeenAt, r.Running, r.Waiting, r.MaxRuns, r.Sites})
		seen := "never"
		if r.LastSeenAt != nil {
			seen = r.LastSeenAt.UTC().Format(time.RFC3339)
		}
		cells = append(cells, []string{
			r.Name, string(r.State), r.AgentVersion, seen, fmt.Sprintf("%d of %d", r.Running, r.MaxRuns), strconv.FormatInt(r.Waiting, 10), strconv.FormatInt(r.Sites, 10),
		})
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), out)
	}
	return table(c.OutOrStdout(), cells)
}
