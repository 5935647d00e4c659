package engine_test

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"holdfast/internal/engine"
)

// BenchmarkNames_AMillion lists the names of a copy of filedir, with
// BENCH_FILES files of no content, a million by default.
func BenchmarkNames_AMillion(b *testing.B) {
	files := 1_000_000
	if text := os.Getenv("BENCH_FILES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		files = n
	}
	dir := b.TempDir()
	filedir := filepath.Join(dir, "filedir")
	for i := range files {
		sum := sha1.Sum([]byte(strconv.Itoa(i)))
		name := hex.EncodeToString(sum[:])
		leaf := filepath.Join(filedir, name[:2], name[2:4])
		if err := os.WriteFile(filepath.Join(leaf, name), nil, 0o600); err != nil {
			if err := os.MkdirAll(leaf, 0o700); err != nil {
				b.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(leaf, name), nil, 0o600); err != nil {
				b.Fatal(err)
			}
		}
	}
	at := local(filepath.Join(dir, "repo"))
	if err := engine.Create(b.Context(), at, password, engine.Data); err != nil {
		b.Fatal(err)
	}
	r, err := engine.Open(b.Context(), at, password)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close(b.Context()) //nolint:errcheck // read only
	s, err := r.StoreTree(b.Context(), engine.TreeOptions{Source: "site", Roots: []engine.Root{{Name: "filedir", Path: filedir}}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		n := 0
		for _, err := range r.Names(b.Context(), s.ID, "filedir") {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != files {
			b.Fatal(fmt.Sprint(n, " names"))
		}
	}
	b.ReportMetric(float64(files)*float64(b.N)/b.Elapsed().Seconds(), "names/s")
}
