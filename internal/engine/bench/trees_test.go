package bench

import (
	"context"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// words are what people write with, the common ones first.
var words = func() []string {
	r := rand.New(rand.NewPCG(1, 2))
	all := make([]string, 3000)
	for i := range all {
		b := make([]byte, 2+r.IntN(9))
		for j := range b {
			b[j] = byte('a' + r.IntN(26))
		}
		all[i] = string(b)
	}
	return all
}()

// phrases are what compressible files are made of: words that come back, the
// common ones often, as in pages and programs.
var phrases = func() []string {
	r := rand.New(rand.NewPCG(3, 4))
	seps := []string{" ", " ", " ", ", ", "($", "->", ");\n", "\n    ", "<p>", "</p>\n", " = ", "'", "\": \""}
	all := make([]string, 1<<14)
	for i := range all {
		var s strings.Builder
		for range 1 + r.IntN(3) {
			s.WriteString(words[min(r.IntN(len(words)), r.IntN(len(words)))])
			s.WriteString(seps[r.IntN(len(seps))])
		}
		all[i] = s.String()
	}
	return all
}()

// noise gives n bytes that nothing compresses.
func noise(seed uint64, n int) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

// text gives about n bytes that compress as pages do.
func text(seed uint64, n int) []byte {
	r := rand.NewPCG(seed, 77)
	b := make([]byte, 0, n+64)
	for len(b) < n {
		x := r.Uint64()
		for range 2 {
			b = append(b, phrases[min(x&0x3fff, x>>14&0x3fff)]...)
			x >>= 28
		}
	}
	return b[:n]
}

// size gives a length around mean: most files are small, a few are large.
func size(r *rand.Rand, mean int) int {
	switch p := r.IntN(100); {
	case p < 70:
		return 64 + r.IntN(max(1, mean/2))
	case p < 95:
		return mean/4 + r.IntN(max(1, mean*3))
	default:
		return mean + r.IntN(max(1, mean*15))
	}
}

// spec is how large the trees are.
type spec struct {
	contents, contentBytes int // of filedir, and their mean length
	code, codeBytes        int
	excluded               int // files in each of the folders that are left out
	small, smallBytes      int
	dumpBytes              int64
	generations            int
}

func scaled(f float64) spec {
	n := func(v int) int { return max(20, int(float64(v)*f)) }
	return spec{
		contents: n(30_000), contentBytes: 128_000, code: n(29_000), codeBytes: 12_500, excluded: n(1500),
		small: n(300_000), smallBytes: 700, dumpBytes: int64(max(4e6, 1.4e9*f)), generations: 10,
	}
}

// parallel does 0 to n-1 on two goroutines.
func parallel(ctx context.Context, n int, do func(i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for w := range 2 {
		g.Go(func() error {
			for i := w; i < n && ctx.Err() == nil; i += 2 {
				if err := do(i); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}

func put(path string, b []byte) error {
	err := os.WriteFile(path, b, 0o644)
	if os.IsNotExist(err) {
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			err = os.WriteFile(path, b, 0o644)
		}
	}
	return err
}

// content is the i-th file of a filedir: every second one is noise.
func content(i, mean int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed+uint64(i), 5))
	n := size(r, mean)
	if i%2 == 0 {
		return noise(seed+uint64(i), n)
	}
	return text(seed+uint64(i), n)
}

func keep(filedir string, b []byte) (string, error) {
	sum := sha1.Sum(b)
	name := hex.EncodeToString(sum[:])
	p := filepath.Join(filedir, name[:2], name[2:4], name)
	return p, put(p, b)
}

// leftOut are the folders of moodledata that no tool is to store.
var leftOut = []string{"cache", "localcache", "temp", "trashdir"}

// plant builds the tree of a site: code, and moodledata with filedir.
func plant(ctx context.Context, dir string, s spec) error {
	data := filepath.Join(dir, "moodledata")
	filedir := filepath.Join(data, "filedir")
	err := parallel(ctx, s.contents, func(i int) error {
		_, err := keep(filedir, content(i, s.contentBytes, 1<<32))
		return err
	})
	if err == nil {
		err = parallel(ctx, s.code, func(i int) error { return put(codeFile(dir, i), codeText(i, 0, s.codeBytes)) })
	}
	for f, name := range leftOut {
		if err == nil {
			err = parallel(ctx, s.excluded, func(i int) error {
				return put(filepath.Join(data, name, fmt.Sprintf("%02x/%d", i%97, i)), text(uint64(f*1e6+i), 30_000))
			})
		}
	}
	return err
}

func codeFile(dir string, i int) string {
	return filepath.Join(dir, "code", fmt.Sprintf("mod%02d/part%02d/lang%d/file%05d.php", i%53, i/53%19, i%3, i))
}

func codeText(i, version, mean int) []byte {
	r := rand.New(rand.NewPCG(uint64(i), 9))
	return append(fmt.Appendf(nil, "<?php // %d of version %d\n", i, version), text(uint64(i), size(r, mean))...)
}

// grow makes the next day of a site: 0.5 % new contents, 1 % of the code other
// than before. The returned function takes it back.
func grow(ctx context.Context, dir string, s spec) (back func() error, err error) {
	filedir := filepath.Join(dir, "moodledata", "filedir")
	fresh := make([]string, max(1, s.contents/200))
	err = parallel(ctx, len(fresh), func(i int) error {
		p, err := keep(filedir, content(i, s.contentBytes, 1<<40))
		fresh[i] = p
		return err
	})
	if err != nil {
		return nil, err
	}
	changed := max(1, s.code/100)
	write := func(version int) error {
		return parallel(ctx, changed, func(i int) error { return put(codeFile(dir, i*100), codeText(i*100, version, s.codeBytes)) })
	}
	return func() error {
		for _, p := range fresh {
			if err := os.Remove(p); err != nil {
				return err
			}
			_ = os.Remove(filepath.Dir(p)) // a leaf of its own
		}
		return write(0)
	}, write(1)
}

// plantSmall builds a filedir of very many small files.
func plantSmall(ctx context.Context, dir string, s spec) error {
	filedir := filepath.Join(dir, "moodledata", "filedir")
	return parallel(ctx, s.small, func(i int) error {
		_, err := keep(filedir, append(text(uint64(i)+1<<41, 100+i%(2*s.smallBytes)), fmt.Sprint(i)...))
		return err
	})
}

// settle waits until what was changed last is older than what the fast path
// takes for settled, as every file of a site is at night.
func settle(ctx context.Context) {
	select {
	case <-time.After(3500 * time.Millisecond):
	case <-ctx.Done():
	}
}
