-- name: OpenSession :exec
INSERT INTO web_session (token_hash, data, expires_at, account_id, device, address, signed_in_at, last_seen_at)
VALUES (sqlc.arg(token_hash), '', sqlc.arg(expires_at), sqlc.arg(account_id), sqlc.arg(device), sqlc.arg(address), sqlc.arg(now)::timestamptz, sqlc.arg(now)::timestamptz)
ON CONFLICT (token_hash) DO UPDATE SET account_id = EXCLUDED.account_id, device = EXCLUDED.device, address = EXCLUDED.address, signed_in_at = EXCLUDED.signed_in_at
WHERE NOT web_session.ended;

-- name: SessionsOf :many
SELECT id, token_hash, device, address, signed_in_at, last_seen_at FROM web_session
WHERE account_id = sqlc.arg(account_id) AND NOT ended AND expires_at > sqlc.arg(now)::timestamptz ORDER BY last_seen_at DESC NULLS LAST, id LIMIT 100;

-- name: EndSessionOf :execrows
UPDATE web_session SET ended = true, data = '' WHERE id = sqlc.arg(id) AND account_id = sqlc.arg(account_id) AND NOT ended;

-- name: EndSessionsOfBut :execrows
UPDATE web_session SET ended = true, data = '' WHERE account_id = sqlc.arg(account_id) AND token_hash <> sqlc.arg(but) AND NOT ended;

-- name: EndSessionsOf :execrows
UPDATE web_session SET ended = true, data = '' WHERE account_id = sqlc.arg(account_id) AND NOT ended;

-- name: SetTOTP :exec
INSERT INTO account_totp (account_id, secret_sealed, created_at) VALUES ($1, $2, $3)
ON CONFLICT (account_id) DO UPDATE SET secret_sealed = EXCLUDED.secret_sealed, created_at = EXCLUDED.created_at, last_step = 0
WHERE account_totp.confirmed_at IS NULL;

-- name: TOTPOf :one
SELECT * FROM account_totp WHERE account_id = $1;

-- name: ConfirmTOTP :execrows
UPDATE account_totp SET confirmed_at = sqlc.arg(now)::timestamptz, last_step = sqlc.arg(step) WHERE account_id = sqlc.arg(account_id) AND confirmed_at IS NULL;

-- A code's time step is used once: the next must be a later one.
-- name: UseTOTPStep :execrows
UPDATE account_totp SET last_step = sqlc.arg(step) WHERE account_id = sqlc.arg(account_id) AND confirmed_at IS NOT NULL AND last_step < sqlc.arg(step);

-- name: DeleteTOTP :execrows
DELETE FROM account_totp WHERE account_id = $1;

-- name: InsertRecoveryCode :exec
INSERT INTO recovery_code (account_id, code_hash, created_at) VALUES ($1, $2, $3);

-- name: UseRecoveryCode :execrows
UPDATE recovery_code SET used_at = sqlc.arg(now)::timestamptz WHERE account_id = sqlc.arg(account_id) AND code_hash = sqlc.arg(code_hash) AND used_at IS NULL;

-- name: DeleteRecoveryCodes :execrows
DELETE FROM recovery_code WHERE account_id = $1;

-- name: FactorsOf :one
SELECT
  EXISTS (SELECT 1 FROM account_totp t WHERE t.account_id = sqlc.arg(account_id) AND t.confirmed_at IS NOT NULL) AS totp,
  (SELECT count(*) FROM recovery_code r WHERE r.account_id = sqlc.arg(account_id) AND r.used_at IS NULL) AS codes_left,
  (SELECT count(*) FROM passkey p WHERE p.account_id = sqlc.arg(account_id)) AS passkeys;

-- name: InsertPasskey :exec
INSERT INTO passkey (account_id, id, credential_id, credential, name, created_at) VALUES ($1, $2, $3, $4, $5, $6);

-- name: PasskeysOf :many
SELECT * FROM passkey WHERE account_id = $1 ORDER BY created_at;

-- name: UsePasskey :execrows
UPDATE passkey SET credential = $3, last_used_at = sqlc.arg(now)::timestamptz WHERE account_id = $1 AND credential_id = $2;

-- name: DeletePasskey :execrows
DELETE FROM passkey WHERE account_id = $1 AND id = $2;

-- name: DeletePasskeysOf :execrows
DELETE FROM passkey WHERE account_id = $1;

-- name: AccountByOIDC :one
SELECT a.* FROM account a JOIN account_oidc o ON o.account_id = a.id WHERE o.issuer = $1 AND o.subject = $2;

-- name: OIDCOf :one
SELECT * FROM account_oidc WHERE account_id = $1;

-- name: BindOIDC :exec
INSERT INTO account_oidc (account_id, issuer, subject, created_at) VALUES ($1, $2, $3, $4);

-- name: InsertLink :exec
INSERT INTO link_token (token_hash, purpose, account_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5);

-- name: LinkByHash :one
SELECT * FROM link_token WHERE token_hash = $1 AND purpose = $2;

-- name: UseLink :execrows
UPDATE link_token SET used_at = sqlc.arg(now)::timestamptz WHERE token_hash = sqlc.arg(token_hash) AND used_at IS NULL AND expires_at > sqlc.arg(now)::timestamptz;

-- name: SpendLinksOf :execrows
UPDATE link_token SET used_at = sqlc.arg(now)::timestamptz WHERE account_id = sqlc.arg(account_id) AND purpose = sqlc.arg(purpose) AND used_at IS NULL;

-- name: DeleteOldLinks :execrows
DELETE FROM link_token WHERE expires_at < $1;

-- name: InsertInvitation :exec
INSERT INTO invitation (id, tenant_id, email, staff_role, role, token_hash, invited_by, created_at, expires_at)
VALUES ($1, sqlc.narg(tenant_id), $2, $3, $4, $5, $6, $7, $8);

