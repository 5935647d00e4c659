package seal_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/errs"
	"holdfast/internal/seal"
)

func newKey(t *testing.T) (seal.Key, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "master.key")
	k, err := seal.NewKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return k, path
}

func TestSeal_OpensOnlyForItsOwnContextAndKey(t *testing.T) {
	t.Parallel()
	k, path := newKey(t)
	box, err := k.Seal([]byte("secret"), "repository:1")
	if err != nil || bytes.Contains(box, []byte("secret")) {
		t.Fatalf("Seal: %q, %v", box, err)
	}
	again, err := seal.ReadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open(box, "repository:1"); err != nil || string(got) != "secret" {
		t.Fatalf("Open = %q, %v", got, err)
	}
	if _, err := k.Open(box, "repository:2"); !errs.Is(err, errs.Forbidden) {
		t.Errorf("another context opened it: %v", err)
	}
	other, _ := newKey(t)
	if _, err := other.Open(box, "repository:1"); !errs.Is(err, errs.Forbidden) {
		t.Errorf("another key opened it: %v", err)
	}
	for i := range box {
		bad := bytes.Clone(box)
		bad[i] ^= 1
		if _, err := k.Open(bad, "repository:1"); err == nil {
			t.Fatalf("a flip at byte %d went unseen", i)
		}
	}
}

func TestKeyFile_IsNeverOverwrittenNorReadWhenOpenToOthers(t *testing.T) {
	t.Parallel()
	k, path := newKey(t)
	if _, err := seal.NewKeyFile(path); !errs.Is(err, errs.Conflict) {
		t.Errorf("a second NewKeyFile gave %v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil { //nolint:gosec // the wrong mode is the test
		t.Fatal(err)
	}
	if _, err := seal.ReadKey(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key file open to all was read, or without the remedy: %v", err)
	}
	if s := fmt.Sprintf("%v %+v %#v %s", k, k, k, k); strings.Contains(s, "[") {
		t.Errorf("a print shows the key: %s", s)
	}
}

func TestCheckPassword_TakesOnlyTheRightOne(t *testing.T) {
	t.Parallel()
	h, err := seal.HashPassword("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if !seal.CheckPassword(h, "correct horse battery") || seal.CheckPassword(h, "correct horse") ||
		seal.CheckPassword("", "") || seal.CheckPassword("$argon2id$v=19$m=4294967295,t=1,p=1$AA$AA", "x") {
		t.Fatal("CheckPassword takes a wrong password or refuses the right one")
	}
}
