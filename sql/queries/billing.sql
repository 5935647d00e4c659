-- name: InsertCharge :execrows
INSERT INTO charge (tenant_id, id, ticket_id, amount_cents, created_at, updated_at)
VALUES (sqlc.arg(tenant_id), sqlc.arg(id), sqlc.arg(ticket_id), sqlc.arg(amount_cents), sqlc.arg(now)::timestamptz, sqlc.arg(now)::timestamptz)
ON CONFLICT (tenant_id, ticket_id) DO NOTHING;

-- name: ChargeOfTicket :one
SELECT * FROM charge WHERE tenant_id = $1 AND ticket_id = $2;

-- name: LockCharge :one
SELECT * FROM charge WHERE tenant_id = $1 AND id = $2 FOR UPDATE;

-- name: LockChargeOfTicket :one
SELECT * FROM charge WHERE tenant_id = $1 AND ticket_id = $2 FOR UPDATE;

-- A charge leaves the state that it was in, or nothing happens.
-- name: MoveCharge :one
UPDATE charge SET state = sqlc.arg(to_state), payment_intent = sqlc.arg(payment_intent), paid_at = sqlc.narg(paid_at), updated_at = sqlc.arg(now)::timestamptz
WHERE tenant_id = sqlc.arg(tenant_id) AND id = sqlc.arg(id) AND state = sqlc.arg(from_state) RETURNING *;

-- name: DecideCharge :one
UPDATE charge SET reason = sqlc.arg(reason), decided_by = sqlc.arg(decided_by), updated_at = sqlc.arg(now)::timestamptz
WHERE tenant_id = sqlc.arg(tenant_id) AND id = sqlc.arg(id) RETURNING *;

-- name: AlarmCharge :one
UPDATE charge SET alarm = sqlc.arg(alarm), updated_at = sqlc.arg(now)::timestamptz
WHERE tenant_id = sqlc.arg(tenant_id) AND id = sqlc.arg(id) AND alarm <> sqlc.arg(alarm) RETURNING *;

-- name: PapersOfCharge :one
UPDATE charge SET receipt_url = sqlc.arg(receipt_url), invoice_url = sqlc.arg(invoice_url)
WHERE tenant_id = sqlc.arg(tenant_id) AND id = sqlc.arg(id) RETURNING *;

-- name: InsertCheckout :exec
INSERT INTO checkout (tenant_id, id, charge_id, try, expires_at, created_at) VALUES ($1, $2, $3, $4, $5, $6);

-- name: CheckoutsOfCharge :many
SELECT * FROM checkout WHERE tenant_id = $1 AND charge_id = $2 ORDER BY try;

-- name: CheckoutByID :one
SELECT * FROM checkout WHERE id = $1;

-- name: CheckoutByStripeID :one
SELECT * FROM checkout WHERE stripe_id = $1;

-- name: CheckoutByIntent :one
SELECT * FROM checkout WHERE payment_intent = $1;

-- What is known of a checkout; its name at Stripe is learnt once.
-- name: SaveCheckout :execrows
UPDATE checkout SET stripe_id = coalesce(stripe_id, sqlc.narg(stripe_id)), url = sqlc.arg(url), state = sqlc.arg(state), payment_intent = sqlc.arg(payment_intent),
  paid_cents = sqlc.arg(paid_cents), paid_currency = sqlc.arg(paid_currency), checked_at = sqlc.arg(now)::timestamptz
WHERE tenant_id = sqlc.arg(tenant_id) AND id = sqlc.arg(id);

-- name: RefuseCheckout :execrows
UPDATE checkout SET refused = sqlc.arg(refused), checked_at = sqlc.arg(now)::timestamptz WHERE tenant_id = sqlc.arg(tenant_id) AND id = sqlc.arg(id) AND state = 'making';

