package minimoodle

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"holdfast/internal/moodle"
)

// batch is how many rows go into one INSERT.
const batch = 50

// store is a connection to the miniature's database.
type store struct {
	*sql.DB
	dialect
	prefix string
}

// connect opens a site's database by what its config.php says.
func connect(db moodle.Database) (*store, error) {
	if db.Type == "pgsql" {
		return connectPostgres(db)
	}
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName = db.User, db.Password, db.Name
	cfg.Collation = "utf8mb4_unicode_ci"
	cfg.InterpolateParams = true
	cfg.Timeout = 10 * time.Second
	cfg.Logger = log.New(io.Discard, "", 0)
	port := db.Port
	if port == 0 {
		port = 3306
	}
	cfg.Net, cfg.Addr = "tcp", net.JoinHostPort(db.Host, strconv.Itoa(port))
	if db.Socket != "" {
		cfg.Net, cfg.Addr = "unix", db.Socket
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the database %q: %w", db.Name, err)
	}
	return &store{DB: sql.OpenDB(connector), prefix: db.Prefix}, nil
}

func connectPostgres(db moodle.Database) (*store, error) {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(db.User, db.Password), Path: "/" + db.Name}
	q := url.Values{"sslmode": {"disable"}}
	host := db.Host
	if db.Socket != "" {
		host = db.Socket
	}
	q.Set("host", host)
	if db.Port != 0 {
		q.Set("port", strconv.Itoa(db.Port))
	}
	u.RawQuery = q.Encode()
	cfg, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, fmt.Errorf("connect to the database %q: its parameters cannot be read", db.Name)
	}
	return &store{DB: stdlib.OpenDB(*cfg), dialect: dialect{postgres: true}, prefix: db.Prefix}, nil
}

// insert adds rows with ids of their own, 1 and up. All rows of a table name
// the same columns.
func (s *store) insert(ctx context.Context, t string, columns []string, rows [][]any) error {
	for at := 0; at < len(rows); at += batch {
		part := rows[at:min(at+batch, len(rows))]
		var q strings.Builder
		fmt.Fprintf(&q, "INSERT INTO %s (", s.quote(s.prefix+t))
		for i, c := range columns {
			if i > 0 {
				q.WriteString(", ")
			}
			q.WriteString(s.quote(c))
		}
		q.WriteString(") VALUES ")
		var args []any
		for i, r := range part {
			if i > 0 {
				q.WriteString(", ")
			}
			q.WriteString("(")
			for j, v := range r {
				if j > 0 {
					q.WriteString(", ")
				}
				args = append(args, v)
				q.WriteString(s.mark(len(args)))
			}
			q.WriteString(")")
		}
		if _, err := s.ExecContext(ctx, q.String(), args...); err != nil {
			return fmt.Errorf("insert into %s: %w", t, err)
		}
	}
	return nil
}

// mark is the n-th parameter.
func (s *store) mark(n int) string {
	if s.postgres {
		return "$" + strconv.Itoa(n)
	}
	return "?"
}

// rewrite puts the family's marks in place of ?.
func (s *store) rewrite(q string) string {
	var out strings.Builder
	n := 0
	for _, c := range q {
		if c == '?' {
			n++
			out.WriteString(s.mark(n))
			continue
		}
		out.WriteRune(c)
	}
	return out.String()
}

func (b *builder) fillDatabase(ctx context.Context) error {
	s, err := connect(b.Site.DB)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	s.SetMaxOpenConns(1)
	for _, t := range tables {
		for _, q := range s.create(b.Prefix, t) {
			if _, err := s.ExecContext(ctx, q); err != nil {
				return fmt.Errorf("create %s: %w", t.name, err)
			}
		}
	}
	if _, err := s.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	for _, f := range []func(context.Context, *store) error{b.rowsOfSite, b.rowsOfPeople, b.rowsOfFiles, b.rowsOfTasks, b.rowsOfLog} {
		if err := f(ctx, s); err != nil {
			return err
		}
	}
	if _, err := s.ExecContext(ctx, "COMMIT"); err != nil {
		return err
	}
	return b.twins(ctx, s)
}

// twins adds tables of another prefix to the database, among them one that a
// LIKE with an unescaped underscore would take for ours. Two miniatures may
// share a database.
func (b *builder) twins(ctx context.Context, s *store) error {
	if b.Prefix == "" {
		return nil
	}
	for _, name := range []string{"wp_posts", strings.TrimSuffix(b.Prefix, "_") + "x_config"} {
		for _, q := range []string{
			fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (id int NOT NULL PRIMARY KEY, name varchar(50))", s.quote(name)),
			fmt.Sprintf("INSERT INTO %[1]s SELECT 1, 'not ours' FROM (SELECT 1 AS one) AS o WHERE NOT EXISTS (SELECT 1 FROM %[1]s)", s.quote(name)),
		} {
			if _, err := s.ExecContext(ctx, q); err != nil {
				return fmt.Errorf("create %s: %w", name, err)
			}
		}
	}
	return nil
}
