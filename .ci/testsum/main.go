// Command testsum reads `go test -json` on standard input, passes on each
// package's closing line and the words of tests that failed, and ends with 1
// when a test failed, a test was skipped, or no test ran at all. A test that
// lacks its database or browser must fail: a skip would look like a success.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// event is one line of the stream, as `go doc test2json` describes it.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build output
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

type summary struct {
	out                     io.Writer
	said                    map[string]*strings.Builder // by package and test
	passed, failed, skipped int
	packages, badPackages   int
	skips                   []string
	ended                   map[string]bool
	begun                   map[string]bool
}

func main() {
	s := &summary{out: os.Stdout, said: map[string]*strings.Builder{}, ended: map[string]bool{}, begun: map[string]bool{}}
	if err := s.read(os.Stdin); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
	if !s.close() {
		os.Exit(1)
	}
}

func (s *summary) read(in io.Reader) error {
	r := bufio.NewReader(in)
	for {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				_, _ = s.out.Write(line) // not of the stream: the go command's own words
			} else {
				s.take(e)
			}
		}
		if err == io.EOF { //nolint:errorlint // bufio gives io.EOF itself
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the tests' stream: %w", err)
		}
	}
}

func (s *summary) take(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		_, _ = io.WriteString(s.out, e.Output)
	case "start":
		s.begun[e.Package] = true
	case "output":
		s.output(key, e)
	case "pass", "fail", "skip":
		s.end(key, e)
	}
}

func (s *summary) output(key string, e event) {
	if e.Test == "" {
		// A package's own lines: what TestMain or a panic says, and its end.
		if e.Output != "PASS\n" {
			_, _ = io.WriteString(s.out, e.Output)
		}
		return
	}
	b := s.said[key]
	if b == nil {
		b = &strings.Builder{}
		s.said[key] = b
	}
	b.WriteString(e.Output)
}

func (s *summary) end(key string, e event) {
	if e.Test == "" {
		s.ended[e.Package] = true
		s.packages++
		if e.Action == "fail" {
			s.badPackages++
			s.cut(e.Package)
		}
		return
	}
	switch e.Action {
	case "pass":
		s.passed++
	case "skip":
		s.skipped++
		s.skips = append(s.skips, e.Package+" "+e.Test)
	case "fail":
		s.failed++
	}
	if b := s.said[key]; b != nil && e.Action != "pass" {
		_, _ = io.WriteString(s.out, b.String())
	}
	delete(s.said, key)
}

// cut says what tests of a failed package had said before they were cut off,
// by a panic or by the time limit.
func (s *summary) cut(pkg string) {
	for key, b := range s.said {
		if strings.HasPrefix(key, pkg+" ") {
			_, _ = io.WriteString(s.out, b.String())
			delete(s.said, key)
		}
	}
}

// close prints the sum and tells whether all is well.
func (s *summary) close() bool {
	good := s.failed == 0 && s.badPackages == 0
	for p := range s.begun {
		if !s.ended[p] {
			good = false
			_, _ = fmt.Fprintf(s.out, "FAIL\t%s\tnever ended\n", p)
		}
	}
	for _, name := range s.skips {
		_, _ = fmt.Fprintf(s.out, "SKIPPED, which counts as a failure: %s\n", name)
	}
	if s.passed+s.failed == 0 {
		_, _ = fmt.Fprintln(s.out, "FAIL: no test ran")
		good = false
	}
	_, _ = fmt.Fprintf(s.out, "%d tests passed, %d failed, %d skipped, in %d packages\n", s.passed, s.failed, s.skipped, s.packages)
	return good && s.skipped == 0
}
