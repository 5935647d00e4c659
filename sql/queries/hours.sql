-- name: SetTenantHours :execrows
UPDATE tenant SET backup_hours = $2 WHERE id = $1;

-- name: SetSiteHours :execrows
UPDATE site SET backup_hours = $3 WHERE tenant_id = $1 AND id = $2;

-- name: TenantHours :one
SELECT id, name, slug, backup_hours FROM tenant WHERE id = $1;

-- Of each policy and zone one site that follows its tenant's hours, and how
-- many do.
-- name: SitesUnderHours :many
SELECT s.policy_id, min(s.time_zone)::text AS time_zone, count(*) AS sites FROM site s
WHERE s.tenant_id = $1 AND s.state <> 'removed' AND s.backup_hours = '' GROUP BY s.policy_id ORDER BY s.policy_id NULLS FIRST LIMIT 50;

-- The sites that have hours of their own.
-- name: SitesWithHours :many
SELECT id, name, backup_hours FROM site WHERE tenant_id = $1 AND state <> 'removed' AND backup_hours <> '' ORDER BY name LIMIT 500;

-- The rows of a tenant's sites, page by page, to be derived anew.
-- name: SchedulesOfTenant :many
SELECT d.tenant_id, d.site_id, d.kind FROM schedule d JOIN site s ON s.tenant_id = d.tenant_id AND s.id = d.site_id
WHERE d.tenant_id = $1 AND s.state <> 'removed' AND (d.site_id, d.kind) > (sqlc.arg(after_site)::uuid, sqlc.arg(after_kind)::text::backup_kind)
ORDER BY d.site_id, d.kind LIMIT sqlc.arg(page_size);

-- Rows whose start was not taken up while their site's hours were open: they
-- wait for the next opening.
-- name: ClosedSchedules :many
SELECT tenant_id, site_id, kind FROM schedule WHERE closes_at <= sqlc.arg(now)::timestamptz AND start_at IS NOT NULL ORDER BY closes_at LIMIT sqlc.arg(page_size);

-- name: ClosedRuns :many
SELECT tenant_id, id, site_id, kind, state, priority FROM run
WHERE closes_at <= sqlc.arg(now)::timestamptz AND state IN ('planned', 'queued') ORDER BY closes_at LIMIT sqlc.arg(page_size);

-- name: PutOffRun :execrows
UPDATE run SET state = 'planned', not_before = greatest(not_before, sqlc.arg(not_before)::timestamptz), closes_at = sqlc.narg(closes_at), destination_id = NULL
WHERE tenant_id = $1 AND id = $2 AND state = sqlc.arg(from_state) AND closes_at <= sqlc.arg(now)::timestamptz;

-- The hours of a run that waits, after they changed.
-- name: BindRun :execrows
UPDATE run SET closes_at = sqlc.narg(closes_at)
WHERE tenant_id = $1 AND site_id = $2 AND kind = $3 AND state IN ('planned', 'queued') AND reason = 'scheduled' AND closes_at IS DISTINCT FROM sqlc.narg(closes_at);

-- Somebody waits for it now.
-- name: UnbindRun :execrows
UPDATE run SET closes_at = NULL, not_before = least(not_before, sqlc.arg(now)::timestamptz)
WHERE tenant_id = $1 AND id = $2 AND state IN ('planned', 'queued') AND closes_at IS NOT NULL;

-- name: NoteBusy :execrows
UPDATE host SET busy_since = CASE WHEN sqlc.arg(busy) = '' THEN NULL WHEN host.busy = '' THEN sqlc.arg(now)::timestamptz ELSE host.busy_since END, busy = sqlc.arg(busy)
WHERE id = $1 AND host.busy <> sqlc.arg(busy);
