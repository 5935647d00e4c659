// Package store is the control plane's only way to its database. It opens
// transactions for grants, gives them the row-level rights of the grant's
// scope, writes events and enqueues River jobs inside them. It decides nothing
// of the domain.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"holdfast/internal/authz"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
)

// Options say where the database is.
type Options struct {
	URL      string // of the login role; see Migrate for the owner's
	WebConns int32  // connections for pages, the API and agents; 0 means 12
	Clock    clock.Clock
	Logger   *slog.Logger
}

// Store is the database. It is safe for several goroutines.
type Store struct {
	pool   *pgxpool.Pool
	insert *river.Client[pgx.Tx]
	clock  clock.Clock
	log    *slog.Logger
}

// Open connects and checks that the schema is there. The error says what to do.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.WebConns == 0 {
		o.WebConns = 12
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	pool, err := NewPool(ctx, o.URL, o.WebConns, loginRole)
	if err != nil {
		return nil, err
	}
	s := &Store{pool: pool, clock: o.Clock, log: o.Logger}
	s.insert, err = river.NewClient(riverpgxv5.New(pool), &river.Config{Schema: RiverSchema, Logger: o.Logger})
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("river client: %w", err)
	}
	return s, nil
}

const (
	loginRole = "holdfast_login"
	// WorkerRole is the role of River's own connections.
	WorkerRole = "holdfast_worker"
	// RiverSchema holds River's tables.
	RiverSchema = "river"
)

// NewPool opens a pool whose connections take role after connecting, which
// for a login that already is holdfast_login changes nothing.
func NewPool(ctx context.Context, url string, conns int32, role string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errs.New(errs.Invalid, "HOLDFAST_DATABASE_URL: is not a PostgreSQL address, like postgres://holdfast_login@db/holdfast")
	}
	cfg.MaxConns = conns
	cfg.ConnConfig.ConnectTimeout = 10 * time.Second
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "SET ROLE "+pgx.Identifier{role}.Sanitize())
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("database pool: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		var pe *pgconn.PgError
		if errors.As(err, &pe) && pe.Code == "22023" || errors.As(err, &pe) && pe.Code == "42704" {
			return nil, errs.Wrap(errs.Unavailable, err, "The database has no role %s yet; run: holdfast migrate", role)
		}
		return nil, unreachable(err, "HOLDFAST_DATABASE_URL")
	}
	return pool, nil
}

// Close ends all connections.
func (s *Store) Close() { s.pool.Close() }

// Now gives the store's time.
func (s *Store) Now() time.Time { return s.clock.Now().UTC() }

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// Tx is one transaction with the rights of its grant. Now is frozen when it
// begins, in UTC at the database's precision.
type Tx struct {
	*dbq.Queries
	Now   time.Time
	grant authz.Grant
	tx    pgx.Tx
	river *river.Client[pgx.Tx]
}

// Tx runs fn in one transaction with the rights of g, and commits if fn gives
// no error. It tries once more on a serialization failure or deadlock, so fn
// must have no effect outside the transaction.
func (s *Store) Tx(ctx context.Context, g authz.Grant, fn func(ctx context.Context, tx *Tx) error) error {
	for try := 0; ; try++ {
		err := s.once(ctx, g, fn)
		var pe *pgconn.PgError
		if try < 2 && errors.As(err, &pe) && (pe.Code == "40001" || pe.Code == "40P01") {
			continue
		}
		return err
	}
}

