package testdb_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/testdb"
)

func exec(t *testing.T, url, sql string) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background()) //nolint:errcheck // a test's
	_, err = conn.Exec(t.Context(), sql)
	return err
}

func TestNew_GivesEachTestItsOwn(t *testing.T) {
	t.Parallel()
	for range 3 {
		t.Run("one", func(t *testing.T) {
			t.Parallel()
			if err := exec(t, testdb.New(t), "CREATE TABLE a(id int)"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestNewFromTemplate_BuildsOnce(t *testing.T) {
	t.Parallel()
	var built atomic.Int64
	for range 4 {
		t.Run("clone", func(t *testing.T) {
			t.Parallel()
			url := testdb.NewFromTemplate(t, "x", func(url string) error {
				built.Add(1)
				return exec(t, url, "CREATE TABLE b(id int primary key)")
			})
			if err := exec(t, url, "INSERT INTO b VALUES (1)"); err != nil {
				t.Fatal(err)
			}
			if n := built.Load(); n != 1 {
				t.Errorf("built %d times", n)
			}
		})
	}
}
