-- Row-level security keeps the planner from what it knows of states, and lets it
-- take an index of a few rows for an empty one. So what is looked for is found
-- first, and what does not count is left out afterwards.

-- Sites whose names begin so. The operators compare bytes, as the index does.
-- name: FindSitesBeginning :many
SELECT f.tenant_id, f.id, f.name, f.state, t.name AS tenant_name
FROM (SELECT s.tenant_id, s.id, s.name, s.state FROM site s
  WHERE lower(s.name) ~>=~ lower(sqlc.arg(start)::text) AND lower(s.name) ~<~ (lower(sqlc.arg(start)::text) || chr(1114111))
    AND (sqlc.narg(tenant_id)::uuid IS NULL OR s.tenant_id = sqlc.narg(tenant_id)::uuid)
  ORDER BY lower(s.name) USING ~<~ LIMIT sqlc.arg(looked_at)) f JOIN tenant t ON t.id = f.tenant_id
WHERE f.state <> 'removed' ORDER BY lower(f.name) USING ~<~ LIMIT sqlc.arg(page_size);

-- Sites with the text, of three letters at least, anywhere in their names.
-- name: FindSitesHolding :many
SELECT f.tenant_id, f.id, f.name, f.state, t.name AS tenant_name
FROM (SELECT s.tenant_id, s.id, s.name, s.state FROM site s
  WHERE name_grams(s.name) @> name_grams(sqlc.arg(part)::text) AND strpos(lower(s.name), lower(sqlc.arg(part)::text)) > 0
    AND (sqlc.narg(tenant_id)::uuid IS NULL OR s.tenant_id = sqlc.narg(tenant_id)::uuid)
  LIMIT sqlc.arg(looked_at)) f JOIN tenant t ON t.id = f.tenant_id
WHERE f.state <> 'removed' ORDER BY strpos(lower(f.name), lower(sqlc.arg(part)::text)), f.name LIMIT sqlc.arg(page_size);

-- name: FindTenants :many
SELECT f.id, f.name, f.slug FROM (
  (SELECT t.id, t.name, t.slug FROM tenant t WHERE lower(t.name) ~>=~ lower(sqlc.arg(part)::text) AND lower(t.name) ~<~ (lower(sqlc.arg(part)::text) || chr(1114111)) LIMIT sqlc.arg(looked_at))
  UNION
  (SELECT t.id, t.name, t.slug FROM tenant t WHERE t.slug ~>=~ lower(sqlc.arg(part)::text) AND t.slug ~<~ (lower(sqlc.arg(part)::text) || chr(1114111)) LIMIT sqlc.arg(looked_at))
  UNION
  (SELECT t.id, t.name, t.slug FROM tenant t WHERE length(sqlc.arg(part)::text) > 2 AND name_grams(t.name) @> name_grams(sqlc.arg(part)::text)
    AND strpos(lower(t.name), lower(sqlc.arg(part)::text)) > 0 LIMIT sqlc.arg(looked_at))
) f ORDER BY strpos(lower(f.name), lower(sqlc.arg(part)::text)), f.name LIMIT sqlc.arg(page_size);

-- Hosts and policies are few.
-- name: FindHosts :many
SELECT h.id, h.name, h.state FROM host h WHERE strpos(h.name, lower(sqlc.arg(part)::text)) > 0 ORDER BY strpos(h.name, lower(sqlc.arg(part)::text)), h.name LIMIT sqlc.arg(page_size);

-- name: FindPolicies :many
SELECT p.name FROM policy p WHERE strpos(p.name, lower(sqlc.arg(part)::text)) > 0 ORDER BY strpos(p.name, lower(sqlc.arg(part)::text)), p.name LIMIT sqlc.arg(page_size);

-- Runs by the first digits of their identifiers.
-- name: FindRuns :many
SELECT r.tenant_id, r.id, r.kind, r.state, r.created_at, s.name AS site_name, s.time_zone FROM run r JOIN site s ON s.tenant_id = r.tenant_id AND s.id = r.site_id
WHERE r.id >= sqlc.arg(first)::uuid AND r.id <= sqlc.arg(last)::uuid AND (sqlc.narg(tenant_id)::uuid IS NULL OR r.tenant_id = sqlc.narg(tenant_id)::uuid)
ORDER BY r.id DESC LIMIT sqlc.arg(page_size);
