// Package e2e runs Holdfast as its people do: the built binaries as processes,
// real PostgreSQL and MariaDB, two agents enrolled by the command line, a
// browser. It kills, cuts, freezes and fills what it can, and looks from
// outside: at the command line's answers, at the processes of the machine, at
// the files, and, where the order of things counts, at the event log.
//
// It decides nothing and holds no helper of the program: what a test needs to
// know it asks the program.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"holdfast/internal/sitedb"
	"holdfast/internal/testdb"
)

// shared is what every rig stands on: the binaries and the sites' two servers.
var shared struct {
	dir      string // any account may pass through
	holdfast string
	agent    string
	mariadb  *sitedb.Server
	postgres *sitedb.Server
}

func TestMain(m *testing.M) {
	if err := prepare(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	go watchProcesses()
	code := m.Run()
	ctx := context.Background()
	if err := errors.Join(shared.mariadb.Stop(ctx), shared.postgres.Stop(ctx)); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// prepare builds both binaries and starts both servers, all at once.
func prepare() error {
	dir, err := testdb.Scratch("holdfast-e2e-")
	if err != nil {
		return err
	}
	shared.dir = dir
	bin := filepath.Join(dir, "bin")
	shared.holdfast, shared.agent = filepath.Join(bin, "holdfast"), filepath.Join(bin, "holdfast-agent")
	var all sync.WaitGroup
	problems := make([]error, 3)
	all.Go(func() {
		build := exec.Command("go", "build", "-buildvcs=false", "-o", bin+"/", "../cmd/holdfast", "../cmd/holdfast-agent") //nolint:gosec // our own sources
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if said, err := build.CombinedOutput(); err != nil {
			problems[0] = fmt.Errorf("build: %w: %s", err, said)
		}
	})
	log := slog.New(slog.DiscardHandler)
	all.Go(func() {
		shared.mariadb, problems[1] = sitedb.StartMariaDB(context.Background(), sitedb.ServerOptions{Dir: filepath.Join(dir, "mariadb"), Logger: log, Unsafe: true})
	})
	all.Go(func() {
		shared.postgres, problems[2] = sitedb.StartPostgres(context.Background(), sitedb.ServerOptions{Dir: filepath.Join(dir, "postgres"), Logger: log, Unsafe: true})
	})
	all.Wait()
	return errors.Join(problems...)
}
