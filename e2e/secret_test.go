package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// secrets is what no process may show, and what was found of it.
var secrets struct {
	sync.Mutex
	words  []string
	found  map[string]bool
	met    map[string]bool // programs that were looked at while they ran
	rounds int
}

// keepSecret has every process of this machine watched for a word, in its
// arguments and its environment, for the rest of the tests.
func keepSecret(word string) {
	secrets.Lock()
	defer secrets.Unlock()
	if len(word) >= 8 {
		secrets.words = append(secrets.words, word)
	}
}

func keepSecretFile(t testing.TB, path string) {
	t.Helper()
	raw, err := os.ReadFile(path) //nolint:gosec // our own
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Fields(string(raw)) {
		if len(l) >= 20 {
			keepSecret(l)
		}
	}
}

// watchProcesses looks at every process again and again.
func watchProcesses() {
	for {
		lookAtProcesses()
		time.Sleep(50 * time.Millisecond)
	}
}

func lookAtProcesses() {
	secrets.Lock()
	words := append([]string(nil), secrets.words...)
	secrets.Unlock()
	found, met := map[string]bool{}, map[string]bool{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		args, _ := os.ReadFile(d + "/cmdline")
		if len(args) == 0 || d == fmt.Sprintf("/proc/%d", os.Getpid()) {
			continue
		}
		vars, _ := os.ReadFile(d + "/environ")
		program, _, _ := bytes.Cut(args, []byte{0})
		met[filepath.Base(string(program))] = true
		for _, w := range words {
			for where, text := range map[string][]byte{"arguments": args, "environment": vars} {
				if bytes.Contains(text, []byte(w)) {
					found[fmt.Sprintf("%s of %s", where, strings.ReplaceAll(string(args), "\x00", " "))] = true
				}
			}
		}
	}
	secrets.Lock()
	defer secrets.Unlock()
	if secrets.found == nil {
		secrets.found, secrets.met = map[string]bool{}, map[string]bool{}
	}
	for k := range found {
		secrets.found[k] = true
	}
	for k := range met {
		secrets.met[k] = true
	}
	secrets.rounds++
}

// outputs are all that our programs have printed.
var outputs struct {
	sync.Mutex
	text strings.Builder
}

func noteOutput(s string) {
	outputs.Lock()
	defer outputs.Unlock()
	outputs.text.WriteString(s)
}
