package dash_test

import (
	"bufio"
	"io"
	"strings"
	"testing"
)

// events reads server-sent events.
type events struct{ s *bufio.Scanner }

func newEvents(r io.Reader) *events {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	return &events{s}
}

// next gives the next message, "" when the stream has ended.
func (e *events) next(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for e.s.Scan() {
		line := e.s.Text()
		if line == "" {
			return b.String()
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			t.Fatalf("a line of the stream is no data: %q", line)
		}
		b.WriteString(data + "\n")
	}
	return ""
}
