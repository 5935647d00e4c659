-- What is due and can be planned, the longest due first, and then host by
-- host: a batch of few hosts makes few jobs. What cannot be planned now (host
-- not active, site suspended, a run open already) is passed over here, so that
-- it takes nobody's place in the batch.
-- name: DueStarts :many
SELECT due.tenant_id, due.site_id, due.kind, due.host_id FROM (
  SELECT d.tenant_id, d.site_id, d.kind, s.host_id
  FROM schedule d JOIN site s ON s.tenant_id = d.tenant_id AND s.id = d.site_id JOIN host h ON h.id = s.host_id
  WHERE d.start_at <= sqlc.arg(now)::timestamptz AND (d.closes_at IS NULL OR d.closes_at > sqlc.arg(now)::timestamptz) AND s.state = 'active' AND h.state = 'active'
    AND NOT EXISTS (SELECT 1 FROM run r WHERE r.site_id = d.site_id AND r.kind = d.kind AND r.state IN ('planned', 'queued', 'leased'))
  ORDER BY d.start_at LIMIT sqlc.arg(page_size)
) due ORDER BY due.host_id, due.site_id;

-- Plans what is still due of the named rows, in one statement: the runs, their
-- events, and the rows that wait for the runs' ends from now on. A row that
-- another planner holds is its business; a run that is open already stays alone,
-- and its row stays as it is. Events take their identifiers from the array by
-- number: a join of two such lists, of which PostgreSQL expects one row each,
-- costs five times the rest. The arrays stand in subqueries for the like reason:
-- when PostgreSQL sees how long they are, it reads all sites for every batch.
-- name: PlanRuns :many
WITH wanted AS (
  SELECT unnest((SELECT sqlc.arg(tenants)::uuid[])) AS tenant_id, unnest((SELECT sqlc.arg(sites)::uuid[])) AS site_id, unnest((SELECT sqlc.arg(kinds)::text[]))::backup_kind AS kind,
    unnest((SELECT sqlc.arg(runs)::uuid[])) AS run_id
), due AS (
  SELECT d.tenant_id, d.site_id, d.kind, s.host_id, wanted.run_id, d.closes_at,
    (CASE WHEN d.newest_good_at IS NULL THEN 'initial' ELSE 'scheduled' END)::run_reason AS reason
  FROM wanted JOIN schedule d ON d.tenant_id = wanted.tenant_id AND d.site_id = wanted.site_id AND d.kind = wanted.kind
  JOIN site s ON s.tenant_id = d.tenant_id AND s.id = d.site_id JOIN host h ON h.id = s.host_id
  WHERE d.start_at <= sqlc.arg(now)::timestamptz AND (d.closes_at IS NULL OR d.closes_at > sqlc.arg(now)::timestamptz) AND s.state = 'active' AND h.state = 'active'
  FOR UPDATE OF d SKIP LOCKED
), made AS (
  INSERT INTO run (tenant_id, id, site_id, host_id, kind, reason, priority, max_attempts, not_before, created_at, asked_by, closes_at)
  SELECT due.tenant_id, due.run_id, due.site_id, due.host_id, due.kind, due.reason,
    CASE WHEN due.reason = 'initial' THEN sqlc.arg(initial_priority)::smallint ELSE sqlc.arg(scheduled_priority)::smallint END,
    sqlc.arg(max_attempts)::int, sqlc.arg(now)::timestamptz, sqlc.arg(now)::timestamptz, sqlc.arg(actor)::text,
    CASE WHEN due.reason = 'scheduled' THEN due.closes_at END
  FROM due
  ON CONFLICT (site_id, kind) WHERE state IN ('planned', 'queued', 'leased') DO NOTHING
  RETURNING run.tenant_id, run.id, run.site_id, run.host_id, run.kind, run.reason
), moved AS (
  UPDATE schedule d SET start_at = NULL FROM made WHERE d.tenant_id = made.tenant_id AND d.site_id = made.site_id AND d.kind = made.kind
), noted AS (
  INSERT INTO event (id, tenant_id, at, actor, verb, subject_kind, subject_id, site_id, detail)
  SELECT (sqlc.arg(events)::uuid[])[row_number() OVER ()], made.tenant_id, sqlc.arg(now)::timestamptz, sqlc.arg(actor)::text, 'run.planned', 'run', made.id, made.site_id,
    jsonb_build_object('kind', made.kind, 'reason', made.reason)
  FROM made
)
SELECT made.host_id, count(*) AS runs FROM made GROUP BY made.host_id;

-- name: LockPlannedRuns :many
SELECT r.tenant_id, r.id, r.site_id, p.destination_id
FROM run r JOIN repository p ON p.tenant_id = r.tenant_id AND p.site_id = r.site_id AND p.kind = r.kind
WHERE r.host_id = $1 AND r.state = 'planned' AND r.not_before <= sqlc.arg(now)::timestamptz AND p.state = 'ready'
  AND (r.closes_at IS NULL OR r.closes_at > sqlc.arg(now)::timestamptz)
ORDER BY r.not_before LIMIT sqlc.arg(page_size)
FOR UPDATE OF r SKIP LOCKED;

