package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"holdfast/internal/engine"
	"holdfast/internal/vault"
)

// tool is one of those that are measured.
type tool interface {
	name() string
	dir() string // what it stores lies there
	create(ctx context.Context, kind engine.Kind) error
	store(ctx context.Context, tree string) sample
	stream(ctx context.Context, file string) sample
	restore(ctx context.Context, to string) sample
	verify(ctx context.Context) sample
	close()
}

// never is a step that a tool has no part in.
var never = sample{wall: -1}

// holdfast is the engine in a child process, on a directory or behind a vault.
type holdfast struct {
	b     *bench
	at    string
	vault *vaultServer
	via   bool
}

func (h *holdfast) name() string {
	if h.via {
		return "Holdfast, vault"
	}
	return "Holdfast"
}

func (h *holdfast) dir() string { return h.at }

func (h *holdfast) keeper() engine.Location {
	return engine.Location{Repository: repository, Backend: &vault.Backend{Kind: vault.Filesystem, Path: h.at}}
}

func (h *holdfast) create(ctx context.Context, kind engine.Kind) error {
	if err := engine.Create(ctx, h.keeper(), password, kind); err != nil || !h.via {
		return err
	}
	var err error
	h.vault, err = h.b.startVault(ctx, h.at)
	return err
}

func (h *holdfast) location() engine.Location {
	if !h.via {
		return h.keeper()
	}
	token := vault.Sign(vaultKey, vault.Claims{Repository: repository, Session: fmt.Sprint("run", time.Now().UnixNano()), Mode: vault.ModeAppend, Expires: time.Now().Add(time.Hour)})
	return engine.Location{Door: &vault.Door{URL: h.vault.url, Name: repository, Token: token, Pin: h.vault.pin}}
}

func (h *holdfast) do(ctx context.Context, j job) sample {
	j.Location = h.location()
	c, err := h.b.child(j)
	if err != nil {
		return sample{err: err}
	}
	var before time.Duration
	if h.vault != nil {
		before = h.vault.cpu()
	}
	s := h.b.measure(ctx, c)
	if h.vault != nil {
		s.cpu += h.vault.cpu() - before
	}
	return s
}

func (h *holdfast) store(ctx context.Context, tree string) sample {
	return h.do(ctx, job{Do: "store", Tree: tree})
}

func (h *holdfast) stream(ctx context.Context, file string) sample {
	return h.do(ctx, job{Do: "stream", Tree: file})
}

func (h *holdfast) restore(ctx context.Context, to string) sample {
	return h.do(ctx, job{Do: "restore", To: to})
}

func (h *holdfast) verify(ctx context.Context) sample {
	if h.via {
		return never // the keeper verifies, beside its storage
	}
	return h.do(ctx, job{Do: "verify"})
}

func (h *holdfast) close() {
	if h.vault != nil {
		h.b.vaultPeak = max(h.b.vaultPeak, h.vault.stop())
		h.vault = nil
	}
}

// shell is a peer: its commands are lines of bash, as a hoster's cron has them.
type shell struct {
	b                                           *bench
	title, at                                   string
	env                                         []string
	init, saveTree, saveStream, bring, checkAll string
	copies                                      int // a whole copy each time
}

func (s *shell) name() string { return s.title }
func (s *shell) dir() string  { return s.at }
func (s *shell) close()       {}

func (s *shell) command(line string, vars ...string) runner {
	return runner{
		Args: []string{"/bin/bash", "-c", "set -euo pipefail; " + line},
		Env:  append(append(os.Environ(), s.env...), append(vars, "AT="+s.at)...),
	}
}

func (s *shell) create(ctx context.Context, _ engine.Kind) error {
	if err := os.MkdirAll(s.at, 0o700); err != nil {
		return err
	}
	if s.init == "" {
		return nil
	}
	c := s.command(s.init)
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Env = c.Env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", s.title, err, tail(string(out)))
	}
	return nil
}

func (s *shell) do(ctx context.Context, line string, vars ...string) sample {
	if line == "" {
		return never
	}
	return s.b.measure(ctx, s.command(line, vars...))
}

