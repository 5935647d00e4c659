package moodle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/VKCOM/php-parser/pkg/ast"
	"github.com/VKCOM/php-parser/pkg/conf"
	phperrors "github.com/VKCOM/php-parser/pkg/errors"
	"github.com/VKCOM/php-parser/pkg/parser"
	"github.com/VKCOM/php-parser/pkg/version"
)

// Limits of the static reader, against a hostile or broken config.php.
const (
	sourceLimit = 1 << 20 // bytes of one PHP file
	stepLimit   = 200_000 // evaluated nodes
	depthLimit  = 200     // nested expressions, statements and includes
	textLimit   = 1 << 20 // bytes of one string
	parseTime   = 5 * time.Second
)

// reader evaluates a config.php without PHP, as the command line would see
// it. What it cannot know it marks as unknown, with the reason; it never
// guesses.
type reader struct {
	env    map[string]string
	owner  *owner // who owns config.php, where this process is root
	cfg    map[string]value
	vars   map[string]value
	consts map[string]value
	funcs  map[string]*ast.StmtFunction
	file   string // the file being read
	steps  int
	depth  int
	stop   string // why nothing that was read can be trusted, if so
	exited bool   // the file called exit
}

// owner is the user on whose behalf root reads further files.
type owner struct{ uid, gid uint32 }

// readStatic gives the settings of a config.php and, for those that cannot
// be known or that the web server may see differently, the reasons.
func readStatic(path string, env map[string]string) (settings, map[string]string, error) {
	r := &reader{
		env: env, cfg: map[string]value{}, vars: map[string]value{}, funcs: map[string]*ast.StmtFunction{}, file: path,
		consts: map[string]value{
			"CLI_SCRIPT": boolValue(true), "ABORT_AFTER_CONFIG": boolValue(true), "PHP_SAPI": strValue("cli"),
			"DIRECTORY_SEPARATOR": strValue("/"), "PATH_SEPARATOR": strValue(":"), "PHP_EOL": strValue("\n"), "PHP_OS": strValue("Linux"), "PHP_OS_FAMILY": strValue("Linux"),
		},
	}
	if os.Geteuid() == 0 {
		if uid, gid, err := ownerOf(path); err == nil {
			r.owner = &owner{uid: uid, gid: gid}
		}
	}
	root, err := parsePHP(path, nil)
	if err != nil {
		return nil, nil, err
	}
	r.block(root.Stmts)
	return r.result()
}

// result turns what was read into settings and reasons.
func (r *reader) result() (settings, map[string]string, error) {
	set, why := settings{}, map[string]string{}
	put := func(key string, v value) {
		if v.why != "" {
			why[key] = v.why
		}
		switch v.kind {
		case isNull, isArray:
		case isUnknown:
			delete(set, key)
		default:
			set[key] = v.text()
		}
	}
	for _, key := range plainKeys {
		if v, ok := r.cfg[key]; ok {
			put(key, v)
		}
	}
	if v, ok := r.cfg["dboptions"]; ok {
		switch {
		case v.kind == isUnknown:
			why["dboptions"] = v.why
		case v.kind == isArray:
			for _, key := range optionKeys {
				if o, ok := v.arr.m[key]; ok {
					put(key, o)
				}
			}
		}
	}
	if r.stop != "" {
		for _, key := range append([]string{"dboptions"}, plainKeys...) {
			if why[key] == "" {
				why[key] = r.stop
			}
			delete(set, key)
		}
	}
	return set, why, nil
}

// parsePHP reads and parses one PHP file. A nil owner may read anything.
func parsePHP(path string, who *owner) (*ast.Root, error) {
	src, err := readGuarded(path, sourceLimit, who)
	if err != nil {
		return nil, err
	}
	return parseSource(path, src)
}

// parseSource parses with a limit of time, for the parser cannot be stopped.
func parseSource(path string, src []byte) (*ast.Root, error) {
	src, err := onlyPHP(src)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	type answer struct {
		root *ast.Root
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		root, err := parseNow(path, src)
		done <- answer{root, err}
	}()
	select {
	case a := <-done:
		return a.root, a.err
	case <-time.After(parseTime):
		return nil, fmt.Errorf("parse %s: the parser did not end within %s", path, parseTime)
	}
}

// onlyPHP gives the PHP of a source that is one stretch of it, as every
// config.php is: the parser never ends on some texts outside PHP's tags.
func onlyPHP(src []byte) ([]byte, error) {
	at := bytes.Index(bytes.ToLower(src), []byte("<?php"))
	if at < 0 {
		return nil, errors.New("it holds no PHP")
	}
	src = bytes.TrimRight(src[at:], " \t\r\n\x00")
	if rest, closed := bytes.CutSuffix(src, []byte("?>")); closed {
		src = append(bytes.Clone(rest), ';')
	}
	return append(bytes.Clone(src), '\n'), nil
}

