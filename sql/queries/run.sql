-- name: InsertRun :exec
INSERT INTO run (tenant_id, id, site_id, host_id, kind, reason, priority, max_attempts, not_before, created_at, protect_days, protect_why, asked_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, $12);

-- name: RunByID :one
SELECT * FROM run WHERE id = $1;

-- name: RunForTenant :one
SELECT * FROM run WHERE tenant_id = $1 AND id = $2;

-- name: OpenRunOf :one
SELECT * FROM run WHERE tenant_id = $1 AND site_id = $2 AND kind = $3 AND state IN ('planned', 'queued', 'leased');

-- Runs that have not ended: those at work first, then the newest.
-- name: ListOpenRuns :many
SELECT r.*, s.name AS site_name, t.name AS tenant_name,
  coalesce(c.files, 0)::bigint AS copy_files, coalesce(c.bytes, 0)::bigint AS copy_bytes, coalesce(c.stored_bytes, 0)::bigint AS copy_stored_bytes,
  coalesce(c.row_total, 0)::bigint AS copy_rows, coalesce(c.table_total, 0)::int AS copy_tables
FROM (SELECT * FROM run r WHERE r.state IN ('planned', 'queued', 'leased')
    AND (sqlc.narg(tenant_id)::uuid IS NULL OR r.tenant_id = sqlc.narg(tenant_id)::uuid)
    AND (sqlc.narg(site_id)::uuid IS NULL OR r.site_id = sqlc.narg(site_id)::uuid)
    AND (sqlc.narg(host_id)::uuid IS NULL OR r.host_id = sqlc.narg(host_id)::uuid)
    AND (sqlc.arg(kind)::text = '' OR r.kind = sqlc.arg(kind)::text::backup_kind)
    AND (sqlc.arg(reason)::text = '' OR r.reason = sqlc.arg(reason)::text::run_reason)
    AND (sqlc.narg(since)::timestamptz IS NULL OR r.created_at >= sqlc.narg(since)::timestamptz)
    AND (sqlc.narg(until)::timestamptz IS NULL OR r.created_at < sqlc.narg(until)::timestamptz)
    AND (sqlc.arg(state)::text = '' OR r.state = sqlc.arg(state)::text::run_state)
  ORDER BY r.state DESC, r.created_at DESC, r.id DESC LIMIT sqlc.arg(page_size)) r
JOIN site s ON s.tenant_id = r.tenant_id AND s.id = r.site_id JOIN tenant t ON t.id = r.tenant_id
LEFT JOIN copy c ON c.tenant_id = r.tenant_id AND c.run_id = r.id
ORDER BY r.state DESC, r.created_at DESC, r.id DESC;

-- Runs that have ended, the newest first, from a cursor on. To be planned for
-- what is asked: see PlanEachLook.
-- name: ListRuns :many
SELECT r.*, s.name AS site_name, t.name AS tenant_name,
  coalesce(c.files, 0)::bigint AS copy_files, coalesce(c.bytes, 0)::bigint AS copy_bytes, coalesce(c.stored_bytes, 0)::bigint AS copy_stored_bytes,
  coalesce(c.row_total, 0)::bigint AS copy_rows, coalesce(c.table_total, 0)::int AS copy_tables
FROM (SELECT * FROM run r WHERE r.state IN ('good', 'incomplete', 'failed', 'cancelled')
    AND (sqlc.narg(tenant_id)::uuid IS NULL OR r.tenant_id = sqlc.narg(tenant_id)::uuid)
    AND (sqlc.narg(site_id)::uuid IS NULL OR r.site_id = sqlc.narg(site_id)::uuid)
    AND (sqlc.narg(host_id)::uuid IS NULL OR r.host_id = sqlc.narg(host_id)::uuid)
    AND (sqlc.arg(kind)::text = '' OR r.kind = sqlc.arg(kind)::text::backup_kind)
    AND (sqlc.arg(reason)::text = '' OR r.reason = sqlc.arg(reason)::text::run_reason)
    AND (sqlc.narg(since)::timestamptz IS NULL OR r.created_at >= sqlc.narg(since)::timestamptz)
    AND (sqlc.narg(until)::timestamptz IS NULL OR r.created_at < sqlc.narg(until)::timestamptz)
    AND (sqlc.arg(state)::text = '' OR r.state = sqlc.arg(state)::text::run_state)
    AND (NOT sqlc.arg(unwell)::bool OR r.state IN ('incomplete', 'failed', 'cancelled'))
    AND (sqlc.arg(reason)::text <> 'manual' OR r.reason = 'manual')
    AND (sqlc.narg(before_at)::timestamptz IS NULL OR (r.created_at, r.id) < (sqlc.narg(before_at)::timestamptz, sqlc.narg(before_id)::uuid))
  ORDER BY r.created_at DESC, r.id DESC LIMIT sqlc.arg(page_size)) r
