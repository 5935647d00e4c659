// Package sitedb handles a Moodle site's own database, MariaDB/MySQL or
// PostgreSQL: dump, load, count, compare, and scratch servers. It decides when
// a dump is whole and when a database may be filled. It never changes a live
// site's rows, keeps no dump on disk, and puts no password into an argument,
// an environment, a log or an error.
package sitedb

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"holdfast/internal/errs"
)

// Flavour is the kind of server that holds a site.
type Flavour string

// The flavours. MariaDB and MySQL share a family: the same protocol, driver
// and dump format, with small differences between the clients.
const (
	MariaDB    Flavour = "mariadb"
	MySQL      Flavour = "mysql"
	PostgreSQL Flavour = "postgres"
)

// Family gives "mysql" or "postgres".
func (f Flavour) Family() string {
	if f == PostgreSQL {
		return "postgres"
	}
	return "mysql"
}

// Format is what a dump's stream holds.
type Format string

// The formats of dumps.
const (
	FormatSQL      Format = "sql"      // mariadb-dump or mysqldump, plain text
	FormatPGCustom Format = "pgcustom" // pg_dump -Fc
)

// Conn says where a site's database is. Socket wins over Host and Port; for
// PostgreSQL, Socket is the directory of the socket.
type Conn struct {
	Flavour  Flavour `json:"flavour"`
	Host     string  `json:"host,omitempty"`
	Port     int     `json:"port,omitempty"`
	Socket   string  `json:"socket,omitempty"`
	Name     string  `json:"name"`
	User     string  `json:"user"`
	Password string  `json:"-"`
	Prefix   string  `json:"prefix"`
}

// String names the database without its password.
func (c Conn) String() string {
	at := c.Socket
	if at == "" {
		at = net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
	}
	return fmt.Sprintf("%s database %s at %s", c.Flavour, c.Name, at)
}

// GoString keeps %#v from printing the password.
func (c Conn) GoString() string { return c.String() }

// Table is one table and the number of its rows.
type Table struct {
	Name string `json:"name"`
	Rows int64  `json:"rows"`
}

// DumpProgress is told while a dump runs.
type DumpProgress struct {
	Bytes  int64 // bytes written so far
	Tables int   // tables begun so far (mysql family only)
	Total  int   // tables in all
}

// DumpOptions are the limits and the listener of a dump.
type DumpOptions struct {
	Progress func(DumpProgress)
	// Stall is how long the client may write nothing, while we wait for it,
	// before it counts as hung. Default 10 minutes.
	Stall time.Duration
	// Now is the instant that upgraderunning is compared with; default the system clock's.
	Now func() time.Time
	// Files hears of each row of the site's files table that names content, as
	// it passes in the dump, and External of each content that an object store
	// holds alone; nil for no interest. They are called by one goroutine at a
	// time, never after Dump has returned, and hold the dump up while they run.
	// A dump that fails may have told anything.
	Files    func(NamedFile)
	External func(hash string)
}

// DumpReport says what a whole dump holds.
type DumpReport struct {
	Tables        []Table `json:"tables"`
	ServerVersion string  `json:"server_version"`
	ClientVersion string  `json:"client_version"`
	Format        Format  `json:"format"`
	OtherTables   int     `json:"other_tables"` // tables of other prefixes in the same database, left out
	Bytes         int64   `json:"bytes"`
	SHA256        string  `json:"sha256"`
	// Versions are what the dump says is installed; VersionsErr is why they
	// could not be read, which makes the dump no worse.
	Versions    Versions `json:"versions"`
	VersionsErr error    `json:"-"`
	// Named says how the reading of the files table went, where DumpOptions.Files was set.
	Named NamedReport `json:"named"`
}

// Rows gives the rows of all tables.
func (r DumpReport) Rows() int64 {
	var n int64
	for _, t := range r.Tables {
		n += t.Rows
	}
	return n
}

// UpgradeRunningError refuses a dump while Moodle's own upgrade is at work.
type UpgradeRunningError struct{ Until time.Time }

// Error names the instant the site itself waits for.
func (e *UpgradeRunningError) Error() string {
	return "the site is being upgraded (upgraderunning lies in the future, until " + e.Until.UTC().Format(time.RFC3339) + "); a dump now would be of half an upgrade"
}

// upgradeRunning makes the error a caller sees; errors.As finds the type.
func upgradeRunning(until time.Time) error {
	return errs.Wrap(errs.Unavailable, &UpgradeRunningError{Until: until}, "The site is being upgraded; its database is dumped when the upgrade has ended.")
}

type retryableError struct{ err error }

func (e *retryableError) Error() string { return e.err.Error() }
func (e *retryableError) Unwrap() error { return e.err }

// IsRetryable tells whether a table changed under the dump (errors 1412 and
// 1146 and their kin): the caller discards the stream and dumps again.
func IsRetryable(err error) bool {
	var r *retryableError
	return errors.As(err, &r)
}

// LoadProgress is told while a load runs.
type LoadProgress struct {
	Bytes  int64 // given to the client so far
	Tables int   // begun so far (mysql family only)
}

// LoadOptions say what may happen to what is there.
type LoadOptions struct {
	// Replace empties the database first; without it a database with any
	// table is refused (errs.Conflict).
	Replace bool
	// Beside loads among tables of other prefixes, which are left alone. The
	// dump must hold tables of the connection's prefix only, and none of them
	// may be there yet; a load that fails removes just these.
	Beside bool
	// Progress hears how far the load is; may be nil.
	Progress func(LoadProgress)
	// Stall is how long the client may take no byte before it counts as hung.
	// Default 30 minutes.
	Stall time.Duration
}
