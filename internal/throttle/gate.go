package throttle

import (
	"context"
	"io"
	"sync"
)

// pieceBytes is how much goes through a limited flow at once.
const pieceBytes = 32 << 10

// Gate is what one working process passes with all that it does to the
// storage, and now and then with what it does on the host. It is safe for
// several goroutines, and may be changed at any time.
type Gate struct {
	up, down         *Rate
	upTurn, downTurn chan struct{} // whose request is under way, where there is a limit

	mu      sync.Mutex
	pause   string
	exempt  bool
	open    chan struct{} // closed while nothing pauses
	changed func(pause string)
}

// NewGate makes a gate that is open and has no limits.
func NewGate(t Timer) *Gate {
	g := &Gate{up: NewRate(t), down: NewRate(t), upTurn: make(chan struct{}, 1), downTurn: make(chan struct{}, 1), open: make(chan struct{})}
	close(g.open)
	return g
}

// OnPause has told called with why the process pauses, at once if it does by
// now, and with "" when it goes on. Told must not call the gate.
func (g *Gate) OnPause(told func(pause string)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.changed = told
	if why := g.standing(); why != "" {
		told(why)
	}
}

// Obey takes new orders.
func (g *Gate) Obey(o Orders) {
	g.up.Set(o.UpBytesPerSec)
	g.down.Set(o.DownBytesPerSec)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.set(o.Pause, g.exempt)
}

// Exempt lets the process go on although it is told to pause, for work that
// must not stand still in the middle, like a dump with its transaction open.
func (g *Gate) Exempt(exempt bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.set(g.pause, exempt)
}

func (g *Gate) set(pause string, exempt bool) {
	was, is := g.standing(), pause
	g.pause, g.exempt = pause, exempt
	if exempt {
		is = ""
	}
	switch {
	case was == "" && is != "":
		g.open = make(chan struct{})
	case was != "" && is == "":
		close(g.open)
	}
	if was != is && g.changed != nil {
		g.changed(is)
	}
}

// standing is why the process stands still, "" if it does not.
func (g *Gate) standing() string {
	if g.exempt {
		return ""
	}
	return g.pause
}

// Hold waits while the process is to pause. The error is the context's.
func (g *Gate) Hold(ctx context.Context) error {
	for {
		g.mu.Lock()
		open := g.open
		g.mu.Unlock()
		select {
		case <-open:
		case <-ctx.Done():
			return ctx.Err()
		}
		g.mu.Lock()
		again := open != g.open
		g.mu.Unlock()
		if !again {
			return ctx.Err()
		}
	}
}

// Enter waits before a request to the storage: while the process is to pause,
// and while another request of this process has the line, where that is
// limited: what goes one after the other keeps within the vault's times. The
// caller leaves when the request has ended.
func (g *Gate) Enter(ctx context.Context, sends bool) (leave func(), err error) {
	if err := g.Hold(ctx); err != nil {
		return nil, err
	}
	rate, turn := g.down, g.downTurn
	if sends {
		rate, turn = g.up, g.upTurn
	}
	if !rate.Limited() {
		return func() {}, nil
	}
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Sending gives the body of a request, at the rate to the storage.
func (g *Gate) Sending(ctx context.Context, body io.ReadCloser) io.ReadCloser {
	return &flow{ctx: ctx, in: body, rate: g.up}
}

// Receiving gives the body of an answer, at the rate from the storage.
func (g *Gate) Receiving(ctx context.Context, body io.ReadCloser) io.ReadCloser {
	return &flow{ctx: ctx, in: body, rate: g.down}
}

// Sent and Received are how many bytes have gone each way.
func (g *Gate) Sent() int64 { return g.up.Total() }

// Received is how many bytes have come from the storage.
func (g *Gate) Received() int64 { return g.down.Total() }

// flow is a body that is read no faster than its rate.
type flow struct {
	ctx  context.Context //nolint:containedctx // of the one request that the body belongs to
	in   io.ReadCloser
	rate *Rate
}

// Read reads a piece and waits until it is due.
func (f *flow) Read(p []byte) (int, error) {
	if f.rate.Limited() && len(p) > pieceBytes {
		p = p[:pieceBytes]
	}
	n, err := f.in.Read(p)
	if wait := f.rate.Wait(f.ctx, n); wait != nil {
		return n, wait
	}
	return n, err //nolint:wrapcheck // io.EOF must stay itself
}

// Close closes the body.
func (f *flow) Close() error { return f.in.Close() } //nolint:wrapcheck // the body's own