-- name: QueueRuns :execrows
WITH wanted AS (
  SELECT unnest((SELECT sqlc.arg(tenants)::uuid[])) AS tenant_id, unnest((SELECT sqlc.arg(runs)::uuid[])) AS run_id,
    unnest((SELECT sqlc.arg(destinations)::uuid[])) AS destination_id, unnest((SELECT sqlc.arg(events)::uuid[])) AS event_id
), moved AS (
  UPDATE run r SET state = 'queued', destination_id = wanted.destination_id FROM wanted
  WHERE r.tenant_id = wanted.tenant_id AND r.id = wanted.run_id AND r.state = 'planned'
  RETURNING r.tenant_id, r.id, r.site_id, wanted.event_id
)
INSERT INTO event (id, tenant_id, at, actor, verb, subject_kind, subject_id, site_id, detail)
SELECT moved.event_id, moved.tenant_id, sqlc.arg(now)::timestamptz, sqlc.arg(actor)::text, 'run.queued', 'run', moved.id, moved.site_id, '{}' FROM moved;

-- name: RunsWithoutRepository :many
SELECT r.* FROM run r JOIN site s ON s.tenant_id = r.tenant_id AND s.id = r.site_id
LEFT JOIN repository p ON p.tenant_id = r.tenant_id AND p.site_id = r.site_id AND p.kind = r.kind
WHERE r.host_id = $1 AND r.state = 'planned' AND r.not_before <= sqlc.arg(now)::timestamptz AND s.state = 'active'
  AND (p.id IS NULL OR p.state = 'new' AND NOT EXISTS (
    SELECT 1 FROM keeper_task k WHERE k.repository_id = p.id AND k.kind = 'create_repository' AND k.state IN ('queued', 'running')))
ORDER BY r.not_before LIMIT sqlc.arg(page_size)
FOR UPDATE OF r SKIP LOCKED;

-- Hosts with planned runs that a dispatch would move on. Those that wait for
-- the keeper, or whose repository is damaged, it would not.
-- name: StuckHosts :many
SELECT DISTINCT r.host_id FROM run r
WHERE r.state = 'planned' AND r.not_before < $1
  AND (SELECT s.state FROM site s WHERE s.tenant_id = r.tenant_id AND s.id = r.site_id) = 'active'
  AND coalesce((SELECT p.state = 'ready' OR p.state = 'new' AND NOT EXISTS (
      SELECT 1 FROM keeper_task k WHERE k.repository_id = p.id AND k.kind = 'create_repository' AND k.state IN ('queued', 'running'))
    FROM repository p WHERE p.tenant_id = r.tenant_id AND p.site_id = r.site_id AND p.kind = r.kind), true)
LIMIT $2;

-- The destinations with a limit that this host has work for, locked in one
-- order everywhere: until this transaction ends, nobody else gives out their
-- places.
-- name: LockLimits :many
SELECT d.id, d.max_runs FROM destination d
WHERE d.max_runs > 0 AND EXISTS (SELECT 1 FROM run r WHERE r.destination_id = d.id AND r.host_id = $1 AND r.state = 'queued')
ORDER BY d.id FOR NO KEY UPDATE OF d;

-- Who holds places at a destination, and who could take one at once.
-- name: DestinationLoad :many
SELECT h.id AS host_id, t.turn_at,
  (SELECT count(*) FROM run l WHERE l.destination_id = sqlc.arg(destination_id)::uuid AND l.host_id = h.id AND l.state = 'leased') AS held,
  (h.state = 'active' AND h.last_seen_at > sqlc.arg(seen_after)::timestamptz
    AND (SELECT w.state FROM destination w WHERE w.id = sqlc.arg(destination_id)::uuid) = 'active'
    AND (SELECT count(*) FROM run o WHERE o.host_id = h.id AND o.state = 'leased') + (SELECT count(*) FROM host_task o WHERE o.host_id = h.id AND o.state = 'leased') < h.max_runs
    AND EXISTS (SELECT 1 FROM run q JOIN site s ON s.tenant_id = q.tenant_id AND s.id = q.site_id
      WHERE q.destination_id = sqlc.arg(destination_id)::uuid AND q.host_id = h.id AND q.state = 'queued' AND s.state = 'active'
        AND NOT EXISTS (SELECT 1 FROM run b WHERE b.site_id = q.site_id AND b.state = 'leased')
        AND NOT EXISTS (SELECT 1 FROM host_task k WHERE k.site_id = q.site_id AND (k.state = 'leased' OR k.state = 'queued' AND k.kind <> 'settle' AND h.protocol >= 3))))::bool AS waiting
FROM host h LEFT JOIN destination_turn t ON t.destination_id = sqlc.arg(destination_id)::uuid AND t.host_id = h.id
WHERE EXISTS (SELECT 1 FROM run r WHERE r.destination_id = sqlc.arg(destination_id)::uuid AND r.host_id = h.id AND r.state IN ('queued', 'leased'));

-- name: TakeTurn :exec
INSERT INTO destination_turn (destination_id, host_id, turn_at) VALUES ($1, $2, $3)
ON CONFLICT (destination_id, host_id) DO UPDATE SET turn_at = excluded.turn_at;

-- name: SetDestinationLimit :execrows
UPDATE destination SET max_runs = $2 WHERE id = $1;
