package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/internal/store/dbq"
)

// restoreRow is a restore as JSON.
type restoreRow struct {
	Restore       string     `json:"restore"`
	Site          string     `json:"site"`
	What          string     `json:"what"`
	State         string     `json:"state"`
	Database      string     `json:"database_copy,omitempty"`
	Data          string     `json:"data_copy,omitempty"`
	Ticket        string     `json:"ticket,omitempty"`
	AskedBy       string     `json:"asked_by"`
	Why           string     `json:"why,omitempty"`
	WithoutSafety string     `json:"without_safety,omitempty"`
	Created       time.Time  `json:"created"`
	Started       *time.Time `json:"started"`
	Restored      *time.Time `json:"restored"`
	Ended         *time.Time `json:"ended"`
	Error         string     `json:"error,omitempty"`
	ErrorCode     string     `json:"error_code,omitempty"`
}

func rowOfRestore(r dbq.Restore, site string) restoreRow {
	return restoreRow{
		Restore: r.ID.String(), Site: site, What: string(r.What), State: string(r.State), Database: r.DatabaseCopyID.String(), Data: r.DataCopyID.String(),
		Ticket: r.TicketID.String(), AskedBy: r.AskedBy, Why: r.Why, WithoutSafety: r.WithoutSafety, Created: r.CreatedAt, Started: r.StartedAt,
		Restored: r.RestoredAt, Ended: r.EndedAt, Error: r.Error, ErrorCode: r.ErrorCode,
	}
}

// restoreJSON is one restore with how far it is.
type restoreJSON struct {
	restoreRow
	Host           string           `json:"host,omitempty"`
	Waits          string           `json:"waits,omitempty"`
	Stopping       bool             `json:"stopping,omitempty"`
	Step           int              `json:"step,omitempty"`
	Steps          int              `json:"steps,omitempty"`
	Detail         string           `json:"detail,omitempty"`
	Percent        *int             `json:"percent,omitempty"`
	SecondsLeft    int              `json:"seconds_left,omitempty"`
	BytesPerSecond int64            `json:"bytes_per_second,omitempty"`
	Evidence       restore.Evidence `json:"evidence"`
}

func viewRow(v app.RestoreView) restoreJSON {
	out := restoreJSON{
		restoreRow: rowOfRestore(v.Row, v.SiteName), Host: v.HostName, Waits: v.Waits, Stopping: v.Stopping, Step: v.Step, Steps: v.StepsAll,
		Detail: v.Detail, SecondsLeft: v.SecondsLeft, BytesPerSecond: v.BytesPerSecond, Evidence: v.Evidence,
	}
	if v.Percent >= 0 {
		out.Percent = &v.Percent
	}
	return out
}

// restoreLines say a restore to a person at a terminal.
func restoreLines(v app.RestoreView) []string {
	out := []string{fmt.Sprintf("restore %s: %s of %s, %s", v.Row.ID, v.Row.What, v.SiteName, v.Row.State)}
	add := func(yes bool, format string, args ...any) {
		if yes {
			out = append(out, "  "+fmt.Sprintf(format, args...))
		}
	}
	if v.Database != nil {
		add(true, "database copy %s, taken %s", v.Database.ID, v.Database.TakenAt.UTC().Format(time.RFC3339))
	}
	if v.Data != nil {
		add(true, "data copy %s, taken %s", v.Data.ID, v.Data.TakenAt.UTC().Format(time.RFC3339))
	}
	for _, s := range v.Evidence.Safety {
		add(true, "safety copy of the %s: %s", s.Kind, s.Copy)
	}
	add(v.Row.WithoutSafety != "", "no safety copy: %s", v.Row.WithoutSafety)
	add(v.Step > 0, "step %d of %d: %s", v.Step, v.StepsAll, v.Detail)
	add(v.Stopping, "it was cancelled; its host puts the site back as it was")
	add(v.Waits != "", "%s", v.Waits)
	add(v.Row.Error != "", "%s", v.Row.Error)
	if p := v.Evidence.Host; p != nil && v.Row.RestoredAt != nil {
		add(true, "compared %d tables with %d rows, restored %d files; the site was closed for %.0f s", p.Tables, p.Rows, p.Files, p.ClosedFor)
		add(p.Into != "", "the files are in %s", p.Into)
		for _, w := range p.Warnings {
			add(true, "%s", w)
		}
	}
	add(v.Row.State == restore.Restored, "accept it: holdfast restore accept %s; or: holdfast restore undo %s", v.Row.ID, v.Row.ID)
	return out
}

