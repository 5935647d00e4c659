-- name: InsertTicket :one
INSERT INTO ticket (tenant_id, id, number, kind, subject, site_id, account_id, request, created_at, updated_at)
VALUES (sqlc.arg(tenant_id), sqlc.arg(id), nextval('ticket_number'), sqlc.arg(kind), sqlc.arg(subject), sqlc.narg(site_id), sqlc.narg(account_id), sqlc.arg(request), sqlc.arg(now), sqlc.arg(now))
RETURNING *;

-- Tells whose a ticket is, before any right is known.
-- name: TicketByID :one
SELECT * FROM ticket WHERE id = $1;

-- name: LockTicket :one
SELECT * FROM ticket WHERE tenant_id = $1 AND id = $2 FOR UPDATE;

-- Everything about a ticket that may change, if it is still in the version and
-- the state that it was seen in.
-- name: SaveTicket :one
UPDATE ticket SET state = sqlc.arg(state), resume_state = sqlc.narg(resume_state), priority = sqlc.arg(priority), subject = sqlc.arg(subject), site_id = sqlc.narg(site_id),
  assignee = sqlc.narg(assignee), merged_into = sqlc.narg(merged_into), request = sqlc.arg(request), frozen = sqlc.arg(frozen),
  confirmed_by = sqlc.narg(confirmed_by), confirmed_at = sqlc.narg(confirmed_at), approved_by = sqlc.narg(approved_by), approved_at = sqlc.narg(approved_at),
  second_by = sqlc.narg(second_by), second_at = sqlc.narg(second_at), restore_id = sqlc.narg(restore_id),
  reply_due_at = sqlc.narg(reply_due_at), resolve_due_at = sqlc.narg(resolve_due_at), reply_late_at = sqlc.narg(reply_late_at), resolve_late_at = sqlc.narg(resolve_late_at),
  replied_at = sqlc.narg(replied_at), waits_since = sqlc.narg(waits_since), remind_at = sqlc.narg(remind_at), close_at = sqlc.narg(close_at),
  undo_asked = sqlc.arg(undo_asked), without_safety = sqlc.arg(without_safety), without_by = sqlc.arg(without_by), refund_why = sqlc.arg(refund_why), stands = sqlc.arg(stands),
  submitted_at = sqlc.narg(submitted_at), ended_at = sqlc.narg(ended_at), updated_at = sqlc.arg(now), version = version + 1,
  public_version = CASE WHEN sqlc.arg(public)::boolean THEN version + 1 ELSE public_version END
WHERE tenant_id = sqlc.arg(tenant_id) AND id = sqlc.arg(id) AND version = sqlc.arg(was_version) AND state = sqlc.arg(was_state)
RETURNING *;

-- name: FindDraft :one
SELECT * FROM ticket WHERE tenant_id = sqlc.arg(tenant_id) AND state = 'draft' AND kind = sqlc.arg(kind)
  AND account_id IS NOT DISTINCT FROM sqlc.narg(account_id)::uuid AND site_id IS NOT DISTINCT FROM sqlc.narg(site_id)::uuid;

-- name: DraftsOf :many
SELECT * FROM ticket WHERE tenant_id = sqlc.arg(tenant_id) AND state = 'draft' AND account_id IS NOT DISTINCT FROM sqlc.narg(account_id)::uuid
ORDER BY updated_at DESC LIMIT 100;

-- name: DeleteOldDrafts :execrows
DELETE FROM ticket WHERE submitted_at IS NULL
  AND (state = 'draft' AND updated_at < sqlc.arg(before)::timestamptz OR state = 'withdrawn' AND updated_at < sqlc.arg(discarded_before)::timestamptz);

-- name: InsertTicketMessage :execrows
INSERT INTO ticket_message (tenant_id, id, ticket_id, author, account_id, internal, via, mail_ref, body, created_at)
VALUES (sqlc.arg(tenant_id), sqlc.arg(id), sqlc.arg(ticket_id), sqlc.arg(author), sqlc.narg(account_id), sqlc.arg(internal), sqlc.arg(via), sqlc.arg(mail_ref), sqlc.arg(body), sqlc.arg(created_at))
ON CONFLICT (mail_ref) WHERE mail_ref <> '' DO NOTHING;

