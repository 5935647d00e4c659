// Package fleetseed fills the database of the demo, or of a test, with a fleet
// of sites that do not exist, to show and measure the control plane at scale.
// It decides what they are called, how they stand and what their catalogs
// hold. It never touches storage, secrets or an agent, and takes care that the
// planner never makes a run for them: their hosts are in maintenance, or silent
// for hours, and their next starts lie in the year 2999.
package fleetseed

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/backup"
	"holdfast/internal/errs"
	"holdfast/internal/policy"
)

// Most is how many sites a fleet may have.
const Most = 200_000

// Destination is the name of the storage that the fleet's catalogs name. The
// caller makes it: an empty folder of its own.
const Destination = "fleet-example"

// full is how many sites have a whole history; the others have their newest
// copies and the sums.
const full = 300

// Fleet is what to seed.
type Fleet struct {
	Sites int       // 1 to Most
	Now   time.Time // when all of it stands so
}

// Seed makes the sites that are not there yet, in one transaction as the
// database's superuser at url: constraints that rows made here keep by
// themselves, and the triggers, are passed by, and what the triggers derive is
// derived at the end at once. It tells how many it made. A second call makes
// none; a larger fleet adds the difference.
func Seed(ctx context.Context, url string, f Fleet) (made int, err error) {
	if f.Sites < 1 || f.Sites > Most {
		return 0, errs.Field("fleet", "%d sites cannot be made; it is 1 to %d", f.Sites, Most)
	}
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, fmt.Errorf("connect to seed the fleet: %w", err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	had := 0
	if err := c.QueryRow(ctx, "SELECT count(*) FROM site WHERE code_dir LIKE '/srv/fleet/%'").Scan(&had); err != nil {
		return 0, fmt.Errorf("look for a fleet: %w", err)
	}
	if had >= f.Sites {
		return 0, nil
	}
	tx, err := c.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := seed(ctx, tx, f, had); err != nil {
		return 0, err
	}
	if err := tx.Commit(ctx); err != nil {
		return 0, fmt.Errorf("commit the fleet: %w", err)
	}
	_, err = c.Exec(ctx, "VACUUM ANALYZE")
	return f.Sites - had, err
}

func seed(ctx context.Context, tx pgx.Tx, f Fleet, had int) error {
	for _, q := range []string{
		"SET LOCAL session_replication_role = replica", "SET LOCAL work_mem = '128MB'",
		"CREATE TEMP TABLE combo (combo int, zone text, policy_id uuid, kind backup_kind, state jsonb, begun timestamptz, due_at timestamptz) ON COMMIT DROP",
		"CREATE TEMP TABLE past (combo int, kind backup_kind, at timestamptz, tiers jsonb, newest boolean, initial boolean) ON COMMIT DROP",
		"CREATE TEMP TABLE lost (combo int, kind backup_kind, tier text, slot text) ON COMMIT DROP",
	} {
		if _, err := tx.Exec(ctx, q); err != nil {
			return fmt.Errorf("begin the fleet: %w", err)
		}
	}
	if err := simulate(ctx, tx, f.Now); err != nil {
		return err
	}
	for _, s := range steps {
		args := pgx.NamedArgs{"sites": f.Sites, "had": had, "now": f.Now, "full": full, "tenants": max(1, Most/50), "hosts": max(4, Most/250), "destination": Destination}
		if _, err := tx.Exec(ctx, s.sql, args); err != nil {
			return fmt.Errorf("seed %s: %w", s.what, err)
		}
	}
	return nil
}

// frugal is the other policy of the fleet.
func frugal() policy.Policy {
	p := policy.Default()
	p.Name = "frugal-example"
	p.Rules = []policy.Rule{
		{Kind: backup.Database, Tier: policy.Daily, Keep: 7},
		{Kind: backup.Database, Tier: policy.Monthly, Keep: 12, Schedule: policy.Schedule{Days: []int{1}}},
		{Kind: backup.Data, Tier: policy.Daily, Keep: 7},
		{Kind: backup.Data, Tier: policy.Monthly, Keep: 3, Schedule: policy.Schedule{Days: []int{1}}},
	}
	return p
}

const frugalID = "00000000-f1ee-7000-8000-000000000001"

var zones = []string{"Europe/Berlin", "UTC", "America/New_York", "Asia/Kathmandu", "Africa/Cairo", "Australia/Sydney"}

// simulate lives two years in each zone under each policy, with half a night's
// outage, and writes down what is left.
func simulate(ctx context.Context, tx pgx.Tx, now time.Time) error {
	body, err := json.Marshal(frugal())
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO policy (id, name, created_at) VALUES ($1, 'frugal-example', $2) ON CONFLICT DO NOTHING`, frugalID, now)
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO policy_version (policy_id, version, body, note, actor, created_at) VALUES ($1, 1, $2, 'for the fictitious fleet', 'demo', $3) ON CONFLICT DO NOTHING`, frugalID, body, now)
	}
	if err != nil {
		return fmt.Errorf("seed the policy: %w", err)
	}
	combo := 0
	for _, p := range []policy.Policy{policy.Default(), frugal()} {
		for _, name := range zones {
			if err := live(ctx, tx, combo, p, name, now); err != nil {
				return err
			}
			combo++
		}
	}
	return nil
}

