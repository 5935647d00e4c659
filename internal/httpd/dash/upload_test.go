package dash

import (
	"strings"
	"testing"
)

// One person's forms with files do not take all room, nor those of all of them
// the disk; who has ended may begin again.
func TestUploads_AreFewAtOnce(t *testing.T) {
	t.Parallel()
	var u uploads
	var ends []func()
	begin := func(who string) bool {
		end, ok := u.begin(who)
		if ok {
			ends = append(ends, end)
		}
		return ok
	}
	for n := range uploadsOfOne + 1 {
		if ok := begin("one"); ok != (n < uploadsOfOne) {
			t.Errorf("form %d of one person: %v", n, ok)
		}
	}
	for n := range uploadsOfAll {
		if ok := begin("person " + strings.Repeat("x", n)); ok != (n < uploadsOfAll-uploadsOfOne) {
			t.Errorf("form %d of all: %v", n, ok)
		}
	}
	for _, end := range ends {
		end()
	}
	if len(u.of) != 0 || u.all != 0 || !begin("one") {
		t.Errorf("after all have ended: %d of %v", u.all, u.of)
	}
}
