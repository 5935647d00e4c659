package embedpg

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/errs"
)

// Binaries is a directory with a PostgreSQL server in it.
type Binaries struct {
	Dir   string
	Major int
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// FindAll gives the servers of this machine, newest first: those of
// distributions, then PATH and pg_config, then Homebrew and Postgres.app.
// binDir, if set, is the only place looked at.
func FindAll(ctx context.Context, binDir string) ([]Binaries, error) {
	dirs := []string{binDir}
	if binDir == "" {
		dirs = places(ctx)
	}
	var found []Binaries
	seen := map[string]bool{}
	for _, dir := range dirs {
		if b, ok := probe(ctx, dir); ok && !seen[b.Dir] {
			seen[b.Dir] = true
			found = append(found, b)
		}
	}
	if len(found) == 0 && binDir != "" {
		return nil, errs.New(errs.NotFound, "There is no PostgreSQL server (postgres and initdb) in %s.", binDir)
	}
	if len(found) == 0 {
		return nil, errs.New(errs.NotFound, "No PostgreSQL server is installed: apt-get install postgresql (Debian, Ubuntu), dnf install postgresql-server (Fedora), brew install postgresql (macOS), or set HOLDFAST_DATABASE_URL.")
	}
	slices.SortStableFunc(found, func(a, b Binaries) int { return b.Major - a.Major })
	return found, nil
}

func places(ctx context.Context) []string {
	var dirs []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/libexec/postgresql*",
		"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		m, _ := filepath.Glob(pattern) //nolint:errcheck // the patterns are well formed
		dirs = append(dirs, m...)
	}
	if p, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	return dirs
}

func probe(ctx context.Context, dir string) (Binaries, bool) {
	for _, name := range []string{"postgres", "initdb"} {
		if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.IsDir() {
			return Binaries{}, false
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output() //nolint:gosec // a server's own program
	if err != nil {
		return Binaries{}, false
	}
	m := versionLine.FindStringSubmatch(string(out))
	if m == nil {
		return Binaries{}, false
	}
	major, err := strconv.Atoi(m[1])
	return Binaries{Dir: dir, Major: major}, err == nil
}

// chooseFor picks the server for a data directory: that of the same major
// version if there is data, else the newest.
func chooseFor(found []Binaries, dataDir string) (Binaries, error) {
	raw, err := os.ReadFile(filepath.Join(dataDir, "PG_VERSION")) //nolint:gosec // our own path
	if os.IsNotExist(err) {
		return found[0], nil
	}
	if err != nil {
		return Binaries{}, fmt.Errorf("read the version of the data in %s: %w", dataDir, err)
	}
	have := strings.TrimSpace(string(raw))
	var majors []string
	for _, b := range found {
		if strconv.Itoa(b.Major) == have {
			return b, nil
		}
		majors = append(majors, strconv.Itoa(b.Major))
	}
	return Binaries{}, errs.New(errs.Unsupported, "The data in %s are of PostgreSQL %s, but only %s is installed; install postgresql-%s, or move the data with pg_upgrade. Nothing was changed.", dataDir, have, strings.Join(majors, ", "), have)
}
