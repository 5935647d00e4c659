//go:build !linux

package throttle

// LowerThread does nothing: only Linux is known here.
func LowerThread(Priority) error { return nil }

// LowerSelf does nothing: only Linux is known here.
func LowerSelf(Priority) error { return nil }

// PriorityOf knows nothing.
func PriorityOf(int) (Priority, error) { return Priority{IO: IONormal}, nil }
