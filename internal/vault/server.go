package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/kopia/kopia/repo/blob"
	"golang.org/x/sync/semaphore"

	"holdfast/internal/clock"
	"holdfast/internal/errs"
)

// ServerConfig is what a Server is made of.
type ServerConfig struct {
	Key          []byte  // signs and checks tokens; at least 32 bytes
	Backend      Backend // where the blobs go
	StateDir     string  // session records; private to the vault and on a lasting disk
	Clock        clock.Clock
	Logger       *slog.Logger
	MaxBlobBytes int64 // the largest blob; 0 means 64 MiB
	MemoryBytes  int64 // blobs held in memory at once, over all requests; 0 means 128 MiB
}

const (
	defaultBlobBytes   = 64 << 20
	defaultMemoryBytes = 128 << 20
	minKeyBytes        = 32
)

// How long a client may take over one request: a fixed part, and time for the
// bytes at the slowest line that is still worth serving.
const (
	requestTime        = 60 * time.Second
	slowestBytesPerSec = 32 << 10
)

// Server is the vault: an http.Handler for everything under PathPrefix. Any
// number of clients may use it at once. It can be stopped at any instant:
// what it acknowledged is on the disk, and clients come back with the rest.
type Server struct {
	cfg    ServerConfig
	mux    *http.ServeMux
	memory *semaphore.Weighted

	mu       sync.Mutex
	stores   map[string]*repositoryStore
	sessions map[string]*session
}

// repositoryStore is the open storage of one repository. Its locks keep two
// requests from putting one blob at once.
type repositoryStore struct {
	blob.Storage
	locks [64]sync.Mutex
}

// NewServer checks cfg and makes the vault. It makes the state directory.
func NewServer(cfg ServerConfig) (*Server, error) {
	if len(cfg.Key) < minKeyBytes {
		return nil, errs.New(errs.Invalid, "The vault's key has at least %d bytes.", minKeyBytes)
	}
	if err := cfg.Backend.Check(); err != nil {
		return nil, err
	}
	if cfg.StateDir == "" {
		return nil, errs.New(errs.Invalid, "The vault needs a directory for its session records.")
	}
	if err := os.MkdirAll(cfg.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the vault's state directory: %w", err)
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.MaxBlobBytes <= 0 {
		cfg.MaxBlobBytes = defaultBlobBytes
	}
	if cfg.MemoryBytes <= 0 {
		cfg.MemoryBytes = defaultMemoryBytes
	}
	cfg.MemoryBytes = max(cfg.MemoryBytes, cfg.MaxBlobBytes)
	s := &Server{
		cfg: cfg, mux: http.NewServeMux(), memory: semaphore.NewWeighted(cfg.MemoryBytes),
		stores: map[string]*repositoryStore{}, sessions: map[string]*session{},
	}
	const repository = PathPrefix + "{site}/{kind}/blobs"
	s.route("GET "+repository, s.list)
	s.route("HEAD "+repository+"/{id}", s.head)
	s.route("GET "+repository+"/{id}", s.get)
	s.route("PUT "+repository+"/{id}", s.put)
	s.route("DELETE "+repository+"/{id}", s.remove)
	return s, nil
}

// Close lets go of the open storages. No request may be running.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all error
	for name, st := range s.stores {
		all = errors.Join(all, st.Close(ctx))
		delete(s.stores, name)
	}
	if all != nil {
		return fmt.Errorf("close the vault's storages: %w", all)
	}
	return nil
}

// ServeHTTP answers one request of a client.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// request is one request whose bearer may do something to its repository.
type request struct {
	*http.Request
	w      http.ResponseWriter
	claims Claims
	store  *repositoryStore
	id     blob.ID
}

// route puts the checks that every request has to pass before do.
func (s *Server) route(pattern string, do func(*request) error) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		s.pace(w, s.cfg.MaxBlobBytes) // a connection may have the last request's deadline still
		q, err := s.admit(w, r)
		if err == nil {
			err = do(q)
		}
		if err != nil {
			s.refuse(w, r, err)
		}
	})
}

