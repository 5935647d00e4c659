-- name: InsertTicketMail :exec
INSERT INTO mail_outbox (id, tenant_id, kind, recipient, words, created_at, ticket_id, account_id)
VALUES (sqlc.arg(id), sqlc.arg(tenant_id), sqlc.arg(kind), sqlc.arg(recipient), sqlc.arg(words), sqlc.arg(created_at), sqlc.narg(ticket_id), sqlc.narg(account_id));

-- Whom a ticket's mail is for: who opened it and who watches it, as long as
-- they belong to the tenant and may sign in.
-- name: TicketReaders :many
SELECT DISTINCT a.id, a.email FROM ticket t
JOIN member m ON m.tenant_id = t.tenant_id
JOIN account a ON a.id = m.account_id
WHERE t.tenant_id = sqlc.arg(tenant_id) AND t.id = sqlc.arg(id) AND a.disabled_at IS NULL AND a.mail_bounced_at IS NULL
  AND (a.id = t.account_id OR EXISTS (SELECT 1 FROM ticket_watcher w WHERE w.tenant_id = t.tenant_id AND w.ticket_id = t.id AND w.account_id = a.id))
ORDER BY a.email;

-- name: TicketAssignee :one
SELECT a.id, a.email FROM ticket t JOIN account a ON a.id = t.assignee
WHERE t.tenant_id = sqlc.arg(tenant_id) AND t.id = sqlc.arg(id) AND a.disabled_at IS NULL AND a.mail_bounced_at IS NULL AND a.staff_role IS NOT NULL;

-- name: MailShared :execrows
UPDATE mail_outbox SET state = 'dropped', link_sealed = NULL, error = '' WHERE id = sqlc.arg(id) AND state = 'sending';

-- name: MailBounced :one
UPDATE mail_outbox SET bounced_at = sqlc.arg(now)::timestamptz, bounce = sqlc.arg(bounce) WHERE id = sqlc.arg(id) AND bounced_at IS NULL RETURNING *;

-- name: AccountBounced :execrows
UPDATE account SET mail_bounced_at = sqlc.arg(now)::timestamptz WHERE email = sqlc.arg(email) AND mail_bounced_at IS NULL;

-- name: AccountMailWorks :execrows
UPDATE account SET mail_bounced_at = NULL WHERE id = $1 AND mail_bounced_at IS NOT NULL;

-- name: InsertMailIn :execrows
INSERT INTO mail_in (id, tenant_id, ticket_id, mail_ref, outcome, why, received_at)
VALUES (sqlc.arg(id), sqlc.narg(tenant_id), sqlc.narg(ticket_id), sqlc.arg(mail_ref), sqlc.arg(outcome), sqlc.arg(why), sqlc.arg(received_at))
ON CONFLICT (mail_ref) DO NOTHING;

-- name: MailInTaken :one
SELECT EXISTS (SELECT 1 FROM mail_in WHERE mail_ref = $1)::boolean;

-- name: DeleteOldMailIn :execrows
DELETE FROM mail_in WHERE received_at < $1;

-- name: TicketByNumber :one
SELECT tenant_id, id, site_id, kind, state, number, subject FROM ticket WHERE number = $1;

-- Who is due the week's digest: the admins and members of active tenants.
-- name: DigestDue :many
SELECT a.id, a.email, a.name, a.time_zone, m.tenant_id, t.name AS tenant_name FROM account a
JOIN member m ON m.account_id = a.id JOIN tenant t ON t.id = m.tenant_id
WHERE a.digest AND a.digest_week <> sqlc.arg(week) AND a.disabled_at IS NULL AND a.mail_bounced_at IS NULL AND t.state = 'active'
  AND m.role IN ('admin', 'member') AND EXISTS (SELECT 1 FROM site s WHERE s.tenant_id = t.id AND s.state = 'active')
ORDER BY a.id, m.tenant_id LIMIT sqlc.arg(most);

-- name: DigestTaken :execrows
UPDATE account SET digest_week = sqlc.arg(week) WHERE id = sqlc.arg(id) AND digest_week <> sqlc.arg(week);

-- name: SetDigest :execrows
UPDATE account SET digest = $2 WHERE id = $1;

-- name: DigestSites :many
SELECT s.id, s.name, s.time_zone,
  coalesce((SELECT max(c.taken_at) FROM copy c WHERE c.tenant_id = s.tenant_id AND c.site_id = s.id AND c.kind = 'database' AND c.state = 'good'), 'epoch')::timestamptz AS database_at,
  coalesce((SELECT max(c.taken_at) FROM copy c WHERE c.tenant_id = s.tenant_id AND c.site_id = s.id AND c.kind = 'data' AND c.state = 'good'), 'epoch')::timestamptz AS data_at,
  coalesce((SELECT min(c.taken_at) FROM copy c WHERE c.tenant_id = s.tenant_id AND c.site_id = s.id AND c.kind = 'database' AND c.state = 'good'), 'epoch')::timestamptz AS oldest_at,
  (SELECT count(*) FROM copy c WHERE c.tenant_id = s.tenant_id AND c.site_id = s.id AND c.state = 'good') AS copies,
  EXISTS (SELECT 1 FROM schedule d WHERE d.tenant_id = s.tenant_id AND d.site_id = s.id AND d.overdue_at < sqlc.arg(now)::timestamptz)::boolean AS late
FROM site s WHERE s.tenant_id = sqlc.arg(tenant_id) AND s.state = 'active' ORDER BY s.name LIMIT 50;