// showRestore prints a restore, after waiting until nobody but a person is
// waited for, if that is asked.
func showRestore(ctx context.Context, c *cobra.Command, a *app.App, of id.Restore, wait, asJSON bool) error {
	v, err := lookAt(ctx, c, a, of, wait)
	if err != nil {
		return err
	}
	if err := printRestore(c, v, asJSON); err != nil {
		return err
	}
	if wait && (v.Row.State == restore.Failed || v.Row.State == restore.Cancelled) {
		return errs.New(errs.Incomplete, "The restore is %s: %s", v.Row.State, v.Row.Error)
	}
	return nil
}

// decided prints a restore after a person's word, and after its host has
// followed it, if that is asked.
func decided(ctx context.Context, c *cobra.Command, a *app.App, of id.Restore, verb string, wait, asJSON bool) error {
	v, err := lookAt(ctx, c, a, of, wait)
	if err != nil {
		return err
	}
	if err := printRestore(c, v, asJSON); err != nil {
		return err
	}
	want := map[string]restore.State{"cancel": restore.Cancelled, "accept": restore.Settled, "undo": restore.Undone}[verb]
	if wait && v.Row.State != want {
		return errs.New(errs.Incomplete, "The restore is %s, not %s: %s", v.Row.State, want, v.Row.Error)
	}
	return nil
}

// lookAt gives the restore, waiting until it is a person's turn or its end.
func lookAt(ctx context.Context, c *cobra.Command, a *app.App, of id.Restore, wait bool) (app.RestoreView, error) {
	tell := restoreTeller{w: c.ErrOrStderr(), terminal: isTerminal(c.ErrOrStderr())}
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		v, err := a.Restore(ctx, authz.Console(), of)
		if err != nil || !wait {
			return v, err
		}
		tell.say(v)
		if v.Row.State == restore.Restored || !v.Row.State.Open() {
			tell.end()
			return v, nil
		}
		select {
		case <-ctx.Done():
			return v, errs.New(errs.Unavailable, "Stopped waiting; the restore goes on. See: holdfast restore show %s", of)
		case <-tick.C:
		}
	}
}

// restoreTeller says how far a restore is: on a terminal in one line that
// changes, else a line for each thing that is new.
type restoreTeller struct {
	w        io.Writer
	terminal bool
	last     string
}

func (t *restoreTeller) say(v app.RestoreView) {
	line := string(v.Row.State)
	switch {
	case v.Stopping:
		line += ": its host puts the site back as it was"
	case v.Step > 0 && t.terminal:
		line = fmt.Sprintf("step %d of %d: %s", v.Step, v.StepsAll, v.Detail)
	case v.Step > 0:
		line += fmt.Sprintf(", step %d of %d", v.Step, v.StepsAll) // the detail changes too often for a log
	case v.Waits != "":
		line += ": " + v.Waits
	}
	if line == t.last {
		return
	}
	t.last = line
	if t.terminal {
		_, _ = fmt.Fprintf(t.w, "\r\x1b[K%s", line)
		return
	}
	_, _ = fmt.Fprintln(t.w, line)
}

func (t *restoreTeller) end() {
	if t.terminal {
		_, _ = fmt.Fprint(t.w, "\r\x1b[K")
	}
}
