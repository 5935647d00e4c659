package mw

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/internal/clock"
)

// Limiter counts tries by key in windows of time. It holds a bounded number of
// keys in memory, of this process alone. It is safe for several goroutines.
type Limiter struct {
	clock  clock.Clock
	window time.Duration
	tries  int
	keys   int

	mu   sync.Mutex
	seen map[string]tries
}

type tries struct {
	n   int
	end time.Time
}

// NewLimiter makes a limiter of so many tries a window and key. It holds at
// most keys keys: when full, the one whose window ends first is forgotten.
func NewLimiter(c clock.Clock, most int, window time.Duration, keys int) *Limiter {
	return &Limiter{clock: c, window: window, tries: most, keys: keys, seen: make(map[string]tries)}
}

// Take counts a try. Where there were too many it tells how long to wait, else
// it gives 0.
func (l *Limiter) Take(key string) time.Duration {
	now := l.clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	t, ok := l.seen[key]
	if !ok || !now.Before(t.end) {
		if !ok && len(l.seen) >= l.keys {
			l.makeRoom(now)
		}
		t = tries{end: now.Add(l.window)}
	}
	if t.n >= l.tries {
		return t.end.Sub(now)
	}
	t.n++
	l.seen[key] = t
	return 0
}

// GiveBack takes a try off the count, because it was a good one.
func (l *Limiter) GiveBack(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t, ok := l.seen[key]; ok && t.n > 0 {
		t.n--
		l.seen[key] = t
	}
}

// Held tells how many keys are held.
func (l *Limiter) Held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.seen)
}

func (l *Limiter) makeRoom(now time.Time) {
	var first string
	var end time.Time
	for k, t := range l.seen {
		if !now.Before(t.end) {
			delete(l.seen, k)
			continue
		}
		if end.IsZero() || t.end.Before(end) {
			first, end = k, t.end
		}
	}
	if len(l.seen) >= l.keys {
		delete(l.seen, first)
	}
}

// Address gives the network that a request came from, as a key to count by: an
// IPv4 address, or the /64 of an IPv6 address, which is one customer's. Only
// proxies are believed when they say for whom they ask (X-Forwarded-For).
func Address(r *http.Request, proxies []netip.Prefix) string {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	a := ap.Addr().Unmap().WithZone("")
	said := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(said) - 1; i >= 0 && within(a, proxies); i-- {
		before, err := netip.ParseAddr(strings.TrimSpace(said[i]))
		if err != nil {
			break
		}
		a = before.Unmap().WithZone("")
	}
	if a.Is4() {
		return a.String()
	}
	return netip.PrefixFrom(a, 64).Masked().String()
}

func within(a netip.Addr, networks []netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) })
}
