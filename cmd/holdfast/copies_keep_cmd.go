package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/api"
	"holdfast/internal/id"
	"holdfast/internal/policy"
)

const someCopy = "0190b3a0-7c1e-7d2a-9c3b-0123456789ab"

// staysBecause says what keeps a copy, or what becomes of it.
func staysBecause(c api.Copy) string {
	out := make([]string, 0, len(c.Words)+1)
	for i, w := range c.Words {
		if c.Reasons[i] == string(policy.ByRule) {
			w += ": " + strings.Join(c.KeptBy, ", ")
		}
		if c.Reasons[i] == string(policy.ByProtection) && c.Protected != nil {
			w = "protected until " + c.Protected.Format(time.RFC3339)
		}
		out = append(out, w)
	}
	switch {
	case c.DeletedAt != nil:
		out = append(out, "in the bin; deleted after "+c.DeletedAt.Format(time.RFC3339))
	case c.State == "deleting":
		out = append(out, "is being deleted")
	case len(out) == 0:
		out = append(out, "nothing keeps it; it goes to the bin")
	}
	return strings.Join(out, "; ")
}

// copyState is what a change of how a copy is kept left.
type copyState struct {
	Copy      string     `json:"copy"`
	State     string     `json:"state"`
	Protected *time.Time `json:"protected_until"`
	Why       string     `json:"protected_why"`
	Pinned    string     `json:"pinned"`
	LegalHold string     `json:"legal_hold"`
	BinnedAt  *time.Time `json:"in_bin_since"`
}

// changeCopy makes a command that changes how one copy is kept.
func changeCopy(s *settings, name, short, example string, needReason bool, flags func(*cobra.Command), fn func(context.Context, *app.App, id.Copy) error) *cobra.Command {
	c := leaf(name+" COPY", short, "holdfast copies "+name+" "+someCopy+example, 1, nil)
	if flags != nil {
		flags(c)
	}
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		of, err := id.Parse[id.Copy](args[0])
		if err != nil {
			return errs.Field("copy", "%v", err)
		}
		if needReason && strings.TrimSpace(c.Flag("reason").Value.String()) == "" {
			return errs.Field("reason", "say why, in a few words")
		}
		return console(c, s, func(ctx context.Context, a *app.App) error {
			if err := fn(ctx, a, of); err != nil {
				return err
			}
			return printCopyState(ctx, c, a, of, *asJSON)
		})
	}
	return c
}

func printCopyState(ctx context.Context, c *cobra.Command, a *app.App, of id.Copy, asJSON bool) error {
	v, err := a.ViewCopy(ctx, authz.Console(), of)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), copyState{of.String(), string(v.State), v.ProtectedUntil, v.ProtectedWhy, v.Pinned, v.LegalHold, v.BinnedAt})
	}
	var said []string
	if v.ProtectedUntil != nil {
		said = append(said, "protected until "+v.ProtectedUntil.UTC().Format(time.RFC3339)+" ("+v.ProtectedWhy+")")
	}
	if v.Pinned != "" {
		said = append(said, "pinned ("+v.Pinned+")")
	}
	if v.LegalHold != "" {
		said = append(said, "under a legal hold ("+v.LegalHold+")")
	}
	if v.BinnedAt != nil {
		said = append(said, "in the bin since "+v.BinnedAt.UTC().Format(time.RFC3339))
	}
	if len(said) == 0 {
		said = []string{"neither protected, pinned nor held; the policy decides"}
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "Copy %s is %s.\n", of, strings.Join(said, ", "))
	return err
}

func newProtect(s *settings) *cobra.Command {
	var days, reason string
	return keepCommand(s, "protect", "Keep a copy outside the policy's counts, for some days from now", ` --for 30d --reason "before the upgrade to 4.5"`, &days, &reason,
		func(ctx context.Context, a *app.App, of id.Copy, keep app.Protection) error {
			return a.ProtectCopy(ctx, authz.Console(), of, keep)
		})
}

func newTakeBack(s *settings) *cobra.Command {
	var days, reason string
	return keepCommand(s, "take-back", "Take a copy back from the bin; it is protected from then on", ` --for 14d --reason "expired too early"`, &days, &reason,
		func(ctx context.Context, a *app.App, of id.Copy, keep app.Protection) error {
			return a.TakeBack(ctx, authz.Console(), of, keep)
		})
}

// keepCommand makes a command that protects a copy.
func keepCommand(s *settings, name, short, example string, days, reason *string, fn func(context.Context, *app.App, id.Copy, app.Protection) error) *cobra.Command {
	var keep app.Protection
	flags := func(c *cobra.Command) {
		c.Flags().StringVar(days, "for", "", "for how long, like 30d (the default)")
		c.Flags().StringVar(reason, "reason", "", "why, in a few words; it stands beside the copy")
		c.PreRunE = func(*cobra.Command, []string) (err error) {
			keep, err = protection("for", *days, *reason)
			return err
		}
	}
	return changeCopy(s, name, short, example, false, flags, func(ctx context.Context, a *app.App, of id.Copy) error { return fn(ctx, a, of, keep) })
}

func newUnprotect(s *settings) *cobra.Command {
	return changeCopy(s, "unprotect", "End a copy's protection; rules may keep it still", "", false, nil,
		func(ctx context.Context, a *app.App, of id.Copy) error {
			return a.UnprotectCopy(ctx, authz.Console(), of)
		})
}

func reasonFlag(reason *string) func(*cobra.Command) {
	return func(c *cobra.Command) {
		c.Flags().StringVar(reason, "reason", "", "why, in a few words; it stands beside the copy")
	}
}

func newPin(s *settings) *cobra.Command {
	var reason string
	return changeCopy(s, "pin", "Keep a copy until it is unpinned", ` --reason "the customer asked for it"`, true, reasonFlag(&reason),
		func(ctx context.Context, a *app.App, of id.Copy) error {
			return a.PinCopy(ctx, authz.Console(), of, true, reason)
		})
}

func newUnpin(s *settings) *cobra.Command {
	return changeCopy(s, "unpin", "Unpin a copy", "", false, nil,
		func(ctx context.Context, a *app.App, of id.Copy) error {
			return a.PinCopy(ctx, authz.Console(), of, false, "")
		})
}

func newHold(s *settings) *cobra.Command {
	var reason string
	return changeCopy(s, "hold", "Put a copy under a legal hold", ` --reason "case 24/113"`, true, reasonFlag(&reason),
		func(ctx context.Context, a *app.App, of id.Copy) error {
			return a.HoldCopy(ctx, authz.Console(), of, true, reason)
		})
}

func newRelease(s *settings) *cobra.Command {
	return changeCopy(s, "release", "Lift a copy's legal hold", "", false, nil,
		func(ctx context.Context, a *app.App, of id.Copy) error {
			return a.HoldCopy(ctx, authz.Console(), of, false, "")
		})
}
