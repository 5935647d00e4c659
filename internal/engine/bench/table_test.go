package bench

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// The rows of the table.
const (
	rowFirst      = "first copy"
	rowSame       = "unchanged"
	rowNew        = "0.5 % new, 1 % of code"
	rowRestore    = "restore"
	rowVerify     = "verify, all read"
	rowSmallFirst = "300,000 small: first"
	rowSmallSame  = "300,000 small: unchanged"
	rowDump       = "dump, as a stream"
	rowGeneration = "a later dump"
)

var (
	treeRows = []string{rowFirst, rowSame, rowNew, rowRestore, rowVerify}
	allRows  = append(slices.Clone(treeRows), rowSmallFirst, rowSmallSame, rowDump, rowGeneration)
	columns  = []string{"Holdfast", "Holdfast, vault", "restic", "borg", "tar, zstd -3", "zstd -3", "zstd -3 -T0"}
)

// target is what a row's ratio is to stay below, to its best peer or to the
// one that is named.
var targets = map[string]struct {
	ratio float64
	peer  string
}{
	rowFirst: {0.45, ""}, rowSame: {0.2, ""}, rowNew: {0.3, ""}, rowRestore: {0.7, ""}, rowVerify: {0.75, ""},
	rowSmallSame: {0.1, ""}, rowDump: {0.85, "zstd -3"},
}

const (
	targetBytes = 0.85  // of restic's, after all generations
	targetVault = 1.15  // of direct
	targetPeak  = 200e6 // bytes
)

func ours(name string) bool { return strings.HasPrefix(name, "Holdfast") }

// results are the samples by row and tool.
type results struct {
	samples     map[string]map[string][]sample
	bytes       map[string]map[string]int64
	sourceBytes int64
	dumpBytes   int64
	generations int
	treeRounds  int
	failures    []string
}

func (r *results) add(row, name string, s sample) {
	if r.samples == nil {
		r.samples = map[string]map[string][]sample{}
	}
	if r.samples[row] == nil {
		r.samples[row] = map[string][]sample{}
	}
	r.samples[row][name] = append(r.samples[row][name], s)
	if s.err != nil {
		r.failures = append(r.failures, fmt.Sprintf("%s, %s: %v", row, name, s.err))
	}
}

func (r *results) weigh(row, name string, n int64) {
	if r.bytes == nil {
		r.bytes = map[string]map[string]int64{}
	}
	if r.bytes[row] == nil {
		r.bytes[row] = map[string]int64{}
	}
	r.bytes[row][name] = n
}

// last gives the last sample, never if there is none.
func (r *results) last(row, name string) sample {
	all := r.samples[row][name]
	if len(all) == 0 {
		return never
	}
	return all[len(all)-1]
}

// median gives the middle of the good samples by wall time; false if there is
// none.
func (r *results) median(row, name string) (sample, bool) {
	var good []sample
	for _, s := range r.samples[row][name] {
		if s.err == nil {
			good = append(good, s)
		}
	}
	if len(good) == 0 {
		return sample{}, false
	}
	slices.SortFunc(good, func(a, b sample) int { return int(a.wall - b.wall) })
	return good[len(good)/2], true
}

// best gives the peer with the least wall time.
func (r *results) best(row string) string {
	name, least := "", time.Duration(0)
	for _, c := range columns {
		if s, ok := r.median(row, c); ok && !ours(c) && (name == "" || s.wall < least) {
			name, least = c, s.wall
		}
	}
	return name
}

// expected is how long a round takes by what is known.
func (r *results) expected(rows []string, wanted func(row, name string) bool) (d time.Duration) {
	tools := map[string]bool{}
	for _, row := range rows {
		for _, c := range columns {
			if s, ok := r.median(row, c); ok && wanted(row, c) {
				d += s.wall + s.wall/5
				tools[c] = true
			}
		}
	}
	for c := range tools {
		if s, ok := r.median(rowFirst, c); ok && !wanted(rowFirst, c) {
			d += s.wall + s.wall/5
		}
	}
	return d + 15*time.Second
}

func (b *bench) print(w io.Writer, scale float64, took time.Duration) {
	r := &b.results
	fmt.Fprintf(w, "\nMeasured on %s on %s; %s; scale %g, %.0f min.\n\n", time.Now().Format("2 January 2006"), machine(), versions(), scale, took.Minutes())
	fmt.Fprintf(w, "Source: %d contents and %d files of code, %.2f GB; a dump of %.2f GB. Wall s / CPU s / peak MB, median of the runs (their number); restic, borg and tar where they were the best of the row as often as Holdfast, else once.\n\n", b.spec.contents, b.spec.code, float64(r.sourceBytes)/1e9, float64(r.dumpBytes)/1e9)
	fmt.Fprintf(w, "| | %s | best peer | ratio | target | |\n|---|%s---|---|---|---|\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, row := range allRows {
		if len(r.samples[row]) == 0 {
			continue
		}
		fmt.Fprintf(w, "| %s |", row)
		for _, c := range columns {
			fmt.Fprintf(w, " %s |", r.cell(row, c))
		}
		fmt.Fprintf(w, " %s\n", r.verdict(row))
	}
	r.printBytes(w)
	b.printOthers(w)
	for _, f := range r.failures {
		fmt.Fprintf(w, "- failed: %s\n", strings.ReplaceAll(f, "\n", " "))
	}
}

