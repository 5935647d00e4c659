package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/agent"
	"holdfast/internal/agentproto"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/throttle"
)

// localFlags are what the local commands share.
type localFlags struct {
	repo, passwordFile, php string
	memory                  int
	asJSON                  bool
	holds                   bool // the command holds back for the host, as a backup does
	nice                    int
}

// lowerSelf lowers this process. Tests, which are one process with many
// commands, put another in its place.
var lowerSelf = throttle.LowerSelf

// holdBack makes a command one that gives way to the sites of its host.
func (f *localFlags) holdBack(c *cobra.Command) {
	f.holds = true
	c.Flags().IntVar(&f.nice, "nice", -1, fmt.Sprintf("priority from 0 (like everybody) to 19 (the last); by default the agent's own, or %d", agent.DefaultNice))
}

// restraint is how this command holds back.
func (f *localFlags) restraint(c *cobra.Command) (agent.Restraint, error) {
	if !f.holds {
		return agent.Restraint{}, nil
	}
	r := agent.RestraintOf(defaultStateDir())
	if c.Flags().Changed("nice") {
		r.Nice = &f.nice
	}
	if err := r.Validate(); err != nil {
		return r, err
	}
	if err := lowerSelf(r.Priority()); err != nil {
		_, _ = fmt.Fprintf(c.ErrOrStderr(), "holdfast-agent: warning: this command has the priority of every other: %v\n", err)
	}
	return r, nil
}

func (f *localFlags) common(c *cobra.Command) {
	c.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	c.Flags().IntVar(&f.memory, "memory-mib", agent.DefaultMemoryMiB, "memory limit in MiB")
}

func (f *localFlags) reader(c *cobra.Command) {
	c.Flags().StringVar(&f.php, "php", "", `php binary that reads config.php; "none" reads it without running it`)
}

func (f *localFlags) repository(c *cobra.Command) {
	c.Flags().StringVar(&f.repo, "repo", "", "folder that holds database/ and data/, each a repository, or that is itself one")
	c.Flags().StringVar(&f.passwordFile, "password-file", "", "file with the password of the repositories")
	_ = c.MarkFlagRequired("repo")
	_ = c.MarkFlagRequired("password-file")
}

// do runs one local command: password, memory limit, progress on a terminal.
func (f *localFlags) do(c *cobra.Command, work func(context.Context, agent.Local) error) error {
	if f.memory < 64 {
		return errors.New("--memory-mib must be at least 64")
	}
	repo := f.repo
	if repo != "" {
		var err error
		if repo, err = filepath.Abs(repo); err != nil {
			return fmt.Errorf("--repo: %w", err)
		}
	}
	l := agent.Local{Dir: repo, PHP: f.php, Clock: clock.System{}, Log: slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))}
	if f.passwordFile != "" || c.Flags().Lookup("password-file") != nil {
		password, err := readPassword(f.passwordFile, c.ErrOrStderr())
		if err != nil {
			return err
		}
		l.Password = password
	}
	limitMemory(f.memory)
	restraint, err := f.restraint(c)
	if err != nil {
		return err
	}
	ctx, stop := signalled()
	defer stop()
	bar := newBar(c.ErrOrStderr())
	l.Progress = restraint.GiveWay(ctx, clock.System{}, throttle.Proc{}, bar.show)
	err = work(ctx, l)
	bar.end()
	var e *errs.Error
	if errors.As(err, &e) && e.Field == "to" {
		return err // the wrong kind of target
	}
	if ctx.Err() != nil {
		return bad(errors.New("stopped"))
	}
	var done *failure
	if errors.As(err, &done) {
		return err
	}
	return bad(err)
}

