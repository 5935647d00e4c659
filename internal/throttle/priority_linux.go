package throttle

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// What ioprio_set takes; see ioprio_set(2).
const (
	ioWhoProcess = 1
	ioClassShift = 13
	ioBestEffort = 2
	ioIdle       = 3
	ioLastPlace  = 7
)

// LowerThread gives the calling system thread its place in the line. A process
// that it starts has that place from its first instruction, with all its
// threads. The caller holds the thread with runtime.LockOSThread and lets it
// end with its goroutine: it must serve nothing else afterwards.
func LowerThread(p Priority) error { return lower(0, p) }

// LowerSelf gives every thread of this process its place, and with them those
// that are still to come.
func LowerSelf(p Priority) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	done := map[int]bool{}
	for { // threads may come while we look
		entries, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("listing this process's threads: %w", err)
		}
		news := false
		for _, e := range entries {
			id, err := strconv.Atoi(e.Name())
			if err != nil || done[id] {
				continue
			}
			done[id], news = true, true
			if err := lower(id, p); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
		}
		if !news {
			return nil
		}
	}
}

// lower gives one thread its place; 0 is the calling one. Both are tried: the
// one may be refused where the other is not.
func lower(thread int, p Priority) error {
	var nice, io error
	if p.Nice > 0 {
		if err := unix.Setpriority(unix.PRIO_PROCESS, thread, p.Nice); err != nil {
			nice = fmt.Errorf("lowering the priority for processors: %w", err)
		}
	}
	if class := ioprio(p.IO); class != 0 {
		if _, _, errno := unix.Syscall(unix.SYS_IOPRIO_SET, ioWhoProcess, uintptr(thread), uintptr(class)); errno != 0 { //nolint:gosec // small numbers
			io = fmt.Errorf("lowering the priority for disks: %w", errno)
		}
	}
	return errors.Join(nice, io)
}

func ioprio(c IOClass) int {
	switch c {
	case IOLow:
		return ioBestEffort<<ioClassShift | ioLastPlace
	case IOIdle:
		return ioIdle << ioClassShift
	case IONormal:
	}
	return 0
}

// PriorityOf tells a process's place; 0 is this one. A class that is not one
// of ours is IONormal.
func PriorityOf(pid int) (Priority, error) {
	// The system call gives 20-nice, so that an error is told from a value.
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, pid)
	if err != nil {
		return Priority{}, fmt.Errorf("reading a priority: %w", err)
	}
	p := Priority{Nice: 20 - raw, IO: IONormal}
	got, _, errno := unix.Syscall(unix.SYS_IOPRIO_GET, ioWhoProcess, uintptr(pid), 0) //nolint:gosec // a process id
	if errno != 0 {
		return p, fmt.Errorf("reading a priority for disks: %w", errno)
	}
	switch int(got) { //nolint:gosec // 16 bits
	case ioprio(IOLow):
		p.IO = IOLow
	case ioprio(IOIdle):
		p.IO = IOIdle
	}
	return p, nil
}
