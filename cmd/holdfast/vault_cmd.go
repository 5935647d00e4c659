package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/serve"
)

// newVault runs the storage door alone, on a machine with the storage.
func newVault(s *settings) *cobra.Command {
	var destination, keyFile, backendFile string
	c := leaf("vault", "Run only the vault of one destination, beside its storage",
		"holdfast vault --destination ID --key-file vault.key --backend-file backend.json --agent-listen 0.0.0.0:8443", 0, nil)
	c.Flags().StringVar(&destination, "destination", "", "the destination's id, from: holdfast destination list --json")
	c.Flags().StringVar(&keyFile, "key-file", "", "file with what `holdfast destination vault-key` prints")
	c.Flags().StringVar(&backendFile, "backend-file", "", "JSON file that describes the storage, with its credentials")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := s.config()
		if err != nil {
			return err
		}
		v := serve.VaultConfig{Config: cfg}
		if v.Destination, err = id.Parse[id.Destination](destination); err != nil {
			return errs.Field("destination", "%v", err)
		}
		raw, err := os.ReadFile(keyFile) //nolint:gosec // the operator names the file
		if err != nil {
			return errs.Wrap(errs.Invalid, err, "key-file: cannot be read")
		}
		if v.Key, err = base64.StdEncoding.DecodeString(strings.TrimSpace(string(raw))); err != nil {
			return errs.Field("key-file", "is not base64")
		}
		if raw, err = os.ReadFile(backendFile); err != nil { //nolint:gosec // the operator names the file
			return errs.Wrap(errs.Invalid, err, "backend-file: cannot be read")
		}
		if err := json.Unmarshal(raw, &v.Backend); err != nil {
			return errs.Field("backend-file", "is not the JSON of a destination")
		}
		if err := v.Backend.Check(); err != nil {
			return err
		}
		return serve.RunVault(c.Context(), v, func(address, pin string) {
			cfg.Logger.Info("vault serving", "address", address, "pin", pin, "for", "holdfast destination add … --vault-url "+address+"#"+pin)
		})
	}
	return c
}

// newVaultKey prints the key of one destination's vault.
func newVaultKey(s *settings) *cobra.Command {
	return leaf("vault-key NAME", "Print the key that a vault process of its own needs", "holdfast destination vault-key falkenstein > vault.key", 1,
		func(c *cobra.Command, args []string) error {
			cfg, err := s.config()
			if err != nil {
				return err
			}
			key, err := serve.MasterKey(cfg)
			if err != nil {
				return err
			}
			return console(c, s, func(ctx context.Context, a *app.App) error {
				list, err := a.Destinations(ctx)
				if err != nil {
					return err
				}
				for _, d := range list {
					if d.Name == args[0] {
						sub, err := serve.VaultKey(key, d.ID)
						if err != nil {
							return err
						}
						_, err = fmt.Fprintln(c.OutOrStdout(), base64.StdEncoding.EncodeToString(sub))
						return err
					}
				}
				return errs.New(errs.NotFound, "There is no destination %q; see: holdfast destination list", args[0])
			})
		})
}
