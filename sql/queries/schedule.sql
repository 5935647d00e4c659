-- name: InsertSchedule :exec
INSERT INTO schedule (tenant_id, site_id, kind, policy_id, policy_version, state, begun, registered_at, newest_good_at, due_at, start_at, overdue_at, retain_at)
VALUES ($1, $2, $3, sqlc.narg(policy_id), $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (tenant_id, site_id, kind) DO NOTHING;

-- name: LockSchedule :one
SELECT * FROM schedule WHERE tenant_id = $1 AND site_id = $2 AND kind = $3 FOR UPDATE;

-- name: SchedulesOfSite :many
SELECT * FROM schedule WHERE tenant_id = $1 AND site_id = $2 ORDER BY kind;

-- name: SaveSchedule :execrows
UPDATE schedule SET policy_id = sqlc.narg(policy_id), policy_version = $4, state = $5, begun = $6, newest_good_at = $7, failures = $8,
  due_at = $9, start_at = $10, overdue_at = $11, retain_at = $12, closes_at = sqlc.narg(closes_at)
WHERE tenant_id = $1 AND site_id = $2 AND kind = $3;

-- name: SaveRetention :execrows
UPDATE schedule SET retain_at = $4, copies = $5, bytes = $6 WHERE tenant_id = $1 AND site_id = $2 AND kind = $3;

-- name: RetainSoon :execrows
UPDATE schedule SET retain_at = $4 WHERE tenant_id = $1 AND site_id = $2 AND kind = $3;

-- name: RetainSiteSoon :execrows
UPDATE schedule SET retain_at = $3 WHERE tenant_id = $1 AND site_id = $2;

-- A page of the sites, and whether a row of the two is not there. To ask all
-- sites at once takes seconds under row security, and a subquery that counts
-- is the one form that PostgreSQL never turns into a join of the whole tables.
-- name: SitesWithoutSchedule :many
SELECT p.tenant_id, p.id, ((SELECT count(*) FROM schedule d WHERE d.tenant_id = p.tenant_id AND d.site_id = p.id) < 2)::bool AS lacks
FROM (
  SELECT s.tenant_id, s.id FROM site s WHERE (s.tenant_id, s.id) > (sqlc.arg(after_tenant)::uuid, sqlc.arg(after_site)::uuid) AND s.state <> 'removed'
  ORDER BY s.tenant_id, s.id LIMIT sqlc.arg(page_size)
) p;

-- name: LostSchedules :many
SELECT d.tenant_id, d.site_id, d.kind FROM schedule d JOIN site s ON s.tenant_id = d.tenant_id AND s.id = d.site_id
WHERE d.start_at IS NULL AND s.state = 'active'
  AND NOT EXISTS (SELECT 1 FROM run r WHERE r.site_id = d.site_id AND r.kind = d.kind AND r.state IN ('planned', 'queued', 'leased'))
LIMIT $1;

-- name: OutdatedSchedules :many
SELECT d.tenant_id, d.site_id, d.kind FROM schedule d WHERE d.policy_id = $1 AND d.policy_version <> $2 LIMIT $3;

-- name: DueRetention :many
SELECT tenant_id, site_id, kind FROM schedule WHERE retain_at <= $1 ORDER BY retain_at LIMIT $2;

-- name: ListOverdue :many
SELECT d.tenant_id, d.site_id, d.kind, d.overdue_at, d.due_at, d.newest_good_at, s.name AS site_name, t.name AS tenant_name, h.name AS host_name
FROM schedule d JOIN site s ON s.tenant_id = d.tenant_id AND s.id = d.site_id JOIN tenant t ON t.id = d.tenant_id JOIN host h ON h.id = s.host_id
WHERE d.overdue_at <= sqlc.arg(now)::timestamptz AND (sqlc.narg(tenant_id)::uuid IS NULL OR d.tenant_id = sqlc.narg(tenant_id)::uuid)
ORDER BY d.overdue_at, d.site_id, d.kind LIMIT sqlc.arg(page_size);

-- name: CountOverdue :one
SELECT count(*) FROM schedule d
WHERE d.overdue_at <= sqlc.arg(now)::timestamptz AND (sqlc.narg(tenant_id)::uuid IS NULL OR d.tenant_id = sqlc.narg(tenant_id)::uuid);

-- name: InsertMissed :exec
INSERT INTO missed_slot (tenant_id, site_id, kind, tier, slot, missed_at)
SELECT $1, $2, $3, unnest(sqlc.arg(tiers)::text[]), unnest(sqlc.arg(slots)::text[]), $4
ON CONFLICT DO NOTHING;

-- name: MissedOfSite :many
SELECT kind, tier, slot FROM missed_slot WHERE tenant_id = $1 AND site_id = $2 AND slot >= sqlc.arg(since)::text ORDER BY kind, tier, slot LIMIT 5000;

-- name: CopiesToJudge :many
SELECT c.id, c.repository_id, c.state, c.taken_at, c.started_at, c.bytes, c.stored_bytes, c.tiers, c.initial, c.protected_until, c.pinned, c.legal_hold, c.binned_at, c.sealed_name, c.fingerprint,
  EXISTS (SELECT 1 FROM copy_use u WHERE u.tenant_id = c.tenant_id AND u.copy_id = c.id AND u.expires_at > sqlc.arg(now)::timestamptz)::bool AS in_use
FROM copy c WHERE c.tenant_id = $1 AND c.site_id = $2 AND c.kind = $3 AND c.state IN ('good', 'incomplete', 'damaged')
ORDER BY c.taken_at;

-- name: BinCopies :execrows
UPDATE copy SET binned_at = sqlc.arg(now)::timestamptz WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]) AND binned_at IS NULL AND state IN ('good', 'incomplete', 'damaged');

