package moodle

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"
)

// phpOutputLimit is how much PHP may print, in bytes.
const phpOutputLimit = 1 << 20

// phpReader is the script that reads a config.php: Moodle's own way to stop
// after the configuration, and then only the keys that are named. It answers
// even where Moodle gives up, because moodledata is missing for example.
const phpReader = `<?php
define('CLI_SCRIPT', true);
define('ABORT_AFTER_CONFIG', true);
ob_start(function ($text) { return ''; }, 4096);
register_shutdown_function(function () {
    global $CFG;
    while (ob_get_level() > 0) { ob_end_clean(); }
    $out = array();
    $cfg = is_object($CFG) ? get_object_vars($CFG) : array();
    $opt = isset($cfg['dboptions']) && is_array($cfg['dboptions']) ? $cfg['dboptions'] : array();
    foreach (explode(',', '@KEYS@') as $k) {
        if (isset($cfg[$k]) && is_scalar($cfg[$k])) { $out[$k] = base64_encode((string)$cfg[$k]); }
    }
    foreach (explode(',', '@OPTIONS@') as $k) {
        if (isset($opt[$k]) && is_scalar($opt[$k])) { $out[$k] = base64_encode((string)$opt[$k]); }
    }
    echo "\n@MARK@", json_encode($out), "\n";
});
require base64_decode('@PATH@');
`

// runPHP reads a config.php by PHP, as another user where who says so. Its
// errors never hold what PHP printed, for that may be a secret.
func runPHP(ctx context.Context, path string, opt Options, env map[string]string, who phpIdentity) (settings, error) {
	if who.refuse != "" {
		return nil, errors.New(who.refuse)
	}
	bin := opt.PHP
	if bin == "" {
		bin = "php"
	}
	bin, err := exec.LookPath(bin)
	if err != nil {
		return nil, fmt.Errorf("there is no PHP command on this host")
	}
	if opt.Timeout <= 0 {
		opt.Timeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, opt.Timeout)
	defer cancel()

	mark := rand.Text()
	script := strings.NewReplacer("@KEYS@", strings.Join(plainKeys, ","), "@OPTIONS@", strings.Join(optionKeys, ","),
		"@MARK@", mark, "@PATH@", base64.StdEncoding.EncodeToString([]byte(path))).Replace(phpReader)
	cmd := exec.CommandContext(ctx, bin, "-d", "display_errors=0", "-d", "log_errors=0", "-d", "auto_prepend_file=", "-d", "auto_append_file=",
		"-d", "memory_limit=128M", "-d", "variables_order=EGPCS", "-d", "opcache.enable_cli=0")
	cmd.Dir = filepath.Dir(path)
	cmd.Env = phpEnvironment(env)
	cmd.Stdin = strings.NewReader(script)
	out := &capped{limit: phpOutputLimit}
	cmd.Stdout = out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: who.credential}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	runErr := cmd.Run()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("it did not end within %s", opt.Timeout)
	}
	set, err := parsePHPAnswer(out.buf.Bytes(), mark)
	if err != nil {
		return nil, fmt.Errorf("it ended with %s", exitWord(runErr))
	}
	if set["dbname"] == "" && set["dataroot"] == "" && runErr != nil {
		return nil, fmt.Errorf("it ended with %s before any setting was made", exitWord(runErr))
	}
	return set, nil
}

func exitWord(err error) string {
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return fmt.Sprintf("exit code %d", exit.ExitCode())
	case err != nil:
		return "an error at its start"
	}
	return "no answer"
}

func parsePHPAnswer(out []byte, mark string) (settings, error) {
	_, answer, ok := bytes.Cut(out, []byte("\n"+mark))
	if !ok {
		return nil, errors.New("no answer")
	}
	var raw map[string][]byte // base64 on the wire, for passwords need not be UTF-8
	line, _, _ := bytes.Cut(answer, []byte("\n"))
	if string(line) == "[]" {
		return settings{}, nil
	}
	if err := json.Unmarshal(line, &raw); err != nil {
		return nil, errors.New("an answer that is no JSON")
	}
	set := settings{}
	for k, v := range raw {
		set[k] = string(v)
	}
	return set, nil
}

func phpEnvironment(env map[string]string) []string {
	list := make([]string, 0, len(env)+1)
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	if _, ok := env["PATH"]; !ok {
		list = append(list, "PATH=/usr/local/bin:/usr/bin:/bin")
	}
	sort.Strings(list)
	return list
}

// capped keeps the first limit bytes and swallows the rest.
type capped struct {
	buf   bytes.Buffer
	limit int
}

func (c *capped) Write(p []byte) (int, error) {
	if room := c.limit - c.buf.Len(); room > 0 {
		c.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

var _ io.Writer = (*capped)(nil)
