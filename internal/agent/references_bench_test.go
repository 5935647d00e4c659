package agent_test

import (
	"context"
	"crypto/sha1" //nolint:gosec // Moodle names its files by SHA-1
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"holdfast/internal/engine"
	"holdfast/internal/reference"
	"holdfast/internal/vault"
)

// BenchmarkReferences_AMillionContents tells what the lists of a big site cost
// in its repository: the first, and one of each day after. A day brings 2,000
// rows, takes 1,500 of the newest away again (drafts), and five activities of
// 100 rows anywhere.
func BenchmarkReferences_AMillionContents(b *testing.B) {
	for b.Loop() {
		rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable
		at := engine.Location{Backend: &vault.Backend{Kind: vault.Filesystem, Path: b.TempDir()}}
		if err := engine.Create(b.Context(), at, truthPassword, engine.Database); err != nil {
			b.Fatal(err)
		}
		rows, next := []int{}, 0
		grow := func(n int) {
			for range n {
				rows, next = append(rows, next), next+1
			}
		}
		grow(1_000_000)
		var first, later engine.Snapshot
		for day := range 4 {
			if day > 0 {
				grow(2000)
				for range 1500 {
					i := len(rows) - 1 - rnd.IntN(5000)
					rows = slices.Delete(rows, i, i+1)
				}
				for range 5 {
					i := rnd.IntN(len(rows) - 200)
					rows = slices.Delete(rows, i, i+100)
				}
			}
			snap := storeReferences(b, at, rows, day)
			if later = snap; day == 0 {
				first = snap
			}
		}
		n := float64(len(rows))
		b.ReportMetric(float64(first.Bytes)/1e6, "bytes/hash")
		b.ReportMetric(float64(first.StoredBytes)/1e6, "stored-bytes/hash")
		b.ReportMetric(float64(later.StoredBytes)/n, "stored-bytes/hash/day")
	}
}

func storeReferences(b *testing.B, at engine.Location, rows []int, day int) engine.Snapshot {
	b.Helper()
	r, err := engine.Open(b.Context(), at, truthPassword)
	if err != nil {
		b.Fatal(err)
	}
	areas := []string{"mod_resource/content", "user/draft", "assignsubmission_file/submission_files", "course/summary", "mod_folder/content"}
	o := engine.StreamOptions{Source: "site1/references", FileName: reference.FileName, TakenAt: time.Unix(1_700_000_000+int64(day)*86_400, 0)}
	snap, err := r.StoreStream(b.Context(), o, func(_ context.Context, out io.Writer) error {
		w := reference.NewWriter(out)
		for _, n := range rows {
			w.Add(reference.Entry{
				Hash: sha1.Sum(fmt.Append(nil, n)), Bytes: int64(n*7919%9_000_000) + 200, Area: areas[n/60%5], Course: fmt.Sprintf("COURSE-%d", n/700%3000), //nolint:gosec // as Moodle
			})
		}
		return w.Close()
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := r.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	return snap
}
