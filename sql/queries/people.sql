-- The admins of a tenant who may sign in, kept from changing until the end.
-- name: LockAdmins :many
SELECT m.account_id FROM member m JOIN account a ON a.id = m.account_id
WHERE m.tenant_id = $1 AND m.role = 'admin' AND a.disabled_at IS NULL ORDER BY m.account_id FOR UPDATE OF m;

-- name: RoleOfMember :one
SELECT role FROM member WHERE tenant_id = $1 AND account_id = $2;

-- name: SetMemberRole :execrows
UPDATE member SET role = sqlc.arg(role) WHERE tenant_id = sqlc.arg(tenant_id) AND account_id = sqlc.arg(account_id);
