package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"holdfast/internal/agent"
	"holdfast/internal/clock"
)

// signalled gives a context that ends with SIGTERM or SIGINT; a second signal
// ends the process at once.
func signalled() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

func logger(w io.Writer, asJSON bool) *slog.Logger {
	if asJSON {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

func runCommand() *cobra.Command {
	var config, stateDir, php string
	var roots []string
	var memory int
	var logJSON bool
	c := &cobra.Command{
		Use:     "run",
		Short:   "Take the backups that the control plane leases to this host",
		Example: "  holdfast-agent run --state-dir /var/lib/holdfast-agent",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if config == "" {
				config = filepath.Join(stateDir, agent.ConfigName)
			} else if !c.Flags().Changed("state-dir") {
				stateDir = filepath.Dir(config)
			}
			cfg, err := agent.LoadConfig(config)
			if err != nil {
				return bad(err)
			}
			if len(roots) > 0 {
				if cfg.AllowRoots, err = agent.CleanRoots(roots); err != nil {
					return err
				}
			}
			if memory != 0 {
				cfg.MemoryMiB = memory
			}
			if php != "" {
				cfg.PHP = php
			}
			if err := cfg.Validate(); err != nil {
				return err
			}
			abs, err := filepath.Abs(stateDir)
			if err != nil {
				return err
			}
			a, err := agent.New(agent.Options{
				Config: cfg, StateDir: abs, Clock: clock.System{}, Log: logger(c.ErrOrStderr(), logJSON),
				// The very binary that runs, even if another was installed meanwhile.
				Engine: []string{"/proc/self/exe", "engine"},
			})
			if err != nil {
				return bad(err)
			}
			ctx, stop := signalled()
			defer stop()
			return bad(a.Run(ctx))
		},
	}
	f := c.Flags()
	f.StringVar(&config, "config", "", "configuration written by enrol (default STATE-DIR/"+agent.ConfigName+")")
	f.StringVar(&stateDir, "state-dir", defaultStateDir(), "private folder of the agent")
	f.StringArrayVar(&roots, "allow-root", nil, "folder that may be read, instead of those of the configuration; repeatable")
	f.IntVar(&memory, "memory-mib", 0, fmt.Sprintf("memory limit of a working child in MiB (default %d)", agent.DefaultMemoryMiB))
	f.StringVar(&php, "php", "", `php binary that reads config.php; "none" reads it without running it`)
	f.BoolVar(&logJSON, "log-json", false, "log as JSON lines")
	return c
}

// engineCommand is the working child. It is for the agent's own use.
func engineCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "engine",
		Short:  "Do one job given on standard input (for the agent's own use)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			signal.Ignore(syscall.SIGINT) // a terminal's Ctrl-C is the parent's business
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
			defer stop()
			return bad(agent.Worker(ctx, c.InOrStdin(), c.OutOrStdout(), clock.System{}, logger(c.ErrOrStderr(), false)))
		},
	}
}

func enrolCommand() *cobra.Command {
	var o agent.EnrolOptions
	var tokenFile string
	var asJSON bool
	c := &cobra.Command{
		Use:     "enrol",
		Short:   "Trade a one-time token for this host's own credential",
		Example: "  holdfast-agent enrol --server https://holdfast.example.org --token-file token --allow-root /var/www",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if (o.Token == "") == (tokenFile == "") {
				return fmt.Errorf("give one of --token and --token-file")
			}
			if tokenFile != "" {
				b, err := readInput(c.InOrStdin(), tokenFile)
				if err != nil {
					return err
				}
				o.Token = strings.TrimSpace(string(b))
			}
			if err := agent.CheckServerURL(o.Server); err != nil {
				return err
			}
			if err := agent.CheckPin(o.Pin); err != nil {
				return err
			}
			if _, err := agent.CleanRoots(o.AllowRoots); err != nil {
				return err
			}
			ctx, stop := signalled()
			defer stop()
			cfg, err := agent.Enrol(ctx, o)
			if err != nil {
				return bad(err)
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"host_id": cfg.HostID, "host_name": cfg.HostName, "config": filepath.Join(o.StateDir, agent.ConfigName), "allow_roots": cfg.AllowRoots})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "This host is %s now. Start the agent: holdfast-agent run --state-dir %s\n", cfg.HostName, o.StateDir)
			return bad(err)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Server, "server", "", "URL of the control plane, like https://holdfast.example.org")
	f.StringVar(&o.Token, "token", "", "one-time token (others on this host can see it while the command runs; see --token-file)")
	f.StringVar(&tokenFile, "token-file", "", "file with the one-time token; - is standard input")
	f.StringVar(&o.Pin, "pin", "", "public key of the server's certificate, sha256:<64 hex>; without it the system's CAs decide")
	f.StringVar(&o.StateDir, "state-dir", defaultStateDir(), "private folder of the agent")
	f.StringArrayVar(&o.AllowRoots, "allow-root", nil, "folder with sites that the agent may read; repeatable")
	f.IntVar(&o.MemoryMiB, "memory-mib", 0, fmt.Sprintf("memory limit of a working child in MiB (default %d)", agent.DefaultMemoryMiB))
	f.StringVar(&o.PHP, "php", "", `php binary that reads config.php; "none" reads it without running it`)
	f.BoolVar(&asJSON, "json", false, "print JSON")
	_ = c.MarkFlagRequired("server")
	_ = c.MarkFlagRequired("allow-root")
	return c
}

func readInput(stdin io.Reader, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(io.LimitReader(stdin, 1<<16))
	}
	return os.ReadFile(path) //nolint:gosec // the operator names the file
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return bad(e.Encode(v))
}

func doctorCommand() *cobra.Command {
	var stateDir string
	var asJSON bool
	c := &cobra.Command{
		Use:     "doctor",
		Short:   "Look at everything the agent needs, and say what to do",
		Example: "  holdfast-agent doctor --state-dir /var/lib/holdfast-agent",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := signalled()
			defer stop()
			findings := agent.Examine(ctx, stateDir, clock.System{})
			good := true
			for _, f := range findings {
				good = good && f.State != agent.StateBad
			}
			if asJSON {
				if err := printJSON(c.OutOrStdout(), map[string]any{"good": good, "findings": findings}); err != nil {
					return err
				}
			} else {
				for _, f := range findings {
					_, _ = fmt.Fprintf(c.OutOrStdout(), "%-5s %s: %s\n", f.State, f.Check, f.Detail)
					if f.Remedy != "" {
						_, _ = fmt.Fprintf(c.OutOrStdout(), "      -> %s\n", f.Remedy)
					}
				}
			}
			if !good {
				return notGood()
			}
			return nil
		},
	}
	c.Flags().StringVar(&stateDir, "state-dir", defaultStateDir(), "private folder of the agent")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
