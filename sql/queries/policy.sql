-- name: InsertPolicy :exec
INSERT INTO policy (id, name, version, created_at) VALUES ($1, $2, 1, $3);

-- name: InsertPolicyVersion :exec
INSERT INTO policy_version (policy_id, version, body, note, actor, created_at) VALUES ($1, $2, $3, $4, $5, $6);

-- name: PolicyByName :one
SELECT * FROM policy WHERE name = $1;

-- name: PolicyByID :one
SELECT * FROM policy WHERE id = $1;

-- name: RaisePolicy :execrows
UPDATE policy SET version = version + 1 WHERE id = $1 AND version = $2;

-- name: ListPolicies :many
SELECT p.*, v.body, v.note, v.created_at AS edited_at, v.actor AS edited_by,
  (SELECT count(*) FROM site s WHERE s.policy_id = p.id AND s.state <> 'removed') AS sites
FROM policy p JOIN policy_version v ON v.policy_id = p.id AND v.version = p.version ORDER BY p.name;

-- name: CountPublishedSites :one
SELECT count(*) FROM site WHERE policy_id IS NULL AND state <> 'removed';

-- name: PolicyVersions :many
SELECT * FROM policy_version WHERE policy_id = $1 ORDER BY version DESC LIMIT 200;

-- name: PolicyBody :one
SELECT p.id, p.name, p.version, v.body FROM policy p JOIN policy_version v ON v.policy_id = p.id AND v.version = p.version WHERE p.id = $1;

-- name: SetSitePolicy :execrows
UPDATE site SET policy_id = sqlc.narg(policy_id) WHERE tenant_id = $1 AND id = $2 AND state <> 'removed';

-- The first sites of a policy by name. Nearly all follow the published one, so
-- the order finds them at once; those of another are gathered first.
-- name: SitesOfPolicy :many
SELECT s.tenant_id, s.id, s.name, s.time_zone, s.created_at, t.name AS tenant_name
FROM ((SELECT st.tenant_id, st.site_id FROM standing st WHERE sqlc.narg(policy_id)::uuid IS NULL AND st.policy_id IS NULL ORDER BY st.name, st.site_id LIMIT sqlc.arg(page_size))
  UNION ALL
  (SELECT f.tenant_id, f.site_id FROM (SELECT st.tenant_id, st.site_id, st.name FROM standing st WHERE st.policy_id = sqlc.narg(policy_id)::uuid OFFSET 0) f ORDER BY f.name, f.site_id LIMIT sqlc.arg(page_size))) k
JOIN site s ON s.tenant_id = k.tenant_id AND s.id = k.site_id JOIN tenant t ON t.id = s.tenant_id ORDER BY lower(s.name) COLLATE "C", s.id;

-- name: CountSitesOfPolicy :one
SELECT count(*) FROM site WHERE policy_id = sqlc.arg(policy_id)::uuid AND state <> 'removed';

-- name: PolicyBodyAt :one
SELECT body FROM policy_version WHERE policy_id = $1 AND version = $2;
