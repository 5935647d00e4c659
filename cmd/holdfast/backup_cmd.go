package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
)

func newBackup(s *settings) *cobra.Command {
	var kind, protect, reason string
	var wait bool
	c := leaf("backup SITE", "Back up a site now; the copies are protected, outside the policy's counts",
		"holdfast backup learn.school.example --kind database --wait\nholdfast backup learn.school.example --protect 30d --reason \"before the upgrade to 4.5\"", 1, nil)
	asJSON := jsonFlag(c)
	c.Flags().StringVar(&kind, "kind", "all", "database, data or all")
	c.Flags().BoolVar(&wait, "wait", false, "wait until the copies are there; exit 1 if one is not good")
	c.Flags().StringVar(&protect, "protect", "", "for how long the copies are protected, like 30d (the default)")
	c.Flags().StringVar(&reason, "reason", "", "why, in a few words; it stands beside the copies")
	c.RunE = func(c *cobra.Command, args []string) error {
		kinds, err := backup.ParseKinds("kind", kind)
		if err != nil {
			return err
		}
		keep, err := protection("protect", protect, reason)
		if err != nil {
			return err
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			started, err := a.StartBackup(ctx, authz.Console(), args[0], kinds, keep)
			if err != nil {
				return err
			}
			if !wait {
				return printStarted(c, started, *asJSON)
			}
			return waitFor(ctx, c, a, started, *asJSON)
		})
	}
	return c
}

// protection reads a number of days, with or without a d, and a reason.
func protection(flag, days, reason string) (app.Protection, error) {
	p := app.Protection{Reason: reason}
	if days == "" {
		return p, nil
	}
	n, err := strconv.Atoi(strings.TrimSuffix(days, "d"))
	if err != nil || n < 1 {
		return p, errs.Field(flag, "%q must be a number of days, like 30d", days)
	}
	p.Days = n
	return p, nil
}

type runRow struct {
	Run       string     `json:"run"`
	Site      string     `json:"site,omitempty"`
	Kind      string     `json:"kind"`
	Reason    string     `json:"reason,omitempty"`
	State     string     `json:"state"`
	Attempt   int32      `json:"attempt"`
	Created   time.Time  `json:"created"`
	Started   *time.Time `json:"started"`
	Finished  *time.Time `json:"finished"`
	Error     string     `json:"error,omitempty"`
	ErrorCode string     `json:"error_code,omitempty"`
	Joined    bool       `json:"joined,omitempty"`
}

func rowOf(r dbq.Run) runRow {
	return runRow{
		Run: r.ID.String(), Kind: string(r.Kind), Reason: string(r.Reason), State: string(r.State), Attempt: r.Attempt, Created: r.CreatedAt,
		Started: r.StartedAt, Finished: r.FinishedAt, Error: r.Error, ErrorCode: r.ErrorCode,
	}
}

func printStarted(c *cobra.Command, started []app.Started, asJSON bool) error {
	out := []runRow{}
	for _, st := range started {
		out = append(out, runRow{Run: st.Run.String(), Kind: string(st.Kind), State: string(backup.Planned), Joined: st.Joined})
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), out)
	}
	for _, st := range started {
		word := "planned"
		if st.Joined {
			word = "was under way already"
		}
		if _, err := fmt.Fprintf(c.OutOrStdout(), "%s: %s (run %s)\n", st.Kind, word, st.Run); err != nil {
			return err
		}
	}
	return nil
}

// waitFor polls the runs until they end, drawing a bar on a terminal.
func waitFor(ctx context.Context, c *cobra.Command, a *app.App, started []app.Started, asJSON bool) error {
	bar := progressBar{w: c.ErrOrStderr(), terminal: isTerminal(c.ErrOrStderr())}
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	out := make([]runRow, len(started))
	bad := ""
	for i, st := range started {
		for {
			r, err := a.ViewRun(ctx, authz.Console(), st.Run)
			if err != nil {
				return err
			}
			if !r.State.Open() {
				bar.end(r)
				out[i] = rowOf(r)
				if r.State != backup.Good {
					bad = fmt.Sprintf("the %s run is %s: %s", r.Kind, r.State, r.Error)
				}
				break
			}
			bar.draw(r)
			select {
			case <-ctx.Done():
				return errs.New(errs.Unavailable, "Stopped waiting; the runs go on. See: holdfast runs list")
			case <-tick.C:
			}
		}
	}
	if asJSON {
		if err := printJSON(c.OutOrStdout(), out); err != nil {
			return err
		}
	}
	if bad != "" {
		return errs.New(errs.Incomplete, "%s", bad)
	}
	return nil
}

