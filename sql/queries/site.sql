-- name: InsertSite :exec
INSERT INTO site (tenant_id, id, host_id, destination_id, name, code_dir, account_root, time_zone, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: SiteByName :one
SELECT s.*, h.name AS host_name, t.name AS tenant_name, t.slug AS tenant_slug
FROM site s JOIN host h ON h.id = s.host_id JOIN tenant t ON t.id = s.tenant_id
WHERE s.name = $1 AND s.state <> 'removed';

-- name: SiteForTenant :one
SELECT s.*, t.name AS tenant_name, t.slug AS tenant_slug
FROM site s JOIN tenant t ON t.id = s.tenant_id WHERE s.tenant_id = $1 AND s.id = $2 AND s.state <> 'removed';

-- name: TenantOfSite :one
SELECT tenant_id FROM site WHERE id = $1 AND state <> 'removed';

-- name: SetSiteFacts :exec
UPDATE site SET facts = $3 WHERE tenant_id = $1 AND id = $2;

-- name: FleetPage :many
SELECT s.tenant_id, s.id, s.name, s.state, s.facts, s.host_id, t.name AS tenant_name,
  coalesce(db.taken_at, 'epoch')::timestamptz AS database_at, coalesce(db.state::text, '')::text AS database_state,
  coalesce(fs.taken_at, 'epoch')::timestamptz AS data_at, coalesce(fs.state::text, '')::text AS data_state,
  coalesce(open_run.kind::text, '')::text AS open_kind, coalesce(open_run.state::text, '')::text AS open_state, coalesce(open_run.progress, '{}')::jsonb AS open_progress,
  coalesce(bad.kind::text, '')::text AS failed_kind, coalesce(bad.error, '')::text AS failed_error,
  dbs.overdue_at AS database_late_at, fss.overdue_at AS data_late_at, (s.legal_hold <> '')::bool AS held
FROM site s
JOIN tenant t ON t.id = s.tenant_id
LEFT JOIN schedule dbs ON dbs.tenant_id = s.tenant_id AND dbs.site_id = s.id AND dbs.kind = 'database'
LEFT JOIN schedule fss ON fss.tenant_id = s.tenant_id AND fss.site_id = s.id AND fss.kind = 'data'
LEFT JOIN LATERAL (SELECT c.taken_at, c.state FROM copy c WHERE c.tenant_id = s.tenant_id AND c.site_id = s.id AND c.kind = 'database' AND c.state IN ('good', 'incomplete') ORDER BY c.taken_at DESC LIMIT 1) db ON true
LEFT JOIN LATERAL (SELECT c.taken_at, c.state FROM copy c WHERE c.tenant_id = s.tenant_id AND c.site_id = s.id AND c.kind = 'data' AND c.state IN ('good', 'incomplete') ORDER BY c.taken_at DESC LIMIT 1) fs ON true
LEFT JOIN LATERAL (SELECT r.kind, r.state, r.progress FROM run r WHERE r.tenant_id = s.tenant_id AND r.site_id = s.id AND r.state IN ('planned', 'queued', 'leased') ORDER BY r.state DESC LIMIT 1) open_run ON true
LEFT JOIN LATERAL (
  SELECT l.kind, l.error FROM (VALUES ('database'::backup_kind, dbs.failures), ('data'::backup_kind, fss.failures)) AS k (kind, failures)
    CROSS JOIN LATERAL (SELECT r.kind, r.state, r.error FROM run r
      WHERE r.tenant_id = s.tenant_id AND r.site_id = s.id AND r.kind = k.kind AND r.state IN ('good', 'incomplete', 'failed') ORDER BY r.created_at DESC LIMIT 1) l
  WHERE k.failures > 0 AND l.state = 'failed' LIMIT 1) bad ON true
WHERE s.state <> 'removed'
  AND (sqlc.narg(tenant_id)::uuid IS NULL OR s.tenant_id = sqlc.narg(tenant_id)::uuid)
  AND (sqlc.arg(search)::text = '' OR strpos(lower(s.name), lower(sqlc.arg(search)::text)) > 0 OR strpos(lower(t.name), lower(sqlc.arg(search)::text)) > 0)
  AND s.name > sqlc.arg(after_name)::text
ORDER BY s.name
LIMIT sqlc.arg(page_size);

-- name: FleetLate :many
SELECT s.tenant_id, s.id, s.name, s.state, s.facts, s.host_id, t.name AS tenant_name,
  coalesce(db.taken_at, 'epoch')::timestamptz AS database_at, coalesce(db.state::text, '')::text AS database_state,
  coalesce(fs.taken_at, 'epoch')::timestamptz AS data_at, coalesce(fs.state::text, '')::text AS data_state,
  coalesce(open_run.kind::text, '')::text AS open_kind, coalesce(open_run.state::text, '')::text AS open_state, coalesce(open_run.progress, '{}')::jsonb AS open_progress,
  coalesce(bad.kind::text, '')::text AS failed_kind, coalesce(bad.error, '')::text AS failed_error,
  dbs.overdue_at AS database_late_at, fss.overdue_at AS data_late_at, (s.legal_hold <> '')::bool AS held
FROM (SELECT d.tenant_id, d.site_id, min(d.overdue_at) AS since FROM schedule d WHERE d.overdue_at <= sqlc.arg(now)::timestamptz
    AND (sqlc.narg(tenant_id)::uuid IS NULL OR d.tenant_id = sqlc.narg(tenant_id)::uuid)
    AND (sqlc.arg(search)::text = '' OR EXISTS (SELECT 1 FROM site s JOIN tenant t ON t.id = s.tenant_id WHERE s.tenant_id = d.tenant_id AND s.id = d.site_id AND (sqlc.arg(search)::text = '' OR strpos(lower(s.name), lower(sqlc.arg(search)::text)) > 0 OR strpos(lower(t.name), lower(sqlc.arg(search)::text)) > 0)))
  GROUP BY d.tenant_id, d.site_id ORDER BY since, d.site_id LIMIT sqlc.arg(page_size)) late
JOIN site s ON s.tenant_id = late.tenant_id AND s.id = late.site_id AND s.state <> 'removed'
JOIN tenant t ON t.id = s.tenant_id
LEFT JOIN schedule dbs ON dbs.tenant_id = s.tenant_id AND dbs.site_id = s.id AND dbs.kind = 'database'
LEFT JOIN schedule fss ON fss.tenant_id = s.tenant_id AND fss.site_id = s.id AND fss.kind = 'data'
LEFT JOIN LATERAL (SELECT c.taken_at, c.state FROM copy c WHERE c.tenant_id = s.tenant_id AND c.site_id = s.id AND c.kind = 'database' AND c.state IN ('good', 'incomplete') ORDER BY c.taken_at DESC LIMIT 1) db ON true
LEFT JOIN LATERAL (SELECT c.taken_at, c.state FROM copy c WHERE c.tenant_id = s.tenant_id AND c.site_id = s.id AND c.kind = 'data' AND c.state IN ('good', 'incomplete') ORDER BY c.taken_at DESC LIMIT 1) fs ON true
LEFT JOIN LATERAL (SELECT r.kind, r.state, r.progress FROM run r WHERE r.tenant_id = s.tenant_id AND r.site_id = s.id AND r.state IN ('planned', 'queued', 'leased') ORDER BY r.state DESC LIMIT 1) open_run ON true
LEFT JOIN LATERAL (
  SELECT l.kind, l.error FROM (VALUES ('database'::backup_kind, dbs.failures), ('data'::backup_kind, fss.failures)) AS k (kind, failures)
    CROSS JOIN LATERAL (SELECT r.kind, r.state, r.error FROM run r
      WHERE r.tenant_id = s.tenant_id AND r.site_id = s.id AND r.kind = k.kind AND r.state IN ('good', 'incomplete', 'failed') ORDER BY r.created_at DESC LIMIT 1) l
  WHERE k.failures > 0 AND l.state = 'failed' LIMIT 1) bad ON true
ORDER BY late.since, s.id;

-- name: CountLateSites :one
SELECT count(DISTINCT d.site_id) FROM schedule d
WHERE d.overdue_at <= sqlc.arg(now)::timestamptz AND (sqlc.narg(tenant_id)::uuid IS NULL OR d.tenant_id = sqlc.narg(tenant_id)::uuid);

-- name: CountSites :one
SELECT count(*) FROM site s WHERE s.state <> 'removed' AND (sqlc.narg(tenant_id)::uuid IS NULL OR s.tenant_id = sqlc.narg(tenant_id)::uuid);

-- name: InsertRepository :exec
INSERT INTO repository (tenant_id, id, site_id, kind, destination_id, name, password_sealed, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: RepositoryOfSite :one
SELECT * FROM repository WHERE tenant_id = $1 AND site_id = $2 AND kind = $3;

-- name: RepositoryByID :one
SELECT * FROM repository WHERE tenant_id = $1 AND id = $2;

-- name: SetRepositoryState :execrows
UPDATE repository SET state = sqlc.arg(to_state) WHERE tenant_id = $1 AND id = $2 AND state = sqlc.arg(from_state);

-- name: InsertDestination :exec
INSERT INTO destination (id, name, kind, config_sealed, vault_url, quota_bytes, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: SetDestinationConfig :execrows
UPDATE destination SET config_sealed = $2 WHERE id = $1;

-- name: DestinationByName :one
SELECT * FROM destination WHERE name = $1;

-- name: DestinationByID :one
SELECT * FROM destination WHERE id = $1;

-- name: ListDestinations :many
SELECT * FROM destination ORDER BY name;

-- name: ListRepositories :many
SELECT r.tenant_id, r.id, r.site_id, r.kind, r.name, r.password_sealed, r.state, s.name AS site_name, t.slug AS tenant_slug, d.name AS destination_name
FROM repository r JOIN site s ON s.tenant_id = r.tenant_id AND s.id = r.site_id
JOIN tenant t ON t.id = r.tenant_id JOIN destination d ON d.id = r.destination_id
ORDER BY t.slug, s.name, r.kind;

-- name: RepositoriesOfSite :many
SELECT * FROM repository WHERE tenant_id = $1 AND site_id = $2 ORDER BY kind;

-- name: ServerTime :one
SELECT clock_timestamp()::timestamptz AS now;