// readPassword reads a password file: one line, its end trimmed, not empty.
func readPassword(path string, stderr io.Writer) (string, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", fmt.Errorf("--password-file: %w", err)
	}
	password := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if password == "" {
		return "", fmt.Errorf("--password-file: %s is empty", path)
	}
	if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() && fi.Mode().Perm()&0o077 != 0 {
		_, _ = fmt.Fprintf(stderr, "holdfast-agent: warning: others on this host may read %s; chmod 600 it\n", path)
	}
	return password, nil
}

func inspectCommand() *cobra.Command {
	var f localFlags
	var code, root string
	var scan []string
	c := &cobra.Command{
		Use:     "inspect",
		Short:   "Say what is known of a Moodle site, or find all that there are",
		Example: "  holdfast-agent inspect --code /var/www/moodle --json\n  holdfast-agent inspect --scan /var/www --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.do(c, func(ctx context.Context, l agent.Local) error {
				if len(scan) > 0 {
					return scanHost(ctx, c, l, scan, f.asJSON)
				}
				in, err := l.Inspect(ctx, code, root)
				if err != nil {
					return err
				}
				if f.asJSON {
					return printJSON(c.OutOrStdout(), in)
				}
				return showInspected(c.OutOrStdout(), in)
			})
		},
	}
	c.Flags().StringVar(&code, "code", "", "code folder of the site: the one that holds config.php")
	c.Flags().StringVar(&root, "root", "", "account root of the site, if it has one")
	c.Flags().StringArrayVar(&scan, "scan", nil, "folder below which every Moodle is found; may be given several times")
	c.MarkFlagsOneRequired("code", "scan")
	c.MarkFlagsMutuallyExclusive("code", "scan")
	c.MarkFlagsMutuallyExclusive("root", "scan")
	f.reader(c)
	f.common(c)
	return c
}

func localCommand() *cobra.Command {
	return group("local", "Take, list, verify and restore copies with no control plane",
		inspectCommand(), localBackupCommand(), localListCommand(), localVerifyCommand(), localRestoreCommand(), localCheckCommand())
}

