package engine

import (
	"fmt"
	"runtime"
	"strings"
)

// guard turns a panic of this goroutine into *err: Kopia panics where it finds
// an invariant of its own broken, and one repository's trouble must not end
// the process that keeps many. What it left behind cannot be trusted, so the
// repository refuses every later operation until it is opened anew. A panic in
// a goroutine of Kopia's own cannot be caught; that is why agents work in a
// child process.
func (r *Repository) guard(err *error) {
	p := recover()
	if p == nil {
		return
	}
	broken := fmt.Errorf("the engine found an invariant broken at %s: %v", panickedAt(), p)
	r.fatal.CompareAndSwap(nil, &broken)
	*err = broken
}

// panickedAt names the function and line that panicked, which a recovered
// panic would else hide.
func panickedAt() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)]) // without Callers, panickedAt and guard
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") || !more {
			return fmt.Sprintf("%s:%d", f.Function, f.Line)
		}
	}
}
