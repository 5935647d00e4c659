-- name: InsertCopy :exec
INSERT INTO copy (tenant_id, id, site_id, repository_id, run_id, fence, kind, state, snapshot, manifest, taken_at, finished_at, seconds,
  files, bytes, stored_bytes, sha256, row_total, table_total, vanished, details, local_month,
  tiers, started_at, initial, protected_until, protected_why, fingerprint)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28);

-- name: CopyOfRun :one
SELECT id, fence FROM copy WHERE tenant_id = $1 AND run_id = $2;

-- name: CopiesOfSite :many
SELECT c.tenant_id, c.id, c.site_id, c.run_id, c.kind, c.state, c.taken_at, c.finished_at, c.seconds, c.files, c.bytes, c.stored_bytes, c.sha256, c.row_total, c.table_total,
  c.vanished, c.details, c.local_month, c.sealed_name, c.verified_at, c.tiers, c.started_at, c.initial, c.protected_until, c.protected_why, c.pinned, c.legal_hold, c.binned_at,
  EXISTS (SELECT 1 FROM copy_use u WHERE u.tenant_id = c.tenant_id AND u.copy_id = c.id AND u.expires_at > sqlc.arg(now)::timestamptz)::bool AS in_use
FROM copy c WHERE c.tenant_id = $1 AND c.site_id = $2 AND c.state <> 'gone' ORDER BY c.taken_at DESC, c.kind LIMIT $3;

-- name: CopyByID :one
SELECT * FROM copy WHERE id = $1;

-- name: SealedInMonth :one
SELECT count(*) FROM copy c WHERE c.tenant_id = $1 AND c.site_id = $2 AND c.kind = 'database' AND c.local_month = $3 AND c.state = 'good' AND c.id <> $4
  AND (c.sealed_name <> '' OR EXISTS (SELECT 1 FROM keeper_task k WHERE k.tenant_id = c.tenant_id AND k.copy_id = c.id AND k.kind = 'seal_copy' AND k.state IN ('queued', 'running')));

-- name: SetSealed :execrows
UPDATE copy SET sealed_name = $3, sealed_sha256 = $4 WHERE tenant_id = $1 AND id = $2 AND state = 'good';

-- name: SetVerified :execrows
UPDATE copy SET verified_at = $3 WHERE tenant_id = $1 AND id = $2 AND state IN ('good', 'incomplete');

-- name: MoveCopy :execrows
UPDATE copy SET state = sqlc.arg(to_state) WHERE tenant_id = $1 AND id = $2 AND state = sqlc.arg(from_state);

-- Every snapshot that the catalog means to keep: of the copies, of their lists
-- of references, and of the files that database copies name.
-- name: CopiesInRepository :many
SELECT c.id, c.snapshot, c.state FROM copy c WHERE c.tenant_id = $1 AND c.repository_id = $2 AND c.state NOT IN ('deleting', 'gone')
UNION ALL
SELECT c.id, r.snapshot, c.state FROM reference_list r JOIN copy c ON c.tenant_id = r.tenant_id AND c.id = r.copy_id
WHERE r.tenant_id = $1 AND c.repository_id = $2 AND c.state NOT IN ('deleting', 'gone')
UNION ALL
SELECT c.id, r.files_snapshot, c.state FROM reference_list r JOIN copy c ON c.tenant_id = r.tenant_id AND c.id = r.copy_id
WHERE r.tenant_id = $1 AND r.files_repository_id = $2 AND r.files_snapshot <> '' AND c.state NOT IN ('deleting', 'gone');

-- name: InsertTask :exec
INSERT INTO keeper_task (tenant_id, id, site_id, destination_id, repository_id, copy_id, kind, not_before, created_at)
VALUES ($1, $2, $3, $4, $5, sqlc.narg(copy_id), $6, $7, $7)
ON CONFLICT (repository_id, kind, coalesce(copy_id, '00000000-0000-0000-0000-000000000000')) WHERE state IN ('queued', 'running') DO NOTHING;

-- name: TaskByID :one
SELECT * FROM keeper_task WHERE id = $1;

-- At a destination that is read-only nothing is done but reading.
-- name: TakeTask :one
UPDATE keeper_task SET state = 'running', attempt = attempt + 1
WHERE id = (SELECT k.id FROM keeper_task k WHERE k.destination_id = $1 AND k.state = 'queued' AND k.not_before <= $2
    AND (k.kind IN ('verify_copy', 'measure_pair', 'scan_repository') OR (SELECT d.state FROM destination d WHERE d.id = $1) = 'active')
  ORDER BY (k.kind = 'create_repository') DESC, k.not_before LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING *;

-- name: ReclaimTasks :execrows
UPDATE keeper_task SET state = 'queued' WHERE destination_id = $1 AND state = 'running';

-- name: FinishTask :execrows
UPDATE keeper_task SET state = sqlc.arg(to_state), error = sqlc.arg(error), finished_at = sqlc.arg(finished_at), not_before = sqlc.arg(not_before)
WHERE tenant_id = $1 AND id = $2 AND state = 'running';
