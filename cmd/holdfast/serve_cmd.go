package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"holdfast/internal/keeper"
	"holdfast/internal/seal"
	"holdfast/internal/serve"
	"holdfast/internal/store"
)

func newServe(s *settings) *cobra.Command {
	var demo bool
	c := leaf("serve", "Run the control plane: pages, agents' door, vault, queue, keeper",
		"HOLDFAST_MASTER_KEY_FILE=/etc/holdfast/master.key holdfast serve --listen 127.0.0.1:8080", 0,
		func(c *cobra.Command, _ []string) error {
			cfg, err := s.config()
			if err != nil {
				return err
			}
			cfg.Billing.Demo = demo
			srv, err := serve.Start(c.Context(), cfg)
			if err != nil {
				return err
			}
			cfg.Logger.Info("serving", "pages", srv.WebURL, "agents", srv.AgentURL, "pin", srv.Pin)
			select {
			case <-c.Context().Done():
				cfg.Logger.Info("stopping")
				return srv.Stop(c.Context())
			case err := <-srv.Failed():
				_ = srv.Stop(c.Context())
				return fmt.Errorf("a listener ended: %w", err)
			}
		})
	c.Flags().BoolVar(&demo, "demo", false, "let HOLDFAST_STRIPE_URL play Stripe: pages say \"Test payments\", and no money moves")
	return c
}

func newMigrate(s *settings) *cobra.Command {
	return leaf("migrate", "Bring the database to this release's schema",
		"HOLDFAST_MIGRATE_URL=postgres://owner@db/holdfast holdfast migrate", 0,
		func(c *cobra.Command, _ []string) error {
			cfg, err := s.config()
			if err != nil {
				return err
			}
			if cfg.DatabaseURL == "" && cfg.MigrateURL == "" {
				db, err := serve.OpenDatabase(c.Context(), cfg, true)
				if err != nil {
					return err
				}
				return db.Close(context.WithoutCancel(c.Context()))
			}
			url := cfg.MigrateURL
			if url == "" {
				url = cfg.DatabaseURL
			}
			return store.Migrate(c.Context(), url, cfg.Logger)
		})
}

func newKey() *cobra.Command {
	var file string
	c := leaf("new", "Make a master key file", "holdfast key new --file /etc/holdfast/master.key", 0, func(c *cobra.Command, _ []string) error {
		if file == "" {
			return usageError{fmt.Errorf("--file: name the file to make")}
		}
		if _, err := seal.NewKeyFile(file); err != nil {
			return err
		}
		_, err := fmt.Fprintf(c.OutOrStdout(), "Made %s. Keep a copy in a safe: without it no copy can be opened.\n", file)
		return err
	})
	c.Flags().StringVar(&file, "file", "", "the file to make; never overwritten")
	return group("key", "The master key, which seals every secret", c)
}

func newKeeperChild() *cobra.Command {
	return &cobra.Command{
		Use: "keeper-child", Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return keeper.Child(c.Context(), os.Stdin, os.Stdout) },
	}
}
