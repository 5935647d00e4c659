package store_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/testdb"
)

func migrated(t *testing.T) (*store.Store, string) {
	t.Helper()
	url := testdb.NewFromTemplate(t, "holdfast", func(url string) error {
		return store.Migrate(context.Background(), url, slog.New(slog.DiscardHandler))
	})
	s, err := store.Open(t.Context(), store.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, url
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func TestMigrate_UpDownUp(t *testing.T) {
	t.Parallel()
	url := testdb.New(t)
	for _, step := range []string{"up", "down", "up"} {
		var err error
		if step == "up" {
			err = store.Migrate(t.Context(), url, slog.New(slog.DiscardHandler))
		} else {
			err = store.MigrateDown(t.Context(), url)
		}
		if err != nil {
			t.Fatalf("%s: %v", step, err)
		}
	}
}

func TestMigrate_IsSafeForSeveralProcessesAtOnce(t *testing.T) {
	t.Parallel()
	url := testdb.New(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := store.Migrate(context.Background(), url, slog.New(slog.DiscardHandler)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// Every table with a tenant_id has forced row-level security, a policy for
// each role, and a key that begins with tenant_id.
func TestSchema_EveryTenantTableIsFencedOff(t *testing.T) {
	t.Parallel()
	_, url := migrated(t)
	c := connect(t, url)
	rows, err := c.Query(t.Context(), `
		SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
		  (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid),
		  EXISTS (SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
		          WHERE i.indrelid = c.oid AND i.indisunique AND a.attname = 'tenant_id')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND EXISTS (
		  SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)`)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for rows.Next() {
		var name string
		var forced, keyed bool
		var policies int
		if err := rows.Scan(&name, &forced, &policies, &keyed); err != nil {
			t.Fatal(err)
		}
		seen++
		if !forced || policies < 3 || !keyed {
			t.Errorf("%s: forced=%v policies=%d keyed by tenant=%v", name, forced, policies, keyed)
		}
	}
	if rows.Err() != nil || seen < 7 {
		t.Fatalf("saw %d tables, %v", seen, rows.Err())
	}
}

func TestLogin_HasNoRightOnAnyTable(t *testing.T) {
	t.Parallel()
	_, url := migrated(t)
	c := connect(t, url)
	var n int
	err := c.QueryRow(t.Context(), `SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname IN ('public', 'river') AND c.relkind IN ('r', 'p', 'v')
		AND (has_table_privilege('holdfast_login', c.oid, 'SELECT,INSERT,UPDATE,DELETE,TRUNCATE')
		  OR has_any_column_privilege('holdfast_login', c.oid, 'SELECT,INSERT,UPDATE'))`).Scan(&n)
	if err != nil || n != 0 {
		t.Fatalf("the login role has rights on %d tables, %v", n, err)
	}
	var bypass bool
	if err := c.QueryRow(t.Context(), `SELECT bool_or(rolbypassrls OR rolsuper) FROM pg_roles WHERE rolname LIKE 'holdfast%'`).Scan(&bypass); err != nil || bypass {
		t.Fatalf("a role bypasses row-level security: %v, %v", bypass, err)
	}
}

func TestEvents_AreAppendOnlyEvenForTheOwner(t *testing.T) {
	t.Parallel()
	s, url := migrated(t)
	err := s.Tx(t.Context(), authz.System("test"), func(ctx context.Context, tx *store.Tx) error {
		return tx.Event(ctx, "tested", store.Subject{Kind: "site"}, map[string]any{"a": 1})
	})
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, url)
	for _, q := range []string{"UPDATE event SET actor = 'x'", "DELETE FROM event", "TRUNCATE event"} {
		if _, err := c.Exec(t.Context(), q); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", q, err)
		}
	}
}

func TestTx_OpensNothingWithoutAGrant(t *testing.T) {
	t.Parallel()
	s, _ := migrated(t)
	err := s.Tx(t.Context(), authz.Grant{}, func(context.Context, *store.Tx) error {
		t.Error("the function ran")
		return nil
	})
	if !errs.Is(err, errs.Forbidden) {
		t.Fatalf("got %v", err)
	}
}

func TestTx_ARollbackTakesItsJobsAndEventsAlong(t *testing.T) {
	t.Parallel()
	s, url := migrated(t)
	tid := id.New[id.Tenant]()
	stop := errs.New(errs.Conflict, "stop")
	err := s.Tx(t.Context(), authz.System("test"), func(ctx context.Context, tx *store.Tx) error {
		if err := tx.InsertTenant(ctx, dbq.InsertTenantParams{ID: tid, Name: "A", Slug: "a", CreatedAt: tx.Now}); err != nil {
			return err
		}
		if err := tx.Event(ctx, "made", store.Subject{Kind: "tenant", Tenant: tid}, nil); err != nil {
			return err
		}
		return stop
	})
	if !errs.Is(err, errs.Conflict) {
		t.Fatal(err)
	}
	var n int
	if err := connect(t, url).QueryRow(t.Context(), "SELECT (SELECT count(*) FROM tenant) + (SELECT count(*) FROM event)").Scan(&n); err != nil || n != 0 {
		t.Fatalf("%d rows stayed, %v", n, err)
	}
}