JOIN site s ON s.tenant_id = r.tenant_id AND s.id = r.site_id JOIN tenant t ON t.id = r.tenant_id
LEFT JOIN copy c ON c.tenant_id = r.tenant_id AND c.run_id = r.id
ORDER BY r.created_at DESC, r.id DESC;

-- One run's page.
-- name: EventsOfRun :many
SELECT * FROM event WHERE tenant_id = sqlc.arg(tenant_id) AND site_id = sqlc.arg(site_id)::uuid
  AND at >= sqlc.arg(since)::timestamptz AND at <= sqlc.arg(until)::timestamptz
  AND (subject_id = sqlc.arg(run_id)::uuid OR subject_id = sqlc.narg(copy_id)::uuid)
ORDER BY at, id LIMIT sqlc.arg(page_size);

-- name: CopyOfRunForTenant :one
SELECT c.tenant_id, c.id, c.site_id, c.run_id, c.kind, c.state, c.taken_at, c.finished_at, c.seconds, c.files, c.bytes, c.stored_bytes, c.sha256, c.row_total, c.table_total,
  c.vanished, c.details, c.local_month, c.sealed_name, c.verified_at, c.tiers, c.binned_at
FROM copy c WHERE c.tenant_id = $1 AND c.run_id = $2;

-- Why a run waits: its host, its place in the line there, its repository and
-- the destination's places.
-- name: WaitOfRun :one
SELECT h.name AS host_name, h.state AS host_state, h.last_seen_at, h.max_runs, h.busy AS host_busy, s.state AS site_state, s.name AS site_name, s.time_zone, t.name AS tenant_name,
  ((SELECT count(*) FROM run l WHERE l.host_id = r.host_id AND l.state = 'leased')
    + (SELECT count(*) FROM host_task l WHERE l.host_id = r.host_id AND l.state = 'leased'))::bigint AS host_running,
  (SELECT count(*) FROM run q WHERE q.host_id = r.host_id AND q.state = 'queued' AND (q.priority, q.created_at, q.id) < (r.priority, r.created_at, r.id)) AS ahead,
  EXISTS (SELECT 1 FROM run o WHERE o.site_id = r.site_id AND o.state = 'leased' AND o.id <> r.id)::bool AS site_busy,
  EXISTS (SELECT 1 FROM host_task k WHERE k.site_id = r.site_id AND (k.state = 'leased' OR k.state = 'queued' AND k.kind <> 'settle' AND h.protocol >= 3))::bool AS site_restored,
  coalesce(p.state::text, '')::text AS repository_state,
  coalesce((SELECT k.error FROM keeper_task k WHERE k.repository_id = p.id AND k.kind = 'create_repository' ORDER BY k.created_at DESC LIMIT 1), '')::text AS repository_error,
  coalesce(d.name, '')::text AS destination_name, coalesce(d.state::text, '')::text AS destination_state, coalesce(d.max_runs, 0)::int AS destination_max,
  (CASE WHEN d.max_runs > 0 THEN (SELECT count(*) FROM run w WHERE w.destination_id = d.id AND w.state = 'leased') ELSE 0 END)::bigint AS destination_running
FROM run r JOIN host h ON h.id = r.host_id JOIN site s ON s.tenant_id = r.tenant_id AND s.id = r.site_id JOIN tenant t ON t.id = r.tenant_id
LEFT JOIN repository p ON p.tenant_id = r.tenant_id AND p.site_id = r.site_id AND p.kind = r.kind
LEFT JOIN destination d ON d.id = p.destination_id
WHERE r.tenant_id = $1 AND r.id = $2;

-- name: QueueRun :execrows
UPDATE run r SET state = 'queued',
  destination_id = (SELECT p.destination_id FROM repository p WHERE p.tenant_id = r.tenant_id AND p.site_id = r.site_id AND p.kind = r.kind)
WHERE r.tenant_id = $1 AND r.id = $2 AND r.state = 'planned';

-- name: RetryRun :execrows
UPDATE run SET state = 'planned', not_before = $4, error = $5, error_code = $6, fence = NULL, host_epoch = NULL, leased_at = NULL, progress = '{}'
WHERE tenant_id = $1 AND id = $2 AND state = 'leased' AND fence = $3;

-- name: FinishRun :execrows
UPDATE run SET state = sqlc.arg(to_state), finished_at = sqlc.arg(now)::timestamptz, error = sqlc.arg(error), error_code = sqlc.arg(error_code)
WHERE tenant_id = $1 AND id = $2 AND state = 'leased' AND fence = sqlc.arg(fence);

-- name: CancelRun :execrows
UPDATE run SET state = 'cancelled', finished_at = sqlc.arg(now)::timestamptz, error = sqlc.arg(error), error_code = 'cancelled'
WHERE tenant_id = $1 AND id = $2 AND state = sqlc.arg(from_state);

