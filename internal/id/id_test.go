package id_test

import (
	"encoding/json"
	"testing"

	"holdfast/internal/id"
)

func TestID_RoundTripsThroughTextAndTheDatabase(t *testing.T) {
	t.Parallel()
	a := id.New[id.Site]()
	b, err := id.Parse[id.Site](a.String())
	if err != nil || a != b {
		t.Fatalf("Parse(%s) = %v, %v", a, b, err)
	}
	j, _ := json.Marshal(map[string]id.Site{"s": a})
	var m map[string]id.Site
	if err := json.Unmarshal(j, &m); err != nil || m["s"] != a {
		t.Fatalf("JSON round trip: %s, %v", j, err)
	}
	v, _ := a.Value()
	var c id.Site
	if err := c.Scan(v); err != nil || c != a {
		t.Fatalf("Scan(%v) = %v, %v", v, c, err)
	}
}

func TestParse_RefusesWhatIsNotCanonical(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "x", "urn:uuid:0190b3a0-7c1e-7d2a-9c3b-0123456789ab", "{0190b3a0-7c1e-7d2a-9c3b-0123456789ab}"} {
		if _, err := id.Parse[id.Run](s); err == nil {
			t.Errorf("Parse(%q) gave no error", s)
		}
	}
}
