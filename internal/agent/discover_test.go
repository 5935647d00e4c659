package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/agentproto"
	"holdfast/internal/clock"
	"holdfast/internal/minimoodle"
)

// workOn has the working process do a job in this very process.
func workOn(t *testing.T, j job) Result {
	t.Helper()
	in, write := io.Pipe()
	defer in.Close() //nolint:errcheck // its other end is ours; the worker lingers on it
	raw, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = write.Write(append(raw, '\n')) }() // and then it stays open, as an agent's does
	var out bytes.Buffer
	if err := Worker(t.Context(), in, &out, clock.System{}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	var result *Result
	lines := bufio.NewScanner(&out)
	lines.Buffer(nil, maxLineBytes)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		if l.Result != nil {
			result = l.Result
		}
	}
	if result == nil {
		t.Fatalf("no result in %s", out.String())
	}
	return *result
}

func looking(t *testing.T, allow []string, roots ...string) job {
	t.Helper()
	return job{
		StateDir: t.TempDir(), AllowRoots: allow, PHP: "none",
		Lease: agentproto.Lease{Run: "0190b3a0-7c1e-7d2a-9c3b-0123456789ab", Fence: 1, Kind: agentproto.KindDiscover, Discover: &agentproto.Discover{Roots: roots}},
	}
}

func miniature(t *testing.T, dir string) minimoodle.Site {
	t.Helper()
	s, err := minimoodle.Build(t.Context(), minimoodle.Spec{Dir: dir, AccountRoot: true, CodeFiles: 3, Files: 2})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A lease that discovers finds what lies under the allowed roots and nothing
// else, whatever roots it names and whatever a config.php says.
func TestDiscover_LooksUnderTheAllowedRootsOnly(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	allowed, outside := filepath.Join(base, "www"), filepath.Join(base, "private")
	mine, theirs := miniature(t, filepath.Join(allowed, "a")), miniature(t, filepath.Join(outside, "b"))
	if err := os.Symlink(outside, filepath.Join(allowed, "link")); err != nil {
		t.Fatal(err)
	}
	stray := miniature(t, filepath.Join(allowed, "c")) // its moodledata is another's
	text := fmt.Sprintf("<?php $CFG = new stdClass(); $CFG->dbtype='mariadb'; $CFG->dbhost='h'; $CFG->dbname='n'; $CFG->dbuser='u'; $CFG->dbpass='s3cret'; $CFG->prefix='mdl_'; $CFG->wwwroot='https://x.example'; $CFG->dataroot='%s';", theirs.DataRoot)
	if err := os.WriteFile(filepath.Join(stray.CodeDir, "config.php"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := workOn(t, looking(t, []string{allowed}))
	var found agentproto.Discovery
	if err := json.Unmarshal(r.Evidence, &found); err != nil || r.Outcome != agentproto.OutcomeGood {
		t.Fatalf("%+v, %v", r, err)
	}
	by := map[string]agentproto.FoundSite{}
	for _, f := range found.Sites {
		by[f.CodeDir] = f
	}
	if len(by) != 2 || by[mine.CodeDir].Problem != "" || by[mine.CodeDir].Release == "" || !strings.Contains(by[stray.CodeDir].Problem, "outside the folders") {
		t.Errorf("found %+v", found.Sites)
	}
	if strings.Contains(string(r.Evidence), "s3cret") || strings.Contains(string(r.Evidence), theirs.CodeDir+`"`) {
		t.Errorf("it tells of %s", r.Evidence)
	}
	if r := workOn(t, looking(t, []string{allowed}, filepath.Join(allowed, "a"))); !strings.Contains(string(r.Evidence), mine.CodeDir) || strings.Contains(string(r.Evidence), stray.CodeDir) {
		t.Errorf("a part of it: %s", r.Evidence)
	}
	for _, root := range []string{outside, filepath.Join(allowed, "link"), "/", base} {
		if r := workOn(t, looking(t, []string{allowed}, root)); r.Outcome != agentproto.OutcomeRefused || r.ErrorCode != CodeOutsideRoots || r.Evidence != nil {
			t.Errorf("%s: %+v", root, r)
		}
	}
}

// A lease of this kind that is no sound one is refused.
func TestDiscover_RefusesALeaseThatIsNoSoundOne(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*agentproto.Lease){
		"nothing to look for": func(l *agentproto.Lease) { l.Discover = nil },
		"a relative root":     func(l *agentproto.Lease) { l.Discover.Roots = []string{"www"} },
		"a repository":        func(l *agentproto.Lease) { l.Repository.Name = "x" },
		"a restore":           func(l *agentproto.Lease) { l.Restore = &agentproto.Restore{ID: "abcd"} },
	} {
		j := looking(t, []string{t.TempDir()})
		change(&j.Lease)
		if err := checkLease(j.Lease); err == nil || codeIn(err) != CodeBadLease {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What was found fits the answer, and what is left out is said.
func TestDiscover_FitsItsAnswer(t *testing.T) {
	t.Parallel()
	d := agentproto.Discovery{}
	for i := range 5000 {
		d.Sites = append(d.Sites, agentproto.FoundSite{CodeDir: fmt.Sprintf("/srv/%d/%s", i, strings.Repeat("x", 2000)), Warnings: []string{strings.Repeat("w", 500)}})
	}
	raw, err := fit(&d)
	if err != nil || len(raw) > maxFoundBytes || len(d.Sites) == 0 || len(d.Sites) == 5000 || !strings.Contains(d.Truncated, "5000 sites were found") {
		t.Errorf("%d bytes of %d sites, %q, %v", len(raw), len(d.Sites), d.Truncated, err)
	}
}

// A site's own exclusions are in the plan, and one that is refused is a
// warning of the copy, never a copy that fails.
func TestPlan_AppliesTheSitesExclusions(t *testing.T) {
	t.Parallel()
	m := miniature(t, t.TempDir())
	if err := os.MkdirAll(filepath.Join(m.DataRoot, "old-videos"), 0o755); err != nil {
		t.Fatal(err)
	}
	roots := Roots{Everywhere: true}
	w := Work{
		CodeDir: m.CodeDir, AccountRoot: m.AccountRoot, Roots: roots, PHP: "none", Progress: func(agentproto.Progress) {},
		Exclusions: &agentproto.Exclusions{Keep: []string{"moodledata/backup"}, Drop: []agentproto.Exclusion{{Root: "moodledata", Path: "old-videos"}, {Root: "moodledata", Path: "filedir"}}},
	}
	s, err := w.inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.plan(roots)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range p.Roots {
		if r.Name == "moodledata" && (strings.Contains(fmt.Sprint(r.ExcludeDirs), "backup") || !strings.Contains(fmt.Sprint(r.ExcludePaths), "old-videos") || strings.Contains(fmt.Sprint(r.ExcludePaths), "filedir")) {
			t.Errorf("the plan: %+v", r)
		}
	}
	if said := strings.Join(p.Warnings, "\n"); !strings.Contains(said, "The exclusion of moodledata/filedir is not applied.") || strings.Contains(said, "old-videos") {
		t.Errorf("warnings: %s", said)
	}
}
