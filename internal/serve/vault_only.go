package serve

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/vault"
)

// VaultConfig is a vault of its own, beside its storage: it needs neither the
// database nor the master key, only the key of its one destination.
type VaultConfig struct {
	Destination id.Destination
	Key         []byte // from `holdfast destination vault-key`
	Backend     vault.Backend
	Config      // Listen, certificate, state folder, logger
}

// RunVault serves one destination's vault until ctx ends. Ready gets its
// address and the pin of its certificate.
func RunVault(ctx context.Context, v VaultConfig, ready func(address, pin string)) error {
	if len(v.Key) < 32 {
		return errs.Field("key-file", "must hold the key that `holdfast destination vault-key` prints")
	}
	tlsConfig, pin, err := certificate(v.Config)
	if err != nil {
		return err
	}
	h, err := vault.NewServer(vault.ServerConfig{
		Key: v.Key, Backend: v.Backend, StateDir: sessionsDir(v.Backend, filepath.Join(v.StateDir, "vault-sessions"), v.Destination), Clock: clock.System{}, Logger: v.Logger,
	})
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", v.AgentListen)
	if err != nil {
		return errs.Wrap(errs.Invalid, err, "HOLDFAST_AGENT_LISTEN: cannot listen on %s", v.AgentListen)
	}
	mux := http.NewServeMux()
	mux.Handle(doorPrefix+v.Destination.String()+"/", http.StripPrefix(doorPrefix+v.Destination.String(), h))
	srv := &http.Server{Handler: mux, TLSConfig: tlsConfig, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	ready("https://"+l.Addr().String(), pin)
	done := context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		_ = srv.Shutdown(end)
	})
	defer done()
	if err := srv.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
