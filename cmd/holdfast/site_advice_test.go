package main

import (
	"strings"
	"testing"
)

func TestSiteAdvice_SaysWhatItKnowsAndWhatNot(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	if out := p.good("site", "advice", someSite); !strings.Contains(out, "What could not be told:") || !strings.Contains(out, "as of the copies of ") {
		t.Error(out)
	}
	var out adviceOut
	p.json(&out, "site", "advice", someSite)
	if out.Site != someSite || out.AsOf == nil || out.Findings == nil || len(out.Unjudged) == 0 || out.Checks == 0 {
		t.Errorf("%+v", out)
	}
}

func TestSiteExclude_ShowsPreviewsAndChanges(t *testing.T) {
	t.Parallel()
	p := newPlane(t)
	if out := p.good("site", "exclude", someSite); !strings.Contains(out, "leaves out what its policy says, and nothing besides") {
		t.Error(out)
	}
	if out := p.good("site", "exclude", someSite, "--drop", "moodledata:old", "--preview"); !strings.Contains(out, "moodledata/old: left out from the next data copy on (not measured yet)") || !strings.Contains(out, "Nothing was saved.") {
		t.Error(out)
	}
	p.good("site", "exclude", someSite, "--keep", "moodledata/backup", "--drop", "moodledata:old")
	var shown struct {
		Version int      `json:"version"`
		Keep    []string `json:"keep"`
		Drop    []string `json:"drop"`
	}
	p.json(&shown, "site", "exclude", someSite)
	if shown.Version != 1 || len(shown.Keep) != 1 || len(shown.Drop) != 1 || shown.Drop[0] != "moodledata/old" {
		t.Errorf("%+v", shown)
	}
	if out := p.good("site", "exclude", someSite); !strings.Contains(out, "Kept though the policy leaves it out: moodledata/backup") || !strings.Contains(out, "Left out besides: moodledata/old") {
		t.Error(out)
	}
	for _, wrong := range []struct{ flag, value, says string }{
		{"--drop", "old", "a root and a path"},
		{"--drop", "moodledata:filedir", "the files of every course"},
		{"--drop", "code:x", "ode is never cut"},
		{"--drop", "moodledata:../x", "without . and .."},
		{"--keep", "moodledata/filedir", "none of the folders"},
		{"--no-keep", "moodledata/logs", "not kept now"},
		{"--no-drop", "moodledata:other", "not left out now"},
	} {
		p.bad(2, wrong.says, "site", "exclude", someSite, wrong.flag, wrong.value)
	}
	p.good("site", "exclude", someSite, "--no-keep", "moodledata/backup", "--no-drop", "moodledata:old")
	p.json(&shown, "site", "exclude", someSite)
	if shown.Version != 2 || len(shown.Keep)+len(shown.Drop) != 0 {
		t.Errorf("%+v", shown)
	}
}
