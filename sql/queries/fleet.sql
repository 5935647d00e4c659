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

-- The few that are late come first (OFFSET 0 holds the planner to that), then
-- what is known of each. The state comes last: under row security no statistics
-- tell of it, and the planner would begin with every site.
-- name: FleetLate :many
SELECT s.tenant_id, s.id, s.name, s.state, s.facts, s.host_id, s.tenant_name,
  coalesce(db.taken_at, 'epoch')::timestamptz AS database_at, coalesce(db.state::text, '')::text AS database_state,
  coalesce(fs.taken_at, 'epoch')::timestamptz AS data_at, coalesce(fs.state::text, '')::text AS data_state,
  coalesce(open_run.kind::text, '')::text AS open_kind, coalesce(open_run.state::text, '')::text AS open_state, coalesce(open_run.progress, '{}')::jsonb AS open_progress,
  coalesce(bad.kind::text, '')::text AS failed_kind, coalesce(bad.error, '')::text AS failed_error,
  dbs.overdue_at AS database_late_at, fss.overdue_at AS data_late_at, (s.legal_hold <> '')::bool AS held
FROM (SELECT s.*, t.name AS tenant_name, late.since
  FROM (SELECT d.tenant_id, d.site_id, min(d.overdue_at) AS since FROM schedule d WHERE d.overdue_at <= sqlc.arg(now)::timestamptz
      AND (sqlc.narg(tenant_id)::uuid IS NULL OR d.tenant_id = sqlc.narg(tenant_id)::uuid)
      AND (sqlc.arg(search)::text = '' OR EXISTS (SELECT 1 FROM site x JOIN tenant y ON y.id = x.tenant_id WHERE x.tenant_id = d.tenant_id AND x.id = d.site_id
        AND (strpos(lower(x.name), lower(sqlc.arg(search)::text)) > 0 OR strpos(lower(y.name), lower(sqlc.arg(search)::text)) > 0)))
    GROUP BY d.tenant_id, d.site_id ORDER BY since, d.site_id LIMIT sqlc.arg(page_size)) late
  JOIN site s ON s.tenant_id = late.tenant_id AND s.id = late.site_id
  JOIN tenant t ON t.id = s.tenant_id ORDER BY late.since, s.id OFFSET 0) s
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
ORDER BY s.since, s.id;

-- name: CountLateSites :one
SELECT count(DISTINCT d.site_id) FROM schedule d
WHERE d.overdue_at <= sqlc.arg(now)::timestamptz AND (sqlc.narg(tenant_id)::uuid IS NULL OR d.tenant_id = sqlc.narg(tenant_id)::uuid);

-- name: CountSites :one
SELECT count(*) FROM site s WHERE s.state <> 'removed' AND (sqlc.narg(tenant_id)::uuid IS NULL OR s.tenant_id = sqlc.narg(tenant_id)::uuid);


-- Sites whose name holds the text, of three letters at least, or of whose
-- tenant the name does; more than fit the limit are as good as all.
-- name: FleetSearch :many
(SELECT s.id FROM site s WHERE s.state <> 'removed' AND name_grams(s.name) @> name_grams(sqlc.arg(part)::text) AND strpos(lower(s.name), lower(sqlc.arg(part)::text)) > 0 LIMIT sqlc.arg(most))
UNION
(SELECT s.id FROM tenant t JOIN site s ON s.tenant_id = t.id AND s.state <> 'removed'
  WHERE name_grams(t.name) @> name_grams(sqlc.arg(part)::text) AND strpos(lower(t.name), lower(sqlc.arg(part)::text)) > 0 LIMIT sqlc.arg(most))
LIMIT sqlc.arg(most);

-- The rows of one page.
-- name: FleetRows :many
SELECT s.tenant_id, s.id, s.name, s.state, s.facts, s.time_zone, t.name AS tenant_name, t.slug AS tenant_slug, s.host_id, h.name AS host_name, h.state AS host_state,
  d.name AS destination_name, coalesce(p.name, 'published')::text AS policy_name, s.legal_hold, s.tamper_alarm,
  st.damaged, st.database_at, st.data_at, st.database_short_at, st.data_short_at, st.database_late_at, st.data_late_at, st.database_failures, st.data_failures, st.bytes,
  coalesce(open_run.kind::text, '')::text AS open_kind, coalesce(open_run.state::text, '')::text AS open_state, coalesce(open_run.progress, '{}')::jsonb AS open_progress,
  coalesce(bad_database.error, '')::text AS database_error, coalesce(bad_data.error, '')::text AS data_error
FROM (SELECT unnest((SELECT sqlc.arg(tenants)::uuid[])) AS tenant_id, unnest((SELECT sqlc.arg(sites)::uuid[])) AS site_id) k
JOIN standing st ON st.tenant_id = k.tenant_id AND st.site_id = k.site_id
JOIN site s ON s.tenant_id = k.tenant_id AND s.id = k.site_id
JOIN tenant t ON t.id = s.tenant_id JOIN host h ON h.id = s.host_id JOIN destination d ON d.id = s.destination_id LEFT JOIN policy p ON p.id = s.policy_id
LEFT JOIN LATERAL (SELECT r.kind, r.state, r.progress FROM run r WHERE r.tenant_id = s.tenant_id AND r.site_id = s.id AND r.state IN ('planned', 'queued', 'leased') ORDER BY r.state DESC LIMIT 1) open_run ON true
LEFT JOIN LATERAL (SELECT r.error FROM run r WHERE st.database_failures > 0 AND r.tenant_id = s.tenant_id AND r.site_id = s.id AND r.kind = 'database' AND r.state = 'failed' ORDER BY r.created_at DESC LIMIT 1) bad_database ON true
LEFT JOIN LATERAL (SELECT r.error FROM run r WHERE st.data_failures > 0 AND r.tenant_id = s.tenant_id AND r.site_id = s.id AND r.kind = 'data' AND r.state = 'failed' ORDER BY r.created_at DESC LIMIT 1) bad_data ON true;

-- What a name in the address means, and the choices for those that are few.
-- name: FleetDestinations :many
SELECT id, name FROM destination ORDER BY name LIMIT 500;

-- name: FleetPolicies :many
SELECT id, name FROM policy ORDER BY name LIMIT 500;

-- name: FleetHosts :many
SELECT id, name FROM host ORDER BY name LIMIT 1000;

-- name: SavedViews :many
SELECT v.id, v.account_id, v.name, v.query, v.shared, v.created_at, a.name AS owner_name, (d.view_id IS NOT NULL)::bool AS is_default
FROM saved_view v JOIN account a ON a.id = v.account_id LEFT JOIN saved_view_default d ON d.view_id = v.id AND d.account_id = $1
WHERE v.account_id = $1 OR v.shared ORDER BY v.shared DESC, lower(v.name), v.id LIMIT 200;

-- name: SavedViewByID :one
SELECT * FROM saved_view WHERE id = $1 AND (account_id = $2 OR shared);

-- name: CountSavedViews :one
SELECT count(*) FROM saved_view WHERE account_id = $1;

-- name: InsertSavedView :exec
INSERT INTO saved_view (id, account_id, name, query, shared, created_at) VALUES ($1, $2, $3, $4, $5, $6);

-- name: DeleteSavedView :execrows
DELETE FROM saved_view WHERE id = $1;

-- name: SetDefaultView :exec
INSERT INTO saved_view_default (account_id, view_id) VALUES ($1, $2) ON CONFLICT (account_id) DO UPDATE SET view_id = excluded.view_id;

-- name: ClearDefaultView :execrows
DELETE FROM saved_view_default WHERE account_id = $1;
