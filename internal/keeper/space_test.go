package keeper_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"holdfast/internal/keeper"
)

func TestSpaceOf_AsksTheFileSystemAndNothingElse(t *testing.T) {
	t.Parallel()
	backend := func(kind, path string) json.RawMessage {
		b, err := json.Marshal(map[string]string{"kind": kind, "path": path})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	s := keeper.SpaceOf(backend("filesystem", t.TempDir()))
	if s == nil || s.FreeBytes <= 0 || s.TotalBytes < s.FreeBytes {
		t.Fatalf("%+v", s)
	}
	for name, b := range map[string]json.RawMessage{
		"a bucket": backend("s3", t.TempDir()), "no such folder": backend("filesystem", filepath.Join(t.TempDir(), "none")),
		"rubbish": json.RawMessage(`{`), "nothing": nil, "a path that is none": backend("filesystem", "a\x00b"),
	} {
		if s := keeper.SpaceOf(b); s != nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
	// A kernel file system has no bytes at all: that is not "full".
	if s := keeper.SpaceOf(backend("filesystem", "/proc")); s != nil {
		t.Errorf("/proc: %+v", s)
	}
}