func (s *Server) admit(w http.ResponseWriter, r *http.Request) (*request, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return nil, errs.New(errs.Unsigned, "The vault needs a token.")
	}
	c, err := Verify(s.cfg.Key, token, s.cfg.Clock.Now())
	if err != nil {
		return nil, err
	}
	if r.PathValue("site")+"/"+r.PathValue("kind") != c.Repository {
		return nil, errs.New(errs.Forbidden, "This token is for another repository.")
	}
	q := &request{Request: r, w: w, claims: c, id: blob.ID(r.PathValue("id"))}
	if strings.Contains(r.Pattern, "{id}") {
		if err := checkBlob(string(q.id)); err != nil {
			return nil, err
		}
	}
	q.store, err = s.open(r.Context(), c.Repository)
	return q, err
}

func (s *Server) open(ctx context.Context, repository string) (*repositoryStore, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st, ok := s.stores[repository]; ok {
		return st, nil
	}
	// The storage outlives the request that opens it.
	st, err := s.cfg.Backend.Open(context.WithoutCancel(ctx), repository)
	if err != nil {
		return nil, err
	}
	rs := &repositoryStore{Storage: st}
	s.stores[repository] = rs
	return rs, nil
}

// status is what a kind of error is over HTTP. Clients try again after 422,
// 429 and every 5xx but 507.
func status(err error) int {
	switch errs.KindOf(err) {
	case errs.Invalid:
		return http.StatusBadRequest
	case errs.Unsigned:
		return http.StatusUnauthorized
	case errs.Forbidden:
		return http.StatusForbidden
	case errs.NotFound:
		return http.StatusNotFound
	case errs.Conflict:
		return http.StatusConflict
	case errs.TooLarge:
		return http.StatusRequestEntityTooLarge
	case errs.Incomplete:
		return http.StatusUnprocessableEntity
	default:
		switch {
		case errors.Is(err, blob.ErrBlobNotFound):
			return http.StatusNotFound
		case errors.Is(err, blob.ErrInvalidRange):
			return http.StatusRequestedRangeNotSatisfiable
		case isFull(err):
			return http.StatusInsufficientStorage
		default:
			return http.StatusServiceUnavailable
		}
	}
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	code := status(err)
	level := slog.LevelInfo
	switch {
	case code == http.StatusNotFound:
		level = slog.LevelDebug
	case code >= http.StatusInternalServerError:
		level = slog.LevelError
	}
	s.cfg.Logger.Log(r.Context(), level, "vault refused a request",
		"method", r.Method, "path", clip(r.URL.Path), "status", code, "error", err.Error())
	public := "The vault cannot do this now."
	var e *errs.Error
	if errors.As(err, &e) {
		public = errs.Sentence(err)
	} else if code == http.StatusInsufficientStorage {
		public = "The vault's storage is full."
	}
	http.Error(w, public, code)
}

// hold takes n bytes of the memory that blobs may use, waiting for a while.
func (s *Server) hold(ctx context.Context, n int64) (release func(), err error) {
	n = min(max(n, 1), s.cfg.MemoryBytes)
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	if err := s.memory.Acquire(ctx, n); err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "The vault is busy.")
	}
	return func() { s.memory.Release(n) }, nil
}

// pace ends a connection over which n bytes do not move.
func (s *Server) pace(w http.ResponseWriter, n int64) {
	until := s.cfg.Clock.Now().Add(requestTime + time.Duration(n/slowestBytesPerSec)*time.Second)
	if _, real := s.cfg.Clock.(clock.System); !real {
		return // a test's clock is not the connection's
	}
	c := http.NewResponseController(w)
	// A writer that knows no deadlines is one of a test.
	_ = c.SetReadDeadline(until)
	_ = c.SetWriteDeadline(until)
}
