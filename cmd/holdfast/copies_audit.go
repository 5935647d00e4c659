package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
)

func newCopiesAudit(s *settings) *cobra.Command {
	c := leaf("audit", "Hold every copy of every site against its policy", "holdfast copies audit --json", 0, nil)
	c.Long = "Hold every copy of every site against its policy, and count what keeps them.\n\nIt moves no copy itself: where the catalog is behind, retention looks within half a minute."
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return console(c, s, func(ctx context.Context, a *app.App) error {
			look, err := a.LookAtRetention(ctx, authz.Console())
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), look)
			}
			cells := [][]string{{"COPIES", "WHY"}}
			for _, reason := range slices.Sorted(maps.Keys(look.Stays)) {
				cells = append(cells, []string{fmt.Sprint(look.Stays[reason]), "stay: " + reason.Words()})
			}
			cells = append(cells,
				[]string{fmt.Sprint(look.InBin), "are in the bin"},
				[]string{fmt.Sprint(look.Expire), "go to the bin now"},
				[]string{fmt.Sprint(look.Return), "leave the bin: something keeps them again"},
			)
			if err := table(c.OutOrStdout(), cells); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%d copies of %d sites, looked at in %s. A copy may stay for several reasons.\n", look.Copies, look.Sites, look.Took.Round(time.Millisecond))
			return err
		})
	}
	return c
}