func live(ctx context.Context, tx pgx.Tx, combo int, p policy.Policy, name string, now time.Time) error {
	zone, err := policy.LoadZone("tz", name)
	if err != nil {
		return err
	}
	from := now.AddDate(-2, 0, -combo).Truncate(time.Minute)
	gone := now.AddDate(0, 0, -4).Truncate(24 * time.Hour)
	sim := policy.NewSimulation(p, from)
	sim.Advance(p, zone, now.Add(-p.Window), []policy.Outage{{From: gone, To: gone.Add(9 * time.Hour)}})
	result := sim.Result()
	state, err := json.Marshal(sim.State)
	if err != nil {
		return err
	}
	newest := map[backup.Kind]time.Time{}
	for _, c := range result.Copies {
		if c.At.After(newest[c.Kind]) {
			newest[c.Kind] = c.At
		}
	}
	rows := [][]any{}
	for _, c := range result.Copies {
		tiers, err := json.Marshal(c.Tiers)
		if err != nil {
			return err
		}
		rows = append(rows, []any{combo, string(c.Kind), c.At, string(tiers), c.At.Equal(newest[c.Kind])})
	}
	for _, r := range rows {
		if _, err := tx.Exec(ctx, `INSERT INTO past (combo, kind, at, tiers, newest, initial) VALUES ($1, $2::text::backup_kind, $3, $4::text::jsonb, $5, false)`, r...); err != nil {
			return fmt.Errorf("write a past: %w", err)
		}
	}
	for _, m := range result.Missed {
		if _, err := tx.Exec(ctx, `INSERT INTO lost (combo, kind, tier, slot) VALUES ($1, $2::text::backup_kind, $3, $4)`, combo, string(m.Kind), string(m.Tier), m.Slot.String()); err != nil {
			return fmt.Errorf("write a past: %w", err)
		}
	}
	var of any
	if p.Name == "frugal-example" {
		of = frugalID
	}
	for _, kind := range backup.Kinds() {
		due, _ := policy.NextDue(p, kind, zone, sim.State, from, newest[kind])
		_, err := tx.Exec(ctx, `INSERT INTO combo (combo, zone, policy_id, kind, state, begun, due_at)
			VALUES ($1, $2, $3::text::uuid, $4::text::backup_kind, jsonb_build_object($4::text, $5::text::jsonb -> $4::text), $6, $7)`, combo, name, of, string(kind), string(state), from, due)
		if err != nil {
			return fmt.Errorf("write a past: %w", err)
		}
	}
	return nil
}
