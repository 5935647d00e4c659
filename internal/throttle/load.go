package throttle

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Gauge reads how busy the host is.
type Gauge interface{ Read() (Reading, error) }

// Proc is the gauge of a Linux host.
type Proc struct {
	Dir  string // "" is /proc
	CPUs int    // 0 is as many as this process may use
}

// Read reads the load average of one minute and, where the kernel tells them,
// the pressures of the last minute.
func (p Proc) Read() (Reading, error) {
	dir, cpus := p.Dir, p.CPUs
	if dir == "" {
		dir = "/proc"
	}
	if cpus == 0 {
		cpus = runtime.NumCPU()
	}
	b, err := os.ReadFile(filepath.Join(dir, "loadavg"))
	if err != nil {
		return Reading{}, fmt.Errorf("reading the load average: %w", err)
	}
	first, _, _ := strings.Cut(string(b), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return Reading{}, fmt.Errorf("reading the load average: %w", err)
	}
	r := Reading{LoadPerCPU: load / float64(cpus)}
	cpu, err := pressure(filepath.Join(dir, "pressure", "cpu"))
	io, err2 := pressure(filepath.Join(dir, "pressure", "io"))
	if err == nil && err2 == nil { // else the kernel was built or started without them
		r.CPUPressure, r.IOPressure, r.HasPressure = cpu, io, true
	}
	return r, nil
}

// pressure reads "some avg60" of a PSI file, in percent.
func pressure(path string) (float64, error) {
	b, err := os.ReadFile(path) //nolint:gosec // a fixed name below /proc
	if err != nil {
		return 0, fmt.Errorf("reading a pressure: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "some" {
			continue
		}
		for _, f := range fields {
			if v, ok := strings.CutPrefix(f, "avg60="); ok {
				return strconv.ParseFloat(v, 64)
			}
		}
	}
	return 0, fmt.Errorf("%s says nothing of the last minute", path)
}