-- name: CheckoutsToLookAt :many
SELECT * FROM checkout WHERE state IN ('making', 'open', 'pending') AND created_at < sqlc.arg(made_before)::timestamptz
  AND (checked_at IS NULL OR checked_at < sqlc.arg(checked_before)::timestamptz) ORDER BY checked_at NULLS FIRST LIMIT sqlc.arg(page_size);

-- name: InsertRefund :exec
INSERT INTO refund (tenant_id, id, charge_id, payment_intent, stripe_id, amount_cents, state, why, asked_by, created_at, updated_at)
VALUES (sqlc.arg(tenant_id), sqlc.arg(id), sqlc.arg(charge_id), sqlc.arg(payment_intent), sqlc.narg(stripe_id), sqlc.arg(amount_cents), sqlc.arg(state), sqlc.arg(why), sqlc.arg(asked_by), sqlc.arg(now)::timestamptz, sqlc.arg(now)::timestamptz);

-- name: RefundByID :one
SELECT * FROM refund WHERE id = $1;

-- name: RefundsOfCharge :many
SELECT * FROM refund WHERE tenant_id = $1 AND charge_id = $2 ORDER BY created_at, id;

-- name: SaveRefund :execrows
UPDATE refund SET stripe_id = coalesce(stripe_id, sqlc.narg(stripe_id)), state = sqlc.arg(state), error = sqlc.arg(error), reference = sqlc.arg(reference), updated_at = sqlc.arg(now)::timestamptz
WHERE tenant_id = sqlc.arg(tenant_id) AND id = sqlc.arg(id);

-- name: RefundsToLookAt :many
SELECT * FROM refund WHERE state IN ('asked', 'pending') AND payment_intent NOT LIKE 'offline:%' AND updated_at < sqlc.arg(before)::timestamptz ORDER BY updated_at LIMIT sqlc.arg(page_size);

-- name: TouchRefund :execrows
UPDATE refund SET updated_at = sqlc.arg(now)::timestamptz WHERE tenant_id = sqlc.arg(tenant_id) AND id = sqlc.arg(id);

-- name: DisputesOfCharge :many
SELECT * FROM dispute WHERE tenant_id = $1 AND charge_id = $2 ORDER BY opened_at, id;

-- name: SaveDispute :exec
INSERT INTO dispute (tenant_id, id, charge_id, stripe_id, payment_intent, status, reason, amount_cents, opened_at, closed_at)
VALUES (sqlc.arg(tenant_id), sqlc.arg(id), sqlc.arg(charge_id), sqlc.arg(stripe_id), sqlc.arg(payment_intent), sqlc.arg(status), sqlc.arg(reason), sqlc.arg(amount_cents), sqlc.arg(opened_at), sqlc.narg(closed_at))
ON CONFLICT (stripe_id) DO UPDATE SET status = excluded.status, closed_at = coalesce(dispute.closed_at, excluded.closed_at);

-- name: InsertStripeEvent :execrows
INSERT INTO stripe_event (id, kind, object_id, api_version, live, via, state, error, happened_at, received_at)
VALUES (sqlc.arg(id), sqlc.arg(kind), sqlc.arg(object_id), sqlc.arg(api_version), sqlc.arg(live), sqlc.arg(via), sqlc.arg(state), sqlc.arg(error), sqlc.arg(happened_at), sqlc.arg(now)::timestamptz)
ON CONFLICT (id) DO NOTHING;

-- name: StripeEventByID :one
SELECT * FROM stripe_event WHERE id = $1;

-- name: StripeEventDone :execrows
UPDATE stripe_event SET state = sqlc.arg(state), error = sqlc.arg(error), tries = tries + 1, handled_at = sqlc.arg(now)::timestamptz WHERE id = sqlc.arg(id);

-- name: ReopenStripeEvent :execrows
UPDATE stripe_event SET state = 'received', tries = 0, error = '' WHERE id = $1;

-- name: StripeEventsToHandle :many
SELECT id FROM stripe_event WHERE state IN ('received', 'failed') AND received_at < sqlc.arg(before)::timestamptz AND tries < sqlc.arg(most_tries)::int ORDER BY received_at LIMIT sqlc.arg(page_size);

