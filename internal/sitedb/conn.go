package sitedb

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"holdfast/internal/errs"
	"holdfast/internal/moodle"
)

// FromMoodle gives the database that a config.php names, as PHP would reach it:
// for MySQL, "localhost" means the default socket.
func FromMoodle(d moodle.Database) (Conn, error) {
	c := Conn{Host: d.Host, Port: d.Port, Socket: d.Socket, Name: d.Name, User: d.User, Password: d.Password, Prefix: d.Prefix}
	switch d.Type {
	case "mariadb":
		c.Flavour = MariaDB
	case "mysqli", "mysql", "auroramysql":
		c.Flavour = MySQL
	case "pgsql":
		c.Flavour = PostgreSQL
	default:
		return Conn{}, errs.New(errs.Unsupported, "The site's database is of type %q; only mariadb, mysqli, auroramysql and pgsql can be copied.", d.Type)
	}
	if c.Name == "" {
		return Conn{}, errs.Field("dbname", "config.php names no database; if it reads the name from the environment, set the override.")
	}
	return c.settle(), nil
}

// ParseURL reads mariadb://user:password@host:port/name?socket=/path&prefix=mdl_,
// the same with mysql:// or mysqli://, and postgres://…, where host=/directory
// in the query may name the socket's directory. Its errors hold no password.
func ParseURL(s string) (Conn, error) {
	u, err := url.Parse(s)
	if err != nil {
		return Conn{}, errs.Field("database", "The address of the database cannot be read; write mariadb://user:password@host:port/name or postgres://user:password@host:port/name, with special characters of the password as %%XX.")
	}
	c := Conn{Host: u.Hostname(), Name: strings.TrimPrefix(u.Path, "/"), User: u.User.Username()}
	c.Password, _ = u.User.Password()
	q := u.Query()
	c.Socket, c.Prefix = q.Get("socket"), q.Get("prefix")
	switch u.Scheme {
	case "mariadb":
		c.Flavour = MariaDB
	case "mysql", "mysqli", "auroramysql":
		c.Flavour = MySQL
	case "postgres", "postgresql", "pgsql":
		c.Flavour = PostgreSQL
		if h := q.Get("host"); h != "" {
			c.Host = h
		}
	default:
		return Conn{}, errs.Field("database", "The address of the database must begin with mariadb://, mysql:// or postgres://.")
	}
	port := u.Port()
	if port == "" {
		port = q.Get("port")
	}
	if port != "" {
		if c.Port, err = strconv.Atoi(port); err != nil || c.Port < 1 || c.Port > 65535 {
			return Conn{}, errs.Field("database", "The port of the database must be a number from 1 to 65535.")
		}
	}
	if c.Name == "" {
		return Conn{}, errs.Field("database", "The address names no database: its path is the database's name.")
	}
	return c.settle(), nil
}

// settle fills in what is left to convention.
func (c Conn) settle() Conn {
	if host, port, err := net.SplitHostPort(c.Host); err == nil && c.Port == 0 {
		if n, err := strconv.Atoi(port); err == nil {
			c.Host, c.Port = host, n
		}
	}
	if strings.HasPrefix(c.Host, "/") && c.Socket == "" {
		c.Socket, c.Host = c.Host, ""
	}
	if c.Flavour == PostgreSQL {
		if name := filepath.Base(c.Socket); strings.HasPrefix(name, ".s.PGSQL.") {
			c.Socket = filepath.Dir(c.Socket)
			if n, err := strconv.Atoi(strings.TrimPrefix(name, ".s.PGSQL.")); err == nil && c.Port == 0 {
				c.Port = n
			}
		}
		if c.Port == 0 {
			c.Port = 5432
		}
		if c.Host == "" && c.Socket == "" {
			c.Socket = firstExisting("/var/run/postgresql", "/run/postgresql", "/tmp")
		}
		return c
	}
	if c.Socket == "" && (c.Host == "localhost" || c.Host == "") && c.Port == 0 {
		c.Socket = firstExisting("/run/mysqld/mysqld.sock", "/var/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock")
	}
	if c.Port == 0 {
		c.Port = 3306
	}
	if c.Host == "" {
		c.Host = "127.0.0.1"
	}
	return c
}

func firstExisting(paths ...string) string {
	for _, p := range paths {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return ""
}