-- name: StartRun :execrows
UPDATE run SET started_at = sqlc.arg(now)::timestamptz, started_fence = sqlc.arg(fence), attempt = attempt + 1, last_progress_at = sqlc.arg(now)::timestamptz, moved_at = sqlc.arg(now)::timestamptz
WHERE id = $1 AND host_id = $2 AND state = 'leased' AND fence = sqlc.arg(fence) AND started_fence IS DISTINCT FROM sqlc.arg(fence);

-- name: BeatRun :one
UPDATE run SET progress = $4, last_progress_at = sqlc.arg(now)::timestamptz,
  moved_at = CASE WHEN run.progress IS DISTINCT FROM $4 OR run.moved_at IS NULL THEN sqlc.arg(now)::timestamptz ELSE run.moved_at END
FROM (SELECT before.id, before.last_progress_at FROM run before WHERE before.id = $1 AND before.host_id = $2 AND before.state = 'leased' AND before.fence = $3 FOR UPDATE) was
WHERE run.id = was.id
RETURNING run.leased_at, was.last_progress_at AS previous_progress_at, run.site_id, run.kind;

-- name: LeasedRuns :many
SELECT tenant_id, id, site_id, kind, reason, fence, attempt, max_attempts, started_at, leased_at, destination_id FROM run WHERE host_id = $1 AND state = 'leased';

-- name: RequeueRun :execrows
UPDATE run SET state = 'queued', fence = NULL, host_epoch = NULL, leased_at = NULL, progress = '{}'
WHERE tenant_id = $1 AND id = $2 AND state = 'leased' AND fence = $3;

-- Fair between the tenants of a host, and within the places that the caller
-- has at destinations with a limit. At such a destination that the caller has
-- not locked, nothing is picked. A restore goes before every backup of its site,
-- where the agent can do restores: a site that waits for one, or has one at
-- work, is passed over, and its slots are served afterwards.
-- name: PickRuns :many
WITH held AS (
  SELECT h.tenant_id, h.site_id FROM run h WHERE h.host_id = $1 AND h.state = 'leased'
), place AS (
  SELECT unnest(sqlc.arg(limited)::uuid[]) AS destination_id, unnest(sqlc.arg(places)::int[]) AS places
), candidate AS (
  SELECT DISTINCT ON (r.site_id) r.tenant_id, r.id, r.priority, r.created_at, r.destination_id, place.places
  FROM run r JOIN site s ON s.tenant_id = r.tenant_id AND s.id = r.site_id
  LEFT JOIN destination d ON d.id = r.destination_id LEFT JOIN place ON place.destination_id = r.destination_id
  WHERE r.host_id = $1 AND r.state = 'queued' AND s.state = 'active' AND coalesce(d.state, 'active') = 'active'
    AND (r.closes_at IS NULL OR r.closes_at > sqlc.arg(now)::timestamptz)
    AND (coalesce(d.max_runs, 0) = 0 OR place.places > 0)
    AND NOT EXISTS (SELECT 1 FROM held WHERE held.site_id = r.site_id)
    AND NOT EXISTS (SELECT 1 FROM host_task k WHERE k.site_id = r.site_id
      AND (k.state = 'leased' OR k.state = 'queued' AND k.kind <> 'settle' AND sqlc.arg(restores)::bool))
  ORDER BY r.site_id, r.priority, r.created_at
), placed AS (
  SELECT c.tenant_id, c.id, c.priority, c.created_at, c.destination_id, c.places,
    row_number() OVER (PARTITION BY c.tenant_id ORDER BY c.priority, c.created_at)
      + (SELECT count(*) FROM held WHERE held.tenant_id = c.tenant_id) AS turn
  FROM candidate c
), numbered AS (
  SELECT p.tenant_id, p.id, p.priority, p.created_at, p.turn, p.places,
    row_number() OVER (PARTITION BY p.destination_id ORDER BY p.turn, p.priority, p.created_at) AS nth
  FROM placed p
)
SELECT run.tenant_id, run.id FROM numbered n JOIN run ON run.tenant_id = n.tenant_id AND run.id = n.id
WHERE n.nth <= coalesce(n.places, n.nth) ORDER BY n.turn, n.priority, n.created_at LIMIT sqlc.arg(free);

-- name: LeaseRun :one
UPDATE run SET state = 'leased', fence = nextval('run_fence'), host_epoch = $3, leased_at = sqlc.arg(now)::timestamptz, last_progress_at = NULL, moved_at = NULL, progress = '{}'
WHERE run.tenant_id = $1 AND run.id = $2 AND run.state = 'queued' AND NOT EXISTS (SELECT 1 FROM host_task k WHERE k.site_id = run.site_id AND k.state = 'leased')
RETURNING *;

-- name: RunsOfSite :many
SELECT * FROM run WHERE tenant_id = $1 AND site_id = $2 ORDER BY created_at DESC LIMIT $3;

-- name: PlannedRunOf :one
SELECT id FROM run WHERE tenant_id = $1 AND site_id = $2 AND kind = $3 AND state = 'planned';
