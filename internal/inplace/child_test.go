package inplace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// child describes one run of this test's own program as another process.
type child struct {
	Verb    string   `json:"verb"` // run, recover, undo, settle
	ID      string   `json:"id"`
	Dir     string   `json:"dir"`
	Code    string   `json:"code"`
	Parts   Parts    `json:"parts"`
	Root    string   `json:"root"` // and on: of files
	Paths   []string `json:"paths"`
	Into    string   `json:"into"`
	InPlace bool     `json:"in_place"`
	Source  *folder  `json:"source"`
	KillAt  int      `json:"kill_at"` // at the n-th point; 0 is none
	During  string   `json:"during"`  // in the middle of this
	KillIn  string   `json:"kill_in"` // at the point of this name
}

const childEnv = "HOLDFAST_INPLACE_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		os.Exit(beChild(path))
	}
	os.Exit(m.Run())
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func beChild(path string) int {
	var c child
	raw, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(raw, &c) != nil {
		return 3
	}
	n := 0
	o := Options{ID: c.ID, Dir: c.Dir, CodeDir: c.Code, Parts: c.Parts, Source: c.Source, PHP: "none", Grace: 1, Log: slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelError}))}
	if c.Source != nil {
		o.Expect = c.Source.Expect
	}
	if c.Source != nil && c.During != "" {
		c.Source.during = func(what string) {
			if what == c.During {
				die()
			}
		}
	}
	o.at = func(point string) error {
		if !strings.HasSuffix(point, ">") && n > 0 {
			return nil
		}
		n++
		if n == c.KillAt || point == c.KillIn {
			fmt.Println("killed at", point)
			die()
		}
		return nil
	}
	switch c.Verb {
	case "run":
		_, err = Run(context.Background(), o)
	case "files":
		_, err = Files(context.Background(), FilesOptions{Options: o, Root: c.Root, Paths: c.Paths, Into: c.Into, InPlace: c.InPlace})
	case "undo":
		_, err = Undo(context.Background(), o)
	case "settle":
		err = Settle(context.Background(), o)
	case "recover":
		var out []Recovered
		if out, err = Recover(context.Background(), o.Dir, o); err == nil && len(out) > 0 && out[0].Error != "" {
			err = errors.New(out[0].Error)
		}
	}
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

// spawn runs a child; it tells whether the child was killed, and where.
func (f *fixture) spawn(t *testing.T, c child) (killed bool, said string) {
	t.Helper()
	c.ID, c.Dir, c.Code, c.Parts, c.Source = f.o.ID, f.o.Dir, f.o.CodeDir, f.o.Parts, f.src
	raw, err := json.Marshal(c)
	ok(t, err)
	path := filepath.Join(t.TempDir(), "child.json")
	ok(t, os.WriteFile(path, raw, 0o600))
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false, string(out)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if ws, is := exit.Sys().(syscall.WaitStatus); is && ws.Signaled() && ws.Signal() == syscall.SIGKILL {
			return true, strings.TrimSpace(string(out))
		}
	}
	t.Fatalf("the child %s failed: %v: %s", c.Verb, err, out)
	return false, ""
}
