// Package serve is the control plane as one program: it reads the settings,
// opens the database, and runs the pages, the agents' door, the vault, River
// and the keeper until it is told to stop. It decides nothing of the domain.
package serve

import (
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"holdfast/internal/errs"
)

// Config is every setting of the control plane. Each has a flag and an
// environment variable; Check names every wrong one.
type Config struct {
	StateDir      string // private files: the embedded PostgreSQL, certificates, session records
	DatabaseURL   string // of holdfast_login; "" for the embedded PostgreSQL
	MigrateURL    string // of the owner; "" to use DatabaseURL for both
	MasterKeyFile string
	Listen        string // pages, like 127.0.0.1:8080
	AgentListen   string // agents and the vault, HTTPS, like 0.0.0.0:8443
	AgentURL      string // how agents reach AgentListen, like https://holdfast.example:8443
	TLSCert       string // PEM; "" for a certificate of our own, pinned by the agents
	TLSKey        string
	VaultDir      string // of the default destination
	Attachments   string // folder of what is attached to tickets
	SecureCookies bool   // pages are reached by HTTPS
	Proxies       string // networks of our own proxies, with commas; "" where browsers reach us directly
	Gallery       bool   // serve every component in every state, for those who build pages
	People        PeopleConfig
	Hoster        HosterConfig
	Billing       BillingConfig
	LogLevel      string
	Version       string
	Child         []string     // the command of a keeper's child
	Logger        *slog.Logger // "" means text on standard error at LogLevel
}

// The environment variables, and what each setting is when it is not set.
var Settings = []struct {
	Flag, Env, Default, Help string
}{
	{"state-dir", "HOLDFAST_STATE_DIR", "", "folder of private files (default: ~/.local/state/holdfast, or /var/lib/holdfast as root)"},
	{"database-url", "HOLDFAST_DATABASE_URL", "", "PostgreSQL 14+ of the login role; empty runs a private PostgreSQL under the state folder"},
	{"migrate-url", "HOLDFAST_MIGRATE_URL", "", "the same database as its owner, for migrations; empty uses the database URL"},
	{"master-key-file", "HOLDFAST_MASTER_KEY_FILE", "", "file with the master key that seals every secret; make one with: holdfast key new"},
	{"listen", "HOLDFAST_LISTEN", "127.0.0.1:8080", "address of the pages"},
	{"agent-listen", "HOLDFAST_AGENT_LISTEN", "127.0.0.1:8443", "address of the agents' door and the vault (HTTPS)"},
	{"agent-url", "HOLDFAST_AGENT_URL", "", "how agents reach that door, like https://holdfast.example:8443 (default: from agent-listen)"},
	{"tls-cert", "HOLDFAST_TLS_CERT", "", "PEM certificate of the agents' door; empty makes one that agents pin"},
	{"tls-key", "HOLDFAST_TLS_KEY", "", "PEM key of that certificate"},
	{"vault-dir", "HOLDFAST_VAULT_DIR", "", "folder of the default destination (default: vault in the state folder)"},
	{"attachments", "HOLDFAST_ATTACHMENTS", "", "folder of the files that people attach to tickets, shared by all processes (default: attachments in the state folder)"},
	{"secure-cookies", "HOLDFAST_SECURE_COOKIES", "false", "true when the pages are reached by HTTPS"},
	{"proxies", "HOLDFAST_PROXIES", "", "networks of your own proxies before the pages, like 10.0.0.5/32,fd00::/64: what they say of where a request came from is believed; empty for none"},
	{"name", "HOLDFAST_NAME", "Holdfast", "what this installation calls itself, in mails and in authenticator apps"},
	{"hoster-name", "HOLDFAST_HOSTER_NAME", someHoster, "whose pages customers see, and where everybody signs in"},
	{"hoster-logo", "HOLDFAST_HOSTER_LOGO", "", "file of the hoster's mark, a PNG or a plain SVG of at most 64 kB; empty draws ours"},
	{"url", "HOLDFAST_URL", "", "how people reach the pages, like https://backup.hoster.example (default: from listen)"},
	{"smtp-url", "HOLDFAST_SMTP_URL", "", "mail server, like smtp://user:password@mail.hoster.example:587 or smtps://…:465; empty sends no mail"},
	{"mail-from", "HOLDFAST_MAIL_FROM", "", "who mails are from, like Bright Hosting <backup@hoster.example>"},
	{"reply-domain", "HOLDFAST_REPLY_DOMAIN", "", "domain whose mail is brought here, like replies.hoster.example, so that people can answer a ticket's mails; empty takes no mail"},
	{"mail-listen", "HOLDFAST_MAIL_LISTEN", "", "host:port of the SMTP door for such answers, like 127.0.0.1:2525"},
	{"staff-second-factor", "HOLDFAST_STAFF_SECOND_FACTOR", "optional", "required leads staff without a second factor to get one before anything else; or optional"},
	{"oidc-issuer", "HOLDFAST_OIDC_ISSUER", "", "the staff's own identity provider (OpenID Connect), like https://login.hoster.example; empty for none"},
	{"oidc-client-id", "HOLDFAST_OIDC_CLIENT_ID", "", "who we are to it; its redirect address for us is URL/sign-in/oidc/callback"},
	{"oidc-client-secret-file", "HOLDFAST_OIDC_CLIENT_SECRET_FILE", "", "file with the secret that it gave us"},
	{"oidc-role-claim", "HOLDFAST_OIDC_ROLE_CLAIM", "", "claim that names a person's staff role (owner, operator, support, billing, auditor); empty leaves roles to us"},
	{"stripe-key-file", "HOLDFAST_STRIPE_KEY_FILE", "", "file with Stripe's secret or restricted key, by which the fee of a restore is paid (or HOLDFAST_STRIPE_KEY); empty takes payments offline only"},
	{"stripe-webhook-secret-file", "HOLDFAST_STRIPE_WEBHOOK_SECRET_FILE", "", "file with the signing secret of Stripe's webhook endpoint URL/hooks/stripe, one a line (or HOLDFAST_STRIPE_WEBHOOK_SECRET)"},
	{"stripe-invoice", "HOLDFAST_STRIPE_INVOICE", "false", "true lets Stripe make an invoice for each payment"},
	{"stripe-tax", "HOLDFAST_STRIPE_TAX", "false", "true lets Stripe work out tax, which comes on top of the fee"},
	{"stripe-url", "HOLDFAST_STRIPE_URL", "", "a server that plays Stripe; only with --demo, and no money moves"},
	{"log-level", "HOLDFAST_LOG_LEVEL", "info", "debug, info, warn or error"},
}

