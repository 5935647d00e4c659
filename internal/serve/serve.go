package serve

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/agentdoor"
	"holdfast/internal/keeper"
	"holdfast/internal/selfcert"
	"holdfast/internal/store"
	"holdfast/internal/vault"
	"holdfast/internal/worker"
)

// drain is how long a stop waits for requests and jobs that are under way.
const drain = 15 * time.Second

// Server is a running control plane.
type Server struct {
	App      *app.App
	DB       *Database
	WebURL   string // where the pages are
	AgentURL string // where the agents' door is
	MailAddr string // where answers by mail come in; "" takes none
	Pin      string // of its certificate; "" when the operator gave one

	log     *slog.Logger
	river   *worker.Pool
	web     *http.Server
	agents  *http.Server
	stop    context.CancelFunc
	running sync.WaitGroup
	failed  chan error
}

// Start brings everything up and returns when it answers. The caller calls
// Stop, also after an error came from Failed.
func Start(ctx context.Context, c Config) (*Server, error) {
	if err := c.Billing.allowed(); err != nil {
		return nil, err
	}
	key, err := MasterKey(c)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.StateDir, 0o755); err != nil { //nolint:gosec // the database's account passes through; what is private is below
		return nil, errs.Wrap(errs.Invalid, err, "HOLDFAST_STATE_DIR: cannot make %s", c.StateDir)
	}
	s := &Server{log: c.Logger, failed: make(chan error, 3)}
	tlsConfig, pin, err := certificate(c)
	if err != nil {
		return nil, err
	}
	s.Pin = pin
	webL, agentL, err := listen(ctx, c)
	if err != nil {
		return nil, err
	}
	s.WebURL, s.AgentURL = "http://"+webL.Addr().String(), c.AgentURL
	if s.AgentURL == "" {
		s.AgentURL = "https://" + agentL.Addr().String()
	}
	s.DB, err = OpenDatabase(ctx, c, true)
	if err != nil {
		return nil, errors.Join(err, webL.Close(), agentL.Close())
	}
	s.App = app.New(s.DB.Store, key, NewStorage(key, s.AgentURL, s.Pin), clock.System{}, c.Logger)
	c.People.URL = c.People.at(s.WebURL)
	if err := c.People.use(s.App, c.Hoster.Name, c.Logger); err != nil {
		return nil, errors.Join(err, webL.Close(), agentL.Close(), s.DB.Close(context.WithoutCancel(ctx)))
	}
	if err := errors.Join(c.Billing.use(s.App, c.Logger), useTickets(c, s.App)); err != nil {
		return nil, errors.Join(err, webL.Close(), agentL.Close(), s.DB.Close(context.WithoutCancel(ctx)))
	}
	if err := s.begin(ctx, c, tlsConfig, webL, agentL); err != nil {
		return nil, errors.Join(err, webL.Close(), agentL.Close(), s.DB.Close(context.WithoutCancel(ctx)))
	}
	return s, nil
}

func certificate(c Config) (*tls.Config, string, error) {
	if c.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return nil, "", errs.Wrap(errs.Invalid, err, "HOLDFAST_TLS_CERT: the certificate and key cannot be read")
		}
		return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, "", nil
	}
	dir := TLSDir(c)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, "", fmt.Errorf("folder of the certificate: %w", err)
	}
	cert, err := selfcert.Load(dir, clock.System{}.Now())
	if err != nil {
		return nil, "", err
	}
	pin, err := selfcert.Pin(cert)
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, pin, err
}

func listen(ctx context.Context, c Config) (web, agents net.Listener, err error) {
	var lc net.ListenConfig
	web, err = lc.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, nil, errs.Wrap(errs.Invalid, err, "HOLDFAST_LISTEN: cannot listen on %s; is another program there?", c.Listen)
	}
	agents, err = lc.Listen(ctx, "tcp", c.AgentListen)
	if err != nil {
		return nil, nil, errors.Join(errs.Wrap(errs.Invalid, err, "HOLDFAST_AGENT_LISTEN: cannot listen on %s; is another program there?", c.AgentListen), web.Close())
	}
	return web, agents, nil
}

