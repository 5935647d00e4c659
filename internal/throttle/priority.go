package throttle

import "holdfast/internal/errs"

// Priority is a process's place in the line on its host. Whatever it starts
// has the same place.
type Priority struct {
	Nice int // 0 is everybody's, 19 the last
	IO   IOClass
}

// IOClass is a place in the line for the disks.
type IOClass string

// The classes. A disk's scheduler that knows no classes does not heed them.
const (
	IONormal IOClass = "normal"
	IOLow    IOClass = "low"  // best effort, the last of its eight places
	IOIdle   IOClass = "idle" // only when nobody else wants the disk
)

// ParseIOClass wants one of the classes; the error names the field.
func ParseIOClass(field, s string) (IOClass, error) {
	switch c := IOClass(s); c {
	case IONormal, IOLow, IOIdle:
		return c, nil
	}
	return "", errs.Field(field, "%q must be normal, low or idle", s)
}