func parseNow(path string, src []byte) (root *ast.Root, err error) {
	defer func() {
		if p := recover(); p != nil {
			root, err = nil, fmt.Errorf("parse %s: the parser gave up", path)
		}
	}()
	var first *phperrors.Error
	node, err := parser.Parse(src, conf.Config{
		Version:          &version.Version{Major: 8, Minor: 1},
		ErrorHandlerFunc: func(e *phperrors.Error) { first = firstOf(first, e) },
	})
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	if first != nil {
		line := 0
		if first.Pos != nil {
			line = first.Pos.StartLine
		}
		return nil, fmt.Errorf("parse %s: a PHP syntax error in line %d", path, line)
	}
	root, ok := node.(*ast.Root)
	if !ok {
		return nil, fmt.Errorf("parse %s: it holds no PHP", path)
	}
	return root, nil
}

func firstOf(a, b *phperrors.Error) *phperrors.Error {
	if a != nil {
		return a
	}
	return b
}

// readGuarded reads a regular file of at most limit bytes. With who it
// refuses what that user could not read, for a site's own config.php must
// not make root read a stranger's file on its behalf.
func readGuarded(path string, limit int64, who *owner) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	defer func() { _ = f.Close() }()
	fi, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if !fi.Mode().IsRegular() || fi.Size() > limit && fi.Size() > 0 {
		return nil, fmt.Errorf("read %s: it is no file, or longer than %d bytes", path, limit)
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && who != nil && !who.mayRead(st) {
		return nil, fmt.Errorf("read %s: the owner of config.php may not read it", path)
	}
	src, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return src, nil
}

func (o *owner) mayRead(st *syscall.Stat_t) bool {
	switch {
	case o.uid == 0 || o.uid == st.Uid:
		return true
	case o.gid == st.Gid && st.Mode&0o040 != 0:
		return true
	}
	return st.Mode&0o004 != 0
}

func ownerOf(path string) (uid, gid uint32, err error) {
	fi, err := os.Stat(path)
	if err != nil {
		return 0, 0, err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, fmt.Errorf("stat %s: no owner is known on this system", path)
	}
	return st.Uid, st.Gid, nil
}

// snapshot and merge serve conditions that cannot be decided: both branches
// are followed, and what differs between them is unknown.
type snapshot struct{ cfg, vars map[string]value }

func (r *reader) save() snapshot {
	return snapshot{cfg: copyValues(r.cfg), vars: copyValues(r.vars)}
}

func (r *reader) load(s snapshot) { r.cfg, r.vars = s.cfg, s.vars }

func copyValues(m map[string]value) map[string]value {
	c := make(map[string]value, len(m))
	for k, v := range m {
		c[k] = v.copyOf()
	}
	return c
}

func (r *reader) merge(other snapshot, why string) {
	mergeValues(r.cfg, other.cfg, why)
	mergeValues(r.vars, other.vars, why)
}

func mergeValues(into, other map[string]value, why string) {
	keys := maps.Clone(into)
	maps.Copy(keys, other)
	for k := range keys {
		a, oka := into[k]
		b, okb := other[k]
		if oka != okb || !identical(a, b) {
			into[k] = unknown(why)
		}
	}
}

// include follows a require or include. lib/setup.php is Moodle's own and
// returns at once under ABORT_AFTER_CONFIG, so it is only noted.
func (r *reader) include(target value, once, must bool) value {
	if target.kind == isUnknown {
		r.halt("another PHP file, whose name comes from " + target.why)
		return target
	}
	path := target.text()
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(r.file), path)
	}
	path = filepath.Clean(path)
	if strings.HasSuffix(path, "/lib/setup.php") {
		r.setupRan()
		return intValue(1)
	}
	if r.depth > depthLimit/4 {
		r.halt("PHP files that include each other too deeply")
		return unknown("an include")
	}
	key := "include " + path
	if _, seen := r.consts[key]; seen && once {
		return boolValue(true)
	}
	r.consts[key] = boolValue(true)
	if !must && !isFile(path) {
		return boolValue(false)
	}
	root, err := parsePHP(path, r.owner)
	if err != nil {
		r.halt("the PHP file " + path + ", which cannot be read")
		return unknown("the PHP file " + path)
	}
	was := r.file
	r.file = path
	r.depth += 10
	sig := r.block(root.Stmts)
	r.depth -= 10
	r.file = was
	if sig.kind == sigReturn {
		return sig.val
	}
	return intValue(1)
}

// setupRan sets what lib/setup.php sets before it returns.
func (r *reader) setupRan() {
	defaults := map[string]value{"dblibrary": strValue("native"), "prefix": strValue("")}
	for k, v := range defaults {
		if _, ok := r.cfg[k]; !ok {
			r.cfg[k] = v
		}
	}
	if temp, ok := r.cfg["tempdir"]; ok && r.cfg["backuptempdir"].kind == isNull {
		r.cfg["backuptempdir"] = concat(temp, strValue("/backup"))
	}
	if v, ok := r.cfg["wwwroot"]; ok && v.kind == isString {
		v.s = strings.TrimRight(v.s, "/")
		r.cfg["wwwroot"] = v
	}
}

// halt is called where something ran that may have changed any setting:
// everything known so far becomes unknown. What the file sets afterwards is
// known again.
func (r *reader) halt(why string) {
	for _, key := range append([]string{"dboptions"}, plainKeys...) {
		r.cfg[key] = unknown(why)
	}
}
