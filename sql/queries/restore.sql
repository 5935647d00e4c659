-- name: InsertRestore :exec
INSERT INTO restore (tenant_id, id, site_id, ticket_id, what, database_copy_id, data_copy_id, input, without_safety, without_by, asked_by, why, created_at)
VALUES ($1, $2, $3, sqlc.narg(ticket_id), $4, sqlc.narg(database_copy_id), sqlc.narg(data_copy_id), $5, $6, $7, $8, $9, $10);

-- name: RestoreByID :one
SELECT * FROM restore WHERE id = $1;

-- name: LockRestore :one
SELECT * FROM restore WHERE tenant_id = $1 AND id = $2 FOR UPDATE;

-- name: OpenRestoreOfSite :one
SELECT * FROM restore WHERE tenant_id = $1 AND site_id = $2 AND ended_at IS NULL;

-- name: NewestRestoreOfTicket :one
SELECT * FROM restore WHERE tenant_id = $1 AND ticket_id = $2 ORDER BY created_at DESC, id DESC LIMIT 1;

-- Every move but those of a customer.
-- name: MoveRestore :one
UPDATE restore SET state = sqlc.arg(to_state), error = sqlc.arg(error), error_code = sqlc.arg(error_code), evidence = sqlc.arg(evidence),
  safety_database_run_id = sqlc.narg(safety_database_run_id), safety_data_run_id = sqlc.narg(safety_data_run_id), task_id = sqlc.narg(task_id),
  started_at = sqlc.narg(started_at), restored_at = sqlc.narg(restored_at), ended_at = sqlc.narg(ended_at)
WHERE tenant_id = $1 AND id = $2 AND state = sqlc.arg(from_state)
RETURNING *;

-- A person accepts what came back, or has it undone.
-- name: HandRestore :one
UPDATE restore SET state = sqlc.arg(to_state), task_id = sqlc.arg(task_id)
WHERE tenant_id = $1 AND id = $2 AND state = 'restored'
RETURNING *;

-- name: StopRestore :execrows
UPDATE restore SET stop_by = $3, stop_why = $4 WHERE tenant_id = $1 AND id = $2 AND state = 'running' AND stop_by = '';

-- name: NoteRestoreStart :execrows
UPDATE restore SET started_at = coalesce(started_at, sqlc.arg(now)::timestamptz) WHERE tenant_id = $1 AND id = $2 AND state = 'running';

-- name: SetRestoreTask :execrows
UPDATE restore SET task_id = sqlc.arg(task_id) WHERE tenant_id = $1 AND id = $2 AND state IN ('settling', 'undoing');

-- The restore that waits for a run as its safety copy.
-- name: RestoreOfSafetyRun :one
SELECT * FROM restore WHERE site_id = $1 AND ended_at IS NULL AND state = 'safeguarding'
  AND (safety_database_run_id = $2 OR safety_data_run_id = $2);

-- Restores that something must move on: those that begin or are safeguarded,
-- and those whose host has no task to do for them.
-- name: RestoresToMove :many
SELECT r.id FROM restore r
WHERE r.ended_at IS NULL AND r.created_at < sqlc.arg(before)::timestamptz
  AND (r.state IN ('planned', 'safeguarding') OR r.state IN ('queued', 'running', 'settling', 'undoing')
    AND NOT EXISTS (SELECT 1 FROM host_task k WHERE k.site_id = r.site_id AND k.state IN ('queued', 'leased')))
ORDER BY r.created_at LIMIT sqlc.arg(page_size);

-- name: ListRestores :many
SELECT sqlc.embed(r), s.name AS site_name, t.name AS tenant_name, h.name AS host_name
FROM restore r JOIN site s ON s.tenant_id = r.tenant_id AND s.id = r.site_id JOIN tenant t ON t.id = r.tenant_id JOIN host h ON h.id = s.host_id
WHERE (sqlc.narg(tenant_id)::uuid IS NULL OR r.tenant_id = sqlc.narg(tenant_id)::uuid)
  AND (sqlc.narg(site_id)::uuid IS NULL OR r.site_id = sqlc.narg(site_id)::uuid)
  AND (NOT sqlc.arg(only_open)::bool OR r.ended_at IS NULL)
  AND (sqlc.arg(state)::text = '' OR r.state = sqlc.arg(state)::text::restore_state)
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (r.created_at, r.id) < (sqlc.narg(before_at)::timestamptz, sqlc.narg(before_id)::uuid))
ORDER BY r.created_at DESC, r.id DESC LIMIT sqlc.arg(page_size);

