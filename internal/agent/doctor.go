package agent

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/inplace"
	"holdfast/internal/throttle"
)

// Finding is one thing the doctor looked at.
type Finding struct {
	Check  string `json:"check"`
	State  string `json:"state"` // StateOK, StateWarn or StateBad
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
}

// The states of a finding. Only a bad one keeps the agent from its work.
const (
	StateOK   = "ok"
	StateWarn = "warn"
	StateBad  = "bad"
)

// maxSkew is how far the host's clock may be off before it is named.
const maxSkew = 30 * time.Second

// lowDiskBytes is the free space of the state directory below which it is named.
const lowDiskBytes = 200 << 20

// Examine looks at everything an agent on this host needs. It changes nothing,
// and does not disturb a running agent.
func Examine(ctx context.Context, stateDir string, clk clock.Clock) []Finding {
	path := filepath.Join(stateDir, ConfigName)
	cfg, err := LoadConfig(path)
	var out []Finding
	if err != nil {
		out = append(out, Finding{"configuration", StateBad, errs.Sentence(err), "holdfast-agent enrol --server URL --token TOKEN --allow-root DIR"})
	} else {
		out = append(out, examineConfig(path, cfg))
		out = append(out, examineRoots(cfg)...)
		out = append(out, examineServer(ctx, cfg, clk)...)
	}
	out = append(out, examineDisk(stateDir), examineRestores(stateDir))
	out = append(out, examineRestraint(stateDir, cfg.Restraint, throttle.Proc{})...)
	out = append(out,
		examineClient(ctx, "MariaDB or MySQL client", "install mariadb-client (Debian: apt-get install mariadb-client), if this host has such sites", "mariadb-dump", "mysqldump"),
		examineClient(ctx, "PostgreSQL client", "install postgresql-client of the server's version, if this host has such sites", "pg_dump"),
		examineClient(ctx, "PHP", "install php-cli, or config.php is read without running it and values that it computes are not seen", phpName(cfg)),
	)
	return out
}

func phpName(c Config) string {
	if c.PHP == "" || c.PHP == "none" {
		return "php"
	}
	return c.PHP
}

func examineConfig(path string, c Config) Finding {
	fi, err := os.Stat(path)
	if err != nil {
		return Finding{"configuration", StateBad, "cannot be looked at", "check the rights of " + path}
	}
	if fi.Mode().Perm()&0o077 != 0 {
		return Finding{"configuration", StateBad, path + " holds the credential and others may read it", "chmod 600 " + path}
	}
	return Finding{"configuration", StateOK, fmt.Sprintf("%s: host %s of %s", path, c.HostName, c.Server), ""}
}

func examineRoots(c Config) []Finding {
	out := make([]Finding, 0, len(c.AllowRoots))
	for _, r := range c.AllowRoots {
		f := Finding{"allowed root " + r, StateOK, "may be read", ""}
		if d, err := os.Open(r); err != nil { //nolint:gosec // the operator's own list
			f.State, f.Detail, f.Remedy = StateWarn, "cannot be opened", "correct the path, or let the agent's user read it"
		} else {
			if fi, err := d.Stat(); err == nil && !fi.IsDir() {
				f.State, f.Detail, f.Remedy = StateWarn, "is not a folder", "name the folder that holds the sites"
			}
			_ = d.Close()
		}
		if r == "/" {
			f.State, f.Detail, f.Remedy = StateWarn, "allows the whole host", "name only the folders that hold sites"
		}
		out = append(out, f)
	}
	return out
}

// examineServer sends a heartbeat of no instance: a server that knows the
// credential answers 409, and nothing changes.
func examineServer(ctx context.Context, c Config, clk clock.Clock) []Finding {
	sent := clk.Now()
	header, err := newClient(c.Server, c.Pin, c.Credential).postHeader(ctx, 15*time.Second, agentproto.PathHeartbeat,
		agentproto.HeartbeatRequest{Runs: []agentproto.RunBeat{}}, nil)
	took := clk.Now().Sub(sent)
	if err != nil && statusOf(err) != http.StatusConflict {
		return []Finding{{"control plane", StateBad, errs.Sentence(explain(err, c.Server)), "see the sentence; then run doctor again"}}
	}
	out := []Finding{{"control plane", StateOK, fmt.Sprintf("%s answers in %d ms and knows this host", c.Server, took.Milliseconds()), ""}}
	if at, err := http.ParseTime(header.Get("Date")); err == nil {
		skew := sent.Add(took / 2).Sub(at).Round(time.Second)
		f := Finding{"clock", StateOK, fmt.Sprintf("within %s of the control plane's", max(skew.Abs(), time.Second)), ""}
		if skew.Abs() > maxSkew {
			f = Finding{"clock", StateWarn, fmt.Sprintf("differs from the control plane's by %s", skew), "switch on time synchronisation: timedatectl set-ntp true"}
		}
		out = append(out, f)
	}
	return out
}

func examineDisk(stateDir string) Finding {
	var s syscall.Statfs_t
	dir := stateDir
	for syscall.Statfs(dir, &s) != nil && dir != "/" {
		dir = filepath.Dir(dir)
	}
	free := int64(s.Bavail) * s.Bsize //nolint:gosec // no disk is that large
	f := Finding{"disk", StateOK, fmt.Sprintf("%d MiB free for %s", free>>20, stateDir), ""}
	if free < lowDiskBytes {
		f.State, f.Remedy = StateWarn, "make room: finished results wait there until they are reported"
	}
	return f
}

// examineRestores names what restores have left on the host.
func examineRestores(stateDir string) Finding {
	all, err := Restores(stateDir)
	if err != nil {
		return Finding{"restores", StateWarn, errs.Sentence(err), "look at " + journalRoot(stateDir)}
	}
	kept := 0
	for _, h := range all {
		if !h.Finished {
			return Finding{"restores", StateWarn, fmt.Sprintf("the restore %s of %s is at work, or was cut short", h.ID, h.CodeDir), "holdfast-agent restores recover " + h.ID + " (the agent does so by itself at its start)"}
		}
		if h.State == inplace.StateKept || h.State == inplace.StateUndone {
			kept++
		}
	}
	if kept == 0 {
		return Finding{"restores", StateOK, "none is unsettled", ""}
	}
	return Finding{"restores", StateOK, fmt.Sprintf("%d unsettled; each keeps the state before it, which takes up room: holdfast-agent restores list", kept), ""}
}

func examineClient(ctx context.Context, what, remedy string, names ...string) Finding {
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		b, err := exec.CommandContext(ctx, path, "--version").Output() //nolint:gosec // a fixed name, or the operator's
		if err != nil {
			return Finding{what, StateWarn, path + " does not run", remedy}
		}
		first, _, _ := strings.Cut(string(b), "\n")
		return Finding{what, StateOK, clip(strings.TrimSpace(first), 120), ""}
	}
	return Finding{what, StateWarn, "not found: " + strings.Join(names, ", "), remedy}
}