func (s *Store) once(ctx context.Context, g authz.Grant, fn func(ctx context.Context, tx *Tx) error) error {
	role := ""
	switch g.Scope() {
	case authz.StaffScope:
		role = "holdfast_staff"
	case authz.TenantScope:
		role = "holdfast_tenant"
	case authz.WorkerScope:
		role = WorkerRole
	default:
		return errs.New(errs.Forbidden, "You may not do this.")
	}
	t, err := s.pool.Begin(ctx)
	if err != nil {
		return unavailable(err)
	}
	defer func() { _ = t.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := t.Exec(ctx, "SELECT set_config('role', $1, true), set_config('app.tenant_id', $2, true)", role, g.Tenant().String()); err != nil {
		return unavailable(err)
	}
	tx := &Tx{Queries: dbq.New(t), Now: s.Now().Truncate(time.Microsecond), grant: g, tx: t, river: s.insert}
	if err := fn(ctx, tx); err != nil {
		return translate(err)
	}
	if err := t.Commit(ctx); err != nil {
		return translate(fmt.Errorf("commit: %w", err))
	}
	return nil
}

func unavailable(err error) error {
	return errs.Wrap(errs.Unavailable, err, "The database does not answer; try again in a moment.")
}

// translate gives database errors the kind that a caller can act on.
func translate(err error) error {
	var ours *errs.Error
	if errors.As(err, &ours) {
		return err
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return errs.Wrap(errs.NotFound, err, "There is no such thing, or none that you may see.")
	}
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		var ce *pgconn.ConnectError
		if errors.As(err, &ce) || pgconn.SafeToRetry(err) {
			return unavailable(err)
		}
		return err
	}
	switch pe.Code {
	case "23505":
		return errs.Wrap(errs.Conflict, err, "This exists already (%s).", pe.ConstraintName)
	case "42501":
		return errs.Wrap(errs.Forbidden, err, "You may not do this.")
	case "57P01", "57P02", "57P03", "53300":
		return unavailable(err)
	}
	return err
}

// Constraint gives the name of the unique constraint that err broke, or "".
func Constraint(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) && pe.Code == "23505" {
		return pe.ConstraintName
	}
	return ""
}

// Enqueue inserts River jobs that exist only if the transaction commits. It
// needs no right to read River's tables, which a customer's role has not.
func (tx *Tx) Enqueue(ctx context.Context, jobs ...river.InsertManyParams) error {
	if len(jobs) == 0 {
		return nil
	}
	if _, err := tx.river.InsertManyFastTx(ctx, tx.tx, jobs); err != nil {
		return fmt.Errorf("enqueue: %w", err)
	}
	return nil
}

// The channels of Notify and Listen.
const (
	ChannelWork = "holdfast_work" // payload: a host's id, which has new work
	ChannelTask = "holdfast_task" // payload: a destination's id, whose keeper has a task
	ChannelRuns = "holdfast_runs" // payload: a run's id, which moved
)

// Notify wakes listeners when the transaction commits.
func (tx *Tx) Notify(ctx context.Context, channel, payload string) error {
	_, err := tx.tx.Exec(ctx, "SELECT pg_notify($1, $2)", channel, payload)
	return err
}

// Subject is what an event is about.
type Subject struct {
	Kind   string // "run", "copy", "site", "host", "account", ...
	ID     uuid.UUID
	Tenant id.Tenant // none for what belongs to no tenant
	Site   id.Site
}

// Event appends to the event log, in the same transaction as what it tells.
func (tx *Tx) Event(ctx context.Context, verb string, of Subject, detail map[string]any) error {
	if detail == nil {
		detail = map[string]any{}
	}
	b, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("event detail: %w", err)
	}
	p := dbq.InsertEventParams{
		ID: id.New[id.Event](), At: tx.Now, Actor: tx.grant.Actor(), Verb: verb, SubjectKind: of.Kind, Detail: b,
		TenantID: of.Tenant, SiteID: of.Site,
	}
	if of.ID != uuid.Nil {
		p.SubjectID = &of.ID
	}
	if at := address(ctx); at != "" && tx.grant.Scope() != authz.WorkerScope {
		p.Address = &at
	}
	return tx.InsertEvent(ctx, p)
}

type addressKey struct{}

// WithAddress makes the events of what a person does note from where: the
// network, as the door that they came by knows it. What the system does notes
// none, whoever caused it.
func WithAddress(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, addressKey{}, address)
}

// Address gives from where the person of ctx acts, "" where that is not known.
func Address(ctx context.Context) string { return address(ctx) }

func address(ctx context.Context) string {
	s, _ := ctx.Value(addressKey{}).(string)
	if len(s) > 64 {
		return ""
	}
	return s
}

// Actor names who acts, as the event log does.
func (tx *Tx) Actor() string { return tx.grant.Actor() }

// Optional turns an identifier into a query's optional parameter: none is NULL.
func Optional(u uuid.UUID) pgtype.UUID { return pgtype.UUID{Bytes: u, Valid: u != uuid.Nil} }
