package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/vault"
)

func newDoctor(s *settings) *cobra.Command {
	c := leaf("doctor", "Check the database, the queue, agents, destinations and clocks, and say what to do", "holdfast doctor --json", 0, nil)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		var out []app.Finding
		err := console(c, s, func(ctx context.Context, a *app.App) error {
			found, err := a.Examine(ctx, authz.Console())
			if err != nil {
				return err
			}
			out = append([]app.Finding{{Check: "database", Good: true, Found: "answers, schema is there"}}, found...)
			list, err := a.Destinations(ctx)
			if err != nil {
				return err
			}
			for _, d := range list {
				out = append(out, examineDestination(ctx, d))
			}
			return nil
		})
		if err != nil {
			out = append(out, app.Finding{Check: "database", Found: errs.Sentence(err), Remedy: sentence(err)})
		}
		if *asJSON {
			if err := printJSON(c.OutOrStdout(), out); err != nil {
				return err
			}
		}
		bad := 0
		for _, f := range out {
			mark := "ok "
			if !f.Good {
				mark, bad = "BAD", bad+1
			}
			if !*asJSON {
				_, _ = fmt.Fprintf(c.OutOrStdout(), "%s  %-20s %s\n", mark, f.Check, f.Found)
				if !f.Good {
					_, _ = fmt.Fprintf(c.OutOrStdout(), "     do: %s\n", f.Remedy)
				}
			}
		}
		if bad > 0 {
			return errs.New(errs.Incomplete, "%d of %d checks found something.", bad, len(out))
		}
		return nil
	}
	return c
}

// lowSpace is the free share of a filesystem under which the doctor warns.
const lowSpace = 0.10

func examineDestination(ctx context.Context, d app.Destination) app.Finding {
	f := app.Finding{Check: "destination " + d.Name, Remedy: "Check that the storage is mounted and its credentials are right."}
	var b vault.Backend
	if err := json.Unmarshal(d.Backend, &b); err != nil {
		f.Found = "its description cannot be read"
		return f
	}
	if b.Kind != vault.Filesystem {
		st, err := b.Open(ctx, "doctor/look")
		if err != nil {
			f.Found = errs.Sentence(err)
			return f
		}
		_ = st.Close(ctx)
		f.Good, f.Found = true, d.Kind+", answers"
		return f
	}
	at := b.Path
	for {
		if _, err := os.Stat(at); err == nil || at == "/" {
			break
		}
		at = filepath.Dir(at)
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(at, &fs); err != nil {
		f.Found = "the filesystem does not answer"
		return f
	}
	free := float64(fs.Bavail) / float64(max(fs.Blocks, 1))
	f.Good = free >= lowSpace
	f.Found = fmt.Sprintf("%s, %.0f %% free", d.Kind, free*100)
	if !f.Good {
		f.Remedy = "Add space before copies fail: " + b.Path
	}
	return f
}
