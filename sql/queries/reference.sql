-- name: InsertReferenceList :exec
INSERT INTO reference_list (tenant_id, copy_id, site_id, snapshot, manifest, bytes, stored_bytes, row_total, hashes, hash_bytes, from_trash, external, missing, missing_list,
  files_repository_id, files_snapshot, files_manifest, files, files_bytes, files_stored_bytes)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, sqlc.narg(files_repository_id), $15, $16, $17, $18, $19);

-- name: ReferenceListOf :one
SELECT * FROM reference_list WHERE tenant_id = $1 AND copy_id = $2;

-- What everybody who sees the site may know of its lists.
-- name: ReferencesOfSite :many
SELECT r.copy_id, r.bytes, r.stored_bytes, r.row_total, r.hashes, r.hash_bytes, r.from_trash, r.external, r.missing, r.missing_list,
  (r.files_repository_id IS NOT NULL)::bool AS files_kept, r.files, r.files_bytes, r.files_stored_bytes
FROM reference_list r WHERE r.tenant_id = $1 AND r.site_id = $2;

-- name: ReferencesOfCopy :one
SELECT r.copy_id, r.bytes, r.stored_bytes, r.row_total, r.hashes, r.hash_bytes, r.from_trash, r.external, r.missing, r.missing_list,
  (r.files_repository_id IS NOT NULL)::bool AS files_kept, r.files, r.files_bytes, r.files_stored_bytes
FROM reference_list r WHERE r.tenant_id = $1 AND r.copy_id = $2;

-- The named files of a copy that is being deleted are gone.
-- name: DropNamedFiles :execrows
UPDATE reference_list r SET files_snapshot = '' FROM copy c
WHERE r.tenant_id = $1 AND r.copy_id = $2 AND c.tenant_id = r.tenant_id AND c.id = r.copy_id AND c.state = 'deleting';

-- name: ForgetReferenceList :execrows
DELETE FROM reference_list WHERE tenant_id = $1 AND copy_id = $2;

-- name: CopiesToPair :many
SELECT c.id, c.kind, c.state, c.taken_at, (c.binned_at IS NOT NULL)::bool AS binned,
  (r.copy_id IS NOT NULL)::bool AS listed, coalesce(r.missing, 0)::bigint AS missing, (r.files_repository_id IS NOT NULL)::bool AS kept
FROM copy c LEFT JOIN reference_list r ON r.tenant_id = c.tenant_id AND r.copy_id = c.id
WHERE c.tenant_id = $1 AND c.site_id = $2 AND c.state IN ('good', 'incomplete') ORDER BY c.taken_at, c.id;

-- All but what is missing, which may be long.
-- name: PairsOfSite :many
SELECT p.database_copy_id, p.data_copy_id, p.state, p.attempt, p.referenced, p.referenced_bytes, p.present, p.present_bytes, p.with_named, p.with_named_bytes,
  p.created_at, p.measured_at, p.error
FROM pair p WHERE p.tenant_id = $1 AND p.site_id = $2;

-- name: MissingOfPair :one
SELECT missing FROM pair WHERE tenant_id = $1 AND database_copy_id = $2 AND data_copy_id = $3;

-- name: InsertPair :execrows
INSERT INTO pair (tenant_id, database_copy_id, data_copy_id, site_id, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING;

-- The newest pairs of a site that wait for their measure, with all that it takes.
-- name: WaitingPairs :many
SELECT p.database_copy_id, p.data_copy_id, r.snapshot AS list_snapshot, f.snapshot AS data_snapshot,
  f.repository_id AS data_repository_id, r.files_repository_id, r.files_snapshot, p.attempt
FROM pair p JOIN copy d ON d.tenant_id = p.tenant_id AND d.id = p.database_copy_id
JOIN copy f ON f.tenant_id = p.tenant_id AND f.id = p.data_copy_id
JOIN reference_list r ON r.tenant_id = p.tenant_id AND r.copy_id = p.database_copy_id
WHERE p.tenant_id = $1 AND p.site_id = $2 AND p.state = 'waiting' AND d.state IN ('good', 'incomplete') AND f.state IN ('good', 'incomplete')
ORDER BY d.taken_at DESC, f.taken_at DESC LIMIT sqlc.arg(page_size);

-- name: SettlePair :execrows
UPDATE pair SET state = 'measured', measured_at = sqlc.arg(now)::timestamptz, error = '', attempt = attempt + 1, referenced = $4, referenced_bytes = $5, present = $6, present_bytes = $7,
  with_named = $8, with_named_bytes = $9, missing = $10
WHERE tenant_id = $1 AND database_copy_id = $2 AND data_copy_id = $3 AND state = 'waiting';

-- name: FailPair :execrows
UPDATE pair SET state = CASE WHEN attempt + 1 >= sqlc.arg(attempts)::int THEN 'failed'::pair_state ELSE state END, attempt = attempt + 1, error = $4
WHERE tenant_id = $1 AND database_copy_id = $2 AND data_copy_id = $3 AND state = 'waiting';

-- Pairs that nobody will measure any more: of copies that are worth nothing.
-- name: ForgetLostPairs :execrows
DELETE FROM pair p USING copy c WHERE p.tenant_id = $1 AND p.site_id = $2 AND c.tenant_id = p.tenant_id AND c.id IN (p.database_copy_id, p.data_copy_id)
  AND c.state NOT IN ('good', 'incomplete');

-- name: ForgetPairsOfCopy :execrows
DELETE FROM pair WHERE tenant_id = $1 AND (database_copy_id = $2 OR data_copy_id = $2);

-- Sites whose pairs wait though the keeper has no task for them.
-- name: StuckPairs :many
SELECT DISTINCT p.tenant_id, p.site_id FROM pair p WHERE p.state = 'waiting'
  AND NOT EXISTS (SELECT 1 FROM repository o JOIN keeper_task k ON k.repository_id = o.id
    WHERE o.tenant_id = p.tenant_id AND o.site_id = p.site_id AND o.kind = 'database' AND k.kind = 'measure_pair'
    AND (k.state IN ('queued', 'running') OR k.finished_at > sqlc.arg(since)::timestamptz))
LIMIT 200;

-- How a run read the site, so that the next one knows: walked is when every
-- file was last looked at, mended that a wanted repair has had its reading.
-- name: NoteReading :execrows
UPDATE repository SET walked_at = CASE WHEN sqlc.arg(walked)::bool THEN sqlc.arg(now)::timestamptz ELSE walked_at END,
  repair_wanted = CASE WHEN sqlc.arg(mended)::bool THEN '' ELSE repair_wanted END
WHERE tenant_id = $1 AND id = $2;

-- What keeping the named files takes at these sites.
-- name: NamedFilesOfSites :one
SELECT count(DISTINCT r.site_id) AS sites, count(*) AS copies, coalesce(sum(r.files_stored_bytes), 0)::bigint AS stored_bytes, coalesce(sum(r.stored_bytes), 0)::bigint AS list_bytes
FROM reference_list r JOIN (SELECT unnest(sqlc.arg(tenants)::uuid[]) AS tenant_id, unnest(sqlc.arg(sites)::uuid[]) AS site_id) k
  ON k.tenant_id = r.tenant_id AND k.site_id = r.site_id
WHERE r.files_repository_id IS NOT NULL;

-- A pair that is not worth its measure any more, before it was measured.
-- name: DropPair :execrows
DELETE FROM pair WHERE tenant_id = $1 AND database_copy_id = $2 AND data_copy_id = $3 AND state = 'waiting';
