package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"holdfast/internal/agent"
	"holdfast/internal/agentproto"
	"holdfast/internal/inplace"
)

func restoresCommand() *cobra.Command {
	return group("restores", "List the restores of this host that are not settled, and end them",
		restoresListCommand(),
		restoresVerbCommand("recover", "Bring a restore that was cut short to its end: the old state, or the new one where that was reached", "", ""),
		restoresVerbCommand("settle", "Accept a restore: remove what it kept of the state before", agentproto.KindSettle,
			"What the restore kept of the state before it is removed for good."),
		restoresVerbCommand("undo", "Take a restore back: the site becomes what it was before", agentproto.KindUndo,
			"The site becomes what it was before the restore; whatever was changed since is gone from it."))
}

func restoresListCommand() *cobra.Command {
	var stateDir string
	var asJSON, settled bool
	c := &cobra.Command{
		Use: "list", Short: "List the restores that are not settled", Args: cobra.NoArgs,
		Example: "  holdfast-agent restores list --json",
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := agent.Restores(stateDir)
			if err != nil {
				return bad(err)
			}
			all = slices.DeleteFunc(all, func(h agent.HeldRestore) bool { return !settled && ended(h) })
			if asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"restores": all})
			}
			t := newTable(c.OutOrStdout())
			t.row("RESTORE", "STATE", "BEGAN", "SITE")
			for _, h := range all {
				t.row(h.ID, stateWords(h), h.Began.Local().Format("2006-01-02 15:04:05"), h.CodeDir)
			}
			return bad(t.flush())
		},
	}
	c.Flags().StringVar(&stateDir, "state-dir", defaultStateDir(), "private folder of the agent")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&settled, "all", false, "also those of which nothing is kept: settled, or failed and put back")
	return c
}

// ended tells whether a restore has nothing left to be decided.
func ended(h agent.HeldRestore) bool {
	return h.State == inplace.StateSettled || h.State == inplace.StateRolledBack
}

// stateWords says for a person where a restore stands.
func stateWords(h agent.HeldRestore) string {
	switch h.State {
	case inplace.StateKept:
		return "restored; the state before is kept"
	case inplace.StateRolledBack:
		return "failed; the site is as it was before"
	case inplace.StateUndone:
		return "undone; what was restored is kept"
	case inplace.StateSettled:
		return "settled"
	}
	return "NOT AT ITS END (" + h.State + "): at work, or cut short"
}

func restoresVerbCommand(verb, short, kind, question string) *cobra.Command {
	var stateDir string
	var yes bool
	var f localFlags
	c := &cobra.Command{
		Use: verb + " ID", Short: short, Args: cobra.ExactArgs(1),
		Example: "  holdfast-agent restores " + verb + " local-20260424-100312-3f0a",
		RunE: func(c *cobra.Command, args []string) error {
			if question != "" && !yes {
				if err := confirm(c, question, verb); err != nil {
					return bad(err)
				}
			}
			abs, err := filepath.Abs(stateDir)
			if err != nil {
				return err
			}
			return f.do(c, func(ctx context.Context, l agent.Local) error {
				h, err := l.RestoreVerb(ctx, abs, args[0], kind)
				if err != nil {
					return err
				}
				if f.asJSON {
					return printJSON(c.OutOrStdout(), h)
				}
				_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", h.ID, stateWords(h))
				return bad(err)
			})
		},
	}
	c.Flags().StringVar(&stateDir, "state-dir", defaultStateDir(), "private folder of the agent")
	if question != "" {
		c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	}
	f.reader(c)
	f.common(c)
	return c
}
