-- Before looking through events: each look is planned for what it asks, so that
-- what it does not ask costs nothing.
-- name: PlanEachLook :exec
SELECT set_config('plan_cache_mode', 'force_custom_plan', true);

-- One page of events, the newest first. Where a person acted from is shown to
-- staff, and to customers for their own people.
-- name: AuditPage :many
SELECT e.id, e.tenant_id, e.at, e.actor, e.verb, e.subject_kind, e.subject_id, e.site_id, e.detail,
  coalesce(CASE WHEN sqlc.arg(staff)::bool OR e.actor LIKE 'customer:%' THEN e.address END, '')::text AS address
FROM event e
WHERE (sqlc.narg(tenant_id)::uuid IS NULL OR e.tenant_id = sqlc.narg(tenant_id)::uuid)
  AND (sqlc.narg(site_id)::uuid IS NULL OR e.site_id = sqlc.narg(site_id)::uuid)
  AND (NOT sqlc.arg(people)::bool OR e.actor NOT LIKE 'system:%')
  AND (sqlc.narg(actor)::text IS NULL OR e.actor = sqlc.narg(actor)::text)
  AND (sqlc.narg(verb)::text IS NULL OR e.verb = sqlc.narg(verb)::text)
  AND (NOT sqlc.arg(remarkable)::bool OR e.verb NOT IN ('run.planned', 'run.queued', 'run.leased', 'run.started', 'copy.taken'))
  AND (sqlc.narg(since)::timestamptz IS NULL OR e.at >= sqlc.narg(since)::timestamptz)
  AND (sqlc.narg(until)::timestamptz IS NULL OR e.at < sqlc.narg(until)::timestamptz)
  AND (sqlc.narg(after_at)::timestamptz IS NULL OR (e.at, e.id) < (sqlc.narg(after_at)::timestamptz, sqlc.narg(after_id)::uuid))
ORDER BY e.at DESC, e.id DESC LIMIT sqlc.arg(page_size);

-- The page before it: what is newer than a place, the oldest of that first.
-- name: AuditPageBefore :many
SELECT e.id, e.tenant_id, e.at, e.actor, e.verb, e.subject_kind, e.subject_id, e.site_id, e.detail,
  coalesce(CASE WHEN sqlc.arg(staff)::bool OR e.actor LIKE 'customer:%' THEN e.address END, '')::text AS address
FROM event e
WHERE (sqlc.narg(tenant_id)::uuid IS NULL OR e.tenant_id = sqlc.narg(tenant_id)::uuid)
  AND (sqlc.narg(site_id)::uuid IS NULL OR e.site_id = sqlc.narg(site_id)::uuid)
  AND (NOT sqlc.arg(people)::bool OR e.actor NOT LIKE 'system:%')
  AND (sqlc.narg(actor)::text IS NULL OR e.actor = sqlc.narg(actor)::text)
  AND (sqlc.narg(verb)::text IS NULL OR e.verb = sqlc.narg(verb)::text)
  AND (NOT sqlc.arg(remarkable)::bool OR e.verb NOT IN ('run.planned', 'run.queued', 'run.leased', 'run.started', 'copy.taken'))
  AND (sqlc.narg(since)::timestamptz IS NULL OR e.at >= sqlc.narg(since)::timestamptz)
  AND (sqlc.narg(until)::timestamptz IS NULL OR e.at < sqlc.narg(until)::timestamptz)
  AND (sqlc.narg(after_at)::timestamptz IS NULL OR (e.at, e.id) > (sqlc.narg(after_at)::timestamptz, sqlc.narg(after_id)::uuid))
ORDER BY e.at, e.id LIMIT sqlc.arg(page_size);

-- The names behind actors and subjects, as far as the asking role sees them.
-- name: NamesOfAccounts :many
SELECT id, name, email FROM account WHERE id = ANY(sqlc.arg(ids)::uuid[]);

-- name: NamesOfTokens :many
SELECT id, name FROM api_token WHERE id = ANY(sqlc.arg(ids)::uuid[]);

-- name: NamesOfSites :many
SELECT id, name FROM site WHERE id = ANY(sqlc.arg(ids)::uuid[]);

-- name: NamesOfTenants :many
SELECT id, name, slug FROM tenant WHERE id = ANY(sqlc.arg(ids)::uuid[]);

-- name: NamesOfHosts :many
SELECT id, name FROM host WHERE id = ANY(sqlc.arg(ids)::uuid[]);

-- name: NamesOfDestinations :many
SELECT id, name FROM destination WHERE id = ANY(sqlc.arg(ids)::uuid[]);

-- name: AccountOfAddress :one
SELECT id, name, email FROM account WHERE email = $1;
