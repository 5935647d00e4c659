package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/httpd/api"
)

const lean = `{"rules":[{"kind":"database","tier":"daily","keep":3},{"kind":"data","tier":"daily","keep":2}]}`

func (p *plane) file(content string) string {
	p.t.Helper()
	f := filepath.Join(p.t.TempDir(), "policy.json")
	p.must(os.WriteFile(f, []byte(content), 0o600))
	return f
}

func TestPolicy_CreateAssignEditHistory(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	file := p.file(lean)
	p.good("policy", "create", "lean", "--file", file, "--note", "for small schools")
	p.bad(2, "name", "policy", "create", "lean", "--file", file)
	p.bad(2, "published", "policy", "create", "published", "--file", file)
	p.good("policy", "assign", "lean", someSite)
	var standing api.Standing
	p.json(&standing, "site", "standing", someSite)
	if standing.Policy != "lean" {
		t.Errorf("%+v", standing)
	}
	richer := p.file(strings.Replace(lean, `"keep":3`, `"keep":5`, 1))

	// Nobody to ask: the preview, and the sentence that says what to do.
	code, out, complaints := p.run("policy", "edit", "lean", "--file", richer)
	if code != 2 || !strings.Contains(out, "IN FULL SWING") || !strings.Contains(complaints, "--yes") || strings.Count(complaints, "\n") != 1 {
		t.Errorf("exit %d, %q, %q", code, out, complaints)
	}
	code, out, complaints = p.run("policy", "edit", "lean", "--file", richer, "--json")
	var edited struct {
		Version int
		Changed bool
		Preview api.Preview
	}
	if err := json.Unmarshal([]byte(out), &edited); err != nil || code != 2 || edited.Changed || edited.Version != 1 || !strings.Contains(complaints, "--yes") {
		t.Errorf("exit %d, %q, %q, %v", code, out, complaints, err)
	}
	p.json(&edited, "policy", "edit", "lean", "--file", richer, "--note", "more", "--yes")
	if !edited.Changed || edited.Version != 2 || edited.Preview.Steady["database"].Copies != 5 || edited.Preview.Looked != 1 {
		t.Errorf("%+v", edited)
	}
	var versions []api.PolicyVersion
	p.json(&versions, "policy", "history", "lean")
	if len(versions) != 2 || versions[0].Version != 2 || versions[0].Note != "more" || versions[1].Note != "for small schools" || versions[0].By != "cli" {
		t.Errorf("%+v", versions)
	}
	var list []api.Policy
	p.json(&list, "policy", "list")
	if len(list) != 2 || list[0].Name != "published" || !list[0].BuiltIn || list[1].Sites != 1 || list[1].Version != 2 {
		t.Errorf("%+v", list)
	}
	if out := p.good("policy", "show", "lean"); !strings.Contains(out, "daily") || strings.Contains(out, "monthly") {
		t.Error(out)
	}
	p.bad(1, "built in", "policy", "edit", "published", "--file", richer, "--yes")
	p.bad(1, "no policy", "policy", "edit", "none", "--file", richer, "--yes")
	p.good("policy", "assign", "published", someSite)
	p.bad(2, "none.example", "policy", "assign", "lean", someSite, "none.example")
	p.json(&standing, "site", "standing", someSite)
	if standing.Policy != "published" {
		t.Errorf("one of two sites is unknown, and yet: %+v", standing)
	}
}

func TestPolicyPreview_SaysWhatWouldCome(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	var v api.Preview
	p.json(&v, "policy", "preview", "--file", p.file(lean), "--site", someSite)
	if v.Sites != 1 || v.Looked != 1 || v.Runs["database"] < 29 || len(v.FirstRuns) == 0 || v.Steady["data"].Copies != 2 || v.Steady["data"].Tiers["daily"] != 2 || v.Expires != 0 {
		t.Errorf("%+v", v)
	}
	if v.BytesSteady != nil || !strings.Contains(v.BytesWhy, "not known yet") || v.BytesNow != 2 {
		t.Errorf("one copy of each kind, and yet %+v", v)
	}
	p.json(&v, "policy", "preview")
	if v.Sites != 1 || v.Steady["database"].Tiers["daily"] == 0 {
		t.Errorf("the published policy on its own sites: %+v", v)
	}
	out := p.good("policy", "preview", "--file", p.file(lean))
	for _, says := range []string{"Looked at 1 site.", "Expire at once: 0 copies", "not known yet", "FIRST RUNS"} {
		if !strings.Contains(out, says) {
			t.Errorf("%q is missing in:\n%s", says, out)
		}
	}
	p.bad(2, "none.example", "policy", "preview", "--site", "none.example")
	p.bad(1, "no policy", "policy", "preview", "--policy", "none")
}

func TestPolicyCommands_BadInputIsOneLineAndExitCode2(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(file, []byte(`{"rules":[{"kind":"data","tier":"daily","keep":0}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		says string
		args []string
	}{
		{"--file", []string{"create", "x"}},
		{"--file", []string{"edit", "x"}},
		{"rules[0].keep", []string{"create", "x", "--file", file}},
		{"rules[0].keep", []string{"edit", "x", "--file", file, "--yes"}},
		{"rules[0].keep", []string{"preview", "--file", file}},
		{"--file", []string{"preview", "--file", file + ".none"}},
		{"arguments", []string{"create"}},
		{"arguments", []string{"assign", "x"}},
		{"arguments", []string{"history"}},
		{"arguments", []string{"list", "more"}},
		{"--policy", []string{"show", "x", "--policy", file}},
		{"nope", []string{"nope"}},
	} {
		code, out, complaints := command(t, append([]string{"policy"}, c.args...)...)
		if code != 2 || out != "" || strings.Count(complaints, "\n") != 1 || !strings.Contains(complaints, c.says) {
			t.Errorf("%v: exit %d, %q, %q", c.args, code, out, complaints)
		}
	}
}

func TestPolicyPreview_SaysAtHowManyOfHowManyItLooked(t *testing.T) {
	t.Parallel()
	v := api.Preview{Sites: 12_000, Looked: 200, Days: 30, Expires: 150, BytesNow: 5, BytesWhy: "estimate, from the sites' own history"}
	steady := int64(77)
	v.BytesSteady = &steady
	for range 100 {
		v.Expire = append(v.Expire, api.PreviewCopy{Copy: someCopy, Kind: "data"})
	}
	var b strings.Builder
	if err := printPreview(&b, v, false); err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"Looked at 200 of 12000 sites", "Expire at once: 150 copies", "and 140 more", "in full swing: 77 (estimate"} {
		if !strings.Contains(b.String(), says) {
			t.Errorf("%q is missing in:\n%s", says, b.String())
		}
	}
	if n := strings.Count(b.String(), someCopy); n != 10 {
		t.Errorf("%d expiring copies are named", n)
	}
}