func (s *shell) store(ctx context.Context, tree string) sample {
	s.copies++
	return s.do(ctx, s.saveTree, "TREE="+tree, fmt.Sprint("N=", s.copies))
}

func (s *shell) stream(ctx context.Context, file string) sample {
	s.copies++
	return s.do(ctx, s.saveStream, "FILE="+file, fmt.Sprint("N=", s.copies))
}

func (s *shell) restore(ctx context.Context, to string) sample {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return sample{err: err}
	}
	return s.do(ctx, s.bring, "TO="+to, fmt.Sprint("N=", s.copies))
}

func (s *shell) verify(ctx context.Context) sample {
	return s.do(ctx, s.checkAll, fmt.Sprint("N=", s.copies))
}

func excludes(flag string) string {
	var out []string
	for _, name := range leftOut {
		out = append(out, flag+`"$TREE/moodledata/`+name+`"`)
	}
	return strings.Join(out, " ")
}

func (b *bench) newHoldfast(run string) *holdfast {
	return &holdfast{b: b, at: filepath.Join(b.dir, "holdfast-"+run)}
}

func (b *bench) newVault(run string) *holdfast {
	return &holdfast{b: b, at: filepath.Join(b.dir, "vaulted-"+run), via: true}
}

func (b *bench) newRestic(run string) tool {
	at := filepath.Join(b.dir, "restic-"+run)
	return &shell{
		b: b, title: "restic", at: at,
		env:        []string{"RESTIC_PASSWORD=" + password, "RESTIC_REPOSITORY=" + at, "RESTIC_CACHE_DIR=" + at + "-cache"},
		init:       `restic init --repository-version 2 --quiet`,
		saveTree:   `restic backup --quiet ` + excludes("--exclude=") + ` "$TREE"`,
		saveStream: `restic backup --quiet --stdin --stdin-filename dump.sql < "$FILE"`,
		bring:      `restic restore --quiet latest --target "$TO"`,
		checkAll:   `restic check --quiet --read-data`,
	}
}

func (b *bench) newBorg(run string) tool {
	at := filepath.Join(b.dir, "borg-"+run)
	return &shell{
		b: b, title: "borg", at: at,
		env:        []string{"BORG_PASSPHRASE=" + password, "BORG_REPO=" + at + "/repo", "BORG_BASE_DIR=" + at + "-base"},
		init:       `borg init --encryption repokey-blake2`,
		saveTree:   `borg create --compression zstd,1 ` + excludes("--exclude=pp:") + ` "::copy$N" "$TREE"`,
		saveStream: `borg create --compression zstd,1 "::copy$N" - < "$FILE"`,
		bring:      `cd "$TO" && borg extract "::copy$N"`,
		checkAll:   `borg check --verify-data`,
	}
}

func (b *bench) newTar(run string) tool {
	return &shell{
		b: b, title: "tar, zstd -3", at: filepath.Join(b.dir, "tar-"+run),
		saveTree:   `cd "$TREE" && tar ` + strings.ReplaceAll(excludes("--exclude="), "$TREE/", "./") + ` -cf - . | zstd -3 -q -f -o "$AT/copy.zst"`,
		saveStream: `zstd -3 -q -f -o "$AT/copy$N.zst" < "$FILE"`,
		bring:      `zstd -dcq "$AT/copy.zst" | tar -C "$TO" -xpf -`,
		checkAll:   `zstd -dcq "$AT/copy.zst" | sha256sum > /dev/null`,
	}
}

func (b *bench) newZstd(run string) tool {
	return &shell{b: b, title: "zstd -3", at: filepath.Join(b.dir, "zstd-"+run), saveStream: `zstd -3 -q -f -o "$AT/copy$N.zst" < "$FILE"`}
}

func (b *bench) newZstdAll(run string) tool {
	return &shell{b: b, title: "zstd -3 -T0", at: filepath.Join(b.dir, "zstdall-"+run), saveStream: `zstd -3 -T0 -q -f -o "$AT/copy$N.zst" < "$FILE"`}
}
