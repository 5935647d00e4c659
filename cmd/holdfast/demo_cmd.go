package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"holdfast/internal/embedpg"
	"holdfast/internal/errs"
	"holdfast/internal/fleetseed"
)

func newDemo(s *settings) *cobra.Command {
	var reset bool
	var agent string
	var fleet int
	c := leaf("demo", "Run everything on this machine, with three small Moodle sites", "holdfast demo\nholdfast demo --reset\nholdfast demo --fleet 100000", 0, nil)
	c.Flags().BoolVar(&reset, "reset", false, "forget the demo that is there and start anew")
	c.Flags().StringVar(&agent, "agent", "", "the holdfast-agent program (default: beside this one)")
	c.Flags().IntVar(&fleet, "fleet", 0, fmt.Sprintf("show scale: so many fictitious sites besides the real ones, up to %d", fleetseed.Most))
	c.RunE = func(c *cobra.Command, _ []string) error {
		if c.Flags().Changed("fleet") && (fleet < 1 || fleet > fleetseed.Most) {
			return errs.Field("fleet", "must be 1 to %d fictitious sites, not %d", fleetseed.Most, fleet)
		}
		cfg, err := s.config()
		if err != nil {
			return err
		}
		if cfg.DatabaseURL != "" {
			return errs.Field("HOLDFAST_DATABASE_URL", "the demo runs on its own database; unset it, or use `holdfast serve`")
		}
		if agent == "" {
			exe, err := os.Executable()
			if err != nil {
				return err
			}
			agent = filepath.Join(filepath.Dir(exe), "holdfast-agent")
		}
		if _, err := os.Stat(agent); err != nil {
			return errs.Wrap(errs.Invalid, err, "agent: %s is not there; build it with: make build", agent)
		}
		dir, err := demoDir(s.get("state-dir"))
		if err != nil {
			return err
		}
		unlock, err := demoLock(dir)
		if err != nil {
			return err
		}
		defer unlock()
		if reset {
			if err := demoReset(dir); err != nil {
				return err
			}
		}
		cfg.StateDir, cfg.VaultDir = filepath.Join(dir, "control"), filepath.Join(dir, "vault")
		cfg.MasterKeyFile, cfg.Gallery = filepath.Join(dir, masterKeyName), true
		return runDemo(c.Context(), c.OutOrStdout(), dir, agent, fleet, cfg)
	}
	return c
}

// demoDir chooses the demo's folder: the one named, else .state/demo here, or
// a place that the database's account can reach where this one is closed.
func demoDir(named string) (string, error) {
	dir := named
	if dir == "" {
		here, err := os.Getwd()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(here, ".state", "demo")
		if embedpg.Traversable(here) != nil {
			dir = "/var/lib/holdfast-demo"
		}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the databases' accounts pass through; what is private is below
		return "", errs.Wrap(errs.Invalid, err, "HOLDFAST_STATE_DIR: cannot make %s", dir)
	}
	return dir, nil
}

// demoLock makes sure that one demo runs in a folder at a time.
func demoLock(dir string) (func(), error) {
	f, err := os.OpenFile(filepath.Join(dir, "demo.lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // our own folder
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(errs.New(errs.Conflict, "A demo runs in %s already; stop it with Ctrl-C, or use --state-dir for another.", dir), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// demoParts are all that a demo ever makes in its folder.
var demoParts = []string{"control", "vault", fleetFolder, "hosts", "sites", "mariadb", "site-postgres", masterKeyName, "demo.done", "mail", "payments.json", "payments.port"}

// demoReset removes what the demo made, and nothing else that lies there.
// Servers that a killed demo left are stopped first.
func demoReset(dir string) error {
	ctx := context.Background()
	if err := stopLeftovers(ctx, dir); err != nil {
		return err
	}
	for _, part := range demoParts {
		if err := os.RemoveAll(filepath.Join(dir, part)); err != nil {
			return fmt.Errorf("reset the demo: %w", err)
		}
	}
	return nil
}
