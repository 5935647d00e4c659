package dash

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGallery_ShowsEveryComponent finds a component of web/ui that nobody has
// put into the gallery.
func TestGallery_ShowsEveryComponent(t *testing.T) {
	t.Parallel()
	shown, err := os.ReadFile("gallery.templ")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../ui/*.templ")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d templates of web/ui: %v", len(files), err)
	}
	found := 0
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^templ ([A-Z]\w*)\(`).FindAllSubmatch(src, -1) {
			found++
			if !strings.Contains(string(shown), "ui."+string(m[1])+"(") {
				t.Errorf("the gallery does not show ui.%s", m[1])
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d components were found", found)
	}
}
