package sitedb_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"holdfast/internal/sitedb"
)

// dumperEnv makes the test binary a dumper that a test can kill.
const dumperEnv = "SITEDB_TEST_DUMP_OF"

func TestHelperDumper(t *testing.T) { //nolint:paralleltest // a process of its own
	at := os.Getenv(dumperEnv)
	if at == "" {
		return
	}
	c, err := sitedb.ParseURL(at)
	if err != nil {
		os.Exit(1)
	}
	_, err = sitedb.Dump(context.Background(), c, &hookWriter{do: func() {
		os.Stdout.WriteString("READY\n")
		select {} // until killed
	}}, sitedb.DumpOptions{})
	fmt.Fprintln(os.Stdout, err)
	os.Exit(1)
}

// clientsOf gives the client processes at work on a database.
func clientsOf(t *testing.T, name string) []string {
	t.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range procs {
		args, err1 := os.ReadFile(filepath.Join(p, "cmdline"))
		env, err2 := os.ReadFile(filepath.Join(p, "environ"))
		program, _, _ := bytes.Cut(args, []byte{0})
		if err1 == nil && err2 == nil && bytes.HasSuffix(program, []byte("dump")) && (bytes.Contains(args, []byte(name)) || bytes.Contains(env, []byte("="+name+"\x00"))) {
			out = append(out, p)
		}
	}
	return out
}

func TestDump_ItsClientDiesWithIt(t *testing.T) {
	t.Parallel()
	flavours(t, func(t *testing.T, f sitedb.Flavour) {
		c := fresh(t, f)
		fill(t, c)
		at := url.URL{Scheme: string(f), User: url.UserPassword(c.User, c.Password), Host: fmt.Sprintf("%s:%d", c.Host, c.Port), Path: "/" + c.Name, RawQuery: "prefix=mdl_"}
		cmd := exec.Command(os.Args[0], "-test.run=^TestHelperDumper$")
		cmd.Env = append(os.Environ(), dumperEnv+"="+at.String())
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || line != "READY\n" || len(clientsOf(t, c.Name)) == 0 {
			t.Fatalf("the dumper said %q, %v; clients %v", line, err, clientsOf(t, c.Name))
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for len(clientsOf(t, c.Name)) > 0 {
			if ctx.Err() != nil {
				t.Fatalf("the client lives on: %v", clientsOf(t, c.Name))
			}
		}
	})
}
