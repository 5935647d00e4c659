package sitedb

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"

	"holdfast/internal/errs"
)

// planMySQL tries both ways with an empty table.
func (x *exchange) planMySQL(ctx context.Context) error {
	var triggers int
	err := x.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.triggers WHERE event_object_schema = DATABASE()").Scan(&triggers)
	if err != nil {
		return fmt.Errorf("count the triggers: %w", err)
	}
	if triggers > 0 {
		x.Why = fmt.Sprintf("The database has %d triggers, which keep tables from being moved between databases.", triggers)
	} else {
		x.Way = WayDatabase
		if err = x.tryMySQL(ctx); err == nil {
			return nil
		}
		var my *mysql.MySQLError
		if !errors.As(err, &my) {
			return err
		}
		x.Why = "The site's database user may not create databases."
	}
	x.Way = WayAside
	if err := x.tryMySQL(ctx); err != nil {
		return errs.Wrap(errs.Forbidden, err, "The site's database user may not create and rename tables; give it ALL on the database %s.", x.Name)
	}
	return nil
}

// tryMySQL makes an empty table in the new tables' place, moves it into the
// site's and on to the old ones', and removes all of it again.
func (x *exchange) tryMySQL(ctx context.Context) (err error) {
	probe := "holdfast_" + x.ID + "n_probe"
	q := x.c.Flavour.quote
	first, live, last := q(x.Name)+"."+q(probe+"1"), q(x.Name)+"."+q(probe), q(x.Name)+"."+q(probe+"2")
	statements := []string{}
	if x.Way == WayDatabase {
		first, last = q(x.named("n"))+"."+q(probe), q(x.named("o"))+"."+q(probe)
		defer func() {
			for _, what := range []string{"n", "o"} {
				if _, e := x.db.ExecContext(context.WithoutCancel(ctx), "DROP DATABASE IF EXISTS "+q(x.named(what))); err == nil && e != nil {
					err = e
				}
			}
		}()
		for _, what := range []string{"n", "o"} {
			if err := x.createMySQL(ctx, x.named(what)); err != nil {
				return err
			}
		}
	}
	defer func() {
		for _, t := range []string{first, live, last} {
			if _, e := x.db.ExecContext(context.WithoutCancel(ctx), "DROP TABLE IF EXISTS "+t); err == nil && e != nil {
				err = e
			}
		}
	}()
	statements = append(statements, "CREATE TABLE "+first+" (id int)", "INSERT INTO "+first+" VALUES (1)",
		"RENAME TABLE "+first+" TO "+live, "RENAME TABLE "+live+" TO "+last)
	for _, s := range statements {
		if _, err := x.db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("try out the exchange: %w", err)
		}
	}
	return nil
}

// createMySQL makes a database like the site's own.
func (x *exchange) createMySQL(ctx context.Context, name string) error {
	var charset, collation string
	err := x.db.QueryRowContext(ctx, "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata WHERE schema_name = DATABASE()").Scan(&charset, &collation)
	if err != nil {
		return fmt.Errorf("ask for the database's character set: %w", err)
	}
	if !collationName.MatchString(charset) || !collationName.MatchString(collation) {
		return fmt.Errorf("the database's character set is called %q %q", charset, collation)
	}
	_, err = x.db.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS "+x.c.Flavour.quote(name)+" CHARACTER SET "+charset+" COLLATE "+collation)
	return err
}
