package embedpg

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Options say where the cluster lives.
type Options struct {
	StateDir, BinDir string
	Logger           *slog.Logger
	Port             int
	Unsafe           bool
	Settings         map[string]string
	StartTimeout     time.Duration
}

// Cluster is a running private PostgreSQL.
type Cluster struct {
	SocketDir string
	Port      int
	Owned     bool
	BinDir    string
}

// Start starts it.
func Start(context.Context, Options) (*Cluster, error) { return nil, errors.New("not built yet") }

// URL gives one.
func (c *Cluster) URL(user, database string) string { return "" }

// Stop stops.
func (c *Cluster) Stop(context.Context) error { return nil }
