package dash_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// wire is a way to a database that counts what is asked on it, so that a
// benchmark can tell how often a page asks.
type wire struct {
	url   string
	asked atomic.Int64 // statements run
}

// tapped gives another address of the database at url, by a socket of its own.
func tapped(t testing.TB, at string) *wire {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	real := filepath.Join(q.Get("host"), ".s.PGSQL."+q.Get("port"))
	dir, err := os.MkdirTemp("/tmp", "holdfast-wire-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL."+q.Get("port"))) //nolint:noctx // it ends with the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	q.Set("host", dir)
	u.RawQuery = q.Encode()
	w := &wire{url: u.String()}
	go func() {
		for {
			near, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			far, ferr := net.Dial("unix", real) //nolint:noctx // likewise
			if err != nil || ferr != nil {
				t.Errorf("the way to the database: %v, %v", err, ferr)
				return
			}
			go func() { _, _ = io.Copy(near, far); _ = near.Close() }()
			go func() { _ = w.forward(near, far); _ = far.Close() }()
		}
	}()
	return w
}

// forward passes on what a client says, message by message: first its start,
// which has no letter, and then what it asks. "E" runs a prepared statement
// and "Q" a simple one.
func (w *wire) forward(from io.Reader, to io.Writer) error {
	in, out := bufio.NewReaderSize(from, 64<<10), bufio.NewWriterSize(to, 64<<10)
	for first := true; ; first = false {
		head := make([]byte, 5)
		if first {
			head = head[:4]
		}
		if _, err := io.ReadFull(in, head); err != nil {
			return err
		}
		if head[0] == 'E' || head[0] == 'Q' {
			w.asked.Add(1)
		}
		if _, err := out.Write(head); err != nil {
			return err
		}
		size := int64(binary.BigEndian.Uint32(head[len(head)-4:])) - 4
		if _, err := io.CopyN(out, in, size); err != nil {
			return err
		}
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
}
