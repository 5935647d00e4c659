package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/seal"
	"holdfast/internal/vault"
)

// doorPrefix is where the vault of each destination is mounted, by its id.
const doorPrefix = "/d/"

// Storage tells agents where the vault is and signs what opens it.
type Storage struct {
	key  seal.Key
	base string // like https://holdfast.example:8443
	pin  string
}

// NewStorage makes the signer. Base is the address that agents reach.
func NewStorage(key seal.Key, base, pin string) Storage {
	return Storage{key: key, base: strings.TrimRight(base, "/"), pin: pin}
}

// Address gives the vault's URL for a destination.
func (s Storage) Address(d id.Destination, vaultURL string) (url, pin string) {
	if vaultURL != "" {
		// A vault of its own says its pin behind a "#".
		url, pin, _ = strings.Cut(vaultURL, "#")
		return strings.TrimRight(url, "/") + doorPrefix + d.String(), pin
	}
	return s.base + doorPrefix + d.String(), s.pin
}

// Token signs a token for one repository, run and fence.
func (s Storage) Token(d id.Destination, name string, run id.Run, fence, quotaBytes int64, expires time.Time) (string, error) {
	key, err := VaultKey(s.key, d)
	if err != nil {
		return "", err
	}
	return vault.Sign(key, vault.Claims{
		Repository: name, Session: run.String(), Fence: fence, Mode: vault.ModeAppend, Expires: expires, QuotaBytes: quotaBytes,
	}), nil
}

// ReadToken signs a token that reads one repository, for a host's task.
func (s Storage) ReadToken(d id.Destination, name string, task id.HostTask, fence int64, expires time.Time) (string, error) {
	key, err := VaultKey(s.key, d)
	if err != nil {
		return "", err
	}
	return vault.Sign(key, vault.Claims{Repository: name, Session: task.String(), Fence: fence, Mode: vault.ModeRead, Expires: expires}), nil
}

// VaultKey is the key that signs the tokens of one destination: a token for
// one opens no other.
func VaultKey(key seal.Key, d id.Destination) ([]byte, error) {
	return key.Derive("vault/" + d.String())
}

// vaults serves the vault of every destination that this process is to serve.
type vaults struct {
	list  func(context.Context) ([]app.Destination, error)
	key   seal.Key
	dir   string
	log   *slog.Logger
	clock clock.Clock
	mu    sync.Mutex
	open  map[string]http.Handler
}

func (v *vaults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, rest, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, doorPrefix), "/")
	d, err := id.Parse[id.Destination](name)
	if !ok || err != nil {
		http.NotFound(w, r)
		return
	}
	h, err := v.of(r.Context(), d)
	if errs.Is(err, errs.NotFound) {
		http.NotFound(w, r)
		return
	}
	if err != nil {
		v.log.Error("the vault cannot open a destination", "destination", d, "error", err)
		http.Error(w, "The vault cannot reach its destination; try again.", http.StatusServiceUnavailable)
		return
	}
	to := r.Clone(r.Context())
	to.URL.Path, to.URL.RawPath = "/"+rest, ""
	h.ServeHTTP(w, to)
}

func (v *vaults) of(ctx context.Context, d id.Destination) (http.Handler, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if h, ok := v.open[d.String()]; ok {
		return h, nil
	}
	list, err := v.list(ctx)
	if err != nil {
		return nil, err
	}
	for _, have := range list {
		if have.ID != d {
			continue
		}
		h, err := v.make(have)
		if err != nil {
			return nil, err
		}
		v.open[d.String()] = h
		return h, nil
	}
	return nil, errs.New(errs.NotFound, "There is no such destination.")
}

func (v *vaults) make(d app.Destination) (http.Handler, error) {
	var b vault.Backend
	if err := json.Unmarshal(d.Backend, &b); err != nil {
		return nil, fmt.Errorf("description of destination %s: %w", d.Name, err)
	}
	key, err := VaultKey(v.key, d.ID)
	if err != nil {
		return nil, err
	}
	return vault.NewServer(vault.ServerConfig{
		Key: key, Backend: b, StateDir: sessionsDir(b, v.dir, d.ID), Clock: v.clock, Logger: v.log,
	})
}

// sessionsDir is where the records of a destination's sessions lie. Beside a
// filesystem destination, for there every process that serves it finds what
// another has recorded; else in this process's own folder.
func sessionsDir(b vault.Backend, own string, d id.Destination) string {
	if b.Kind == vault.Filesystem {
		return filepath.Join(b.Path, ".sessions", d.String())
	}
	return filepath.Join(own, d.String())
}