-- name: UnbinCopies :execrows
UPDATE copy SET binned_at = NULL WHERE tenant_id = $1 AND id = ANY(sqlc.arg(ids)::uuid[]) AND state IN ('good', 'incomplete', 'damaged');

-- name: ProtectCopy :execrows
UPDATE copy SET protected_until = $3, protected_why = $4 WHERE tenant_id = $1 AND id = $2 AND state IN ('good', 'incomplete');

-- name: PinCopy :execrows
UPDATE copy SET pinned = $3 WHERE tenant_id = $1 AND id = $2 AND state IN ('good', 'incomplete', 'damaged');

-- name: HoldCopy :execrows
UPDATE copy SET legal_hold = $3 WHERE tenant_id = $1 AND id = $2 AND state IN ('good', 'incomplete', 'damaged');

-- name: HoldSite :execrows
UPDATE site SET legal_hold = $3 WHERE tenant_id = $1 AND id = $2;

-- name: SetSiteState :execrows
UPDATE site SET state = sqlc.arg(to_state) WHERE tenant_id = $1 AND id = $2 AND state = sqlc.arg(from_state);

-- name: InsertCopyUse :exec
INSERT INTO copy_use (tenant_id, id, copy_id, used_by, since, expires_at) VALUES ($1, $2, $3, $4, $5, $6);

-- name: EndCopyUse :execrows
DELETE FROM copy_use WHERE tenant_id = $1 AND id = $2;

-- name: DeleteExpiredUses :execrows
DELETE FROM copy_use WHERE expires_at <= $1;

-- name: LockCopy :one
SELECT * FROM copy WHERE tenant_id = $1 AND id = $2 FOR UPDATE;

-- name: ForgetCopyUses :execrows
DELETE FROM copy_use WHERE tenant_id = $1 AND copy_id = $2 AND expires_at <= $3;

-- name: ForgetTasksOfCopy :execrows
DELETE FROM keeper_task WHERE tenant_id = $1 AND copy_id = $2;

-- name: ForgetCopy :execrows
DELETE FROM copy WHERE tenant_id = $1 AND id = $2 AND state = 'gone';

-- name: NoteDeletion :execrows
UPDATE repository SET deleted_at = $3, maintain_at = least(coalesce(maintain_at, $4), $4) WHERE tenant_id = $1 AND id = $2;

-- name: NoteMaintenance :execrows
UPDATE repository SET maintained_at = $3, maintain_at = $4, stored_bytes = $5 WHERE tenant_id = $1 AND id = $2;

-- name: RepositoriesToMaintain :many
SELECT * FROM repository WHERE state = 'ready' AND maintain_at <= $1 ORDER BY maintain_at LIMIT $2;

-- name: PutOffMaintenance :execrows
UPDATE repository SET maintain_at = $3 WHERE tenant_id = $1 AND id = $2;

-- name: RepositoriesNeverMaintained :execrows
UPDATE repository SET maintain_at = $1 WHERE state = 'ready' AND maintain_at IS NULL;

-- name: NoteClock :exec
INSERT INTO clock_watch (one, seen_at, jumped_at, jump_seconds) VALUES (true, $1, $2, $3)
ON CONFLICT (one) DO UPDATE SET seen_at = $1, jumped_at = $2, jump_seconds = $3;

-- name: ClockWatch :one
SELECT * FROM clock_watch;

-- name: TrustClock :execrows
UPDATE clock_watch SET jumped_at = NULL, jump_seconds = 0;

