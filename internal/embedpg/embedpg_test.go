package embedpg_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/embedpg"
	"holdfast/internal/errs"
	"holdfast/internal/testdb"
)

func scratch(t *testing.T) string {
	t.Helper()
	dir, err := testdb.Scratch("holdfast-epg-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func start(t *testing.T, dir string) *embedpg.Cluster {
	t.Helper()
	c, err := embedpg.Start(t.Context(), embedpg.Options{StateDir: dir, Unsafe: true, Settings: map[string]string{"shared_buffers": "16MB"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, c) })
	return c
}

func stop(t *testing.T, c *embedpg.Cluster) {
	t.Helper()
	if err := c.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// query runs one statement, connecting anew until the server is there.
func query(t *testing.T, url, sql string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var last error
	for ctx.Err() == nil {
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			var out string
			err = conn.QueryRow(ctx, sql).Scan(&out)
			_ = conn.Close(ctx)
			if err == nil {
				return out
			}
		}
		last = err
	}
	t.Fatalf("%s: %v", sql, last)
	return ""
}

func pid(t *testing.T, dir string) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "data/postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.SplitN(string(raw), "\n", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

const mark = "CREATE TABLE IF NOT EXISTS kept AS SELECT 'x' AS v; "

func TestStart_KeepsDataOverStopAndStart(t *testing.T) {
	t.Parallel()
	dir := scratch(t)
	c := start(t, dir)
	if !c.Owned {
		t.Error("a new cluster is not owned")
	}
	url := c.URL("postgres", "postgres")
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), mark); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(t.Context())
	stop(t, c)
	if _, err := os.Stat(filepath.Join(dir, "data/postmaster.pid")); !os.IsNotExist(err) {
		t.Errorf("after a clean stop the pid file is still there: %v", err)
	}
	c = start(t, dir)
	if got := query(t, c.URL("postgres", "postgres"), "SELECT v FROM kept"); got != "x" {
		t.Errorf("got %q", got)
	}
}

func TestStart_RestartsAServerThatWasKilled(t *testing.T) {
	t.Parallel()
	dir := scratch(t)
	c := start(t, dir)
	first := pid(t, dir)
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if got := query(t, c.URL("postgres", "postgres"), "SELECT 'back'"); got != "back" {
		t.Error(got)
	}
}

func TestStart_UsesButDoesNotStopAnothersCluster(t *testing.T) {
	t.Parallel()
	dir := scratch(t)
	owner := start(t, dir)
	guest := start(t, dir)
	if guest.Owned {
		t.Error("the second instance owns the cluster too")
	}
	stop(t, guest)
	query(t, owner.URL("postgres", "postgres"), "SELECT 'still here'")
}

func TestStart_IgnoresAStalePidFile(t *testing.T) {
	t.Parallel()
	for name, stale := range map[string]string{"dead": "999999", "reused": strconv.Itoa(os.Getpid())} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := scratch(t)
			c := start(t, dir)
			raw, err := os.ReadFile(filepath.Join(dir, "data/postmaster.pid"))
			if err != nil {
				t.Fatal(err)
			}
			stop(t, c)
			_, rest, _ := strings.Cut(string(raw), "\n")
			path := filepath.Join(dir, "data/postmaster.pid")
			if err := os.WriteFile(path, []byte(stale+"\n"+rest), 0o600); err != nil {
				t.Fatal(err)
			}
			own(t, path, filepath.Join(dir, "data"))
			start(t, dir)
		})
	}
}

// own gives path the owner of like.
func own(t *testing.T, path, like string) {
	t.Helper()
	st, err := os.Stat(like)
	if err != nil {
		t.Fatal(err)
	}
	sys := st.Sys().(*syscall.Stat_t)
	if err := os.Lchown(path, int(sys.Uid), int(sys.Gid)); err != nil {
		t.Fatal(err)
	}
}

func TestStart_ClearsACutShortInitdb(t *testing.T) {
	t.Parallel()
	dir := scratch(t)
	if err := os.MkdirAll(filepath.Join(dir, "data.init/base"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data.init/PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "data.init")); !os.IsNotExist(err) {
		t.Error("data.init is still there")
	}
}

func TestStart_RefusesDataOfAnotherVersionAndKeepsThem(t *testing.T) {
	t.Parallel()
	dir := scratch(t)
	file := filepath.Join(dir, "data/PG_VERSION")
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := embedpg.Start(t.Context(), embedpg.Options{StateDir: dir})
	if !errs.Is(err, errs.Unsupported) || !strings.Contains(err.Error(), "PostgreSQL 9") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error("the data are gone:", err)
	}
}

