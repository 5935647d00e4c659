package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestPolicySimulate_PrintsTheWorkedExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../internal/policy/testdata/*.json")
	if err != nil || len(files) < 4 {
		t.Fatalf("worked examples: %v, %v", files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var example struct {
			Args []string
			Want any
		}
		if err := json.Unmarshal(b, &example); err != nil {
			t.Fatal(err)
		}
		code, out, complaints := command(t, append([]string{"policy", "simulate", "--json"}, example.Args...)...)
		var got any
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || complaints != "" {
			t.Fatalf("%s: exit %d, %q, %v", f, code, complaints, err)
		}
		if !reflect.DeepEqual(got, example.Want) {
			t.Errorf("%s: got %s", f, out)
		}
	}
}

func TestPolicySimulate_EmptyListsAreLists(t *testing.T) {
	t.Parallel()
	code, out, _ := command(t, "policy", "simulate", "--tz", "UTC", "--from", "2026-01-01T00:00:01Z", "--to", "2026-01-01T00:00:01Z", "--json")
	if got := strings.Join(strings.Fields(out), ""); code != 0 || got != `{"copies":[],"missed":[],"runs":{"data":0,"database":0},"expired":{"data":0,"database":0}}` {
		t.Fatalf("exit %d: %s", code, got)
	}
}

func TestPolicy_BadInputIsOneLineAndExitCode2(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(file, []byte(`{"rules":[{"kind":"data","tier":"daily","kep":7}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	from, to := "2026-04-20T00:00:00Z", "2026-04-27T00:00:00Z"
	for _, c := range []struct {
		says string
		args []string
	}{
		{"--tz", []string{"simulate", "--from", from, "--to", to}},
		{"Nowhere/Else", []string{"simulate", "--tz", "Nowhere/Else", "--from", from, "--to", to}},
		{"--tz", []string{"simulate", "--tz", "Local", "--from", from, "--to", to}},
		{"--from", []string{"simulate", "--tz", "UTC", "--from", "yesterday", "--to", to}},
		{"before", []string{"simulate", "--tz", "UTC", "--from", to, "--to", from}},
		{"--down", []string{"simulate", "--tz", "UTC", "--from", from, "--to", to, "--down", from}},
		{"--down", []string{"simulate", "--tz", "UTC", "--from", from, "--to", to, "--down", "\n/\n"}},
		{"--down", []string{"simulate", "--tz", "UTC", "--from", from, "--to", to, "--down", to + "/" + from}},
		{"rules[0].kep", []string{"simulate", "--tz", "UTC", "--from", from, "--to", to, "--policy", file}},
		{"rules[0].kep", []string{"show", "--policy", file}},
		{"--policy", []string{"show", "--policy", file + ".none"}},
		{"--policy", []string{"show", "--policy", filepath.Dir(file)}},
		{"arguments", []string{"show", "one", "more"}},
	} {
		code, out, complaints := command(t, append([]string{"policy"}, c.args...)...)
		if code != 2 || out != "" || strings.Count(complaints, "\n") != 1 || !strings.Contains(complaints, c.says) {
			t.Errorf("%v: exit %d, %q, %q", c.args, code, out, complaints)
		}
	}
}

func TestPolicyShow_PrintsAFileThatItReads(t *testing.T) {
	t.Parallel()
	code, out, _ := command(t, "policy", "show", "--json")
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	file := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{nil, {"--json"}} {
		_, published, _ := command(t, append([]string{"policy", "show"}, flags...)...)
		if code, got, complaints := command(t, append([]string{"policy", "show", "--policy", file}, flags...)...); code != 0 || got != published {
			t.Errorf("%v: exit %d, %q: %s", flags, code, complaints, got)
		}
	}
}

func TestPolicyShow_NamesWindowAndGrace(t *testing.T) {
	t.Parallel()
	code, out, complaints := command(t, "policy", "show")
	if code != 0 || complaints != "" || !strings.Contains(out, "within 01:30 hours") || !strings.Contains(out, "owed 02:00 hours") {
		t.Errorf("exit %d, %q: %s", code, complaints, out)
	}
	file := filepath.Join(t.TempDir(), "policy.json")
	rules := `"rules":[{"kind":"data","tier":"hourly","keep":2,"at":["00:00","01:00"]},{"kind":"database","tier":"daily","keep":7}]`
	if err := os.WriteFile(file, []byte(`{"window":"01:00",`+rules+`}`), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, complaints = command(t, "policy", "show", "--policy", file)
	if code != 2 || strings.Count(complaints, "\n") != 1 || !strings.Contains(complaints, "window") || !strings.Contains(complaints, "rules[0]") {
		t.Errorf("exit %d, %q", code, complaints)
	}
}
