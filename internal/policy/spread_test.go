package policy_test

import (
	"testing"
	"time"

	"holdfast/internal/id"
	"holdfast/internal/policy"
)

func TestSpread_IsStableAndEven(t *testing.T) {
	t.Parallel()
	const sites, window = 10_000, 2 * time.Hour
	var perMinute [120]int
	for range sites {
		site := id.New[id.Site]().UUID()
		s := policy.Spread(site, window)
		if s < 0 || s >= window || s != policy.Spread(site, window) {
			t.Fatalf("spread of %s is %s", site, s)
		}
		perMinute[s/time.Minute]++
	}
	for m, n := range perMinute {
		if n < 35 || n > 150 { // 83 on the average; 9 is one standard deviation
			t.Errorf("minute %d has %d sites", m, n)
		}
	}
	if policy.Spread(id.New[id.Site]().UUID(), 0) != 0 {
		t.Error("no window is no spread")
	}
}
