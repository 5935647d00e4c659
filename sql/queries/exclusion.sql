-- name: SetSiteExclusions :execrows
UPDATE site SET exclusions = sqlc.arg(exclusions), exclusions_version = exclusions_version + 1
WHERE tenant_id = $1 AND id = $2 AND state <> 'removed' AND exclusions_version = sqlc.arg(was)::int;

-- The newest copies of a kind with what is true of them, without the lists of
-- plug-ins and tables, which are long.
-- name: NewestFacts :many
SELECT c.id, c.kind, c.state, c.taken_at, c.bytes, c.files,
  (coalesce(c.details->'facts', '{}'::jsonb) - 'plugins' - 'db_plugins')::jsonb AS facts,
  coalesce(c.details->'excluded', '[]'::jsonb)::jsonb AS excluded,
  coalesce(jsonb_array_length(nullif(coalesce(c.details->'facts'->'plugins', c.details->'facts'->'db_plugins'), 'null'::jsonb)), 0)::int AS plugins
FROM copy c WHERE c.tenant_id = $1 AND c.site_id = $2 AND c.kind = $3 AND c.state IN ('good', 'incomplete')
ORDER BY c.taken_at DESC LIMIT $4;
