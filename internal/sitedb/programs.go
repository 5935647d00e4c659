package sitedb

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"holdfast/internal/errs"
)

// program is a client program of this host.
type program struct {
	path    string
	version string // its own line
	help    string // its --help, to know its dialect
}

// mysqlProgram finds a client of the MySQL family, the server's own kind first:
// kind is "dump" or "" (the interactive client).
func mysqlProgram(ctx context.Context, server Flavour, kind string) (program, error) {
	names := []string{"mariadb", "mysql"}
	if kind == "dump" {
		names = []string{"mariadb-dump", "mysqldump"}
	}
	var found []program
	for _, name := range names {
		p, ok := probeProgram(ctx, name)
		if !ok {
			continue
		}
		isMaria := strings.Contains(p.version, "MariaDB")
		if isMaria == (server == MariaDB) {
			return p, nil
		}
		found = append(found, p)
	}
	if len(found) > 0 {
		return found[0], nil
	}
	return program{}, errs.New(errs.NotFound, "This host has no %s; install its client programs (Debian: apt-get install mariadb-client).", strings.Join(names, " and no "))
}

func probeProgram(ctx context.Context, name string) (program, bool) {
	path, err := lookUp(name)
	if err != nil {
		return program{}, false
	}
	version, err := ask(ctx, path, "--no-defaults", "--version")
	if err != nil {
		return program{}, false
	}
	help, err := ask(ctx, path, "--no-defaults", "--help")
	if err != nil {
		return program{}, false
	}
	return program{path: path, version: strings.TrimSpace(version), help: help}, true
}

func lookUp(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return exec.LookPath(filepath.Join("/usr/bin", name))
}

func ask(ctx context.Context, path string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // a database's own client
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/", "LC_ALL=C"}
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ask %s %s: %w", path, strings.Join(args, " "), err)
	}
	return string(out), nil
}

// has tells whether the program knows a long option.
func (p program) has(option string) bool { return strings.Contains(p.help, "--"+option) }

var pgVersion = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// pgProgram finds a PostgreSQL client (pg_dump, pg_restore) of the server's
// major version, or the next newer one: an older one cannot read the server.
func pgProgram(ctx context.Context, name string, major int) (program, error) {
	dirs := []string{fmt.Sprintf("/usr/lib/postgresql/%d/bin", major), fmt.Sprintf("/usr/pgsql-%d/bin", major)}
	for m := major + 1; m <= major+12; m++ {
		dirs = append(dirs, fmt.Sprintf("/usr/lib/postgresql/%d/bin", m), fmt.Sprintf("/usr/pgsql-%d/bin", m))
	}
	var paths []string
	for _, d := range dirs {
		paths = append(paths, filepath.Join(d, name))
	}
	if p, err := exec.LookPath(name); err == nil {
		paths = append(paths[:2], append([]string{p}, paths[2:]...)...)
	}
	newest := 0
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		version, err := ask(ctx, path, "--version")
		if err != nil {
			continue
		}
		m := pgVersion.FindStringSubmatch(version)
		if m == nil {
			continue
		}
		have, err := strconv.Atoi(m[1])
		if err == nil && have >= major {
			return program{path: path, version: strings.TrimSpace(version)}, nil
		}
		newest = max(newest, have)
	}
	if newest > 0 {
		return program{}, errs.New(errs.Unsupported, "The server is PostgreSQL %d, but this host's %s is of version %d; install postgresql-client-%d.", major, name, newest, major)
	}
	return program{}, errs.New(errs.NotFound, "This host has no %s; install postgresql-client-%d.", name, major)
}
