// Package testkit builds what tests of several packages need. It decides
// nothing and is never linked into a program.
package testkit

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/id"
	"holdfast/internal/seal"
	"holdfast/internal/store"
	"holdfast/internal/testdb"
	"holdfast/internal/vault"
)

// Storage is an app.Storage that signs nothing.
type Storage struct{}

// Address gives a vault that is not there.
func (Storage) Address(id.Destination, string) (url, pin string) { return "https://vault.example", "" }

// Token gives a token that opens nothing.
func (Storage) Token(_ id.Destination, name string, run id.Run, fence, _ int64, _ time.Time) (string, error) {
	return fmt.Sprintf("%s %s %d", name, run, fence), nil
}

// ReadToken gives a token that opens nothing.
func (Storage) ReadToken(_ id.Destination, name string, task id.HostTask, fence int64, _ time.Time) (string, error) {
	return fmt.Sprintf("read %s %s %d", name, task, fence), nil
}

// App is a fresh control plane's use cases over a database of its own, with
// a default destination in a folder that is removed after the test.
type App struct {
	*app.App
	T     testing.TB
	URL   string // of the database, as its superuser
	Vault string // the default destination's folder
}

// NewApp makes one. Clock may be nil for the system's.
func NewApp(t testing.TB, c clock.Clock) *App {
	t.Helper()
	url := testdb.NewFromTemplate(t, "migrated", func(url string) error {
		return store.Migrate(context.Background(), url, slog.New(slog.DiscardHandler))
	})
	s, err := store.Open(t.Context(), store.Options{URL: url, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	key, err := seal.NewKeyFile(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	a := &App{App: app.New(s, key, Storage{}, c, nil), T: t, URL: url, Vault: t.TempDir()}
	backend, err := json.Marshal(vault.Backend{Kind: vault.Filesystem, Path: a.Vault})
	a.Must(err)
	a.Must(a.EnsureDefaultDestination(t.Context(), backend))
	return a
}

// Must ends the test on an error.
func (a *App) Must(err error) {
	a.T.Helper()
	if err != nil {
		a.T.Fatal(err)
	}
}

// SQL runs one statement as the superuser.
func (a *App) SQL(query string, args ...any) {
	a.T.Helper()
	a.connected(func(c *pgx.Conn) error {
		_, err := c.Exec(a.T.Context(), query, args...)
		return err
	})
}

// Count gives the one number that a query answers, as the superuser.
func (a *App) Count(query string, args ...any) (n int) {
	a.T.Helper()
	a.connected(func(c *pgx.Conn) error { return c.QueryRow(a.T.Context(), query, args...).Scan(&n) })
	return n
}

func (a *App) connected(fn func(*pgx.Conn) error) {
	a.T.Helper()
	c, err := pgx.Connect(a.T.Context(), a.URL)
	a.Must(err)
	defer func() { _ = c.Close(context.Background()) }()
	a.Must(fn(c))
}