func (r *results) cell(row, name string) string {
	s, ok := r.median(row, name)
	switch {
	case ok:
		return fmt.Sprintf("%.2f / %.1f / %.0f (%d)", s.wall.Seconds(), s.cpu.Seconds(), float64(s.rss)/1e6, len(r.samples[row][name]))
	case len(r.samples[row][name]) > 0:
		return "failed"
	}
	return "–"
}

func (r *results) verdict(row string) string {
	t, aimed := targets[row]
	peer := t.peer
	if peer == "" {
		peer = r.best(row)
	}
	h, ok1 := r.median(row, "Holdfast")
	p, ok2 := r.median(row, peer)
	if !ok1 || !ok2 {
		return "– | – | – | |"
	}
	ratio := h.wall.Seconds() / p.wall.Seconds()
	if !aimed {
		return fmt.Sprintf("%s | %.2f | – | |", peer, ratio)
	}
	return fmt.Sprintf("%s | %.2f | %.2f | %s |", peer, ratio, t.ratio, met(ratio <= t.ratio))
}

func met(yes bool) string {
	if yes {
		return "met"
	}
	return "**missed**"
}

// printBytes tells what lies in the repositories.
func (r *results) printBytes(w io.Writer) {
	fmt.Fprintf(w, "\nIn the repository, MB:\n\n| after | %s |\n|---|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, row := range allRows {
		if len(r.bytes[row]) == 0 {
			continue
		}
		name := row
		if row == rowGeneration {
			name = fmt.Sprintf("%d generations of the dump", r.generations)
		}
		fmt.Fprintf(w, "| %s |", name)
		for _, c := range columns {
			if n := r.bytes[row][c]; n > 0 {
				fmt.Fprintf(w, " %.1f |", float64(n)/1e6)
			} else {
				fmt.Fprint(w, " – |")
			}
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
}

// printOthers holds the remaining targets.
func (b *bench) printOthers(w io.Writer) {
	r := &b.results
	if h, p := r.bytes[rowGeneration]["Holdfast"], r.bytes[rowGeneration]["restic"]; h > 0 && p > 0 {
		ratio := float64(h) / float64(p)
		fmt.Fprintf(w, "- %d generations of the dump: %.2f of restic's bytes; target %.2f: %s.\n", r.generations, ratio, targetBytes, met(ratio <= targetBytes))
	}
	r.printLikes(w)
	var peak int64
	at := ""
	for _, row := range allRows {
		for _, c := range columns {
			for _, s := range r.samples[row][c] {
				if ours(c) && s.rss > peak {
					peak, at = s.rss, row+", "+c
				}
			}
		}
	}
	fmt.Fprintf(w, "- Peak memory of the engine's process: %.0f MB (%s), under a limit of %d MiB; target %.0f MB: %s. Of the vault: %.0f MB.\n",
		float64(peak)/1e6, at, memoryMiB, targetPeak/1e6, met(float64(peak) <= targetPeak), float64(b.vaultPeak)/1e6)
	for _, row := range allRows {
		d, ok1 := r.median(row, "Holdfast")
		v, ok2 := r.median(row, "Holdfast, vault")
		if ok1 && ok2 {
			ratio := v.wall.Seconds() / d.wall.Seconds()
			fmt.Fprintf(w, "- Through the vault, %s: %.2f of direct; target %.2f: %s.\n", row, ratio, targetVault, met(ratio <= targetVault))
		}
	}
}

// printLikes holds the rows against those peers that do the same work: tar and
// zstd neither encrypt nor find what is there already.
func (r *results) printLikes(w io.Writer) {
	var out []string
	for _, row := range allRows {
		h, ok := r.median(row, "Holdfast")
		var least time.Duration
		for _, c := range []string{"restic", "borg"} {
			if s, ok := r.median(row, c); ok && (least == 0 || s.wall < least) {
				least = s.wall
			}
		}
		if t, aimed := targets[row]; ok && aimed && t.peer == "" && least > 0 {
			ratio := h.wall.Seconds() / least.Seconds()
			out = append(out, fmt.Sprintf("%s %.2f (%s)", row, ratio, met(ratio <= t.ratio)))
		}
	}
	if len(out) > 0 {
		fmt.Fprintf(w, "- To the better of restic and borg, which encrypt and find what is there already, as tar does not: %s.\n", strings.Join(out, ", "))
	}
}

// machine says on what this ran.
func machine() string {
	cpu := "an unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	memory := ""
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kb int64
		_, _ = fmt.Sscanf(string(text), "MemTotal: %d", &kb)
		memory = fmt.Sprintf(", %d GiB", kb>>20)
	}
	load := "?"
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ = strings.Cut(string(text), " ")
	}
	return fmt.Sprintf("%s, %d processors%s, kernel %s, load at the end %s", cpu, runtime.NumCPU(), memory, first("uname", "-r"), load)
}

func first(name string, arg ...string) string {
	out, err := exec.Command(name, arg...).Output()
	if err != nil {
		return name + "?"
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}

func versions() string {
	kopia := "?"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == "github.com/kopia/kopia" {
				kopia = d.Version
			}
		}
	}
	if kopia == "?" { // a test's program does not say
		kopia = first("go", "list", "-m", "-f", "{{.Version}}", "github.com/kopia/kopia")
	}
	out := []string{runtime.Version(), "Kopia " + kopia}
	for _, p := range []string{"restic", "borgbackup", "zstd", "tar"} {
		out = append(out, first("dpkg-query", "-W", "-f", "${Package} ${Version}", p))
	}
	return strings.Join(out, ", ")
}
