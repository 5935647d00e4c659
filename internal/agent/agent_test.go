package agent

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/errs"
	"holdfast/internal/sitedb"
)

func TestRoots_FollowEveryLink(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	allowed, outside := filepath.Join(base, "www"), filepath.Join(base, "www-other")
	for _, d := range []string{filepath.Join(allowed, "site"), filepath.Join(outside, "site")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"in": filepath.Join(allowed, "site"), "out": outside, "up": "../www-other"} {
		if err := os.Symlink(to, filepath.Join(allowed, name)); err != nil {
			t.Fatal(err)
		}
	}
	r := Roots{Dirs: []string{allowed}}
	for path, good := range map[string]bool{
		allowed:                               true,
		filepath.Join(allowed, "site"):        true,
		filepath.Join(allowed, "in"):          true,
		filepath.Join(allowed, "out"):         false,
		filepath.Join(allowed, "out/site"):    false,
		filepath.Join(allowed, "up"):          false,
		allowed + "/../www-other/site":        false,
		outside:                               false,
		"/etc":                                false,
		"/no/such/folder":                     false,
		"site":                                false,
		filepath.Join(base, "www-other", "x"): false,
	} {
		_, err := r.Resolve("The folder", path)
		var outsideErr *outsideError
		if (err == nil) != good || (err != nil && !errors.As(err, &outsideErr)) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := r.Resolve("The folder", filepath.Join(allowed, "gone")); !errs.Is(err, errs.NotFound) {
		t.Errorf("a folder that is allowed and not there: %v", err)
	}
	if _, err := (Roots{}).Resolve("The folder", allowed); err == nil {
		t.Error("no allowed root allows something")
	}
	// A root that is itself a link.
	if _, err := (Roots{Dirs: []string{filepath.Join(allowed, "out")}}).Resolve("The folder", outside+"/site"); err != nil {
		t.Errorf("a root that is a link: %v", err)
	}
}

func TestEnrol_TrustsThePinnedKeyOnly(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"host_id":"h","host_name":"web1","credential":"secret"}`))
	}))
	defer s.Close()
	pin := KeyPin(s.Certificate())
	o := EnrolOptions{Server: s.URL, Token: "t", StateDir: t.TempDir(), AllowRoots: []string{"/srv"}}
	if _, err := Enrol(context.Background(), o); err == nil || !strings.Contains(errs.Sentence(err), pin) {
		t.Errorf("an unknown certificate: %v", err)
	}
	o.Pin = "sha256:" + strings.Repeat("0", 64)
	if _, err := Enrol(context.Background(), o); err == nil || !strings.Contains(errs.Sentence(err), "not the pinned one") {
		t.Errorf("another key: %v", err)
	}
	o.Pin = pin
	c, err := Enrol(context.Background(), o)
	if err != nil || c.Credential != "secret" {
		t.Fatalf("the pinned key: %v", err)
	}
	back, err := LoadConfig(filepath.Join(o.StateDir, ConfigName))
	if err != nil || back.Credential != "secret" || back.Pin != pin {
		t.Errorf("the configuration is %+v, %v", back, err)
	}
}

func TestConfig_NamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	good := Config{Server: "https://x", Credential: "c", AllowRoots: []string{"/srv"}}
	for field, change := range map[string]func(*Config){
		"server":     func(c *Config) { c.Server = "http://example.org" },
		"pin":        func(c *Config) { c.Pin = "sha256:XYZ" },
		"credential": func(c *Config) { c.Credential = "" },
		"memory_mib": func(c *Config) { c.MemoryMiB = 8 },
		"allow-root": func(c *Config) { c.AllowRoots = nil },
	} {
		c := good
		change(&c)
		var e *errs.Error
		if err := c.Validate(); !errors.As(err, &e) || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	path := filepath.Join(t.TempDir(), ConfigName)
	if err := os.WriteFile(path, []byte(`{"credential":"hush",}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfig(path); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("a broken file: %v", err)
	}
}

func TestSpool_KeepsWhatIsOwedAndSetsAsideWhatIsBroken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := openSpool(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for run, fence := range map[string]int64{"a": 1, "b": 2} {
		if err := s.put(agentproto.CompleteRequest{Run: run, Fence: fence, Outcome: agentproto.OutcomeGood}); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{"c.3.json": `{"run":"c"`, "d.4.json": `{"run":"../../x","fence":4}`, ".half.json.123": "x"} {
		if err := os.WriteFile(filepath.Join(dir, "spool", name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.all()
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	if err := s.drop("a", 1); err != nil {
		t.Fatal(err)
	}
	s.reject("b", 2)
	if all, err = s.all(); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
	for _, left := range []string{"b.2.json.rejected", "c.3.json.bad", "d.4.json.bad"} {
		if _, err := os.Stat(filepath.Join(dir, "spool", left)); err != nil {
			t.Error(err)
		}
	}
}

func TestResult_NamesEachFailureAndNoSecret(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 24, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		err             error
		outcome, code   string
		notBefore, says string
	}{
		{&outsideError{what: "The code folder", path: "/etc"}, agentproto.OutcomeRefused, CodeOutsideRoots, "", "/etc"},
		{errs.Wrap(errs.Unavailable, &sitedb.UpgradeRunningError{Until: now.Add(time.Hour)}, "x."), agentproto.OutcomeFailed, CodeUpgradeRunning, "2026-04-24T01:00:00Z", "x"},
		{&codedError{code: CodeSiteBusy, err: errs.New(errs.Conflict, "busy")}, agentproto.OutcomeFailed, CodeSiteBusy, "2026-04-24T00:01:00Z", "busy"},
		{errs.New(errs.TooLarge, "full"), agentproto.OutcomeFailed, CodeQuota, "", "full"},
		{errs.New(errs.Forbidden, "wrong password"), agentproto.OutcomeFailed, CodeForbidden, "", "wrong"},
		{errors.New("it broke with hunter2 in its mouth"), agentproto.OutcomeFailed, CodeFailed, "", "[secret]"},
		{context.Canceled, agentproto.OutcomeFailed, CodeFailed, "", "canceled"}, // nobody asked this work to stop
	} {
		r := resultOf(context.Background(), agentproto.Copy{}, c.err, now, "hunter2", "")
		if r.Outcome != c.outcome || r.ErrorCode != c.code || r.NotBefore != c.notBefore || !strings.Contains(r.Error, c.says) || strings.Contains(r.Error, "hunter2") || r.Copy != nil {
			t.Errorf("%v became %+v", c.err, r)
		}
	}
	told, stop := context.WithCancel(context.Background())
	stop()
	if r := resultOf(told, agentproto.Copy{}, errors.New("x"), now); r.Outcome != agentproto.OutcomeStopped || r.ErrorCode != CodeStopped {
		t.Errorf("work that was told to stop became %+v", r)
	}
	short := resultOf(context.Background(), agentproto.Copy{Snapshot: "s", Problems: []agentproto.Problem{{Path: "a"}}}, nil, now)
	if short.Outcome != agentproto.OutcomeIncomplete || short.Copy == nil || short.Error == "" {
		t.Errorf("a copy with problems became %+v", short)
	}
}
