package agent

import (
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/throttle"
)

// Restraint is how backups hold back for the sites of their host, as part of
// the configuration. What is not given has the default of its accessor.
// Restores do not: somebody waits for them, and only the limits of the line
// hold for them too.
type Restraint struct {
	Nice       *int   `json:"nice,omitempty"`        // 0 to 19; DefaultNice
	IOPriority string `json:"io_priority,omitempty"` // "normal", "low" (the default) or "idle"

	// The control group of a working process, where the agent may make one.
	CPUWeight int `json:"cpu_weight,omitempty"` // 1 to 10,000; DefaultWeight, and 100 is a service's
	IOWeight  int `json:"io_weight,omitempty"`
	// MemoryHighMiB is above which the kernel takes memory back, page cache
	// included, of a working process and of the clients that it starts; 0 is
	// memory_mib and highMemoryMiB.
	MemoryHighMiB int `json:"memory_high_mib,omitempty"`

	// Of all working processes together; 0 is no limit.
	UploadBytesPerSec   int64 `json:"upload_bytes_per_second,omitempty"`
	DownloadBytesPerSec int64 `json:"download_bytes_per_second,omitempty"`

	// Above any of these the host is busy; 0 is not looked at.
	MaxLoadPerCPU  float64 `json:"max_load_per_cpu,omitempty"`
	MaxCPUPressure float64 `json:"max_cpu_pressure,omitempty"` // percent
	MaxIOPressure  float64 `json:"max_io_pressure,omitempty"`  // percent
	// MaxPauseMinutes is for how long backups give way to a busy host before
	// they go on slowly; 0 is defaultPause.
	MaxPauseMinutes int `json:"max_pause_minutes,omitempty"`
}

// What holds where the configuration says nothing.
const (
	DefaultNice   = 10
	DefaultWeight = 20
	highMemoryMiB = 512 // beside the heap: clients, PHP, page cache
	defaultPause  = 30 * time.Minute
	maxWeight     = 10_000
)

// The pace of backups that have given way for long enough, of all together.
const slowBytesPerSec = 2 << 20

// Validate checks every field and names the first that is wrong.
func (r Restraint) Validate() error {
	if n := r.Nice; n != nil && (*n < 0 || *n > 19) {
		return errs.Field("nice", "%d must be from 0 (like everybody) to 19 (the last); leave it out for %d", *n, DefaultNice)
	}
	if r.IOPriority != "" {
		if _, err := throttle.ParseIOClass("io_priority", r.IOPriority); err != nil {
			return err
		}
	}
	for _, w := range []struct {
		name  string
		value int
	}{{"cpu_weight", r.CPUWeight}, {"io_weight", r.IOWeight}} {
		if w.value < 0 || w.value > maxWeight {
			return errs.Field(w.name, "%d must be from 1 to %d, where 100 is every other service's; leave it out for %d", w.value, maxWeight, DefaultWeight)
		}
	}
	if r.MemoryHighMiB < 0 || r.MemoryHighMiB > 0 && r.MemoryHighMiB < 256 {
		return errs.Field("memory_high_mib", "%d must be at least 256; leave it out for memory_mib and %d", r.MemoryHighMiB, highMemoryMiB)
	}
	for _, l := range []struct {
		name  string
		value int64
	}{{"upload_bytes_per_second", r.UploadBytesPerSec}, {"download_bytes_per_second", r.DownloadBytesPerSec}} {
		if l.value < 0 || l.value > 0 && l.value < throttle.MinBytesPerSec {
			return errs.Field(l.name, "%d must be at least %d bytes per second, or no backup gets to its end; 0 is no limit", l.value, throttle.MinBytesPerSec)
		}
	}
	return r.validateCeiling()
}

func (r Restraint) validateCeiling() error {
	if r.MaxLoadPerCPU != 0 && (r.MaxLoadPerCPU < 0.1 || r.MaxLoadPerCPU > 1000) {
		return errs.Field("max_load_per_cpu", "%g must be from 0.1 to 1000, like 2.5; 0 does not look at the load", r.MaxLoadPerCPU)
	}
	for _, p := range []struct {
		name  string
		value float64
	}{{"max_cpu_pressure", r.MaxCPUPressure}, {"max_io_pressure", r.MaxIOPressure}} {
		if p.value != 0 && (p.value < 1 || p.value > 100) {
			return errs.Field(p.name, "%g must be a percentage from 1 to 100; 0 does not look at it", p.value)
		}
	}
	if r.MaxPauseMinutes < 0 || r.MaxPauseMinutes > 12*60 {
		return errs.Field("max_pause_minutes", "%d must be from 1 to 720; leave it out for %d", r.MaxPauseMinutes, int(defaultPause.Minutes()))
	}
	return nil
}

// Priority is the place in the line of a working process that takes backups.
func (r Restraint) Priority() throttle.Priority {
	p := throttle.Priority{Nice: DefaultNice, IO: throttle.IOLow}
	if r.Nice != nil {
		p.Nice = *r.Nice
	}
	if r.IOPriority != "" {
		p.IO = throttle.IOClass(r.IOPriority)
	}
	return p
}

// weights are those of its control group; memoryMiB is its heap's limit.
func (r Restraint) weights(memoryMiB int) throttle.Weights {
	w := throttle.Weights{CPU: r.CPUWeight, IO: r.IOWeight, MemoryHighByte: int64(r.MemoryHighMiB) << 20}
	if w.CPU == 0 {
		w.CPU = DefaultWeight
	}
	if w.IO == 0 {
		w.IO = DefaultWeight
	}
	if w.MemoryHighByte == 0 {
		w.MemoryHighByte = int64(memoryMiB+highMemoryMiB) << 20
	}
	return w
}

// Ceiling is when the host is busy.
func (r Restraint) Ceiling() throttle.Ceiling {
	c := throttle.Ceiling{
		LoadPerCPU: r.MaxLoadPerCPU, CPUPressure: r.MaxCPUPressure, IOPressure: r.MaxIOPressure,
		Patience: time.Duration(r.MaxPauseMinutes) * time.Minute,
	}
	if c.Patience == 0 {
		c.Patience = defaultPause
	}
	return c
}

// orders are what each of n working processes is told; lowered are those that
// hold back, and restores the others.
func (r Restraint) orders(v throttle.Verdict, n int) (lowered, restores throttle.Orders) {
	restores = throttle.Orders{
		UpBytesPerSec:   throttle.Share(r.UploadBytesPerSec, n),
		DownBytesPerSec: throttle.Share(r.DownloadBytesPerSec, n),
	}
	lowered = restores
	switch v.Mode {
	case throttle.Paused:
		lowered.Pause = v.Why
	case throttle.Slow:
		slow := throttle.Share(slowBytesPerSec, n)
		if lowered.UpBytesPerSec == 0 || slow < lowered.UpBytesPerSec {
			lowered.UpBytesPerSec = slow
		}
	case throttle.Free:
	}
	return lowered, restores
}
