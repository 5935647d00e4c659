package dash_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/id"
	"holdfast/internal/policy"
)

// past is what a site's host did for some days, as the published policy has it.
type past struct {
	zone string
	days int
	down time.Duration // the host was away for so long, ten days ago
}

// history gives a site the copies that it would have after that past: what
// the policy engine says was taken, served, missed and deleted again.
func (h *house) history(of id.Site, p past) {
	h.t.Helper()
	ctx := h.t.Context()
	v, err := h.app.ViewSite(ctx, authz.Console(), of.String())
	h.must(err)
	zone, err := time.LoadLocation(p.zone)
	h.must(err)
	conn, err := pgx.Connect(ctx, h.url)
	h.must(err)
	defer conn.Close(context.Background()) //nolint:errcheck // done with it
	w := writer{h: h, conn: conn, view: v.Site.TenantID, of: of, host: v.Site.HostID, destination: v.Site.DestinationID}
	now := h.clock.Now()
	from := now.AddDate(0, 0, -p.days)
	w.exec(`UPDATE run SET state = 'cancelled', finished_at = now(), error = '' WHERE site_id = $1 AND state IN ('planned', 'queued', 'leased')`, of.UUID())
	w.exec(`UPDATE site SET time_zone = $2, created_at = $3, facts = $4 WHERE id = $1`, of.UUID(), p.zone, from, `{"layout":"classic","release":"4.5.6+ (Build: 20260918)","db_type":"mariadb","server_version":"10.11.14-MariaDB"}`)
	gone := policy.Outage{From: now.AddDate(0, 0, -10), To: now.AddDate(0, 0, -10).Add(p.down)}
	for _, kind := range backup.Kinds() {
		w.live(kind, zone, from, now, gone)
	}
}

// writer writes one site's history.
type writer struct {
	h           *house
	conn        *pgx.Conn
	view        id.Tenant
	of          id.Site
	host        id.Host
	destination id.Destination
	count       int
}

func (w *writer) exec(sql string, args ...any) {
	w.h.t.Helper()
	if _, err := w.conn.Exec(w.h.t.Context(), sql, args...); err != nil {
		w.h.t.Fatalf("%s: %v", sql, err)
	}
}

// live runs the policy for one kind, and writes what is left at the end.
func (w *writer) live(kind backup.Kind, zone *time.Location, from, now time.Time, gone policy.Outage) {
	p := policy.Default()
	state := policy.BeginKind(p, kind, from)
	var copies []policy.Copy
	var missed []policy.Ruling
	binned := map[string]time.Time{}
	for start, first := from.Add(7*time.Minute), true; !start.After(now); first = false {
		served, next := state.Serve(p, kind, zone, start)
		state, missed = next, append(missed, served.Missed...)
		copies = append(copies, policy.Copy{ID: id.New[id.Copy]().String(), TakenAt: start.Add(40 * time.Second), StartedAt: start, Tiers: served.Tiers, Good: true, Initial: first})
		var kept []policy.Copy
		for _, v := range policy.Retain(p, kind, copies, start, policy.Alarms{}) {
			if at, in := binned[v.Copy.ID]; len(v.Reasons) == 0 && !in {
				binned[v.Copy.ID] = start
			} else if len(v.Reasons) == 0 && start.Sub(at) > 24*time.Hour {
				continue
			}
			kept = append(kept, v.Copy)
		}
		copies = kept
		due, ok := policy.NextDue(p, kind, zone, state, from, start)
		if !ok {
			break
		}
		if start = due.Add(17 * time.Minute); start.After(gone.From) && start.Before(gone.To) {
			start = gone.To.Add(4 * time.Minute)
		}
	}
	var repository string
	w.h.must(w.conn.QueryRow(w.h.t.Context(), `INSERT INTO repository (tenant_id, id, site_id, kind, destination_id, name, password_sealed, state, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, '\x00', 'ready', now()) ON CONFLICT (tenant_id, site_id, kind) DO UPDATE SET state = 'ready' RETURNING id::text`,
		w.view.UUID(), id.New[id.Repository]().UUID(), w.of.UUID(), string(kind), w.destination.UUID(), fmt.Sprintf("r-%s-%s", w.of, kind)).Scan(&repository))
	for _, c := range copies {
		w.copy(kind, repository, c, binned, zone)
	}
	w.schedule(p, kind, zone, state, from, now, missed)
}

func (w *writer) copy(kind backup.Kind, repository string, c policy.Copy, binned map[string]time.Time, zone *time.Location) {
	w.count++
	tiers, err := json.Marshal(c.Tiers)
	w.h.must(err)
	run := id.New[id.Run]()
	w.exec(`INSERT INTO run (tenant_id, id, site_id, host_id, kind, reason, state, priority, not_before, started_at, finished_at, created_at)
		VALUES ($1, $2, $3, $4, $5, 'scheduled', 'good', 3, $6, $6, $7, $6)`, w.view.UUID(), run.UUID(), w.of.UUID(), w.host.UUID(), string(kind), c.StartedAt, c.TakenAt.Add(time.Minute))
	rows, tables, files, bytes := int64(40000+w.count), 494, int64(1), int64(1_900_000_000)
	if kind == backup.Data {
		rows, tables, files, bytes = 0, 0, 412331, 44_238_912_311
	}
	var bin *time.Time
	if at, in := binned[c.ID]; in {
		bin = &at
	}
	w.exec(`INSERT INTO copy (tenant_id, id, site_id, repository_id, run_id, fence, kind, state, snapshot, manifest, taken_at, finished_at, seconds, files, bytes, stored_bytes,
		row_total, table_total, details, local_month, tiers, started_at, initial, binned_at, fingerprint)
		VALUES ($1, $2, $3, $4, $5, 1, $6, 'good', 's', '{}', $7, $8, 41, $9, $10, $11, $12, $13, '{}', $14, $15, $16, $17, $18, 'f')`,
		w.view.UUID(), c.ID, w.of.UUID(), repository, run.UUID(), string(kind), c.TakenAt, c.TakenAt.Add(time.Minute), files, bytes, int64(22_000_000+w.count*10_000),
		rows, tables, c.TakenAt.In(zone).Format("2006-01"), string(tiers), c.StartedAt, c.Initial, bin)
}

func (w *writer) schedule(p policy.Policy, kind backup.Kind, zone *time.Location, state policy.State, from, now time.Time, missed []policy.Ruling) {
	body, err := json.Marshal(state)
	w.h.must(err)
	begun := map[policy.Tier]time.Time{}
	for _, r := range p.Of(kind) {
		begun[r.Tier] = from
	}
	since, err := json.Marshal(begun)
	w.h.must(err)
	var newest time.Time
	w.h.must(w.conn.QueryRow(w.h.t.Context(), `SELECT max(taken_at) FROM copy WHERE site_id = $1 AND kind = $2`, w.of.UUID(), string(kind)).Scan(&newest))
	due, _ := policy.NextDue(p, kind, zone, state, from, newest)
	w.exec(`UPDATE schedule SET state = $3, begun = $4, registered_at = $5, newest_good_at = $6, due_at = $7::timestamptz, start_at = $7::timestamptz + interval '17 minutes', overdue_at = $8, retain_at = $9
		WHERE site_id = $1 AND kind = $2`, w.of.UUID(), string(kind), string(body), string(since), from, newest, due, p.LateAt(zone, due), now.Add(time.Hour))
	for _, m := range missed {
		w.exec(`INSERT INTO missed_slot (tenant_id, site_id, kind, tier, slot, missed_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
			w.view.UUID(), w.of.UUID(), string(kind), string(m.Tier), m.Slot.String(), now)
	}
}
