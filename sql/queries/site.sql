-- name: InsertSite :exec
INSERT INTO site (tenant_id, id, host_id, destination_id, name, code_dir, account_root, time_zone, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: SiteByName :one
SELECT s.*, h.name AS host_name, t.name AS tenant_name, t.slug AS tenant_slug
FROM site s JOIN host h ON h.id = s.host_id JOIN tenant t ON t.id = s.tenant_id
WHERE s.name = $1 AND s.state <> 'removed';

-- name: SiteForTenant :one
SELECT s.*, t.name AS tenant_name, t.slug AS tenant_slug, t.backup_hours AS tenant_hours
FROM site s JOIN tenant t ON t.id = s.tenant_id WHERE s.tenant_id = $1 AND s.id = $2 AND s.state <> 'removed';

-- name: TenantOfSite :one
SELECT tenant_id FROM site WHERE id = $1 AND state <> 'removed';

-- name: SetSiteFacts :exec
UPDATE site SET facts = $3 WHERE tenant_id = $1 AND id = $2;

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
