package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"holdfast/internal/agentproto"
)

type agentProblem = agentproto.Problem

func TestAgent_LinksNothingOfTheControlPlane(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", ".").Output() //nolint:noctx // ends by itself
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range strings.Fields(string(out)) {
		for _, banned := range []string{"riverqueue/river", "a-h/templ", "stripe-go", "holdfast/internal/store", "holdfast/internal/app", "holdfast/web", "holdfast/internal/minimoodle"} {
			if strings.Contains(p, banned) {
				t.Errorf("holdfast-agent links %s", p)
			}
		}
	}
}

// runAs runs the program as nobody, if this test is root.
func runAs(t *testing.T, binary string, args ...string) outcome {
	t.Helper()
	cmd := exec.Command(binary, args...) //nolint:gosec,noctx // this very test binary
	cmd.Env = append(os.Environ(), asAgent+"=1", "HOME=/")
	cmd.Dir = "/"
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}