-- name: ProtectRun :execrows
UPDATE run SET protect_days = greatest(protect_days, $3), protect_why = CASE WHEN protect_why = '' THEN $4 ELSE protect_why END
WHERE tenant_id = $1 AND id = $2 AND state IN ('planned', 'queued', 'leased');

-- name: NewestGoodCopy :one
SELECT taken_at FROM copy WHERE tenant_id = $1 AND site_id = $2 AND kind = $3 AND state = 'good' AND taken_at <= sqlc.arg(before)::timestamptz ORDER BY taken_at DESC LIMIT 1;

-- name: StuckDeletions :many
SELECT c.tenant_id, c.id, c.repository_id FROM copy c WHERE c.state = 'deleting'
  AND NOT EXISTS (SELECT 1 FROM keeper_task k WHERE k.tenant_id = c.tenant_id AND k.copy_id = c.id AND k.kind IN ('delete_copy', 'delete_named')
    AND (k.state IN ('queued', 'running') OR k.finished_at > sqlc.arg(since)::timestamptz))
ORDER BY c.tenant_id, c.site_id LIMIT 200; -- in the index's order: else all copies are read for a few

-- name: CountCopyUses :one
SELECT count(*) FROM copy_use WHERE tenant_id = $1 AND copy_id = $2 AND expires_at > sqlc.arg(now)::timestamptz;

-- name: RederiveAfterJump :execrows
UPDATE schedule SET start_at = NULL, retain_at = sqlc.arg(now)::timestamptz
WHERE start_at > sqlc.arg(day)::timestamptz OR retain_at > sqlc.arg(week)::timestamptz OR newest_good_at > sqlc.arg(now)::timestamptz;

-- name: HurryRunsAfterJump :execrows
UPDATE run SET not_before = sqlc.arg(now)::timestamptz, closes_at = CASE WHEN closes_at IS NULL THEN NULL ELSE sqlc.arg(now)::timestamptz END
WHERE state = 'planned' AND not_before > sqlc.arg(day)::timestamptz;

-- name: HurryTasksAfterJump :execrows
UPDATE keeper_task SET not_before = sqlc.arg(now)::timestamptz WHERE state = 'queued' AND not_before > sqlc.arg(day)::timestamptz;

-- name: HurryMaintenanceAfterJump :execrows
UPDATE repository SET maintain_at = sqlc.arg(now)::timestamptz WHERE maintain_at > sqlc.arg(week)::timestamptz;

-- name: SitesAfter :many
SELECT s.tenant_id, s.id, s.policy_id, s.legal_hold, s.tamper_alarm FROM site s
WHERE (s.tenant_id, s.id) > (sqlc.arg(after_tenant)::uuid, sqlc.arg(after_site)::uuid) AND s.state <> 'removed'
ORDER BY s.tenant_id, s.id LIMIT sqlc.arg(page_size);

-- The inner order keeps the planner from reading the whole table: each site is
-- looked up by its index, and its copies come together.
-- name: CopiesOfSites :many
SELECT c.tenant_id, c.site_id, c.kind, c.id, c.state, c.taken_at, c.stored_bytes, c.tiers, c.initial, c.protected_until, c.is_pinned, c.is_held, c.in_bin
FROM (SELECT unnest(sqlc.arg(tenants)::uuid[]) AS tenant_id, unnest(sqlc.arg(sites)::uuid[]) AS site_id) k
CROSS JOIN LATERAL (
  SELECT x.tenant_id, x.site_id, x.kind, x.id, x.state, x.taken_at, x.stored_bytes, x.tiers, x.initial, x.protected_until,
    (x.pinned <> '')::bool AS is_pinned, (x.legal_hold <> '')::bool AS is_held, (x.binned_at IS NOT NULL)::bool AS in_bin
  FROM copy x WHERE x.tenant_id = k.tenant_id AND x.site_id = k.site_id AND x.state IN ('good', 'incomplete', 'damaged')
  ORDER BY x.kind, x.taken_at DESC
) c;

-- name: CopiesInUse :many
SELECT copy_id FROM copy_use WHERE expires_at > sqlc.arg(now)::timestamptz;

-- name: RetainManySoon :execrows
UPDATE schedule d SET retain_at = sqlc.arg(now)::timestamptz
FROM (SELECT unnest(sqlc.arg(tenants)::uuid[]) AS tenant_id, unnest(sqlc.arg(sites)::uuid[]) AS site_id, unnest(sqlc.arg(kinds)::text[])::backup_kind AS kind) k
WHERE d.tenant_id = k.tenant_id AND d.site_id = k.site_id AND d.kind = k.kind;
