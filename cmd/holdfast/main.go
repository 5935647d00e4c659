// Command holdfast is the control plane and its command line.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/errs"
	"holdfast/internal/serve"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and gives its exit code: 0 good, 1 not good,
// 2 wrong use.
func run(ctx context.Context, args []string, out, complaints io.Writer) int {
	root := newRoot(out, complaints)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var wrong usageError
	if errors.As(err, &wrong) {
		_, _ = fmt.Fprintln(complaints, "holdfast:", wrong.Error())
		return 2
	}
	_, _ = fmt.Fprintln(complaints, "holdfast:", sentence(err))
	if errs.Is(err, errs.Invalid) {
		return 2
	}
	return 1
}

// sentence is what the person at the terminal sees, in one line: here, on the
// operator's own machine, with the innermost cause where that says more.
func sentence(err error) string {
	said := errs.Sentence(err)
	switch errs.KindOf(err) {
	case errs.NotFound, errs.Forbidden, errs.Conflict:
		return said
	case errs.Other:
		said = err.Error()
	default:
		var inner error
		for e := err; e != nil; e = errors.Unwrap(e) {
			inner = e
		}
		if text := inner.Error(); !strings.Contains(text, said) && !strings.Contains(said, text) {
			said += " (" + text + ")"
		}
	}
	return strings.ReplaceAll(said, "\n", "; ")
}

// usageError is a wrong use of the command line.
type usageError struct{ error }

// settings are the values of the control plane's settings, from flags, then
// the environment, then the defaults.
type settings struct{ flags map[string]*string }

func (s *settings) get(flag string) string {
	for _, k := range serve.Settings {
		if k.Flag != flag {
			continue
		}
		if v := *s.flags[flag]; v != "" {
			return v
		}
		if v, ok := os.LookupEnv(k.Env); ok && v != "" {
			return v
		}
		return k.Default
	}
	return ""
}

// config reads all settings. A master key in the state folder is found by itself.
func (s *settings) config() (serve.Config, error) {
	c, err := serve.FromSettings(s.get)
	if err != nil {
		return c, err
	}
	if c.MasterKeyFile == "" {
		beside := filepath.Join(c.StateDir, masterKeyName)
		if _, err := os.Stat(beside); err == nil {
			c.MasterKeyFile = beside
		}
	}
	c.Version = version
	exe, err := os.Executable()
	if err != nil {
		return c, fmt.Errorf("find our own program: %w", err)
	}
	c.Child = []string{exe, "keeper-child"}
	return c, nil
}

const masterKeyName = "master.key"

func newRoot(out, complaints io.Writer) *cobra.Command {
	s := &settings{flags: map[string]*string{}}
	root := &cobra.Command{
		Use: "holdfast", Short: "The control plane of a Moodle hoster's backups", Version: version,
		SilenceUsage: true, SilenceErrors: true,
		Long: "Holdfast takes, keeps and proves the backups of Moodle sites.\n\nSettings come from flags or from the environment; `holdfast serve --help` lists them.",
	}
	root.SetOut(out)
	root.SetErr(complaints)
	root.RunE, root.Args = group("holdfast", "").RunE, cobra.ArbitraryArgs
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see: %s --help", err, c.CommandPath())}
	})
	for _, k := range serve.Settings {
		s.flags[k.Flag] = root.PersistentFlags().String(k.Flag, "", k.Help+" ["+k.Env+"]")
	}
	root.AddCommand(
		newServe(s), newDemo(s), newMigrate(s), newKey(), newKeeperChild(),
		newTenant(s), newHost(s), newSite(s), newDestination(s), newBackup(s), newRestore(s), newCopies(s), newRuns(s), newUser(s),
		newDoctor(s), newRescueKit(s), newVault(s), newPolicy(s), newOverdue(s), newClock(s), newToken(s), newBilling(s), newTicket(s),
	)
	return root
}

// leaf makes a command that takes exactly these arguments.
func leaf(use, short, example string, args int, fn func(c *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Example: "  " + strings.ReplaceAll(example, "\n", "\n  "),
		Args: func(c *cobra.Command, got []string) error {
			if len(got) != args {
				return usageError{fmt.Errorf("%s takes %d arguments, not %d; see: %s --help", c.CommandPath(), args, len(got), c.CommandPath())}
			}
			return nil
		},
		RunE: fn,
	}
}

// group makes a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("%q is not a command of %s; see: %s --help", args[0], c.CommandPath(), c.CommandPath())}
			}
			return c.Help()
		},
	}
	c.AddCommand(children...)
	return c
}

// listing makes a group that lists when no command of it is named, with the
// flags and arguments of its list.
func listing(g, list *cobra.Command) *cobra.Command {
	g.Flags().AddFlagSet(list.Flags())
	g.Args = cobra.ArbitraryArgs
	g.Example = list.Example
	g.RunE = func(c *cobra.Command, args []string) error {
		if err := list.Args(list, args); err != nil {
			return usageError{fmt.Errorf("%q is not a command of %s; see: %s --help", strings.Join(args, " "), c.CommandPath(), c.CommandPath())}
		}
		return list.RunE(c, args)
	}
	return g
}

// console opens the use cases for one command.
func console(c *cobra.Command, s *settings, fn func(ctx context.Context, a *app.App) error) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	a, db, err := serve.Console(c.Context(), cfg)
	if err != nil {
		return err
	}
	return errors.Join(fn(c.Context(), a), db.Close(context.WithoutCancel(c.Context())))
}

// jsonFlag adds --json.
func jsonFlag(c *cobra.Command) *bool { return c.Flags().Bool("json", false, "print JSON") }

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// table prints aligned columns, the first row being the heads.
func table(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 2, 4, 2, ' ', 0)
	for _, r := range rows {
		if _, err := fmt.Fprintln(t, strings.Join(r, "\t")); err != nil {
			return err
		}
	}
	return t.Flush()
}
