package serve

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/embedpg"
	"holdfast/internal/errs"
	"holdfast/internal/seal"
	"holdfast/internal/store"
)

// Database is an open database, and the embedded cluster if it is one of ours.
type Database struct {
	Store   *store.Store
	URL     string // of the login role
	owner   string // of the owner, for migrations
	cluster *embedpg.Cluster
}

const (
	embeddedName  = "holdfast"
	embeddedOwner = "holdfast_migrate"
)

// OpenDatabase opens the database of c, starting the embedded one if there is
// no URL, and migrates it if asked.
func OpenDatabase(ctx context.Context, c Config, migrate bool) (*Database, error) {
	d := &Database{URL: c.DatabaseURL, owner: c.MigrateURL}
	if d.owner == "" {
		d.owner = d.URL
	}
	if c.DatabaseURL == "" {
		if err := d.embed(ctx, c); err != nil {
			return nil, errors.Join(err, d.Close(context.WithoutCancel(ctx)))
		}
	}
	if migrate {
		if err := store.Migrate(ctx, d.owner, c.Logger); err != nil {
			return nil, errors.Join(err, d.Close(context.WithoutCancel(ctx)))
		}
	}
	s, err := store.Open(ctx, store.Options{URL: d.URL, Logger: c.Logger})
	if err != nil {
		return nil, errors.Join(err, d.Close(context.WithoutCancel(ctx)))
	}
	d.Store = s
	return d, nil
}

// embed starts the private cluster and makes our database and its owner.
func (d *Database) embed(ctx context.Context, c Config) error {
	cluster, err := embedpg.Start(ctx, embedpg.Options{StateDir: filepath.Join(c.StateDir, "postgres"), Logger: c.Logger})
	if err != nil {
		return err
	}
	d.cluster = cluster
	conn, err := pgx.Connect(ctx, cluster.URL(embedpg.Superuser, "postgres"))
	if err != nil {
		return fmt.Errorf("embedded PostgreSQL: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	// Two processes may come here at once: one lock around the look and the making.
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(1)"); err != nil {
		return fmt.Errorf("embedded PostgreSQL: %w", err)
	}
	var role, database bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1), EXISTS (SELECT 1 FROM pg_database WHERE datname = $2)",
		embeddedOwner, embeddedName).Scan(&role, &database)
	if err == nil && !role {
		_, err = conn.Exec(ctx, "CREATE ROLE "+embeddedOwner+" LOGIN CREATEROLE")
	}
	if err == nil && !database {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+embeddedName+" OWNER "+embeddedOwner+" ENCODING 'UTF8' TEMPLATE template0")
	}
	if err != nil {
		return fmt.Errorf("embedded PostgreSQL: %w", err)
	}
	d.URL, d.owner = cluster.URL("holdfast_login", embeddedName), cluster.URL(embeddedOwner, embeddedName)
	return nil
}

// Superuser is the address of our own cluster's superuser, who seeds a demo; ""
// where the database is somebody else's.
func (d *Database) Superuser() string {
	if d.cluster == nil {
		return ""
	}
	return d.cluster.URL(embedpg.Superuser, embeddedName)
}

// Close ends the connections, and the embedded cluster if this process owns it.
func (d *Database) Close(ctx context.Context) error {
	if d.Store != nil {
		d.Store.Close()
	}
	if d.cluster != nil {
		return d.cluster.Stop(ctx)
	}
	return nil
}

// MasterKey reads the master key, which every setting with secrets needs.
func MasterKey(c Config) (seal.Key, error) {
	if c.MasterKeyFile == "" {
		return seal.Key{}, errs.New(errs.Invalid, "HOLDFAST_MASTER_KEY_FILE: name the file of the master key; make one with: holdfast key new --file FILE, and keep a copy in a safe")
	}
	return seal.ReadKey(c.MasterKeyFile)
}

// Console opens the use cases for the machine's own command line. The caller
// closes the database.
func Console(ctx context.Context, c Config) (*app.App, *Database, error) {
	key, err := MasterKey(c)
	if err != nil {
		return nil, nil, err
	}
	d, err := OpenDatabase(ctx, c, false)
	if err != nil {
		return nil, nil, err
	}
	a := app.New(d.Store, key, NewStorage(key, "", ""), clock.System{}, c.Logger)
	c.People.URL = c.People.at("http://" + c.Listen)
	if err := c.People.use(a, c.Hoster.Name, c.Logger); err != nil {
		return nil, nil, errors.Join(err, d.Close(context.WithoutCancel(ctx)))
	}
	if err := a.CheckKey(ctx); errs.Is(err, errs.Invalid) {
		return nil, nil, errors.Join(err, d.Close(context.WithoutCancel(ctx)))
	}
	return a, d, nil
}
