package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/engine"
)

// filesOf lists the files of a repository below one folder of it.
func filesOf(t *testing.T, dir, kind string) []string {
	t.Helper()
	var out []string
	must(t, filepath.WalkDir(filepath.Join(dir, kind), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, path)
		}
		return err
	}))
	return out
}

func damagedPacks(t *testing.T, dir string) []engine.Damage {
	t.Helper()
	found, err := open(t, local(dir)).Packs(t.Context())
	must(t, err)
	return found
}

func TestPacks_ALostIndexAndACutPackAreDamage(t *testing.T) {
	t.Parallel()
	r, dir := fresh(t, engine.Data)
	src := t.TempDir()
	write(t, src, map[string]string{"a": string(noise(100_000)), "b/c": "x"})
	store(t, r, engine.TreeOptions{Roots: []engine.Root{{Name: "code", Path: src}}})
	if found := damagedPacks(t, dir); len(found) != 0 {
		t.Fatalf("a sound repository has the damage %v", found)
	}
	for _, kind := range []string{"p", "q", "x"} {
		for _, path := range filesOf(t, dir, kind) {
			whole, err := os.ReadFile(path)
			must(t, err)
			if kind == "x" {
				must(t, os.Remove(path))
			} else {
				must(t, os.Chmod(path, 0o600))
				must(t, os.WriteFile(path, whole[:len(whole)-7], 0o600))
			}
			found := damagedPacks(t, dir)
			if len(found) == 0 {
				t.Errorf("nothing is said of the blob %s", strings.TrimPrefix(path, dir))
			}
			must(t, os.WriteFile(path, whole, 0o600))
		}
	}
}
