package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/agentproto"
)

// table lines up the columns of human output.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer) table { return table{tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)} }

func (t table) row(cells ...string) {
	_, _ = fmt.Fprintln(t.w, strings.Join(cells, "\t")) // flush gives the error
}

func (t table) flush() error { return t.w.Flush() }

func word(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}

// size writes bytes for a person.
func size(n int64) string {
	const step = 1024
	if n < step {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, unit := float64(n)/step, 0
	for f >= step && unit < 4 {
		f /= step
		unit++
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + []string{"KiB", "MiB", "GiB", "TiB", "PiB"}[unit]
}

// count writes a number with thin groups of three.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// bar shows progress on a terminal, and nothing elsewhere.
type bar struct {
	w    io.Writer
	on   bool
	mu   sync.Mutex
	last agentproto.Progress
	stop chan struct{}
	done chan struct{}
}

func newBar(w io.Writer) *bar {
	b := &bar{w: w, stop: make(chan struct{}), done: make(chan struct{})}
	if f, ok := w.(*os.File); ok {
		_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS) //nolint:gosec // a descriptor fits an int
		b.on = err == nil && os.Getenv("TERM") != "dumb"
	}
	if !b.on {
		close(b.done)
		return b
	}
	go func() {
		defer close(b.done)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-b.stop:
				_, _ = fmt.Fprint(b.w, "\r\x1b[K")
				return
			case <-tick.C:
				b.draw()
			}
		}
	}()
	return b
}

func (b *bar) show(p agentproto.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = p
}

func (b *bar) end() {
	close(b.stop)
	<-b.done
}

func (b *bar) draw() {
	b.mu.Lock()
	p := b.last
	b.mu.Unlock()
	if p.Phase == "" {
		return
	}
	_, _ = fmt.Fprint(b.w, "\r\x1b[K"+progressLine(p))
}

const barWidth = 24

func progressLine(p agentproto.Progress) string {
	var parts []string
	share := -1.0
	switch {
	case p.AllTables > 0:
		share = float64(p.DoneTables) / float64(p.AllTables)
		parts = append(parts, fmt.Sprintf("%d of %d tables", p.DoneTables, p.AllTables))
	case p.TotalBytes > 0:
		share = float64(p.DoneBytes) / float64(p.TotalBytes)
	}
	if p.Phase == "looking" {
		return fmt.Sprintf("%-11s  %s folders, %s", p.Phase, count(p.DoneFiles), p.Detail)
	}
	if p.DoneFiles > 0 {
		parts = append(parts, count(p.DoneFiles)+" files")
	}
	if p.DoneBytes > 0 {
		parts = append(parts, size(p.DoneBytes))
	}
	line := fmt.Sprintf("%-11s", p.Phase)
	if share >= 0 {
		full := int(min(share, 1) * barWidth)
		line += " [" + strings.Repeat("=", full) + strings.Repeat(" ", barWidth-full) + fmt.Sprintf("] %3d %%", int(min(share, 1)*100))
	}
	return line + "  " + strings.Join(parts, ", ")
}
