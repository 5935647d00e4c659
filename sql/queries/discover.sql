-- A look for the sites of a host, and what the newest one has found.

-- name: DiscoveryOfHost :one
SELECT * FROM discovery WHERE host_id = $1;

-- name: LockDiscovery :one
SELECT * FROM discovery WHERE host_id = $1 FOR UPDATE;

-- What was found stands until a newer look ends well.
-- name: AskDiscovery :exec
INSERT INTO discovery (host_id, id, asked_by, asked_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (host_id) DO UPDATE SET id = excluded.id, state = 'queued', asked_by = excluded.asked_by, asked_at = excluded.asked_at, attempt = 0,
  host_epoch = NULL, fence = NULL, leased_at = NULL, started_at = NULL, started_fence = NULL, last_progress_at = NULL, progress = '{}', answered_fence = NULL,
  ended_at = NULL, error = '', error_code = '';

-- name: LeaseDiscovery :one
UPDATE discovery SET state = 'leased', fence = nextval('run_fence'), host_epoch = $2, leased_at = sqlc.arg(now)::timestamptz, last_progress_at = NULL, progress = '{}'
WHERE host_id = $1 AND state = 'queued'
RETURNING *;

-- name: StartDiscovery :execrows
UPDATE discovery SET started_at = coalesce(started_at, sqlc.arg(now)::timestamptz), started_fence = sqlc.arg(fence), attempt = attempt + 1
WHERE host_id = $1 AND state = 'leased' AND fence = sqlc.arg(fence) AND started_fence IS DISTINCT FROM sqlc.arg(fence);

-- name: BeatDiscovery :execrows
UPDATE discovery SET progress = $3, last_progress_at = sqlc.arg(now)::timestamptz
WHERE host_id = $1 AND id = $2 AND state = 'leased' AND fence = sqlc.arg(fence);

-- name: RequeueDiscovery :execrows
UPDATE discovery SET state = 'queued', fence = NULL, host_epoch = NULL, leased_at = NULL, progress = '{}', answered_fence = sqlc.narg(answered_fence)
WHERE host_id = $1 AND state = 'leased' AND fence = sqlc.arg(fence);

-- name: EndDiscovery :execrows
UPDATE discovery SET state = sqlc.arg(to_state), ended_at = sqlc.arg(now)::timestamptz, error = sqlc.arg(error), error_code = sqlc.arg(error_code), answered_fence = fence,
  found = CASE WHEN sqlc.arg(to_state)::discovery_state = 'done' THEN sqlc.arg(found)::jsonb ELSE found END,
  found_at = CASE WHEN sqlc.arg(to_state)::discovery_state = 'done' THEN sqlc.arg(now)::timestamptz ELSE found_at END
WHERE host_id = $1 AND state IN ('queued', 'leased');

-- Where the sites of a host lie, to tell which of what was found is one already.
-- name: PlacesOfHost :many
SELECT s.tenant_id, s.id, s.name, s.code_dir, coalesce(s.facts->>'dataroot', '')::text AS dataroot, t.name AS tenant_name
FROM site s JOIN tenant t ON t.id = s.tenant_id
WHERE s.host_id = $1 AND s.state <> 'removed' ORDER BY s.name;

-- Which of these names are taken.
-- name: SiteNamesTaken :many
SELECT name FROM site WHERE state <> 'removed' AND name = ANY(sqlc.arg(names)::text[]);
