-- name: InsertToken :exec
INSERT INTO api_token (id, tenant_id, name, staff_role, role, token_hash, made_by, created_at, expires_at)
VALUES ($1, sqlc.narg(tenant_id), $2, $3, $4, $5, $6, $7, $8);

-- name: TokenByHash :one
SELECT k.id, k.tenant_id, k.name, k.staff_role, k.role, coalesce(t.state::text, '')::text AS tenant_state
FROM api_token k LEFT JOIN tenant t ON t.id = k.tenant_id
WHERE k.token_hash = sqlc.arg(token_hash) AND k.revoked_at IS NULL AND k.expires_at > sqlc.arg(now)::timestamptz;

-- name: ListTokens :many
SELECT k.id, k.name, k.staff_role, k.role, coalesce(t.slug, '')::text AS tenant_slug, k.made_by, k.created_at, k.expires_at, k.revoked_at, k.last_used_at
FROM api_token k LEFT JOIN tenant t ON t.id = k.tenant_id ORDER BY k.revoked_at IS NOT NULL, k.name, k.created_at DESC LIMIT 1000;

-- name: TokenByName :one
SELECT id, tenant_id, name FROM api_token WHERE name = $1 AND revoked_at IS NULL;

-- name: RevokeToken :execrows
UPDATE api_token SET revoked_at = sqlc.arg(now)::timestamptz WHERE id = sqlc.arg(id) AND revoked_at IS NULL;

-- A token's last use is noted once a minute at most.
-- name: UseToken :execrows
UPDATE api_token SET last_used_at = sqlc.arg(now)::timestamptz
WHERE id = sqlc.arg(id) AND (last_used_at IS NULL OR last_used_at < sqlc.arg(now)::timestamptz - interval '1 minute');
