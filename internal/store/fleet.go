package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"holdfast/internal/id"
)

// FleetOrder is an order of sites that an index gives.
type FleetOrder string

// The orders. Each ends with the site's identifier, so that it is total.
const (
	ByRisk     FleetOrder = "risk" // damaged, failed, and then the latest, down to who becomes late last
	ByName     FleetOrder = "name"
	ByTenant   FleetOrder = "tenant"
	ByHost     FleetOrder = "host"
	ByDatabase FleetOrder = "database" // the oldest newest copy first; none is the oldest
	ByData     FleetOrder = "data"
	ByBytes    FleetOrder = "bytes" // the fewest first
)

// keys are the columns of each order, with how a parameter is read as one.
var fleetKeys = map[FleetOrder][][2]string{
	ByRisk:     {{"risk", "smallint"}, {"late_at", "timestamptz"}, {"site_id", "uuid"}},
	ByName:     {{"name", "text"}, {"site_id", "uuid"}},
	ByTenant:   {{"tenant_name", "text"}, {"name", "text"}, {"site_id", "uuid"}},
	ByHost:     {{"host_name", "text"}, {"name", "text"}, {"site_id", "uuid"}},
	ByDatabase: {{"database_at", "timestamptz"}, {"site_id", "uuid"}},
	ByData:     {{"data_at", "timestamptz"}, {"site_id", "uuid"}},
	ByBytes:    {{"bytes", "bigint"}, {"site_id", "uuid"}},
}

// FleetKeys are how many values a place in the order has; 0 for no such order.
func FleetKeys(o FleetOrder) int { return len(fleetKeys[o]) }

// FleetRisk is one way in which a site may need somebody.
type FleetRisk string

// The risks; none is every site.
const (
	RiskDamaged    FleetRisk = "damaged"
	RiskFailed     FleetRisk = "failed"
	RiskLate       FleetRisk = "late"
	RiskIncomplete FleetRisk = "incomplete"
	RiskBare       FleetRisk = "none" // no good copy of a kind
	RiskHeld       FleetRisk = "held"
	RiskSuspended  FleetRisk = "suspended"
	RiskAlarmed    FleetRisk = "alarm"
)

// FleetRisks are all of them, the worst first.
func FleetRisks() []FleetRisk {
	return []FleetRisk{RiskDamaged, RiskFailed, RiskLate, RiskIncomplete, RiskBare, RiskAlarmed, RiskHeld, RiskSuspended}
}

var riskColumns = map[FleetRisk]string{
	RiskDamaged: "damaged > 0", RiskFailed: "failed", RiskIncomplete: "incomplete", RiskBare: "bare", RiskHeld: "held", RiskSuspended: "suspended", RiskAlarmed: "alarmed",
}

// FleetAsk is a question about which sites. Its zero value asks for all.
type FleetAsk struct {
	Tenant      id.Tenant
	Host        string
	Destination id.Destination
	Policy      id.Policy
	Published   bool // the published policy, which has no id
	Risk        FleetRisk
	Active      bool        // not suspended
	Sites       []uuid.UUID // of these alone; nil for no such bound
	Begins      string      // of a name of a site or tenant, in small letters
	Holds       string      // likewise, anywhere in it
	Now         time.Time
}

// FleetPlace is a site's place in an order: the texts of its keys.
type FleetPlace struct {
	Tenant id.Tenant
	Site   id.Site
	Keys   []string
}

// clause collects conditions with numbered parameters. It joins constants of
// this file alone; what anybody says goes into parameters.
type clause struct {
	where []string
	args  []any
}

func (c *clause) arg(v any) string {
	c.args = append(c.args, v)
	return fmt.Sprintf("$%d", len(c.args))
}

func (c *clause) add(format string, v any) {
	c.where = append(c.where, strings.ReplaceAll(format, "?", c.arg(v)))
}

func (c *clause) sql(more ...string) string {
	all := append(append([]string{}, c.where...), more...)
	if len(all) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(all, " AND ")
}

func (q FleetAsk) clause() *clause {
	c := &clause{}
	if !q.Tenant.IsZero() {
		c.add("tenant_id = ?::uuid", q.Tenant.String())
	}
	if q.Host != "" {
		c.add("host_name = lower(?::text)", q.Host)
	}
	if !q.Destination.IsZero() {
		c.add("destination_id = ?::uuid", q.Destination.String())
	}
	if !q.Policy.IsZero() {
		c.add("policy_id = ?::uuid", q.Policy.String())
	}
	if q.Published {
		c.where = append(c.where, "policy_id IS NULL")
	}
	if q.Active {
		c.where = append(c.where, "NOT suspended")
	}
	if q.Sites != nil {
		ids := make([]string, len(q.Sites))
		for i, s := range q.Sites {
			ids[i] = s.String()
		}
		c.add("site_id = ANY(?::uuid[])", ids)
	}
	if q.Begins != "" {
		c.add("(name >= ?::text AND name < ?::text || chr(1114111) OR tenant_name >= ?::text AND tenant_name < ?::text || chr(1114111))", q.Begins)
	}
	if q.Holds != "" {
		c.add("(strpos(name, ?::text) > 0 OR strpos(tenant_name, ?::text) > 0)", q.Holds)
	}
	return c
}

// risk is the condition of a risk.
func (q FleetAsk) risk(c *clause, r FleetRisk) string {
	if r == RiskLate {
		return "late_at <= " + c.arg(q.Now) + "::timestamptz"
	}
	return riskColumns[r]
}

// FleetCut says which places of an order are read.
type FleetCut struct {
	By    FleetOrder
	Down  bool     // the order reversed
	After []string // keys of the place after which it goes on; nil: from the start
	Most  int
	// Few tells that the sites in question are few: they are gathered first,
	// and put in order then. Else the order's index is walked until the page is
	// full, which among few sites may be a walk past all the others.
	Few bool
}

