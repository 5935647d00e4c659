package serve_test

import (
	"errors"
	"strings"
	"testing"

	"holdfast/internal/errs"
	"holdfast/internal/serve"
)

func settings(change map[string]string) func(string) string {
	return func(flag string) string {
		if v, ok := change[flag]; ok {
			return v
		}
		for _, s := range serve.Settings {
			if s.Flag == flag {
				return s.Default
			}
		}
		return ""
	}
}

func TestSettings_EachWrongValueIsNamedInOneLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ flag, value, names string }{
		{"database-url", "mysql://x", "HOLDFAST_DATABASE_URL"},
		{"migrate-url", "://", "HOLDFAST_MIGRATE_URL"},
		{"listen", "8080", "HOLDFAST_LISTEN"},
		{"url", "backup.hoster.example", "HOLDFAST_URL"},
		{"url", "https://h.example/path", "HOLDFAST_URL"},
		{"proxies", "10.0.0.0/99", "HOLDFAST_PROXIES"},
		{"proxies", "10.0.0.1, 0.0.0.0/0", "HOLDFAST_PROXIES"},
		{"name", "two\nlines", "HOLDFAST_NAME"},
		{"smtp-url", "http://mail.example", "HOLDFAST_SMTP_URL"},
		{"mail-from", "a@b.example", "HOLDFAST_SMTP_URL"},
		{"staff-second-factor", "maybe", "HOLDFAST_STAFF_SECOND_FACTOR"},
		{"oidc-issuer", "http://login.example", "HOLDFAST_OIDC_ISSUER"},
		{"oidc-client-id", "x", "HOLDFAST_OIDC_ISSUER"},
		{"agent-listen", "host", "HOLDFAST_AGENT_LISTEN"},
		{"agent-listen", "127.0.0.1:99999", "HOLDFAST_AGENT_LISTEN"},
		{"agent-url", "http://x:1", "HOLDFAST_AGENT_URL"},
		{"agent-url", "https://x:1/path", "HOLDFAST_AGENT_URL"},
		{"tls-cert", "/only/this", "HOLDFAST_TLS_CERT"},
		{"secure-cookies", "maybe", "HOLDFAST_SECURE_COOKIES"},
		{"log-level", "loud", "HOLDFAST_LOG_LEVEL"},
	} {
		_, err := serve.FromSettings(settings(map[string]string{c.flag: c.value}))
		var e *errs.Error
		if !errors.As(err, &e) || e.Kind != errs.Invalid || !strings.Contains(e.Error(), c.names) || strings.Contains(e.Error(), "\n") {
			t.Errorf("%s=%q: %v", c.flag, c.value, err)
		}
	}
}

func TestSettings_AllWrongValuesAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := serve.FromSettings(settings(map[string]string{"listen": "x", "log-level": "loud", "secure-cookies": "maybe"}))
	for _, name := range []string{"HOLDFAST_LISTEN", "HOLDFAST_LOG_LEVEL", "HOLDFAST_SECURE_COOKIES"} {
		if !errs.Is(err, errs.Invalid) || !strings.Contains(errs.Sentence(err), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}

func TestSettings_TheDefaultsAreGood(t *testing.T) {
	t.Parallel()
	c, err := serve.FromSettings(settings(nil))
	if err != nil || c.StateDir == "" || c.VaultDir == "" || c.Logger == nil {
		t.Fatalf("%+v, %v", c, err)
	}
}

func TestMasterKey_IsRequired(t *testing.T) {
	t.Parallel()
	if _, err := serve.MasterKey(serve.Config{}); err == nil || !strings.Contains(err.Error(), "holdfast key new") {
		t.Fatalf("%v", err)
	}
}
