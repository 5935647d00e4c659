-- The repositories of a destination, with what they take up: as the keeper
-- counted it, or, before it did, as whoever stored the copies told.
-- name: MeasureDestination :one
SELECT count(*) AS repositories,
  count(*) FILTER (WHERE p.stored_bytes > 0) AS measured,
  coalesce(sum(CASE WHEN p.stored_bytes > 0 THEN p.stored_bytes ELSE coalesce(d.bytes, 0) END), 0)::bigint AS stored_bytes,
  coalesce(sum(d.copies), 0)::bigint AS copies
FROM repository p LEFT JOIN schedule d ON d.tenant_id = p.tenant_id AND d.site_id = p.site_id AND d.kind = p.kind
WHERE p.destination_id = $1 AND p.state <> 'new';

-- name: SaveSample :exec
INSERT INTO usage_sample (destination_id, daily, slot, at, stored_bytes, repositories, measured, copies, free_bytes, total_bytes)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, sqlc.narg(free_bytes), sqlc.narg(total_bytes))
ON CONFLICT (destination_id, daily, slot) DO UPDATE SET at = excluded.at, stored_bytes = excluded.stored_bytes,
  repositories = excluded.repositories, measured = excluded.measured, copies = excluded.copies,
  free_bytes = excluded.free_bytes, total_bytes = excluded.total_bytes
WHERE usage_sample.at <= excluded.at;

-- name: NewestSamples :many
SELECT DISTINCT ON (u.destination_id) u.* FROM usage_sample u
WHERE NOT u.daily AND u.slot <= sqlc.arg(now)::timestamptz ORDER BY u.destination_id, u.slot DESC;

-- name: SamplesSince :many
SELECT * FROM usage_sample WHERE destination_id = $1 AND daily = $2 AND slot BETWEEN sqlc.arg(since)::timestamptz AND sqlc.arg(now)::timestamptz ORDER BY slot;

-- name: DailySamplesSince :many
SELECT * FROM usage_sample WHERE daily AND slot BETWEEN sqlc.arg(since)::timestamptz AND sqlc.arg(now)::timestamptz ORDER BY destination_id, slot;

-- name: DropSamples :execrows
DELETE FROM usage_sample WHERE NOT daily AND slot < sqlc.arg(hours_before)::timestamptz OR daily AND slot < sqlc.arg(days_before)::timestamptz;

-- name: KeeperQueues :many
SELECT d.id AS destination_id,
  (SELECT count(*) FROM keeper_task k WHERE k.destination_id = d.id AND k.state = 'queued') AS waiting,
  (SELECT count(*) FROM keeper_task k WHERE k.destination_id = d.id AND k.state = 'running') AS running,
  (SELECT count(*) FROM keeper_task k WHERE k.destination_id = d.id AND k.state = 'failed') AS failed,
  (SELECT count(*) FROM run r WHERE r.destination_id = d.id AND r.state = 'leased') AS writing
FROM destination d;

-- name: KeeperQueueKinds :many
SELECT kind, count(*) AS waiting, count(*) FILTER (WHERE error <> '') AS tried, min(not_before)::timestamptz AS oldest
FROM keeper_task WHERE destination_id = $1 AND state IN ('queued', 'running') GROUP BY kind ORDER BY kind;

-- name: FailedTasks :many
SELECT k.*, s.name AS site_name, p.kind AS copy_kind FROM keeper_task k
JOIN site s ON s.tenant_id = k.tenant_id AND s.id = k.site_id
JOIN repository p ON p.tenant_id = k.tenant_id AND p.id = k.repository_id
WHERE k.destination_id = $1 AND k.state = 'failed' ORDER BY k.finished_at DESC LIMIT $2;

-- A task that another of its kind has overtaken is not needed any more.
-- name: RetryTask :execrows
UPDATE keeper_task k SET state = 'queued', attempt = 0, error = '', finished_at = NULL, not_before = sqlc.arg(now)::timestamptz
WHERE k.tenant_id = $1 AND k.id = $2 AND k.destination_id = $3 AND k.state = 'failed'
  AND NOT EXISTS (SELECT 1 FROM keeper_task o WHERE o.repository_id = k.repository_id AND o.kind = k.kind
    AND coalesce(o.copy_id, '00000000-0000-0000-0000-000000000000') = coalesce(k.copy_id, '00000000-0000-0000-0000-000000000000')
    AND o.state IN ('queued', 'running'));

-- name: MaintenanceTimes :one
SELECT coalesce(max(maintained_at), 'epoch')::timestamptz AS last, coalesce(min(maintain_at), 'epoch')::timestamptz AS next, count(*) FILTER (WHERE state = 'damaged') AS damaged
FROM repository WHERE destination_id = $1;

-- name: SitesAtDestination :one
SELECT count(*) FROM site WHERE destination_id = $1 AND state <> 'removed';

-- name: SetDestinationState :execrows
UPDATE destination SET state = sqlc.arg(to_state) WHERE id = $1 AND state = sqlc.arg(from_state);
