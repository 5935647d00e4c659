package sitedb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"holdfast/internal/errs"
)

// client is one run of a database's own client program. It dies with us, with
// its context, and when it hangs. What it says on stderr is kept short and
// without data.
type client struct {
	path   string
	args   []string
	env    []string
	secret string   // the content of a file that the client reads as /dev/fd/3
	stdin  *os.File // closed here once the client has it
	stdout *os.File // closed here once the client has it
	hide   string   // the password, should the client say it

	cmd  *exec.Cmd
	said *sayings
	done chan struct{}
	err  error
}

// secretPath is where a client finds its secret. The file behind it never had a
// name while it held anything: nothing is left behind by a kill.
const secretPath = "/dev/fd/3"

// start starts the client. Wait must follow.
func (c *client) start(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "holdfast-client-")
	if err != nil {
		return fmt.Errorf("make a private directory for %s: %w", c.path, err)
	}
	secret, err := secretFile(dir, c.secret)
	_ = os.RemoveAll(dir) // it has served; nothing is left behind if we are killed
	if err != nil {
		return fmt.Errorf("hand %s its credentials: %w", c.path, err)
	}
	c.said = &sayings{hide: c.hide}
	c.done = make(chan struct{})
	c.cmd = &exec.Cmd{Path: c.path, Args: append([]string{c.path}, c.args...), Dir: "/", Stderr: c.said, WaitDelay: 10 * time.Second}
	c.cmd.Env = append([]string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent", "LC_ALL=C", "TZ=UTC"}, c.env...)
	if c.stdin != nil {
		c.cmd.Stdin = c.stdin
	}
	if c.stdout != nil {
		c.cmd.Stdout = c.stdout
	}
	c.cmd.ExtraFiles = []*os.File{secret}
	c.cmd.SysProcAttr = dieWithParent()
	started := make(chan error, 1)
	go c.live(ctx, secret, started)
	return <-started
}

// live starts the process and waits for it, on one thread: the kernel kills the
// child when the thread that made it ends.
func (c *client) live(ctx context.Context, secret *os.File, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.done)
	err := c.cmd.Start()
	_ = secret.Close()
	for _, f := range []*os.File{c.stdin, c.stdout} {
		if f != nil {
			_ = f.Close()
		}
	}
	if err != nil {
		started <- errs.Wrap(errs.Unavailable, err, "%s cannot be started.", c.path)
		return
	}
	stop := context.AfterFunc(ctx, c.kill)
	defer stop()
	started <- nil
	c.err = c.cmd.Wait()
}

// kill ends the client and whatever it started.
func (c *client) kill() {
	if c.cmd.Process != nil {
		_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	}
}

// wait gives the client's end: nil for exit code 0, else an error with what it
// said. A cancelled context's cause comes first.
func (c *client) wait(ctx context.Context) error {
	<-c.done
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if c.err == nil {
		return nil
	}
	return &clientError{program: c.path, said: c.said.String(), err: c.err}
}

type clientError struct {
	program, said string
	err           error
}

func (e *clientError) Error() string {
	return fmt.Sprintf("%s: %v: %s", e.program, e.err, e.said)
}
func (e *clientError) Unwrap() error { return e.err }

// secretFile gives an open file without a name that holds content.
func secretFile(dir, content string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "s")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err == nil {
		_, err = f.WriteString(content)
		if err == nil {
			_, err = f.Seek(0, io.SeekStart)
		}
		if err == nil {
			return f, nil
		}
	}
	_ = f.Close()
	return nil, errors.New("the file with the credentials cannot be written")
}

// sayings keeps of a client's stderr what speaks of the failure, at most 4 KB:
// clients repeat whole statements, and with them the site's people, on failure.
type sayings struct {
	mu   sync.Mutex
	hide string
	line []byte
	kept bytes.Buffer
}

const (
	maxSayings    = 4 << 10
	maxSayingLine = 400
)

var (
	saying   = regexp.MustCompile(`^(ERROR \d+|ERROR:|FATAL:|(mariadb|mysql|pg_)[a-z_-]*: )`)
	dataWord = regexp.MustCompile(`(?is)\b(near|entry|value:?|syntax for (?:input )?type [a-z ]+:|Query was:|Command was:)\s*['"(].*`)
	keyValue = regexp.MustCompile(`\)=\(.*`)
	stmtWord = regexp.MustCompile(`(?is)\b(INSERT\s+INTO|COPY\s+\S+\s+\().*`)
)

// Write takes a piece of stderr. It never fails.
func (s *sayings) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(p)
	for len(p) > 0 {
		piece := p
		end := bytes.IndexByte(p, '\n')
		if end >= 0 {
			piece = p[:end]
		}
		if room := maxSayingLine - len(s.line); room > 0 {
			s.line = append(s.line, piece[:min(room, len(piece))]...)
		}
		if end < 0 {
			break
		}
		s.endLine()
		p = p[end+1:]
	}
	return n, nil
}

func (s *sayings) endLine() {
	line := string(s.line)
	s.line = s.line[:0]
	if !saying.MatchString(line) || s.kept.Len()+len(line) > maxSayings {
		return
	}
	line = dataWord.ReplaceAllString(line, "$1 […]")
	line = keyValue.ReplaceAllString(line, ")=[…]")
	line = stmtWord.ReplaceAllString(line, "$1 […]")
	if s.hide != "" {
		line = strings.ReplaceAll(line, s.hide, "[…]")
	}
	if s.kept.Len() > 0 {
		s.kept.WriteString("; ")
	}
	s.kept.WriteString(strings.ToValidUTF8(line, "?"))
}

// String gives what was kept.
func (s *sayings) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.line) > 0 {
		s.endLine()
	}
	if s.kept.Len() == 0 {
		return "it gave no reason"
	}
	return s.kept.String()
}