-- The newest messages before one, the newest first. What staff write among
-- themselves is asked for by staff alone.
-- name: TicketMessages :many
SELECT tenant_id, id, ticket_id, author, account_id, internal, via, mail_ref, body, created_at FROM ticket_message
WHERE tenant_id = sqlc.arg(tenant_id) AND ticket_id = sqlc.arg(ticket_id) AND (sqlc.arg(staff)::boolean OR NOT internal)
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (created_at, id) < (sqlc.narg(before_at)::timestamptz, sqlc.narg(before_id)::uuid))
ORDER BY created_at DESC, id DESC LIMIT sqlc.arg(most);

-- name: CountTicketMessages :one
SELECT count(*) FROM ticket_message WHERE tenant_id = sqlc.arg(tenant_id) AND ticket_id = sqlc.arg(ticket_id) AND (sqlc.arg(staff)::boolean OR NOT internal);

-- name: InsertTicketAttachment :exec
INSERT INTO ticket_attachment (tenant_id, id, ticket_id, message_id, name, media_type, bytes, sha256, internal, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: TicketAttachments :many
SELECT * FROM ticket_attachment WHERE tenant_id = sqlc.arg(tenant_id) AND ticket_id = sqlc.arg(ticket_id) AND (sqlc.arg(staff)::boolean OR NOT internal)
ORDER BY created_at, id;

-- name: AttachmentByID :one
SELECT * FROM ticket_attachment WHERE id = $1;

-- name: ReadAttachment :one
SELECT * FROM ticket_attachment WHERE tenant_id = sqlc.arg(tenant_id) AND id = sqlc.arg(id) AND (sqlc.arg(staff)::boolean OR NOT internal);

-- name: TicketAttachmentBytes :one
SELECT coalesce(sum(bytes), 0)::bigint FROM ticket_attachment WHERE tenant_id = $1 AND ticket_id = $2;

-- Of files found in the folder, those that a row names.
-- name: AttachmentsThere :many
SELECT id FROM ticket_attachment WHERE id = ANY(sqlc.arg(ids)::uuid[]);

-- name: AddWatcher :execrows
INSERT INTO ticket_watcher (tenant_id, ticket_id, account_id, since) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING;

-- name: DropWatcher :execrows
DELETE FROM ticket_watcher WHERE tenant_id = $1 AND ticket_id = $2 AND account_id = $3;

-- name: TicketWatchers :many
SELECT account_id, since FROM ticket_watcher WHERE tenant_id = $1 AND ticket_id = $2 ORDER BY since, account_id;

-- name: InsertStaffAccess :exec
INSERT INTO staff_access (tenant_id, id, ticket_id, site_id, granted_by, granted_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: RevokeStaffAccess :execrows
UPDATE staff_access SET revoked_at = sqlc.arg(now)::timestamptz
WHERE tenant_id = sqlc.arg(tenant_id) AND ticket_id = sqlc.arg(ticket_id) AND id = sqlc.arg(id) AND revoked_at IS NULL AND expires_at > sqlc.arg(now)::timestamptz;

-- name: StaffAccessOfTicket :many
SELECT * FROM staff_access WHERE tenant_id = $1 AND ticket_id = $2 ORDER BY granted_at DESC LIMIT 50;

-- name: StaffAccessOfSite :one
SELECT * FROM staff_access WHERE tenant_id = sqlc.arg(tenant_id) AND site_id = sqlc.arg(site_id) AND revoked_at IS NULL AND expires_at > sqlc.arg(now)::timestamptz
ORDER BY expires_at DESC LIMIT 1;

-- name: CannedReplies :many
SELECT * FROM canned_reply ORDER BY lower(name), id;

-- name: CannedReply :one
SELECT * FROM canned_reply WHERE id = $1;

-- name: InsertCannedReply :exec
INSERT INTO canned_reply (id, name, body, acts, updated_by, updated_at) VALUES ($1, $2, $3, $4, $5, $6);

-- name: UpdateCannedReply :execrows
UPDATE canned_reply SET name = sqlc.arg(name), body = sqlc.arg(body), acts = sqlc.arg(acts), updated_by = sqlc.arg(updated_by), updated_at = sqlc.arg(now)::timestamptz
WHERE id = sqlc.arg(id) AND updated_at = sqlc.arg(seen)::timestamptz;

-- name: DeleteCannedReply :execrows
DELETE FROM canned_reply WHERE id = $1;

-- What happened to a ticket, its fee and its restore. What is the staff's own
-- affair has no tenant, and is not there for a customer.
-- name: TicketEvents :many
SELECT id, tenant_id, at, actor, verb, subject_kind, detail FROM event
WHERE subject_id = ANY(sqlc.arg(subjects)::uuid[]) AND subject_kind IN ('ticket', 'charge', 'restore')
  AND (tenant_id = sqlc.arg(tenant_id)::uuid OR sqlc.arg(staff)::boolean AND tenant_id IS NULL)
ORDER BY at DESC, id DESC LIMIT sqlc.arg(most);

-- name: TicketCharge :one
SELECT * FROM charge WHERE tenant_id = $1 AND ticket_id = $2;

-- name: TicketRestore :one
SELECT * FROM restore WHERE tenant_id = $1 AND id = $2;

-- name: TicketPlace :one
SELECT t.name AS tenant_name, t.slug AS tenant_slug, coalesce(s.name, '')::text AS site_name
FROM tenant t LEFT JOIN site s ON s.tenant_id = t.id AND s.id = sqlc.narg(site_id) WHERE t.id = sqlc.arg(tenant_id);

-- name: TicketsMergedInto :many
SELECT * FROM ticket WHERE tenant_id = sqlc.arg(tenant_id) AND merged_into = sqlc.arg(merged_into) ORDER BY number LIMIT 50;

-- Tickets, the newest first.
-- name: ListTicketsNewest :many
SELECT t.tenant_id, t.id, t.number, t.kind, t.state, t.priority, t.subject, t.site_id, t.assignee, t.frozen, t.waits_since, t.confirmed_at, t.reply_due_at, t.resolve_due_at,
  t.created_at, t.updated_at, t.ended_at, t.version, coalesce(s.name, '')::text AS site_name, n.name AS tenant_name, n.slug AS tenant_slug, coalesce(a.name, '')::text AS assigned_to
FROM ticket t JOIN tenant n ON n.id = t.tenant_id LEFT JOIN site s ON s.tenant_id = t.tenant_id AND s.id = t.site_id LEFT JOIN account a ON a.id = t.assignee
WHERE t.submitted_at IS NOT NULL
  AND (sqlc.narg(tenant_id)::uuid IS NULL OR t.tenant_id = sqlc.narg(tenant_id)::uuid)
  AND (sqlc.narg(site_id)::uuid IS NULL OR t.site_id = sqlc.narg(site_id)::uuid)
  AND (sqlc.narg(kind)::text IS NULL OR t.kind::text = sqlc.narg(kind)::text)
  AND (cardinality(sqlc.arg(states)::text[]) = 0 OR t.state::text = ANY(sqlc.arg(states)::text[]))
  AND (NOT sqlc.arg(open)::boolean OR t.ended_at IS NULL) AND (NOT sqlc.arg(ended)::boolean OR t.ended_at IS NOT NULL)
  AND (sqlc.narg(assignee)::uuid IS NULL OR t.assignee = sqlc.narg(assignee)::uuid)
  AND (sqlc.narg(opened_by)::uuid IS NULL OR t.account_id = sqlc.narg(opened_by)::uuid)
  AND (NOT sqlc.arg(unassigned)::boolean OR t.assignee IS NULL)
  AND (NOT sqlc.arg(waits_for_us)::boolean OR t.state IN ('submitted', 'reopened', 'failed', 'approved') OR t.state = 'queued' AND t.confirmed_at IS NOT NULL)
  AND (NOT sqlc.arg(overdue)::boolean OR t.ended_at IS NULL AND t.waits_since IS NULL AND least(t.reply_due_at, t.resolve_due_at) < sqlc.arg(now)::timestamptz)
  AND (sqlc.narg(words)::text IS NULL OR t.words @@ (plainto_tsquery('simple', sqlc.narg(words)::text) || to_tsquery('simple', sqlc.arg(begins)::text))
    OR t.number = sqlc.arg(called)::bigint
    OR t.id IN (SELECT m.ticket_id FROM ticket_message m WHERE (sqlc.arg(staff)::boolean OR NOT m.internal)
      AND (sqlc.narg(tenant_id)::uuid IS NULL OR m.tenant_id = sqlc.narg(tenant_id)::uuid)
      AND m.words @@ (plainto_tsquery('simple', sqlc.narg(words)::text) || to_tsquery('simple', sqlc.arg(begins)::text))))
  AND (sqlc.narg(after_number)::bigint IS NULL OR t.number < sqlc.narg(after_number)::bigint)
ORDER BY t.number DESC LIMIT sqlc.arg(page_size);

-- The same, by priority and then by when they are due.
-- name: ListTicketsUrgent :many
SELECT t.tenant_id, t.id, t.number, t.kind, t.state, t.priority, t.subject, t.site_id, t.assignee, t.frozen, t.waits_since, t.confirmed_at, t.reply_due_at, t.resolve_due_at,
  t.created_at, t.updated_at, t.ended_at, t.version, coalesce(s.name, '')::text AS site_name, n.name AS tenant_name, n.slug AS tenant_slug, coalesce(a.name, '')::text AS assigned_to,
  d.due::timestamptz AS due
FROM ticket t JOIN tenant n ON n.id = t.tenant_id LEFT JOIN site s ON s.tenant_id = t.tenant_id AND s.id = t.site_id LEFT JOIN account a ON a.id = t.assignee
CROSS JOIN LATERAL (SELECT CASE WHEN t.waits_since IS NULL AND t.ended_at IS NULL THEN coalesce(least(t.reply_due_at, t.resolve_due_at), '9999-12-31 00:00:00+00'::timestamptz) ELSE '9999-12-31 00:00:00+00'::timestamptz END AS due) d
WHERE t.submitted_at IS NOT NULL
  AND (sqlc.narg(tenant_id)::uuid IS NULL OR t.tenant_id = sqlc.narg(tenant_id)::uuid)
  AND (sqlc.narg(site_id)::uuid IS NULL OR t.site_id = sqlc.narg(site_id)::uuid)
  AND (sqlc.narg(kind)::text IS NULL OR t.kind::text = sqlc.narg(kind)::text)
  AND (cardinality(sqlc.arg(states)::text[]) = 0 OR t.state::text = ANY(sqlc.arg(states)::text[]))
  AND (NOT sqlc.arg(open)::boolean OR t.ended_at IS NULL) AND (NOT sqlc.arg(ended)::boolean OR t.ended_at IS NOT NULL)
  AND (sqlc.narg(assignee)::uuid IS NULL OR t.assignee = sqlc.narg(assignee)::uuid)
  AND (sqlc.narg(opened_by)::uuid IS NULL OR t.account_id = sqlc.narg(opened_by)::uuid)
  AND (NOT sqlc.arg(unassigned)::boolean OR t.assignee IS NULL)
  AND (NOT sqlc.arg(waits_for_us)::boolean OR t.state IN ('submitted', 'reopened', 'failed', 'approved') OR t.state = 'queued' AND t.confirmed_at IS NOT NULL)
  AND (NOT sqlc.arg(overdue)::boolean OR t.ended_at IS NULL AND t.waits_since IS NULL AND least(t.reply_due_at, t.resolve_due_at) < sqlc.arg(now)::timestamptz)
  AND (sqlc.narg(words)::text IS NULL OR t.words @@ (plainto_tsquery('simple', sqlc.narg(words)::text) || to_tsquery('simple', sqlc.arg(begins)::text))
    OR t.number = sqlc.arg(called)::bigint
    OR t.id IN (SELECT m.ticket_id FROM ticket_message m WHERE (sqlc.arg(staff)::boolean OR NOT m.internal)
      AND (sqlc.narg(tenant_id)::uuid IS NULL OR m.tenant_id = sqlc.narg(tenant_id)::uuid)
      AND m.words @@ (plainto_tsquery('simple', sqlc.narg(words)::text) || to_tsquery('simple', sqlc.arg(begins)::text))))
  AND (sqlc.narg(after_number)::bigint IS NULL
    OR t.priority < sqlc.arg(after_priority)::ticket_priority
    OR t.priority = sqlc.arg(after_priority)::ticket_priority AND (d.due, t.number) > (sqlc.arg(after_due)::timestamptz, sqlc.narg(after_number)::bigint))
ORDER BY t.priority DESC, d.due, t.number LIMIT sqlc.arg(page_size);

-- name: CountTickets :one
SELECT count(*) AS open, count(*) FILTER (WHERE assignee = sqlc.narg(account_id)::uuid OR account_id = sqlc.narg(account_id)::uuid) AS mine, count(*) FILTER (WHERE assignee IS NULL) AS unassigned,
  count(*) FILTER (WHERE state IN ('submitted', 'reopened', 'failed', 'approved') OR state = 'queued' AND confirmed_at IS NOT NULL) AS waits_for_us,
  count(*) FILTER (WHERE waits_since IS NULL AND least(reply_due_at, resolve_due_at) < sqlc.arg(now)::timestamptz) AS overdue,
  count(*) FILTER (WHERE priority = 'urgent') AS urgent
FROM ticket WHERE ended_at IS NULL AND state <> 'draft' AND (sqlc.narg(tenant_id)::uuid IS NULL OR tenant_id = sqlc.narg(tenant_id)::uuid);

-- How many drafts were made since then that are none of a ticket that was
-- handed in.
-- name: DraftsMadeSince :one
SELECT count(*) FROM ticket WHERE tenant_id = $1 AND created_at > sqlc.arg(since)::timestamptz AND submitted_at IS NULL;

-- Two presses of one person, one after the other.
-- name: LockOpening :exec
SELECT pg_advisory_xact_lock(hashtextextended('opening ' || sqlc.arg(person)::text, 0));

-- The question that a person asked a moment ago in the same words.
-- name: SameQuestion :one
SELECT id FROM ticket WHERE tenant_id = sqlc.arg(tenant_id) AND kind = 'support' AND account_id = sqlc.arg(account_id)
  AND site_id IS NOT DISTINCT FROM sqlc.narg(site_id)::uuid AND subject = sqlc.arg(subject) AND request->>'happened' = sqlc.arg(happened)::text
  AND submitted_at > sqlc.arg(since)::timestamptz AND state <> 'withdrawn'
ORDER BY submitted_at DESC LIMIT 1;

-- What a tenant's people have asked for since; limits count it.
-- name: TicketsOpenedSince :one
SELECT count(*) FROM ticket WHERE tenant_id = $1 AND created_at > sqlc.arg(since)::timestamptz AND submitted_at IS NOT NULL;

-- name: MessagesSaidSince :one
SELECT count(*) FROM ticket_message m JOIN ticket t ON t.tenant_id = m.tenant_id AND t.id = m.ticket_id
WHERE m.tenant_id = $1 AND m.author = 'customer' AND t.updated_at > sqlc.arg(since)::timestamptz AND m.created_at > sqlc.arg(since)::timestamptz;

-- name: AttachedSince :one
SELECT count(*) AS files, coalesce(sum(bytes), 0)::bigint AS bytes FROM ticket_attachment WHERE tenant_id = $1 AND created_at > sqlc.arg(since)::timestamptz AND NOT internal;

-- Who of the staff works on tickets, and how many they have.
-- name: TicketStaff :many
SELECT a.id, a.name, (SELECT count(*) FROM ticket t WHERE t.assignee = a.id AND t.ended_at IS NULL AND t.state <> 'draft') AS open
FROM account a WHERE a.staff_role IN ('owner', 'operator', 'support') AND a.disabled_at IS NULL ORDER BY a.name, a.id;

-- What the runbook may have to do something for, and nobody touched for a while.
-- name: TicketsToMove :many
SELECT tenant_id, id FROM ticket WHERE kind = 'restore' AND (state IN ('submitted', 'awaiting_payment', 'queued', 'approved') OR refund_why <> '' OR undo_asked OR stands <> '')
  AND (state NOT IN ('awaiting_payment', 'queued') OR refund_why <> '' OR updated_at > sqlc.arg(before)::timestamptz - interval '1 hour' -- what waits for people is told of by them
    OR state = 'queued' AND confirmed_at IS NOT NULL AND approved_at IS NOT NULL) -- fewer approvals may be wanted since
  AND updated_at < sqlc.arg(before)::timestamptz AND id > sqlc.arg(after)::uuid
UNION -- what ended while its restore is still to be settled
SELECT k.tenant_id, k.id FROM restore r JOIN ticket k ON k.tenant_id = r.tenant_id AND k.id = r.ticket_id AND k.restore_id = r.id
WHERE r.ended_at IS NULL AND r.state = 'restored' AND k.state IN ('closed', 'declined')
  AND k.updated_at < sqlc.arg(before)::timestamptz AND k.id > sqlc.arg(after)::uuid
ORDER BY id LIMIT sqlc.arg(most);

-- name: TicketsToRemind :many
SELECT tenant_id, id FROM ticket WHERE least(remind_at, close_at) <= sqlc.arg(now)::timestamptz AND frozen = '' ORDER BY least(remind_at, close_at) LIMIT sqlc.arg(most);

-- name: TicketsLate :many
SELECT tenant_id, id FROM ticket WHERE ended_at IS NULL AND state <> 'draft' AND waits_since IS NULL AND least(reply_due_at, resolve_due_at) <= sqlc.arg(now)::timestamptz
  AND (reply_due_at <= sqlc.arg(now)::timestamptz AND reply_late_at IS NULL OR resolve_due_at <= sqlc.arg(now)::timestamptz AND resolve_late_at IS NULL)
ORDER BY least(reply_due_at, resolve_due_at) LIMIT sqlc.arg(most);
