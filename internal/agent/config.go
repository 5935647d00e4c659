// Package agent is Holdfast's process on a host: it leases backups from the
// control plane, takes each in a child process with a memory limit, and
// reports what came of it. It decides what may be touched on its host (the
// allowed roots) and when a lease is dropped. It never decides when a backup
// is due, never deletes from a repository, and holds no storage credential
// beyond the token of a lease.
//
// The same package takes, lists, verifies and restores copies with no control
// plane at all (the "local" commands).
package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"holdfast/internal/errs"
)

// Build is the version this binary calls itself; the linker sets it.
var Build = "dev"

// DefaultMemoryMiB is GOMEMLIMIT of a working child when nothing else is said.
const DefaultMemoryMiB = 200

// ConfigName is the file in the state directory that enrolment writes.
const ConfigName = "agent.json"

// Config is what an enrolled agent knows. It holds the credential, so its file
// is 0600.
type Config struct {
	Server     string   `json:"server"`        // base URL of the control plane
	Pin        string   `json:"pin,omitempty"` // "sha256:<64 hex>" of the server's public key; "" means the system's CAs
	HostID     string   `json:"host_id"`
	HostName   string   `json:"host_name"`
	Credential string   `json:"credential"`
	AllowRoots []string `json:"allow_roots"` // absolute folders that the agent may read, and nothing outside them
	MemoryMiB  int      `json:"memory_mib,omitempty"`
	PHP        string   `json:"php,omitempty"` // php binary for config.php; "" looks it up, "none" reads statically
	// VaultPatience is how many seconds a restore outlasts a vault that is away
	// before it puts the site back; 0 is 300.
	VaultPatience int `json:"vault_patience_seconds,omitempty"`
	Restraint
}

// LoadConfig reads an agent's configuration. Its errors say what to do.
func LoadConfig(path string) (Config, error) {
	var c Config
	b, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrNotExist) {
		return c, errs.Wrap(errs.NotFound, err, "%s does not exist; enrol this host first: holdfast-agent enrol --server URL --token TOKEN --allow-root DIR", path)
	}
	if err != nil {
		return c, errs.Wrap(errs.Invalid, err, "cannot read the configuration %s", path)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		// The decoder's message may quote the file, and the file holds the credential.
		return c, errs.New(errs.Invalid, "%s is not a valid configuration; enrol this host again", path)
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("in %s: %w", path, err)
	}
	return c, nil
}

// Validate checks every field and names the first that is wrong.
func (c Config) Validate() error {
	if err := CheckServerURL(c.Server); err != nil {
		return err
	}
	if err := CheckPin(c.Pin); err != nil {
		return err
	}
	if c.Credential == "" {
		return errs.Field("credential", "is empty; enrol this host again")
	}
	if c.MemoryMiB < 0 || (c.MemoryMiB > 0 && c.MemoryMiB < 64) {
		return errs.Field("memory_mib", "must be at least 64, or 0 for %d", DefaultMemoryMiB)
	}
	if c.VaultPatience < 0 {
		return errs.Field("vault_patience_seconds", "must be a number of seconds, or 0 for the default")
	}
	if err := c.Restraint.Validate(); err != nil {
		return err
	}
	_, err := CleanRoots(c.AllowRoots)
	return err
}

// Memory gives the children's memory limit in MiB.
func (c Config) Memory() int {
	if c.MemoryMiB == 0 {
		return DefaultMemoryMiB
	}
	return c.MemoryMiB
}

// Save writes the configuration 0600, whole or not at all.
func (c Config) Save(path string) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the configuration: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return errs.Wrap(errs.Invalid, err, "cannot make the state directory %s", filepath.Dir(path))
	}
	if err := writeWhole(path, append(b, '\n')); err != nil {
		return errs.Wrap(errs.Invalid, err, "cannot write %s", path)
	}
	return nil
}

// CheckServerURL wants https://HOST[:PORT], or plain http for this machine only.
func CheckServerURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil {
		return errs.Field("server", "must be a URL like https://holdfast.example.org:8443")
	}
	switch u.Scheme {
	case "https":
		return nil
	case "http":
		ip := net.ParseIP(u.Hostname())
		if u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback()) {
			return nil
		}
		return errs.Field("server", "must be https; plain http is taken for this machine (127.0.0.1) only")
	}
	return errs.Field("server", "must begin with https://")
}

// CheckPin wants "" or "sha256:" and 64 hex digits.
func CheckPin(pin string) error {
	if pin == "" {
		return nil
	}
	h, ok := strings.CutPrefix(pin, "sha256:")
	if !ok || len(h) != 64 || strings.Trim(h, "0123456789abcdef") != "" {
		return errs.Field("pin", "must be sha256: and 64 lower-case hex digits")
	}
	return nil
}

// writeWhole writes a private file so that a crash leaves the old one or the
// new one, never half of either.
func writeWhole(path string, b []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone already when the rename succeeded
	if _, err := f.Write(b); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the names in a directory survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // our own state directory
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // read only
	return d.Sync()
}
