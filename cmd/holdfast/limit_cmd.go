package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
)

// newLimit sets how many runs may write to a destination at once.
func newLimit(s *settings) *cobra.Command {
	c := leaf("limit NAME RUNS", "Set how many runs may write to a storage at once, over all hosts; 0 for no limit", "holdfast destination limit falkenstein 20", 2, nil)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return errs.Field("limit", "%q must be a number of runs, 0 for no limit", args[1])
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			if err := a.SetDestinationLimit(ctx, authz.Console(), args[0], n); err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"name": args[0], "max_runs": n})
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "%s: runs at once: %s.\n", args[0], limitWords(n))
			return err
		})
	}
	return c
}

func limitWords(n int) string {
	if n == 0 {
		return "no limit"
	}
	return strconv.Itoa(n)
}
