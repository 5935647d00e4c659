package keeper

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"holdfast/internal/app"
	"holdfast/internal/reference"
)

// A site of two million contents: what measuring one pair takes.
func BenchmarkCount_TwoMillionContents(b *testing.B) {
	const n = 2_000_000
	hash := func(i int) (h reference.Hash) {
		binary.BigEndian.PutUint64(h[:], uint64(i)*0x9e3779b97f4a7c15) //nolint:gosec // spread, not secret
		binary.BigEndian.PutUint64(h[12:], uint64(i)*0xbf58476d1ce4e5b9)
		return h
	}
	path := filepath.Join(b.TempDir(), reference.FileName)
	f, err := os.Create(path) //nolint:gosec // of the test
	if err != nil {
		b.Fatal(err)
	}
	buffered := bufio.NewWriter(f)
	w := reference.NewWriter(buffered)
	for i := range n {
		w.Add(reference.Entry{Hash: hash(i), Bytes: 1000, Area: "mod_resource/content", Course: "C1"})
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	if err := buffered.Flush(); err != nil {
		b.Fatal(err)
	}
	w = nil
	runtime.GC()
	for b.Loop() {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		var data contents
		for i := range n - 1000 {
			data = append(data, hash(i))
		}
		slices.SortFunc(data, compareHash)
		var r app.PairResult
		if err := count(&r, reference.Read(f), data, nil); err != nil || r.Referenced != n || r.Present != n-1000 {
			b.Fatalf("%+v, %v", r, err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapSys-m.HeapReleased)/1e6, "MB-of-heap")
	}
}