-- name: StripeEventPage :many
SELECT * FROM stripe_event
WHERE (sqlc.arg(state)::text = '' OR state = sqlc.arg(state)::text::stripe_event_state)
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (received_at, id) < (sqlc.narg(before_at)::timestamptz, sqlc.arg(before_id)::text))
ORDER BY received_at DESC, id DESC LIMIT sqlc.arg(page_size);

-- name: StripeCursor :one
SELECT seen_at FROM stripe_cursor;

-- name: MoveStripeCursor :exec
INSERT INTO stripe_cursor (seen_at) VALUES (sqlc.arg(seen_at)) ON CONFLICT (one) DO UPDATE SET seen_at = greatest(stripe_cursor.seen_at, excluded.seen_at);

-- name: ChargePage :many
SELECT sqlc.embed(c), k.number, k.subject, t.name AS tenant_name,
  EXISTS (SELECT 1 FROM refund r WHERE r.tenant_id = c.tenant_id AND r.charge_id = c.id AND r.state = 'asked' AND r.payment_intent LIKE 'offline:_%')::bool AS by_hand
FROM charge c JOIN ticket k ON k.tenant_id = c.tenant_id AND k.id = c.ticket_id JOIN tenant t ON t.id = c.tenant_id
WHERE (sqlc.narg(ticket_id)::uuid IS NULL OR c.ticket_id = sqlc.narg(ticket_id)::uuid)
  AND (sqlc.narg(tenant_id)::uuid IS NULL OR c.tenant_id = sqlc.narg(tenant_id)::uuid)
  AND (sqlc.arg(state)::text = '' OR c.state = sqlc.arg(state)::text::charge_state)
  AND (NOT sqlc.arg(alarms)::bool OR c.alarm <> '')
  AND (sqlc.narg(since)::timestamptz IS NULL OR c.created_at >= sqlc.narg(since)::timestamptz)
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (c.created_at, c.id) < (sqlc.narg(before_at)::timestamptz, sqlc.narg(before_id)::uuid))
ORDER BY c.created_at DESC, c.id DESC LIMIT sqlc.arg(page_size);

-- name: ChargeSums :many
SELECT state, count(*) AS charges, sum(amount_cents)::bigint AS cents, count(*) FILTER (WHERE alarm <> '') AS alarms FROM charge GROUP BY state ORDER BY state;

-- name: BilledTicket :one
SELECT k.id, k.tenant_id, k.number, k.state, k.subject FROM ticket k WHERE k.id = $1;

-- name: BilledTicketByNumber :one
SELECT k.id, k.tenant_id, k.number, k.state, k.subject FROM ticket k WHERE k.number = $1;

-- Charges that say something else than their ticket: it ended and the fee can
-- still be paid or is still ours, or it waits for a fee that is not due.
-- name: ChargesApart :many
SELECT c.tenant_id, c.ticket_id FROM charge c JOIN ticket k ON k.tenant_id = c.tenant_id AND k.id = c.ticket_id
WHERE (c.state IN ('due', 'pending', 'paid', 'offline') AND k.state IN ('declined', 'withdrawn')
    AND NOT (c.state IN ('paid', 'offline') AND EXISTS (SELECT 1 FROM refund r WHERE r.tenant_id = c.tenant_id AND r.charge_id = c.id AND r.payment_intent = c.payment_intent))
  OR c.state IN ('void', 'refunded') AND k.state = 'awaiting_payment')
  AND k.updated_at < sqlc.arg(before)::timestamptz
ORDER BY c.updated_at LIMIT sqlc.arg(page_size);

-- name: CountAlarms :one
SELECT count(*) FROM event WHERE tenant_id = sqlc.arg(tenant_id) AND subject_id = sqlc.arg(charge_id)::uuid AND verb = 'charge.alarm' AND detail->>'what' = sqlc.arg(what)::text;