-- name: EventsOfRestore :many
SELECT * FROM event WHERE tenant_id = sqlc.arg(tenant_id) AND site_id = sqlc.arg(site_id)::uuid AND subject_id = sqlc.arg(restore_id)::uuid
  AND at >= sqlc.arg(since)::timestamptz ORDER BY at, id LIMIT sqlc.arg(page_size);

-- What an offer must know of a site's copies.
-- name: CopiesToOffer :many
SELECT c.id, c.kind, c.state, c.taken_at, c.binned_at, c.verified_at, c.files, c.bytes, c.row_total, c.table_total, c.seconds,
  coalesce(c.details->'facts'->>'release', '')::text AS release
FROM copy c WHERE c.tenant_id = $1 AND c.site_id = $2 AND c.state IN ('good', 'incomplete') ORDER BY c.taken_at DESC LIMIT 5000;

-- name: CopyToOffer :one
SELECT c.id, c.site_id, c.kind, c.state, c.taken_at, c.binned_at, c.verified_at, c.files, c.bytes, c.row_total, c.table_total, c.seconds,
  coalesce(c.details->'facts'->>'release', '')::text AS release
FROM copy c WHERE c.tenant_id = $1 AND c.id = $2;

-- How long restores took on their hosts, and how large what they brought back
-- was, the newest first.
-- name: RestoreTimes :many
SELECT r.site_id, r.what, extract(epoch FROM r.restored_at - r.started_at)::double precision AS seconds,
  coalesce(b.bytes, 0)::bigint AS database_bytes, coalesce(d.bytes, 0)::bigint AS data_bytes
FROM restore r LEFT JOIN copy b ON b.tenant_id = r.tenant_id AND b.id = r.database_copy_id
LEFT JOIN copy d ON d.tenant_id = r.tenant_id AND d.id = r.data_copy_id
WHERE r.restored_at IS NOT NULL AND r.started_at IS NOT NULL AND r.what <> 'files'
  AND (sqlc.narg(tenant_id)::uuid IS NULL OR r.tenant_id = sqlc.narg(tenant_id)::uuid)
  AND (sqlc.narg(site_id)::uuid IS NULL OR r.site_id = sqlc.narg(site_id)::uuid)
ORDER BY r.created_at DESC, r.id DESC LIMIT sqlc.arg(page_size);

-- name: InsertRestoreUse :exec
INSERT INTO copy_use (tenant_id, id, copy_id, used_by, since, expires_at, restore_id) VALUES ($1, $2, $3, 'restore', $4, $5, sqlc.arg(restore_id))
ON CONFLICT (tenant_id, restore_id, copy_id) WHERE restore_id IS NOT NULL DO UPDATE SET expires_at = excluded.expires_at;

-- name: RenewRestoreUses :execrows
UPDATE copy_use u SET expires_at = sqlc.arg(until)::timestamptz FROM restore r
WHERE r.tenant_id = u.tenant_id AND r.id = u.restore_id AND r.ended_at IS NULL AND u.expires_at < sqlc.arg(soon)::timestamptz;

-- name: EndRestoreUses :execrows
DELETE FROM copy_use WHERE tenant_id = $1 AND restore_id = $2;

-- name: HurryRun :execrows
UPDATE run SET priority = 1, not_before = least(not_before, sqlc.arg(now)::timestamptz) WHERE tenant_id = $1 AND id = $2 AND state IN ('planned', 'queued');