func TestStart_NamesTheDirectoryThatStandsInTheWay(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // only root drops to another account; there is no rule to hold
	}
	dir := scratch(t)
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := embedpg.Start(t.Context(), embedpg.Options{StateDir: filepath.Join(closed, "pg")})
	if !errs.Is(err, errs.Forbidden) || !strings.Contains(err.Error(), closed) {
		t.Errorf("got %v", err)
	}
	if err := embedpg.Traversable(filepath.Join(closed, "pg", "deeper")); !errs.Is(err, errs.Forbidden) {
		t.Errorf("Traversable: %v", err)
	}
}

func TestStart_PutsALongSocketPathElsewhere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(scratch(t), strings.Repeat("long", 30))
	var c *embedpg.Cluster
	t.Cleanup(func() { _ = os.RemoveAll(c.SocketDir) })
	c = start(t, dir)
	if strings.HasPrefix(c.SocketDir, dir) || len(c.SocketDir) > 90 {
		t.Errorf("socket in %s", c.SocketDir)
	}
}

func TestStart_SaysWhatToInstall(t *testing.T) {
	t.Parallel()
	_, err := embedpg.Start(t.Context(), embedpg.Options{StateDir: scratch(t), BinDir: "/nonexistent"})
	if !errs.Is(err, errs.NotFound) {
		t.Errorf("got %v", err)
	}
}

// ownerEnv makes the test binary act as an owner that a test can kill.
const ownerEnv = "EMBEDPG_TEST_OWNER_OF"

func TestHelperOwner(t *testing.T) { //nolint:paralleltest // a process of its own
	dir := os.Getenv(ownerEnv)
	if dir == "" {
		return
	}
	c, err := embedpg.Start(context.Background(), embedpg.Options{StateDir: dir, Unsafe: true})
	if err != nil {
		os.Stdout.WriteString("FAILED " + err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("READY owned=" + strconv.FormatBool(c.Owned) + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent closes it
	if err := c.Stop(context.Background()); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

func owner(t *testing.T, binary, dir string, as *syscall.Credential) (*exec.Cmd, io.WriteCloser) {
	t.Helper()
	cmd := exec.Command(binary, "-test.run=^TestHelperOwner$")
	cmd.Env = append(os.Environ(), ownerEnv+"="+dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "READY owned=true\n" {
		t.Fatalf("the owner said %q: %v", line, err)
	}
	return cmd, in
}

func TestStart_AdoptsTheOrphanOfAKilledOwner(t *testing.T) {
	t.Parallel()
	dir := scratch(t)
	cmd, _ := owner(t, os.Args[0], dir, nil)
	before := pid(t, dir)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	c, err := embedpg.Start(t.Context(), embedpg.Options{StateDir: dir, Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	if after := pid(t, dir); !c.Owned || after != before {
		t.Errorf("owned %v, pid %d then %d", c.Owned, before, after)
	}
	query(t, c.URL("postgres", "postgres"), "SELECT 'yes'")
	stop(t, c)
	if _, err := os.Stat(filepath.Join(dir, "data/postmaster.pid")); !os.IsNotExist(err) {
		t.Error("the adopted server outlives its stop")
	}
}

func TestStart_WorksForAPlainUser(t *testing.T) {
	t.Parallel()
	dir := scratch(t)
	var as *syscall.Credential
	if os.Geteuid() == 0 {
		as = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	binary := filepath.Join(dir, "owner")
	// By another process: a file that we wrote ourselves may still be open in a
	// child that a parallel test forked just then, and is "busy" to whoever runs it.
	if said, err := exec.CommandContext(t.Context(), "cp", os.Args[0], binary).CombinedOutput(); err != nil { //nolint:gosec // to be run by another user
		t.Fatalf("%v: %s", err, said)
	}
	if err := os.Chmod(binary, 0o755); err != nil { //nolint:gosec // the same
		t.Fatal(err)
	}
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if as != nil {
		if err := os.Chown(state, int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	cmd, in := owner(t, binary, state, as)
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the owner's clean stop: %v", err)
	}
	if _, err := os.Stat(filepath.Join(state, "data/postmaster.pid")); !os.IsNotExist(err) {
		t.Error("the server runs on")
	}
}
