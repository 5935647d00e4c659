-- Snapshots of copies whose deletion has begun: they may be in the storage, or
-- be gone, and their own task takes them away.
-- name: SnapshotsLeaving :many
SELECT c.snapshot FROM copy c WHERE c.tenant_id = sqlc.arg(tenant_id) AND c.repository_id = sqlc.arg(repository_id) AND c.state = 'deleting'
UNION ALL
SELECT l.snapshot FROM reference_list l JOIN copy c ON c.tenant_id = l.tenant_id AND c.id = l.copy_id
WHERE l.tenant_id = sqlc.arg(tenant_id) AND c.repository_id = sqlc.arg(repository_id) AND c.state = 'deleting'
UNION ALL
SELECT l.files_snapshot FROM reference_list l JOIN copy c ON c.tenant_id = l.tenant_id AND c.id = l.copy_id
WHERE l.tenant_id = sqlc.arg(tenant_id) AND l.files_repository_id = sqlc.arg(repository_id) AND l.files_snapshot <> '' AND c.state = 'deleting';

-- Of snapshots that nothing names, those that a run explains which the catalog
-- has, and which no run can name any more: none is leased that was before the
-- snapshot was seen.
-- name: StraysExplained :many
SELECT k.snapshot::text FROM (SELECT unnest(sqlc.arg(snapshots)::text[]) AS snapshot, unnest(sqlc.arg(taken)::timestamptz[]) AS taken,
  unnest(sqlc.arg(ended)::timestamptz[]) AS ended, unnest(sqlc.arg(seen)::timestamptz[]) AS seen) k
WHERE EXISTS (SELECT 1 FROM run r WHERE r.tenant_id = sqlc.arg(tenant_id) AND r.site_id = sqlc.arg(site_id)
    AND r.created_at <= k.ended + interval '10 minutes' AND coalesce(r.finished_at, 'infinity') >= k.taken - interval '10 minutes')
  AND NOT EXISTS (SELECT 1 FROM run r WHERE r.tenant_id = sqlc.arg(tenant_id) AND r.site_id = sqlc.arg(site_id) AND r.state = 'leased' AND r.leased_at <= k.seen);

-- name: NoteStrays :execrows
UPDATE repository SET strays = $3 WHERE tenant_id = $1 AND id = $2;