type progressBar struct {
	w        io.Writer
	terminal bool
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (b *progressBar) draw(r dbq.Run) {
	if !b.terminal {
		return
	}
	var p agentproto.Progress
	_ = json.Unmarshal(r.Progress, &p)
	done, all := p.DoneBytes, p.TotalBytes
	if all == 0 {
		done, all = p.DoneFiles, p.TotalFiles
	}
	if all == 0 {
		done, all = int64(p.DoneTables), int64(p.AllTables)
	}
	const width = 30
	full := 0
	if all > 0 {
		full = int(min(done, all) * width / all)
	}
	_, _ = fmt.Fprintf(b.w, "\r\x1b[K%-9s [%s%s] %s %s", r.Kind, strings.Repeat("█", full), strings.Repeat("·", width-full), r.State, p.Phase)
}

func (b *progressBar) end(r dbq.Run) {
	lead := ""
	if b.terminal {
		lead = "\r\x1b[K"
	}
	took := ""
	if r.FinishedAt != nil {
		took = " after " + r.FinishedAt.Sub(r.CreatedAt).Round(100*time.Millisecond).String()
	}
	_, _ = fmt.Fprintf(b.w, "%s%-9s %s%s %s\n", lead, r.Kind, r.State, took, r.Error)
}

func newRuns(s *settings) *cobra.Command {
	var q app.RunQuery
	list := leaf("list", "List runs, those under way first", "holdfast runs list --open --json", 0, nil)
	asJSON := jsonFlag(list)
	list.Flags().StringVar(&q.Site, "site", "", "only of this site")
	list.Flags().BoolVar(&q.OnlyOpen, "open", false, "only those that have not ended")
	list.Flags().Int32Var(&q.Size, "limit", 100, "how many at most")
	list.RunE = func(c *cobra.Command, _ []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			rows, err := a.ListRuns(ctx, authz.Console(), q)
			if err != nil {
				return err
			}
			out, cells := []runRow{}, [][]string{{"RUN", "SITE", "KIND", "REASON", "STATE", "TRY", "CREATED", "ERROR"}}
			for _, r := range rows {
				row := runRow{
					Run: r.ID.String(), Site: r.SiteName, Kind: string(r.Kind), Reason: string(r.Reason), State: string(r.State), Attempt: r.Attempt,
					Created: r.CreatedAt, Started: r.StartedAt, Finished: r.FinishedAt, Error: r.Error, ErrorCode: r.ErrorCode,
				}
				out = append(out, row)
				cells = append(cells, []string{row.Run, row.Site, row.Kind, row.Reason, row.State, fmt.Sprint(row.Attempt), row.Created.UTC().Format(time.RFC3339), row.Error})
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), out)
			}
			return table(c.OutOrStdout(), cells)
		})
	}
	var reason string
	cancel := leaf("cancel RUN", "Stop a run", `holdfast runs cancel 0190b3a0-7c1e-7d2a-9c3b-0123456789ab --reason "disk work"`, 1, nil)
	cancel.Flags().StringVar(&reason, "reason", "", "why, for the log")
	cancel.RunE = func(c *cobra.Command, args []string) error {
		run, err := id.Parse[id.Run](args[0])
		if err != nil {
			return errs.Field("run", "%v", err)
		}
		if reason == "" {
			return errs.Field("reason", "say why, in a few words")
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			return a.CancelRun(ctx, authz.Console(), run, reason)
		})
	}
	return listing(group("runs", "Attempts at backups", list, cancel), list)
}
