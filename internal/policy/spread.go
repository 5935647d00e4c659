package policy

import (
	"hash/fnv"
	"math/bits"
	"time"
)

// Spread gives how long after a due instant a site starts: 0 ≤ spread <
// window, always the same for one site and window, and even over many sites.
// It only delays a run; the slots a run serves follow from when it started. A
// window that is shorter than the time between two slots never costs a slot.
func Spread(site [16]byte, window time.Duration) time.Duration {
	if window <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write(site[:])
	// FNV's high bits move little for inputs that differ in their last bytes.
	mixed := h.Sum64()
	mixed = (mixed ^ mixed>>32) * 0x9e3779b97f4a7c15
	mixed ^= mixed >> 29
	high, _ := bits.Mul64(mixed*0xbf58476d1ce4e5b9, uint64(window))
	return time.Duration(high)
}