func localBackupCommand() *cobra.Command {
	var f localFlags
	var code, root, kind string
	c := &cobra.Command{
		Use:   "backup",
		Short: "Take one copy of a site into a folder",
		Example: `  holdfast-agent local backup --code /var/www/moodle --kind database --repo /backup/moodle --password-file pw
  holdfast-agent local backup --code /srv/s1/moodle --root /srv/s1 --kind data --repo /backup/s1 --password-file pw --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := agent.CheckKind(kind); err != nil {
				return err
			}
			return f.do(c, func(ctx context.Context, l agent.Local) error {
				copied, err := l.Backup(ctx, kind, code, root)
				if err != nil {
					return err
				}
				if f.asJSON {
					err = printJSON(c.OutOrStdout(), copied)
				} else {
					err = showBackup(c.OutOrStdout(), copied)
				}
				if err == nil && copied.Outcome != agentproto.OutcomeGood {
					return notGood()
				}
				return err
			})
		},
	}
	c.Flags().StringVar(&code, "code", "", "code folder of the site: the one that holds config.php")
	c.Flags().StringVar(&root, "root", "", "account root of the site, if it has one")
	c.Flags().StringVar(&kind, "kind", "", "database or data")
	_ = c.MarkFlagRequired("code")
	_ = c.MarkFlagRequired("kind")
	f.repository(c)
	f.reader(c)
	f.common(c)
	f.holdBack(c)
	return c
}

func showBackup(w io.Writer, l agent.LocalCopy) error {
	t := newTable(w)
	t.row("copy", l.Copy)
	t.row("kind", l.Kind)
	if l.Kind == agentproto.KindDatabase {
		var rows int64
		for _, table := range l.Tables {
			rows += table.Rows
		}
		t.row("tables", fmt.Sprintf("%d with %s rows", len(l.Tables), count(rows)))
	} else {
		t.row("files", count(l.Files))
	}
	t.row("size", fmt.Sprintf("%s, %s of it new in the repository", size(l.Bytes), size(l.StoredBytes)))
	t.row("time", (time.Duration(l.Seconds*1000) * time.Millisecond).String())
	if r := l.References; r != nil {
		showReferences(t, r)
	}
	for _, e := range l.Excluded {
		t.row("left out", fmt.Sprintf("%s (%s files, %s)", e.Path, count(e.Files), size(e.Bytes)))
	}
	if l.Facts != nil {
		for _, warning := range l.Facts.Warnings {
			t.row("warning", warning)
		}
	}
	for _, p := range l.Problems {
		t.row("PROBLEM", p.Path+": "+p.Reason)
	}
	if len(l.Problems) > 0 {
		t.row("outcome", "INCOMPLETE: the copy lacks what is named above")
	}
	return bad(t.flush())
}

func localListCommand() *cobra.Command {
	var f localFlags
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the copies of a folder",
		Example: "  holdfast-agent local list --repo /backup/moodle --password-file pw",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.do(c, func(ctx context.Context, l agent.Local) error {
				copies, err := l.List(ctx)
				if err != nil {
					return err
				}
				if f.asJSON {
					return printJSON(c.OutOrStdout(), map[string]any{"copies": copies})
				}
				t := newTable(c.OutOrStdout())
				t.row("COPY", "KIND", "TAKEN AT", "FILES", "SIZE", "OUTCOME")
				for _, l := range copies {
					t.row(l.Copy, l.Kind, l.TakenAt.Local().Format("2006-01-02 15:04:05"), count(l.Files), size(l.Bytes), l.Outcome)
				}
				return bad(t.flush())
			})
		},
	}
	f.repository(c)
	f.common(c)
	return c
}

func localVerifyCommand() *cobra.Command {
	var f localFlags
	var id string
	c := &cobra.Command{
		Use:     "verify",
		Short:   "Read every byte of one copy, or of all",
		Example: "  holdfast-agent local verify --repo /backup/moodle --password-file pw --copy ID",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.do(c, func(ctx context.Context, l agent.Local) error {
				v, err := l.Verify(ctx, id)
				if err != nil {
					return err
				}
				if f.asJSON {
					err = printJSON(c.OutOrStdout(), v)
				} else {
					for _, d := range v.Damaged {
						_, _ = fmt.Fprintf(c.OutOrStdout(), "DAMAGED %s %s%s: %s\n", d.Snapshot, d.Path, d.Blob, d.Reason)
					}
					_, err = fmt.Fprintf(c.OutOrStdout(), "%d copies, %s files, %s read in %.1f s: %s\n", v.Copies, count(v.Files), size(v.Bytes), v.Seconds, word(v.Good, "all good", "NOT GOOD"))
				}
				if err == nil && !v.Good {
					return notGood()
				}
				return err
			})
		},
	}
	c.Flags().StringVar(&id, "copy", "", "id of one copy (default: all)")
	f.repository(c)
	f.common(c)
	f.holdBack(c)
	return c
}

func localCheckCommand() *cobra.Command {
	var f localFlags
	var code string
	var deep bool
	c := &cobra.Command{
		Use:     "check",
		Short:   "Hold a site's files table against its filedir",
		Example: "  holdfast-agent local check --code /var/www/moodle --deep",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.do(c, func(ctx context.Context, l agent.Local) error {
				checked, err := l.Check(ctx, code, deep)
				if err != nil {
					return err
				}
				if f.asJSON {
					err = printJSON(c.OutOrStdout(), checked)
				} else {
					err = showChecked(c.OutOrStdout(), checked)
				}
				if err == nil && !checked.Good {
					return notGood()
				}
				return err
			})
		},
	}
	c.Flags().StringVar(&code, "code", "", "code folder of the site: the one that holds config.php")
	c.Flags().BoolVar(&deep, "deep", false, "also read every file and compare it with its name")
	_ = c.MarkFlagRequired("code")
	f.reader(c)
	f.common(c)
	f.holdBack(c)
	return c
}