// DefaultStateDir is where private files go when no setting says so.
func DefaultStateDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/holdfast"
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "state", "holdfast")
	}
	return filepath.Join(os.TempDir(), "holdfast")
}

// FromSettings makes a Config of what get says of each flag's name.
func FromSettings(get func(flag string) string) (Config, error) {
	c := Config{
		StateDir: get("state-dir"), DatabaseURL: get("database-url"), MigrateURL: get("migrate-url"), MasterKeyFile: get("master-key-file"),
		Listen: get("listen"), AgentListen: get("agent-listen"), AgentURL: get("agent-url"), TLSCert: get("tls-cert"), TLSKey: get("tls-key"),
		VaultDir: get("vault-dir"), Attachments: get("attachments"), LogLevel: get("log-level"), Proxies: get("proxies"), People: peopleSettings(get),
		Hoster: HosterConfig{Name: get("hoster-name"), LogoFile: get("hoster-logo")},
	}
	var wrong []error
	c.Billing, wrong = billingSettings(get)
	switch get("secure-cookies") {
	case "true", "1":
		c.SecureCookies = true
	case "false", "0", "":
	default:
		wrong = append(wrong, errs.Field("HOLDFAST_SECURE_COOKIES", "%q must be true or false", get("secure-cookies")))
	}
	return c, together(append(wrong, c.Check()))
}

// together makes one error, of one line, of every wrong setting.
func together(wrong []error) error {
	var said []string
	var last error
	for _, err := range wrong {
		if err != nil {
			last, said = err, append(said, errs.Sentence(err))
		}
	}
	if len(said) < 2 {
		return last
	}
	return errs.New(errs.Invalid, "%s", strings.Join(said, "; "))
}

// Check fills in what follows from other settings and names every one that is
// wrong, with the remedy, in one line.
func (c *Config) Check() error {
	var wrong []error
	if c.StateDir == "" {
		c.StateDir = DefaultStateDir()
	}
	abs, err := filepath.Abs(c.StateDir)
	if err != nil {
		return errs.Wrap(errs.Invalid, err, "HOLDFAST_STATE_DIR: %q is not a folder", c.StateDir)
	}
	c.StateDir = abs
	if c.VaultDir == "" {
		c.VaultDir = filepath.Join(c.StateDir, "vault")
	}
	if c.Attachments == "" {
		c.Attachments = filepath.Join(c.StateDir, "attachments")
	}
	if c.Attachments, err = filepath.Abs(c.Attachments); err != nil {
		return errs.Wrap(errs.Invalid, err, "HOLDFAST_ATTACHMENTS: is not a folder")
	}
	if c.VaultDir, err = filepath.Abs(c.VaultDir); err != nil {
		return errs.Wrap(errs.Invalid, err, "HOLDFAST_VAULT_DIR: is not a folder")
	}
	for _, u := range []struct{ name, value string }{{"HOLDFAST_DATABASE_URL", c.DatabaseURL}, {"HOLDFAST_MIGRATE_URL", c.MigrateURL}} {
		if p, err := url.Parse(u.value); u.value != "" && (err != nil || p.Scheme != "postgres" && p.Scheme != "postgresql") {
			wrong = append(wrong, errs.Field(u.name, "must look like postgres://user:password@host:5432/holdfast"))
		}
	}
	for _, a := range []struct{ name, value string }{{"HOLDFAST_LISTEN", c.Listen}, {"HOLDFAST_AGENT_LISTEN", c.AgentListen}} {
		if _, port, err := net.SplitHostPort(a.value); err != nil || !isPort(port) {
			wrong = append(wrong, errs.Field(a.name, "%q must be host:port, like 127.0.0.1:8080", a.value))
		}
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		wrong = append(wrong, errs.Field("HOLDFAST_TLS_CERT", "give the certificate and HOLDFAST_TLS_KEY together, or neither"))
	}
	if c.AgentURL != "" {
		p, err := url.Parse(c.AgentURL)
		if err != nil || p.Scheme != "https" || p.Host == "" || strings.Trim(p.Path, "/") != "" {
			wrong = append(wrong, errs.Field("HOLDFAST_AGENT_URL", "%q must be https://host:port with no path", c.AgentURL))
		}
	}
	if _, err := networks(c.Proxies); err != nil {
		wrong = append(wrong, err)
	}
	wrong = append(wrong, c.People.check()...)
	wrong = append(wrong, c.Hoster.check()...)
	wrong = append(wrong, c.Billing.check()...)
	if c.LogLevel == "" {
		c.LogLevel = "info"
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		wrong = append(wrong, errs.Field("HOLDFAST_LOG_LEVEL", "%q must be debug, info, warn or error", c.LogLevel))
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	}
	return together(wrong)
}

// isPort tells whether s is a port's number.
func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// TLSDir is where the control plane's own certificate lies.
func TLSDir(c Config) string { return filepath.Join(c.StateDir, "tls") }
