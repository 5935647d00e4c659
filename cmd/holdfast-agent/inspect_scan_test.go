package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/agentproto"
	"holdfast/internal/minimoodle"
)

// inspect --scan finds every site below a folder, as JSON and for a person,
// and wrong use of it is wrong use.
func TestInspectScan_FindsEverySite(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if _, err := minimoodle.Build(t.Context(), minimoodle.Spec{Dir: filepath.Join(base, name), AccountRoot: true, CodeFiles: 2, Files: 1}); err != nil {
			t.Fatal(err)
		}
	}
	var out, said strings.Builder
	if code := Main([]string{"inspect", "--scan", base, "--php", "none", "--json"}, strings.NewReader(""), &out, &said); code != exitGood {
		t.Fatalf("%d: %s", code, said.String())
	}
	var found agentproto.Discovery
	if err := json.Unmarshal([]byte(out.String()), &found); err != nil || len(found.Sites) != 2 || found.Sites[0].DBName == "" || found.Folders == 0 {
		t.Fatalf("%v: %s", err, out.String())
	}
	out.Reset()
	if code := Main([]string{"inspect", "--scan", base, "--php", "none"}, strings.NewReader(""), &out, &said); code != exitGood || !strings.Contains(out.String(), "2 sites in") || !strings.Contains(out.String(), found.Sites[1].CodeDir) {
		t.Errorf("%d: %s", code, out.String())
	}
	for _, args := range [][]string{{"inspect"}, {"inspect", "--scan", base, "--code", base}, {"inspect", "--scan", base, "--root", base}} {
		if code := Main(args, strings.NewReader(""), &out, &said); code != exitUsage {
			t.Errorf("%v: %d", args, code)
		}
	}
	if code := Main([]string{"inspect", "--scan", filepath.Join(base, "none")}, strings.NewReader(""), &out, &said); code != exitBad {
		t.Errorf("a folder that is not there: %d", code)
	}
}