-- Where a restore of a site would take place, and what may stand in its way.
-- name: PlaceOfRestore :one
SELECT s.name AS site_name, s.state AS site_state, t.name AS tenant_name, t.state AS tenant_state,
  h.id AS host_id, h.name AS host_name, h.state AS host_state, h.protocol, h.agent_version, h.last_seen_at, h.max_runs,
  ((SELECT count(*) FROM run l WHERE l.host_id = h.id AND l.state = 'leased')
    + (SELECT count(*) FROM host_task l WHERE l.host_id = h.id AND l.state = 'leased'))::bigint AS host_running,
  EXISTS (SELECT 1 FROM run l WHERE l.site_id = s.id AND l.state = 'leased')::bool AS site_busy,
  (SELECT count(*) FROM host_task k WHERE k.site_id = s.id AND k.state IN ('queued', 'leased') AND k.restore_id <> sqlc.arg(restore_id))::bigint AS other_tasks
FROM site s JOIN tenant t ON t.id = s.tenant_id JOIN host h ON h.id = s.host_id WHERE s.tenant_id = $1 AND s.id = $2 AND s.state <> 'removed';

-- name: InsertHostTask :exec
INSERT INTO host_task (tenant_id, id, site_id, host_id, restore_id, kind, max_attempts, not_before, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: HostTaskByID :one
SELECT * FROM host_task WHERE id = $1;

-- name: LockHostTask :one
SELECT * FROM host_task WHERE tenant_id = $1 AND id = $2 FOR UPDATE;

-- name: LeasedTasks :many
SELECT sqlc.embed(k), r.stop_by FROM host_task k JOIN restore r ON r.tenant_id = k.tenant_id AND r.id = k.restore_id
WHERE k.host_id = $1 AND k.state = 'leased';

-- The tasks that a host may be given: never of a site that it has a run of.
-- name: PickTasks :many
SELECT k.tenant_id, k.id, k.restore_id FROM host_task k JOIN site s ON s.tenant_id = k.tenant_id AND s.id = k.site_id
WHERE k.host_id = $1 AND k.state = 'queued' AND k.not_before <= sqlc.arg(now)::timestamptz AND s.state = 'active' AND s.host_id = k.host_id
  AND NOT EXISTS (SELECT 1 FROM run l WHERE l.site_id = k.site_id AND l.state = 'leased')
ORDER BY k.created_at, k.id LIMIT sqlc.arg(free);

-- name: LeaseTask :one
UPDATE host_task SET state = 'leased', fence = nextval('run_fence'), host_epoch = $3, leased_at = sqlc.arg(now)::timestamptz, last_progress_at = NULL, progress = '{}', bytes_per_second = 0
WHERE tenant_id = $1 AND id = $2 AND state = 'queued'
RETURNING *;

-- name: StartTask :execrows
UPDATE host_task SET started_at = coalesce(started_at, sqlc.arg(now)::timestamptz), started_fence = sqlc.arg(fence), attempt = attempt + 1, last_progress_at = sqlc.arg(now)::timestamptz
WHERE id = $1 AND host_id = $2 AND state = 'leased' AND fence = sqlc.arg(fence) AND started_fence IS DISTINCT FROM sqlc.arg(fence);

-- name: BeatTask :execrows
UPDATE host_task SET progress = $4, bytes_per_second = $5, last_progress_at = sqlc.arg(now)::timestamptz
WHERE id = $1 AND host_id = $2 AND state = 'leased' AND fence = $3;

-- name: RequeueTask :execrows
UPDATE host_task SET state = 'queued', not_before = $4, error = $5, error_code = $6, answered_fence = sqlc.narg(answered_fence), fence = NULL, host_epoch = NULL, leased_at = NULL, progress = '{}', bytes_per_second = 0
WHERE tenant_id = $1 AND id = $2 AND state = 'leased' AND fence = $3;

-- name: EndTask :execrows
UPDATE host_task SET state = sqlc.arg(to_state), finished_at = sqlc.arg(now)::timestamptz, error = sqlc.arg(error), error_code = sqlc.arg(error_code), result = sqlc.arg(result), answered_fence = fence
WHERE tenant_id = $1 AND id = $2 AND state IN ('queued', 'leased');
