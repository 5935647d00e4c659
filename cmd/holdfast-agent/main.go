// Command holdfast-agent is Holdfast's process on a host with Moodle sites. It
// takes backups that the control plane leases to it, and, with the "local"
// commands, takes, lists, verifies and restores copies with no control plane
// at all.
//
// Exit codes: 0 good, 1 not good, 2 wrong use.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/agent"
	"holdfast/internal/errs"
)

// The exit codes.
const (
	exitGood  = 0
	exitBad   = 1
	exitUsage = 2
)

func main() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// Main is the whole program but the process: tests call it.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	var f *failure
	switch {
	case err == nil:
		return exitGood
	case errors.As(err, &f):
		if f.err != nil {
			_, _ = fmt.Fprintln(stderr, "holdfast-agent: "+oneLine(f.err))
		}
		return f.code
	}
	// Whatever did not come out of a command's own work is wrong use.
	_, _ = fmt.Fprintln(stderr, "holdfast-agent: "+oneLine(err)+" (see holdfast-agent --help)")
	return exitUsage
}

// failure is the end of a command that was used rightly.
type failure struct {
	code int
	err  error // nil when everything was said already
}

func (f *failure) Error() string {
	if f.err == nil {
		return "not good"
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// bad marks an error as the command's outcome, not its use.
func bad(err error) error {
	if err == nil {
		return nil
	}
	return &failure{exitBad, err}
}

// notGood ends a command that has said why.
func notGood() error { return &failure{exitBad, nil} }

// oneLine gives the sentence for a person, causes included: this is the
// operator's own terminal.
func oneLine(err error) string {
	s := err.Error()
	var e *errs.Error
	if errors.As(err, &e) {
		s = e.Error()
	}
	s = strings.ReplaceAll(s, ".: ", ": ") // a sentence, and its cause behind it
	return strings.Join(strings.Fields(s), " ")
}

func rootCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "holdfast-agent",
		Short: "Backs up the Moodle sites of this host",
		Long: `holdfast-agent takes backups of the Moodle sites on this host for a Holdfast
control plane ("enrol", then "run"), and can take, list, verify and restore
copies with no control plane at all ("local"). "restores" ends what a restore
in place has left on the host.

Exit codes: 0 good, 1 not good, 2 wrong use.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       agent.Build,
	}
	c.CompletionOptions.HiddenDefaultCmd = true
	c.AddCommand(runCommand(), enrolCommand(), doctorCommand(), inspectCommand(), localCommand(), restoresCommand(), engineCommand())
	return c
}

// group is a command that only holds others: alone it is wrong use.
func group(use, short string, cmds ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		names := make([]string, 0, len(c.Commands()))
		for _, sub := range c.Commands() {
			names = append(names, sub.Name())
		}
		return fmt.Errorf("%s needs one of: %s", c.CommandPath(), strings.Join(names, ", "))
	}}
	c.AddCommand(cmds...)
	return c
}

// defaultStateDir is where the agent keeps what it must not lose.
func defaultStateDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/holdfast-agent"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "holdfast-agent")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "state", "holdfast-agent")
	}
	return "/var/lib/holdfast-agent"
}

// limitMemory bounds the heap of a command that works in this very process. A
// GOMEMLIMIT of the environment wins.
func limitMemory(mib int) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(mib) << 20)
	}
}
