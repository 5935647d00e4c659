package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/engine"
	"holdfast/internal/id"
	"holdfast/internal/seal"
	"holdfast/internal/vault"
)

// command runs one command line as main would.
func command(t *testing.T, args ...string) (code int, out, complaints string) {
	t.Helper()
	var o, c bytes.Buffer
	code = run(t.Context(), args, &o, &c)
	return code, o.String(), c.String()
}

func TestHelp_EveryCommandShowsAnExample(t *testing.T) {
	t.Parallel()
	var walk func(c *cobra.Command)
	seen := 0
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(sub)
		}
		if c.HasSubCommands() || c.Hidden || c.Name() == "help" || c.Parent() != nil && c.Parent().Name() == "completion" {
			return
		}
		seen++
		if !strings.Contains(c.Example, "holdfast ") || c.Short == "" {
			t.Errorf("%s has no example or no description", c.CommandPath())
		}
	}
	walk(newRoot(io.Discard, io.Discard))
	if seen < 20 {
		t.Fatalf("only %d commands were seen", seen)
	}
}

func TestRun_WrongUseIsOneLineAndExitCode2(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	for _, args := range [][]string{
		{"nope"},
		{"site", "nope"},
		{"backup"},
		{"backup", "a", "b"},
		{"backup", "a.example", "--kind", "some"},
		{"serve", "--no-such-flag"},
		{"serve", "--listen", "x"},
		{"serve", "--state-dir", state},
		{"serve", "--state-dir", state, "--master-key-file", filepath.Join(state, "none")},
		{"key", "new"},
		{"rescue-kit"},
		{"runs", "cancel", "not-an-id"},
		{"copies", "unseal", "x.hfs", "--to-file", "y"},
		{"demo", "--agent", filepath.Join(state, "none")},
	} {
		code, out, complaints := command(t, args...)
		if code != 2 || out != "" || strings.Count(complaints, "\n") != 1 {
			t.Errorf("%v: exit %d, said %q, complained %q", args, code, out, complaints)
		}
	}
}

func TestUnseal_WithTheMasterKeyAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keyFile := filepath.Join(dir, "master.key")
	if code, _, complaints := command(t, "key", "new", "--file", keyFile); code != 0 {
		t.Fatal(complaints)
	}
	master, err := seal.ReadKey(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	copyID, siteID := id.New[id.Copy](), id.New[id.Site]()
	key, err := app.SealedFileKey(master, copyID)
	if err != nil {
		t.Fatal(err)
	}
	content := strings.Repeat("a dump\n", 300_000)
	f, err := engine.PutSealed(t.Context(), vault.Backend{Kind: vault.Filesystem, Path: dir}, siteID.String(), copyID.String(), key, dir,
		func(_ context.Context, w io.Writer) error { _, err := io.WriteString(w, content); return err })
	if err != nil {
		t.Fatal(err)
	}
	sealed, to := filepath.Join(dir, f.Name), filepath.Join(dir, "dump")
	if code, _, complaints := command(t, "copies", "unseal", sealed, "--to-file", to, "--master-key-file", keyFile); code != 0 {
		t.Fatal(complaints)
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != content {
		t.Fatalf("%d bytes came back of %d, %v", len(got), len(content), err)
	}
	whole, err := os.ReadFile(sealed)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(dir, "cut", copyID.String()+".hfs")
	if err := os.MkdirAll(filepath.Dir(cut), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, whole[:len(whole)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, complaints := command(t, "copies", "unseal", cut, "--to-file", to+"2", "--master-key-file", keyFile)
	if _, err := os.Stat(to + "2"); code != 1 || !strings.Contains(complaints, "does not open") || !os.IsNotExist(err) {
		t.Fatalf("a cut file: exit %d, %q, %v", code, complaints, err)
	}
}

// A group that lists takes its list's flags and arguments itself.
func TestListing_AGroupAloneLists(t *testing.T) {
	t.Parallel()
	root := newRoot(io.Discard, io.Discard)
	for _, name := range []string{"tenant", "host", "site", "destination", "copies", "runs", "user", "token"} {
		c, _, err := root.Find([]string{name})
		if err != nil || c.Flags().Lookup("json") == nil {
			t.Errorf("%s takes no --json: %v", name, err)
		}
	}
}
