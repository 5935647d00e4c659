-- name: InsertTenant :exec
INSERT INTO tenant (id, name, slug, created_at) VALUES ($1, $2, $3, $4);

-- name: TenantBySlug :one
SELECT * FROM tenant WHERE slug = $1;

-- name: ListTenants :many
SELECT t.*, (SELECT count(*) FROM site s WHERE s.tenant_id = t.id AND s.state <> 'removed') AS sites
FROM tenant t ORDER BY t.slug;

-- name: InsertAccount :exec
INSERT INTO account (id, email, name, password_hash, staff_role, created_at) VALUES ($1, $2, $3, $4, $5, $6);

-- name: AccountByEmail :one
SELECT * FROM account WHERE email = $1;

-- name: AccountByID :one
SELECT * FROM account WHERE id = $1;

-- name: SetPassword :execrows
UPDATE account SET password_hash = $2 WHERE id = $1;

-- name: ListAccounts :many
SELECT a.id, a.email, a.name, a.staff_role, a.disabled_at, a.created_at,
  coalesce((SELECT string_agg(t.slug || ':' || m.role, ',' ORDER BY t.slug) FROM member m JOIN tenant t ON t.id = m.tenant_id WHERE m.account_id = a.id), '')::text AS memberships
FROM account a ORDER BY a.email;

-- name: InsertMember :exec
INSERT INTO member (tenant_id, id, account_id, role, created_at) VALUES ($1, $2, $3, $4, $5);

-- name: MembershipsOf :many
SELECT m.tenant_id, m.role, t.name, t.slug FROM member m JOIN tenant t ON t.id = m.tenant_id
WHERE m.account_id = $1 AND t.state = 'active' ORDER BY t.slug;

-- name: FindSession :one
SELECT data FROM web_session WHERE token_hash = $1 AND expires_at > $2 AND NOT ended AND data <> '';

-- name: SaveSession :exec
INSERT INTO web_session (token_hash, data, expires_at, last_seen_at) VALUES (sqlc.arg(token_hash), sqlc.arg(data), sqlc.arg(expires_at), sqlc.arg(now)::timestamptz)
ON CONFLICT (token_hash) DO UPDATE SET data = EXCLUDED.data, expires_at = EXCLUDED.expires_at, last_seen_at = EXCLUDED.last_seen_at
WHERE NOT web_session.ended;

-- An ended session stays until it would have expired, so that a request that
-- was under way at sign-out cannot write it back.
-- name: EndSession :exec
UPDATE web_session SET ended = true, data = '' WHERE token_hash = $1;

-- name: DeleteExpiredSessions :execrows
DELETE FROM web_session WHERE expires_at <= $1;

-- name: InsertEvent :exec
INSERT INTO event (id, tenant_id, at, actor, verb, subject_kind, subject_id, site_id, detail, address)
VALUES ($1, sqlc.narg(tenant_id), $2, $3, $4, $5, $6, sqlc.narg(site_id), $7, sqlc.narg(address));

-- name: EventsOfSite :many
SELECT * FROM event WHERE tenant_id = $1 AND site_id = $2 ORDER BY at DESC LIMIT $3;
