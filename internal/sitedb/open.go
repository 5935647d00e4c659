package sitedb

import (
	"database/sql"
	"fmt"
	"io"
	"log"
	"net"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"
)

// openMySQL opens a pool of few connections to a server of the MySQL family.
// Its password stays in memory. No connection is made yet.
func openMySQL(c Conn) (*sql.DB, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName = c.User, c.Password, c.Name
	cfg.Net, cfg.Addr = "tcp", net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
	if c.Socket != "" {
		cfg.Net, cfg.Addr = "unix", c.Socket
	} else {
		cfg.TLSConfig = "preferred"
	}
	cfg.Timeout = 20 * time.Second
	cfg.InterpolateParams = true // account statements take no prepared parameters
	cfg.Collation = "utf8mb4_general_ci"
	cfg.Logger = log.New(io.Discard, "", 0)
	cfg.AllowNativePasswords = true
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("prepare a connection to %s: %w", c, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(4)
	return db, nil
}
