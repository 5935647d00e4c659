-- name: SetSiteExclusions :execrows
UPDATE site SET exclusions = sqlc.arg(exclusions), exclusions_version = exclusions_version + 1
WHERE tenant_id = $1 AND id = $2 AND state <> 'removed' AND exclusions_version = sqlc.arg(was)::int;

-- The newest copies of a kind with what is true of them.
-- name: NewestDetails :many
SELECT c.id, c.kind, c.state, c.taken_at, c.bytes, c.files, c.details
FROM copy c WHERE c.tenant_id = $1 AND c.site_id = $2 AND c.kind = $3 AND c.state IN ('good', 'incomplete')
ORDER BY c.taken_at DESC LIMIT $4;
