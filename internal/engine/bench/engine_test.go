package bench

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/engine"
)

// bench is one run of everything.
type bench struct {
	dir       string
	spec      spec
	deadline  time.Time // after which no further round is begun
	results   results
	vaultPeak int64
	profiles  int
	say       func(format string, a ...any)
}

const rounds = 3

// BenchmarkEngine builds the trees and dumps, runs every tool over them in
// turn, and prints what docs/benchmarks.md holds. A tool that fails leaves its
// cell empty; what was measured is printed in any case.
//
//	BENCH_SCALE     how large everything is, 1 by default
//	BENCH_MINUTES   after which no further round is begun, 20 by default
//	BENCH_DIR       where it works; 35 GB for scale 1
//	BENCH_ONLY      "tree", "small" or "dump"
//	BENCH_PROFILE   a directory for the CPU profiles of the engine's runs
func BenchmarkEngine(b *testing.B) {
	scale, minutes := number(b, "BENCH_SCALE", 1), number(b, "BENCH_MINUTES", 20)
	parent := os.Getenv("BENCH_DIR")
	dir, err := os.MkdirTemp(parent, "holdfast-bench-")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	began := time.Now()
	x := &bench{dir: dir, spec: scaled(scale), deadline: began.Add(time.Duration(minutes * float64(time.Minute))), results: results{}}
	x.say = func(format string, a ...any) {
		fmt.Fprintf(os.Stderr, "%6.0f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, a...))
	}
	defer func() { x.print(os.Stdout, scale, time.Since(began)) }()
	only := os.Getenv("BENCH_ONLY")
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{{"tree", x.tree}, {"small", x.small}, {"dump", x.dump}, {"tree", x.treeAgain}} {
		if only != "" && only != part.name || ctx.Err() != nil {
			continue
		}
		if err := x.guarded(ctx, part.do); err != nil {
			x.say("%s: %v", part.name, err)
			x.results.failures = append(x.results.failures, fmt.Sprintf("%s: %v", part.name, err))
		}
	}
}

// guarded keeps one part's trouble from the others.
func (b *bench) guarded(ctx context.Context, do func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return do(ctx)
}

func number(b *testing.B, name string, otherwise float64) float64 {
	b.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f <= 0 {
		b.Fatalf("%s is %q, and should be a number above 0", name, text)
	}
	return f
}

// run measures one step of one tool and notes it.
func (b *bench) run(ctx context.Context, row string, t tool, do func(context.Context) sample) {
	ctx, stop := context.WithTimeout(ctx, longest)
	defer stop()
	s := do(ctx)
	if s.wall < 0 {
		return
	}
	b.say("%-28s %-16s %6.2f s wall %6.2f s CPU %4d MB %v", row, t.name(), s.wall.Seconds(), s.cpu.Seconds(), s.rss/1e6, orNothing(s.err))
	b.results.add(row, t.name(), s)
}

func orNothing(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// createAll makes the repositories; a tool that cannot is left out.
func (b *bench) createAll(ctx context.Context, kind engine.Kind, tools []tool) []tool {
	var ready []tool
	for _, t := range tools {
		if err := t.create(ctx, kind); err != nil {
			b.say("%s cannot be used: %v", t.name(), err)
			b.results.failures = append(b.results.failures, fmt.Sprintf("%s: %v", t.name(), err))
			continue
		}
		ready = append(ready, t)
	}
	return ready
}

func drop(tools []tool) {
	for _, t := range tools {
		t.close()
		for _, suffix := range []string{"", "-cache", "-base"} {
			_ = os.RemoveAll(t.dir() + suffix)
		}
	}
}

// turned gives the tools in another order each round, so that none always
// comes after the same other.
func turned(tools []tool, round int) []tool {
	n := round % max(1, len(tools))
	return append(append([]tool(nil), tools[n:]...), tools[:n]...)
}

func (b *bench) src() string { return filepath.Join(b.dir, "src") }

// tree builds the tree and measures the first round, with every tool.
func (b *bench) tree(ctx context.Context) error {
	b.say("building %d contents and %d files of code", b.spec.contents, b.spec.code)
	if err := plant(ctx, b.src(), b.spec); err != nil {
		return fmt.Errorf("build the tree: %w", err)
	}
	b.results.sourceBytes = sizeOf(filepath.Join(b.src(), "code")) + sizeOf(filepath.Join(b.src(), "moodledata", "filedir"))
	b.results.treeRounds = 1
	return b.treeRound(ctx, 0, func(string, string) bool { return true })
}

// treeAgain measures the further rounds, with the best peer of each row.
func (b *bench) treeAgain(ctx context.Context) error {
	defer os.RemoveAll(b.src())
	for round := 1; round < rounds; round++ {
		wanted := func(row, name string) bool { return ours(name) || b.results.best(row) == name }
		need := b.results.expected(treeRows, wanted)
		if time.Now().Add(need).After(b.deadline) || ctx.Err() != nil {
			b.say("no time for round %d, which takes %v", round+1, need.Round(time.Second))
			return nil
		}
		if err := b.treeRound(ctx, round, wanted); err != nil {
			return err
		}
		b.results.treeRounds++
	}
	return nil
}

func (b *bench) treeRound(ctx context.Context, round int, wanted func(row, name string) bool) error {
	n := strconv.Itoa(round)
	var tools []tool
	for _, t := range []tool{b.newHoldfast(n), b.newVault(n), b.newRestic(n), b.newBorg(n), b.newTar(n)} {
		for _, row := range treeRows {
			if wanted(row, t.name()) {
				tools = append(tools, t)
				break
			}
		}
	}
	tools = turned(b.createAll(ctx, engine.Data, tools), round)
	defer drop(tools)
	settle(ctx)
	step := func(row string, do func(context.Context, tool) sample) {
		for _, t := range tools {
			if row == rowFirst || wanted(row, t.name()) {
				b.run(ctx, row, t, func(ctx context.Context) sample { return do(ctx, t) })
			}
		}
	}
	store := func(ctx context.Context, t tool) sample { return t.store(ctx, b.src()) }
	again := func(row string) func(ctx context.Context, t tool) sample {
		return func(ctx context.Context, t tool) sample {
			if t.name() == "tar, zstd -3" {
				return b.results.last(rowFirst, t.name()) // it is a whole copy each time
			}
			return store(ctx, t)
		}
	}
	step(rowFirst, store)
	b.weigh(rowFirst, tools)
	step(rowSame, again(rowSame))
	back, err := grow(ctx, b.src(), b.spec)
	if err != nil {
		return fmt.Errorf("let the tree grow: %w", err)
	}
	step(rowNew, again(rowNew))
	b.weigh(rowNew, tools)
	step(rowRestore, func(ctx context.Context, t tool) sample {
		to := filepath.Join(b.dir, "restored")
		defer os.RemoveAll(to)
		return t.restore(ctx, to)
	})
	step(rowVerify, func(ctx context.Context, t tool) sample { return t.verify(ctx) })
	if err := back(); err != nil {
		return fmt.Errorf("let the tree shrink: %w", err)
	}
	return ctx.Err()
}

func (b *bench) weigh(row string, tools []tool) {
	for _, t := range tools {
		b.results.weigh(row, t.name(), sizeOf(t.dir()))
	}
}

// small measures a tree of very many small files.
func (b *bench) small(ctx context.Context) error {
	src := filepath.Join(b.dir, "small")
	defer os.RemoveAll(src)
	b.say("building %d small files", b.spec.small)
	if err := plantSmall(ctx, src, b.spec); err != nil {
		return fmt.Errorf("build the small files: %w", err)
	}
	tools := b.createAll(ctx, engine.Data, []tool{b.newHoldfast("small"), b.newVault("small"), b.newRestic("small"), b.newBorg("small"), b.newTar("small")})
	defer drop(tools)
	settle(ctx)
	for _, t := range tools {
		b.run(ctx, rowSmallFirst, t, func(ctx context.Context) sample { return t.store(ctx, src) })
	}
	b.weigh(rowSmallFirst, tools)
	for round := range rounds {
		for _, t := range turned(tools, round) {
			if round > 0 && !ours(t.name()) && b.results.best(rowSmallSame) != t.name() {
				continue
			}
			b.run(ctx, rowSmallSame, t, func(ctx context.Context) sample {
				if t.name() == "tar, zstd -3" {
					return b.results.last(rowSmallFirst, t.name())
				}
				return t.store(ctx, src)
			})
		}
	}
	return ctx.Err()
}

// dump measures a dump as a stream, and ten generations of it.
func (b *bench) dump(ctx context.Context) error {
	file := filepath.Join(b.dir, "dump.sql")
	defer os.Remove(file)
	b.say("writing a dump of %d MB", b.spec.dumpBytes/1e6)
	if err := writeDump(file, b.spec.dumpBytes, 0); err != nil {
		return fmt.Errorf("write the dump: %w", err)
	}
	b.results.dumpBytes = sizeOf(file)
	var kept []tool
	defer func() { drop(kept) }()
	for round := range rounds {
		n := "dump" + strconv.Itoa(round)
		tools := b.createAll(ctx, engine.Database, []tool{b.newHoldfast(n), b.newVault(n), b.newRestic(n), b.newBorg(n), b.newZstd(n), b.newZstdAll(n)})
		for _, t := range turned(tools, round) {
			if round > 0 && !ours(t.name()) && b.results.best(rowDump) != t.name() && t.name() != "zstd -3" {
				continue
			}
			b.run(ctx, rowDump, t, func(ctx context.Context) sample { return t.stream(ctx, file) })
		}
		if round > 0 {
			drop(tools)
			continue
		}
		b.weigh(rowDump, tools)
		for _, t := range tools {
			if t.name() == "Holdfast" || t.name() == "restic" {
				kept = append(kept, t)
			} else {
				drop([]tool{t})
			}
		}
	}
	for g := 1; g < b.spec.generations && ctx.Err() == nil; g++ {
		if err := writeDump(file, b.spec.dumpBytes, g); err != nil {
			return fmt.Errorf("write generation %d: %w", g, err)
		}
		for _, t := range kept {
			b.run(ctx, rowGeneration, t, func(ctx context.Context) sample { return t.stream(ctx, file) })
		}
		b.results.generations = g + 1
		b.weigh(rowGeneration, kept)
	}
	return ctx.Err()
}
