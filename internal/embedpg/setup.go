package embedpg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"holdfast/internal/embedpg/daemon"
	"holdfast/internal/errs"
)

// setup is one Start at work.
type setup struct {
	Options
	account             daemon.Account
	state, data, socket string
	bin                 Binaries
}

// maxSocketPath is what sun_path holds less its final zero, on the narrowest of
// the systems (macOS: 104).
const maxSocketPath = 103

// socketDir gives the socket's directory: in the state directory, or under /tmp
// by a hash of it where that would be too long for a socket's name.
func socketDir(state string) string {
	dir := filepath.Join(state, "socket")
	if len(dir)+len("/.s.PGSQL.65535") <= maxSocketPath {
		return dir
	}
	sum := sha256.Sum256([]byte(state))
	return filepath.Join("/tmp", "holdfast-pg-"+hex.EncodeToString(sum[:8]))
}

// own starts or takes over the server, with the owner's lock held.
func (s *setup) own(ctx context.Context) (*Cluster, error) {
	found, err := FindAll(ctx, s.BinDir)
	if err != nil {
		return nil, err
	}
	if s.bin, err = chooseFor(found, s.data); err != nil {
		return nil, err
	}
	if err := s.initialise(ctx); err != nil {
		return nil, err
	}
	if err := s.account.MakeDir(s.socket); err != nil {
		return nil, fmt.Errorf("make the socket's directory: %w", err)
	}
	if err := s.endMisfit(ctx); err != nil {
		return nil, err
	}
	d, err := daemon.Run(ctx, s.program())
	if err != nil {
		return nil, err
	}
	return &Cluster{SocketDir: s.socket, Port: s.port(), Owned: true, BinDir: s.bin.Dir, d: d}, nil
}

func (s *setup) port() int {
	if s.Port > 0 {
		return s.Port
	}
	return defaultPort
}

func (s *setup) pidFile() string { return filepath.Join(s.data, "postmaster.pid") }

func (s *setup) live() int { return daemon.LivePID(s.pidFile(), s.data, "postgres", "postmaster") }

func (s *setup) program() daemon.Program {
	return daemon.Program{
		Name: "PostgreSQL", Logger: s.Logger, LogFile: filepath.Join(s.state, "postgres.log"),
		Command: s.command, Live: s.live,
		Ready: func(ctx context.Context) error { return answers(ctx, s.socket, s.port()) },
		Stop:  syscall.SIGINT, Abort: syscall.SIGQUIT, Grace: 15 * time.Second, Timeout: s.StartTimeout,
		RetryIf: []string{"pre-existing shared memory block", "is another postmaster"},
	}
}

func (s *setup) command() *exec.Cmd {
	settings := map[string]string{
		"listen_addresses": "", "unix_socket_permissions": "0700",
		"max_connections": "200", "shared_buffers": "128MB", "timezone": "UTC", "log_timezone": "UTC",
		"logging_collector": "off", "password_encryption": "scram-sha-256",
	}
	if s.Port > 0 {
		settings["listen_addresses"] = "127.0.0.1"
	}
	if s.Unsafe {
		settings["fsync"], settings["full_page_writes"] = "off", "off" // commits survive a kill, not a power cut
	}
	for k, v := range s.Settings {
		settings[k] = v
	}
	args := []string{"-D", s.data, "-k", s.socket, "-p", strconv.Itoa(s.port())}
	for _, k := range sorted(settings) {
		args = append(args, "-c", k+"="+settings[k])
	}
	return s.account.Command(s.data, filepath.Join(s.bin.Dir, "postgres"), args...)
}

func sorted(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// initialise makes the cluster in data.init and renames it, so that an initdb
// that was cut short never looks like a cluster.
func (s *setup) initialise(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(s.data, "PG_VERSION")); err == nil {
		return nil
	}
	if entries, err := os.ReadDir(s.data); err == nil && len(entries) > 0 {
		return errs.New(errs.Conflict, "%s holds files but no PostgreSQL cluster; move them away. Nothing was changed.", s.data)
	}
	making := s.data + ".init"
	if err := os.RemoveAll(making); err != nil {
		return fmt.Errorf("clear a cut-short initdb: %w", err)
	}
	var last error
	for _, locale := range []string{"C.UTF-8", "C"} {
		if last = s.initdb(ctx, making, locale); last == nil {
			break
		}
		if err := os.RemoveAll(making); err != nil {
			return err
		}
	}
	if last != nil {
		return last
	}
	if err := os.Remove(s.data); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Rename(making, s.data); err != nil {
		return fmt.Errorf("put the new cluster in place: %w", err)
	}
	return syncDir(s.state)
}

func (s *setup) initdb(ctx context.Context, dir, locale string) error {
	if err := s.account.MakeDir(dir); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	args := []string{"-D", dir, "-U", Superuser, "-E", "UTF8", "--locale=" + locale, "--auth-local=trust", "--auth-host=scram-sha-256"}
	if s.Unsafe {
		args = append(args, "--no-sync")
	}
	cmd := s.account.Command(dir, filepath.Join(s.bin.Dir, "initdb"), args...)
	out, err := daemon.RunBounded(ctx, cmd)
	if err != nil {
		return errs.Wrap(errs.Unavailable, fmt.Errorf("initdb: %w: %s", err, out), "A new PostgreSQL cluster cannot be made in %s.", s.state)
	}
	return nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir) //nolint:gosec // our own path
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read only
	return f.Sync()
}

// endMisfit stops an orphan that listens elsewhere than we were asked to.
func (s *setup) endMisfit(ctx context.Context) error {
	pid := s.live()
	if pid == 0 {
		return nil
	}
	socket, port, listens := s.listening()
	if socket == s.socket && port == s.port() && listens == (s.Port > 0) {
		return nil
	}
	if port == 0 {
		return nil // it is only just starting
	}
	s.Logger.Info("stopping a PostgreSQL left behind that listens elsewhere", "pid", pid)
	_ = syscall.Kill(pid, syscall.SIGINT)
	for s.live() == pid {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// listening reads from the pid file where the server is reached.
func (s *setup) listening() (socket string, port int, tcp bool) {
	raw, err := os.ReadFile(s.pidFile())
	if err != nil {
		return "", 0, false
	}
	lines := strings.Split(string(raw), "\n")
	if len(lines) < 6 {
		return "", 0, false
	}
	port, err = strconv.Atoi(strings.TrimSpace(lines[3]))
	if err != nil {
		return "", 0, false
	}
	return strings.TrimSpace(lines[4]), port, strings.TrimSpace(lines[5]) != ""
}

// borrow gives the cluster of another owner once it answers, else nil.
func (s *setup) borrow(ctx context.Context) *Cluster {
	if s.live() == 0 {
		return nil
	}
	socket, port, _ := s.listening()
	if port == 0 || answers(ctx, socket, port) != nil {
		return nil
	}
	found, err := FindAll(ctx, s.BinDir)
	if err != nil {
		return nil
	}
	bin, err := chooseFor(found, s.data)
	if err != nil {
		return nil
	}
	return &Cluster{SocketDir: socket, Port: port, BinDir: bin.Dir}
}