-- name: InvitationByHash :one
SELECT i.*, coalesce(t.name, '')::text AS tenant_name FROM invitation i LEFT JOIN tenant t ON t.id = i.tenant_id WHERE i.token_hash = $1;

-- name: InvitationByID :one
SELECT * FROM invitation WHERE id = $1;

-- name: OpenStaffInvitations :many
SELECT * FROM invitation WHERE tenant_id IS NULL AND accepted_at IS NULL AND revoked_at IS NULL ORDER BY email LIMIT 500;

-- name: OpenInvitationsOfTenant :many
SELECT * FROM invitation WHERE tenant_id = sqlc.arg(tenant_id) AND accepted_at IS NULL AND revoked_at IS NULL ORDER BY email LIMIT 500;

-- name: RevokeInvitation :execrows
UPDATE invitation SET revoked_at = sqlc.arg(now)::timestamptz WHERE id = sqlc.arg(id) AND accepted_at IS NULL AND revoked_at IS NULL;

-- name: RevokeStaffInvitationsTo :execrows
UPDATE invitation SET revoked_at = sqlc.arg(now)::timestamptz WHERE tenant_id IS NULL AND email = sqlc.arg(email) AND accepted_at IS NULL AND revoked_at IS NULL;

-- name: RevokeInvitationsTo :execrows
UPDATE invitation SET revoked_at = sqlc.arg(now)::timestamptz WHERE tenant_id = sqlc.arg(tenant_id) AND email = sqlc.arg(email) AND accepted_at IS NULL AND revoked_at IS NULL;

-- name: AcceptInvitation :execrows
UPDATE invitation SET accepted_at = sqlc.arg(now)::timestamptz WHERE id = sqlc.arg(id) AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > sqlc.arg(now)::timestamptz;

-- name: PeopleOfTenant :many
SELECT a.id, a.email, a.name, a.disabled_at, m.role, m.created_at AS since FROM member m JOIN account a ON a.id = m.account_id
WHERE m.tenant_id = sqlc.arg(tenant_id) ORDER BY a.email LIMIT 500;

-- name: StaffAccounts :many
SELECT a.id, a.email, a.name, a.staff_role, a.disabled_at, a.created_at,
  (EXISTS (SELECT 1 FROM account_totp t WHERE t.account_id = a.id AND t.confirmed_at IS NOT NULL) OR EXISTS (SELECT 1 FROM passkey p WHERE p.account_id = a.id))::boolean AS second_factor
FROM account a WHERE a.staff_role IS NOT NULL ORDER BY a.disabled_at IS NOT NULL, a.email LIMIT 500;

-- name: DeleteMember :execrows
DELETE FROM member WHERE tenant_id = $1 AND account_id = $2;

-- name: LockOwners :many
SELECT id FROM account WHERE staff_role = 'owner' AND disabled_at IS NULL ORDER BY id FOR UPDATE;

-- name: DisableAccount :execrows
UPDATE account SET disabled_at = sqlc.arg(now)::timestamptz WHERE id = sqlc.arg(id) AND disabled_at IS NULL;

-- name: EnableAccount :execrows
UPDATE account SET disabled_at = NULL WHERE id = sqlc.arg(id) AND disabled_at IS NOT NULL;

-- name: InsertMail :exec
INSERT INTO mail_outbox (id, tenant_id, kind, recipient, words, link_sealed, created_at) VALUES ($1, sqlc.narg(tenant_id), $2, $3, $4, $5, $6);

-- A mail that somebody began to send two minutes ago and did not finish was
-- sent or not; it is sent again, under the same message id.
-- name: ClaimMail :one
UPDATE mail_outbox SET state = 'sending', claimed_at = sqlc.arg(now)::timestamptz, attempt = attempt + 1
WHERE id = sqlc.arg(id) AND (state IN ('queued', 'failed') OR state = 'sending' AND claimed_at < sqlc.arg(now)::timestamptz - interval '2 minutes')
RETURNING *;

-- name: MailByID :one
SELECT * FROM mail_outbox WHERE id = $1;

-- name: SealMailLink :execrows
UPDATE mail_outbox SET link_sealed = $2 WHERE id = $1 AND state = 'sending';

-- name: MailSent :execrows
UPDATE mail_outbox SET state = 'sent', sent_at = sqlc.arg(now)::timestamptz, link_sealed = NULL, error = '' WHERE id = sqlc.arg(id) AND state = 'sending' AND attempt = sqlc.arg(attempt);

-- name: MailDropped :execrows
UPDATE mail_outbox SET state = 'dropped', link_sealed = NULL, error = sqlc.arg(error) WHERE id = sqlc.arg(id) AND state = 'sending';

-- name: MailFailed :execrows
UPDATE mail_outbox SET state = 'failed', error = sqlc.arg(error) WHERE id = sqlc.arg(id) AND state = 'sending' AND attempt = sqlc.arg(attempt);

-- name: RecentMail :many
SELECT id, kind, recipient, state, attempt, error, created_at, sent_at FROM mail_outbox ORDER BY state = 'failed' DESC, created_at DESC, id LIMIT $1;

-- name: DeleteOldMail :execrows
DELETE FROM mail_outbox WHERE created_at < $1 AND state IN ('sent', 'dropped', 'failed');

-- name: DeleteOIDC :execrows
DELETE FROM account_oidc WHERE account_id = $1;

-- name: TenantByID :one
SELECT id, name, slug, state FROM tenant WHERE id = $1;

-- name: SetStaffRole :execrows
UPDATE account SET staff_role = $2 WHERE id = $1 AND staff_role IS NOT NULL;
