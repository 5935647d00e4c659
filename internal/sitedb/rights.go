package sitedb

import (
	"context"
	"slices"
	"strings"
)

// maxRights is how many rights are told.
const maxRights = 20

// rights reads what the site's user may do beyond its own database.
func (l *living) rights(ctx context.Context) error {
	ask := l.rightsMySQL
	if l.c.Flavour == PostgreSQL {
		ask = l.rightsPostgres
	}
	found, err := ask(ctx)
	if err != nil {
		return err
	}
	slices.Sort(found)
	found = slices.Compact(found)
	l.Rights = append([]string{}, found[:min(len(found), maxRights)]...)
	return nil
}

func (l *living) rightsPostgres(ctx context.Context) ([]string, error) {
	var super, role, database, replication, bypass bool
	err := l.db.QueryRowContext(ctx, "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = current_user").
		Scan(&super, &role, &database, &replication, &bypass)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range []struct {
		has  bool
		name string
	}{{super, "SUPERUSER"}, {role, "CREATEROLE"}, {database, "CREATEDB"}, {replication, "REPLICATION"}, {bypass, "BYPASSRLS"}} {
		if r.has {
			out = append(out, r.name)
		}
	}
	if super {
		return out, nil // it is a member of all and may own anything
	}
	more, err := pairs(ctx, l.db, "SELECT 'member of', rolname::text FROM pg_roles WHERE rolname ~ '^pg_' AND rolname <> 'pg_database_owner' AND pg_has_role(current_user, oid, 'member') "+
		"UNION ALL SELECT 'owner of', datname::text FROM pg_database WHERE datname <> current_database() AND datdba = (SELECT oid FROM pg_roles WHERE rolname = current_user) LIMIT 100")
	if err != nil {
		return nil, err
	}
	for _, r := range more {
		out = append(out, r[0]+" "+r[1])
	}
	return out, nil
}

func (l *living) rightsMySQL(ctx context.Context) ([]string, error) {
	rows, err := l.db.QueryContext(ctx, "SHOW GRANTS")
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // its error is asked for below
	var out []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		out = append(out, grantBeyond(line, l.c.Name)...)
	}
	return out, rows.Err()
}

// grantBeyond gives the rights of one line of SHOW GRANTS that reach beyond a
// database. What follows TO is never looked at: it may hold a password's hash.
func grantBeyond(line, database string) []string {
	body, ok := strings.CutPrefix(line, "GRANT ")
	if !ok {
		return nil
	}
	to := cutOutside(body, " TO ")
	if to < 0 {
		return nil
	}
	what, rest := body[:to], body[to:]
	on := cutOutside(what, " ON ")
	if on < 0 {
		return []string{"role " + clean([]byte(what), 100)}
	}
	names, place := privileges(what[:on]), strings.TrimSpace(what[on+len(" ON "):])
	for _, kind := range []string{"PROCEDURE ", "FUNCTION ", "TABLE ", "PACKAGE BODY ", "PACKAGE "} {
		place = strings.TrimPrefix(place, kind)
	}
	if names[0] == "PROXY" {
		return []string{"PROXY"}
	}
	if strings.HasSuffix(rest, " WITH GRANT OPTION") {
		names = append(names, "GRANT OPTION")
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == "USAGE" })
	if place == "*.*" {
		return names
	}
	of, ok := grantDatabase(place)
	if ok && strings.EqualFold(of, database) {
		return nil
	}
	for i := range names {
		names[i] += " ON " + clean([]byte(place), 100)
	}
	return names
}

// cutOutside gives where sep begins in s, outside quotes; -1 for nowhere.
func cutOutside(s, sep string) int {
	quote := byte(0)
	for i := range len(s) {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '`' || c == '\'' || c == '"':
			quote = c
		case strings.HasPrefix(s[i:], sep):
			return i
		}
	}
	return -1
}

// privileges gives the names of "SELECT (a, b), INSERT".
func privileges(s string) []string {
	var out []string
	depth, begin := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, strings.TrimSpace(s[begin:i]))
				begin = i + 1
			}
		}
	}
	return append(out, strings.TrimSpace(s[begin:]))
}

// grantDatabase gives the database of "`name`.*", its pattern taken literally;
// not ok where the pattern stands for several. A bare underscore matches any
// letter too, and is what everybody writes.
func grantDatabase(place string) (string, bool) {
	if !strings.HasPrefix(place, "`") {
		name, _, ok := strings.Cut(place, ".")
		return name, ok
	}
	end := strings.Index(place[1:], "`.")
	if end < 0 {
		return "", false
	}
	name := strings.ReplaceAll(place[1:1+end], "``", "`")
	plain := strings.NewReplacer(`\_`, "_", `\%`, "\x00").Replace(name)
	if strings.Contains(plain, "%") {
		return "", false
	}
	return strings.ReplaceAll(plain, "\x00", "%"), true
}
