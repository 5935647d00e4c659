package serve_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/engine"
	"holdfast/internal/id"
	"holdfast/internal/seal"
	"holdfast/internal/serve"
	"holdfast/internal/vault"
)

// A vault of its own takes what the control plane's tokens allow, knowing
// neither the database nor the master key: only its destination's key.
func TestRunVault_ServesTheTokensOfItsOwnDestinationAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	master, err := seal.NewKeyFile(filepath.Join(dir, "master.key"))
	must(t, err)
	destination, other := id.New[id.Destination](), id.New[id.Destination]()
	key, err := serve.VaultKey(master, destination)
	must(t, err)
	backend := vault.Backend{Kind: vault.Filesystem, Path: filepath.Join(dir, "vault")}
	address, pin := runVault(t, serve.VaultConfig{
		Destination: destination, Key: key, Backend: backend,
		Config: serve.Config{StateDir: filepath.Join(dir, "state"), AgentListen: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)},
	})

	site := id.New[id.Site]().String()
	name, password := site+"/database", rand.Text()
	must(t, engine.Create(t.Context(), engine.Location{Backend: &backend, Repository: name}, password, engine.Database))
	storage := serve.NewStorage(master, "https://elsewhere.example", "")
	door := func(d id.Destination) engine.Location {
		url, pinned := storage.Address(d, address+"#"+pin)
		token, err := storage.Token(d, name, id.New[id.Run](), 1, 0, time.Now().Add(time.Hour))
		must(t, err)
		return engine.Location{Door: &vault.Door{URL: url, Name: name, Token: token, Pin: pinned, RetryFor: time.Second}}
	}
	repo, err := engine.Open(t.Context(), door(destination), password)
	must(t, err)
	content := strings.Repeat("a row\n", 100_000)
	snap, err := repo.StoreStream(t.Context(), engine.StreamOptions{Source: site, FileName: "dump.sql", TakenAt: time.Now()},
		func(_ context.Context, w io.Writer) error { _, err := io.WriteString(w, content); return err })
	must(t, err)
	var back bytes.Buffer
	if _, err := repo.ReadStream(t.Context(), snap.ID, &back); err != nil || back.String() != content {
		t.Fatalf("%d bytes came back of %d, %v", back.Len(), len(content), err)
	}
	must(t, repo.Close(t.Context()))

	if repo, err := engine.Open(t.Context(), door(other), password); err == nil {
		_ = repo.Close(t.Context())
		t.Error("a token of another destination opened it")
	}
}

// runVault runs a vault until the test ends.
func runVault(t *testing.T, c serve.VaultConfig) (address, pin string) {
	t.Helper()
	must(t, os.MkdirAll(c.StateDir, 0o700))
	ctx, cancel := context.WithCancel(t.Context())
	ready := make(chan [2]string, 1)
	done := make(chan error, 1)
	go func() { done <- serve.RunVault(ctx, c, func(a, p string) { ready <- [2]string{a, p} }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	select {
	case r := <-ready:
		return r[0], r[1]
	case err := <-done:
		t.Fatal(err)
		return "", ""
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