func (s *Server) begin(ctx context.Context, c Config, tlsConfig *tls.Config, webL, agentL net.Listener) error {
	backend, err := json.Marshal(vault.Backend{Kind: vault.Filesystem, Path: c.VaultDir})
	if err != nil {
		return err
	}
	if err := s.App.EnsureDefaultDestination(ctx, backend); err != nil {
		return err
	}
	if err := s.App.CheckKey(ctx); err != nil {
		return err
	}
	key, err := MasterKey(c)
	if err != nil {
		return err
	}
	h := newHub()
	pages, err := s.pages(c, h)
	if err != nil {
		return err
	}
	takeMail, err := s.listenMail(ctx, c, tlsConfig)
	if err != nil {
		return err
	}
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	if s.river, err = worker.Start(work, s.DB.URL, s.App, quieter(c.Logger)); err != nil {
		stop()
		return err
	}
	keep := keeper.New(s.App, keeper.Options{URL: s.DB.URL, Child: c.Child, SpoolDir: c.StateDir, Logger: c.Logger})
	s.running.Go(func() { keep.Run(work) })
	s.running.Go(func() {
		store.Listen(work, s.DB.URL, c.Logger, []string{store.ChannelWork, store.ChannelRuns, store.ChannelTask}, func(channel, payload string) {
			h.news(channel, payload)
			if channel == store.ChannelTask {
				keep.Wake(payload)
			}
		})
	})
	door := &vaults{
		list: s.App.Destinations, key: key, dir: filepath.Join(c.StateDir, "vault-sessions"), log: c.Logger, clock: clock.System{}, open: map[string]http.Handler{},
	}
	mux := http.NewServeMux()
	mux.Handle("/agent/", agentdoor.New(s.App, h, c.Logger))
	mux.Handle(doorPrefix, door)
	s.agents = &http.Server{
		Handler: mux, TLSConfig: tlsConfig, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return work }, ErrorLog: slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug),
	}
	s.web = &http.Server{
		Handler:           besideHooks(s.App, c.Logger, besideAPI(s.scripts(c), pages)),
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, BaseContext: func(net.Listener) context.Context { return work },
		ErrorLog: slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug),
	}
	s.running.Go(func() { s.listenFailed(s.agents.ServeTLS(agentL, "", "")) })
	s.running.Go(func() { s.listenFailed(s.web.Serve(webL)) })
	if takeMail != nil {
		s.running.Go(func() { s.listenFailed(takeMail(work)) })
	}
	return nil
}

// quieter keeps River's own chatter to warnings.
func quieter(log *slog.Logger) *slog.Logger { return slog.New(warnOnly{log.Handler()}) }

type warnOnly struct{ slog.Handler }

func (w warnOnly) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}

func (w warnOnly) WithAttrs(a []slog.Attr) slog.Handler { return warnOnly{w.Handler.WithAttrs(a)} }
func (w warnOnly) WithGroup(n string) slog.Handler      { return warnOnly{w.Handler.WithGroup(n)} }

func (s *Server) listenFailed(err error) {
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		s.failed <- err
	}
}

// Failed gives the error that ended a listener, if one does.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop ends everything in order: no new requests, waiting polls end, jobs
// finish, the keeper's child stops, then the database. Backups that run on
// hosts go on and report when a control plane is back.
func (s *Server) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	riverErr := s.river.Stop(ctx)
	s.stop() // ends waiting polls, streams and the keeper
	err := errors.Join(riverErr, shutdown(ctx, s.agents), shutdown(ctx, s.web))
	s.running.Wait()
	return errors.Join(err, s.DB.Close(ctx))
}

func shutdown(ctx context.Context, h *http.Server) error {
	if err := h.Shutdown(ctx); err != nil {
		return h.Close()
	}
	return nil
}
