package vault

import (
	"log/slog"
	"net/http"

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
}

// Server is the vault: an http.Handler for everything under PathPrefix.
type Server struct{ cfg ServerConfig }

// NewServer checks cfg and makes the vault.
func NewServer(cfg ServerConfig) (*Server, error) { return &Server{cfg: cfg}, nil }

// ServeHTTP answers one request of a client.
func (s *Server) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, string(errs.Unsupported), http.StatusNotImplemented)
}
