package e2e

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// line is a wire between an agent and the control plane that the test holds:
// it can be held after so many bytes, and cut. Those behind it see a network
// that hangs, and one that is gone.
type line struct {
	listener net.Listener

	mu      sync.Mutex
	changed *sync.Cond
	targets []string
	cutOff  bool
	left    int64 // bytes that may still go up; negative: any number
	waiting int   // how many connections wait for more
	conns   map[net.Conn]bool
}

// newLine makes a line to the first of targets that answers.
func newLine(t testing.TB, targets ...string) *line {
	t.Helper()
	l := &line{targets: targets, left: -1, conns: map[net.Conn]bool{}}
	l.changed = sync.NewCond(&l.mu)
	var err error
	if l.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	go l.accept()
	t.Cleanup(func() { _ = l.listener.Close(); l.cut() })
	return l
}

func (l *line) address() string { return l.listener.Addr().String() }

// hold lets so many more bytes go up and then none.
func (l *line) hold(after int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = after
	l.changed.Broadcast()
}

// release lets everything pass again.
func (l *line) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left, l.cutOff = -1, false
	l.changed.Broadcast()
}

// cut ends every connection and takes no new one until release.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cutOff = true
	for c := range l.conns {
		_ = c.Close()
	}
	l.changed.Broadcast()
}

// held waits until somebody waits for the line.
func (l *line) held(t testing.TB, within time.Duration) {
	t.Helper()
	eventually(t, within, "the line is held with bytes waiting", func() (bool, string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.waiting > 0 && l.left == 0, ""
	})
}

func (l *line) accept() {
	for {
		c, err := l.listener.Accept()
		if err != nil {
			return
		}
		go l.carry(c)
	}
}

// carry joins one connection with a target.
func (l *line) carry(down net.Conn) {
	defer down.Close() //nolint:errcheck // the line's end
	if !l.keep(down) {
		return
	}
	defer l.drop(down)
	up, err := l.dial()
	if err != nil {
		return
	}
	defer up.Close() //nolint:errcheck // the line's end
	if !l.keep(up) {
		return
	}
	defer l.drop(up)
	go func() {
		_, _ = io.Copy(down, up)
		_ = down.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.conns, down)
		l.changed.Broadcast() // a waiter learns that its connection is gone
	}()
	l.pump(up, down)
}

func (l *line) dial() (net.Conn, error) {
	l.mu.Lock()
	targets := l.targets
	l.mu.Unlock()
	err := errors.New("the line goes nowhere")
	for _, to := range targets {
		var c net.Conn
		if c, err = net.DialTimeout("tcp", to, time.Second); err == nil {
			return c, nil
		}
	}
	return nil, err
}

func (l *line) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cutOff {
		return false
	}
	l.conns[c] = true
	return true
}

func (l *line) drop(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// pump carries bytes up, as many as are allowed.
func (l *line) pump(up, down net.Conn) {
	b := make([]byte, 32<<10)
	for {
		n, err := down.Read(b)
		for part := b[:n]; len(part) > 0; {
			may := l.allowed(int64(len(part)), down)
			if may == 0 {
				return
			}
			if _, err := up.Write(part[:may]); err != nil {
				return
			}
			part = part[may:]
		}
		if err != nil {
			return
		}
	}
}

// allowed waits until bytes may go up and gives how many; 0 when the
// connection is gone.
func (l *line) allowed(n int64, of net.Conn) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting++
	defer func() { l.waiting-- }()
	for l.left == 0 && l.conns[of] {
		l.changed.Wait()
	}
	if !l.conns[of] {
		return 0
	}
	if l.left < 0 {
		return n
	}
	n = min(n, l.left)
	l.left -= n
	return n
}

// listener holds a port until it is wanted.
type listener struct{ net.Listener }

func newListener(t testing.TB) listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener{l}
}

func (l listener) release() string {
	at := l.Addr().String()
	_ = l.Close()
	return at
}
