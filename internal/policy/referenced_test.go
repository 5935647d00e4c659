package policy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"holdfast/internal/errs"
	"holdfast/internal/policy"
)

func TestParse_KeepsReferencedFilesUnlessItIsTurnedOff(t *testing.T) {
	t.Parallel()
	const rules = `"rules": [{"kind": "database", "tier": "daily", "keep": 1}, {"kind": "data", "tier": "daily", "keep": 1}]`
	for body, want := range map[string]bool{
		`{` + rules + `}`: true,
		`{"keep-referenced-files": true, ` + rules + `}`:  true,
		`{"keep-referenced-files": false, ` + rules + `}`: false,
	} {
		p, err := policy.Parse([]byte(body))
		if err != nil || p.KeepReferencedFiles != want {
			t.Errorf("%s: %v, %v", body, p.KeepReferencedFiles, err)
		}
		b, err := json.Marshal(p)
		if err != nil || !strings.Contains(string(b), `"keep-referenced-files":`) {
			t.Fatalf("%s, %v", b, err)
		}
		if again, err := policy.Parse(b); err != nil || again.KeepReferencedFiles != want {
			t.Errorf("written and read again: %v, %v", again.KeepReferencedFiles, err)
		}
	}
	for _, bad := range []string{`"yes"`, `1`, `null`, `{}`} {
		_, err := policy.Parse([]byte(`{"keep-referenced-files": ` + bad + `, ` + rules + `}`))
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "keep-referenced-files") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if !policy.Default().KeepReferencedFiles {
		t.Error("the published policy keeps them")
	}
}