// Fleet gives places of the sites in question.
func (tx *Tx) Fleet(ctx context.Context, q FleetAsk, cut FleetCut) ([]FleetPlace, error) {
	sql, args, err := q.page(cut)
	if err != nil {
		return nil, err
	}
	if err := tx.PlanEachLook(ctx); err != nil {
		return nil, err
	}
	rows, err := tx.tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read a page of sites: %w", err)
	}
	defer rows.Close()
	out := make([]FleetPlace, 0, cut.Most)
	for rows.Next() {
		p := FleetPlace{Keys: make([]string, len(fleetKeys[cut.By]))}
		to := []any{&p.Tenant, &p.Site}
		for i := range p.Keys {
			to = append(to, &p.Keys[i])
		}
		if err := rows.Scan(to...); err != nil {
			return nil, fmt.Errorf("read a page of sites: %w", err)
		}
		out = append(out, p)
	}
	return out, rows.Err()
}

func (q FleetAsk) page(cut FleetCut) (string, []any, error) {
	keys := fleetKeys[cut.By]
	if keys == nil || cut.After != nil && len(cut.After) != len(keys) {
		return "", nil, fmt.Errorf("no such order of sites, or no such place in it: %q", cut.By)
	}
	c := q.clause()
	if q.Risk != "" {
		c.where = append(c.where, q.risk(c, q.Risk))
	}
	than, way := ">", ""
	if cut.Down {
		than, way = "<", " DESC"
	}
	var names, shown, order, places []string
	for i, k := range keys {
		names, order = append(names, k[0]), append(order, k[0]+way)
		if k[1] == "timestamptz" { // whatever the session's zone and style are
			shown = append(shown, "to_char("+k[0]+" AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS shown_"+k[0])
		} else {
			shown = append(shown, k[0]+"::text AS shown_"+k[0])
		}
		if cut.After != nil {
			places = append(places, c.arg(cut.After[i])+"::text::"+k[1])
		}
	}
	var beyond []string
	if cut.After != nil {
		beyond = append(beyond, "("+strings.Join(names, ", ")+") "+than+" ("+strings.Join(places, ", ")+")")
	}
	from := "standing" + c.sql(beyond...)
	with := ""
	if cut.Few {
		with = "WITH few AS MATERIALIZED (SELECT tenant_id, " + strings.Join(names, ", ") + " FROM standing" + c.sql() + ") "
		from = "few" + (&clause{where: beyond}).sql()
	}
	return with + "SELECT tenant_id, site_id, " + strings.Join(shown, ", ") + " FROM " + from + " ORDER BY " + strings.Join(order, ", ") + " LIMIT " + c.arg(cut.Most) + "::bigint", c.args, nil
}

// CountWithin counts the sites in question, with their risk, no further than
// most.
func (tx *Tx) CountWithin(ctx context.Context, q FleetAsk, most int) (n int64, err error) {
	c := q.clause()
	if q.Risk != "" {
		c.where = append(c.where, q.risk(c, q.Risk))
	}
	sql := "SELECT count(*) FROM (SELECT 1 FROM standing" + c.sql() + " LIMIT " + c.arg(most) + "::bigint) x"
	if err := tx.tx.QueryRow(ctx, sql, c.args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count sites: %w", err)
	}
	return n, nil
}

// CountFleet counts the sites in question, whatever risk they are asked for,
// and those under each risk, none further than most. Few sites are looked at
// once for all of it; of many, each risk is counted by its own index, and only
// that way where first is false.
func (tx *Tx) CountFleet(ctx context.Context, q FleetAsk, most int, first bool) (all int64, risks map[FleetRisk]int64, err error) {
	if err := tx.PlanEachLook(ctx); err != nil {
		return 0, nil, err
	}
	named := FleetRisks()
	found := make([]int64, len(named))
	to := []any{&all}
	for i := range found {
		to = append(to, &found[i])
	}
	if first {
		sql, args := q.countOnce(most)
		if err := tx.tx.QueryRow(ctx, sql, args...).Scan(to...); err != nil {
			return 0, nil, fmt.Errorf("count sites: %w", err)
		}
	}
	if !first || all >= int64(most) {
		sql, args := q.countEach(most)
		if err := tx.tx.QueryRow(ctx, sql, args...).Scan(to[1:]...); err != nil {
			return 0, nil, fmt.Errorf("count sites by risk: %w", err)
		}
	}
	risks = map[FleetRisk]int64{}
	for i, r := range named {
		risks[r] = found[i]
	}
	return all, risks, nil
}

// countOnce looks at the sites one after the other.
func (q FleetAsk) countOnce(most int) (string, []any) {
	c := q.clause()
	from := " FROM (SELECT damaged, failed, late_at, incomplete, bare, alarmed, held, suspended FROM standing" + c.sql() + " LIMIT " + c.arg(most) + "::bigint) x"
	parts := []string{"count(*)"}
	for _, r := range FleetRisks() {
		parts = append(parts, "count(*) FILTER (WHERE "+q.risk(c, r)+")")
	}
	return "SELECT " + strings.Join(parts, ", ") + from, c.args
}

// countEach goes by the index of each risk.
func (q FleetAsk) countEach(most int) (string, []any) {
	c := q.clause()
	bound := " LIMIT " + c.arg(most) + "::bigint) x)"
	var parts []string
	for _, r := range FleetRisks() {
		parts = append(parts, "(SELECT count(*) FROM (SELECT 1 FROM standing"+c.sql(q.risk(c, r))+bound)
	}
	return "SELECT " + strings.Join(parts, ", "), c.args
}
