-- +goose Up

CREATE TYPE charge_state AS ENUM ('due', 'pending', 'paid', 'waived', 'offline', 'refunding', 'refunded', 'disputed', 'lost', 'void');
CREATE TYPE checkout_state AS ENUM ('making', 'open', 'pending', 'paid', 'failed', 'expired');
CREATE TYPE refund_state AS ENUM ('asked', 'pending', 'succeeded', 'failed');
CREATE TYPE stripe_event_state AS ENUM ('received', 'done', 'ignored', 'failed');

-- The flat fee: one charge of a restore ticket, the amount from here alone.
CREATE TABLE charge (
  tenant_id      uuid NOT NULL,
  id             uuid NOT NULL,
  ticket_id      uuid NOT NULL,
  amount_cents   bigint NOT NULL CHECK (amount_cents = 10000),
  currency       text NOT NULL DEFAULT 'usd' CHECK (currency = 'usd'),
  state          charge_state NOT NULL DEFAULT 'due',
  payment_intent text NOT NULL DEFAULT '',
  receipt_url    text NOT NULL DEFAULT '',
  invoice_url    text NOT NULL DEFAULT '',
  reason         text NOT NULL DEFAULT '', -- of a waiver, an offline payment's reference, a refund
  decided_by     text NOT NULL DEFAULT '',
  alarm          text NOT NULL DEFAULT '', -- what somebody of the billing staff must look at; '' once they have
  created_at     timestamptz NOT NULL,
  paid_at        timestamptz,
  updated_at     timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (id),
  UNIQUE (tenant_id, ticket_id),
  FOREIGN KEY (tenant_id, ticket_id) REFERENCES ticket (tenant_id, id)
);
CREATE INDEX charge_recent ON charge (created_at DESC, id DESC);
CREATE INDEX charge_of_tenant ON charge (tenant_id, created_at DESC, id DESC);
CREATE INDEX charge_alarm ON charge (updated_at) WHERE alarm <> '';

-- One row per Checkout session, never per ticket: a payment on a session that
-- was superseded must still be seen.
CREATE TABLE checkout (
  tenant_id      uuid NOT NULL,
  id             uuid NOT NULL,
  charge_id      uuid NOT NULL,
  try            int NOT NULL CHECK (try >= 1),
  stripe_id      text UNIQUE,              -- NULL until Stripe has answered
  url            text NOT NULL DEFAULT '',
  state          checkout_state NOT NULL DEFAULT 'making',
  payment_intent text NOT NULL DEFAULT '',
  paid_cents     bigint NOT NULL DEFAULT 0, -- what came, without tax, and in which currency: held against the charge
  paid_currency  text NOT NULL DEFAULT '',
  refused        text NOT NULL DEFAULT '', -- why the payment page could not be made; another try takes another row
  expires_at     timestamptz NOT NULL,     -- stored before the call, so that a retry says the same
  checked_at     timestamptz,
  created_at     timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (id),
  UNIQUE (tenant_id, charge_id, try),
  FOREIGN KEY (tenant_id, charge_id) REFERENCES charge (tenant_id, id)
);
CREATE INDEX checkout_open ON checkout (checked_at NULLS FIRST) WHERE state IN ('making', 'open', 'pending');
CREATE INDEX checkout_intent ON checkout (payment_intent) WHERE payment_intent <> '';

CREATE TABLE refund (
  tenant_id      uuid NOT NULL,
  id             uuid NOT NULL,
  charge_id      uuid NOT NULL,
  payment_intent text NOT NULL,
  stripe_id      text UNIQUE,
  amount_cents   bigint NOT NULL CHECK (amount_cents = 10000),
  state          refund_state NOT NULL DEFAULT 'asked',
  why            text NOT NULL,
  asked_by       text NOT NULL,
  reference      text NOT NULL DEFAULT '', -- of a payment back by hand, of what was paid outside Stripe
  error          text NOT NULL DEFAULT '',
  created_at     timestamptz NOT NULL,
  updated_at     timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (id),
  FOREIGN KEY (tenant_id, charge_id) REFERENCES charge (tenant_id, id)
);
CREATE UNIQUE INDEX refund_once ON refund (payment_intent) WHERE state <> 'failed';
CREATE INDEX refund_open ON refund (updated_at) WHERE state IN ('asked', 'pending');

CREATE TABLE dispute (
  tenant_id    uuid NOT NULL,
  id           uuid NOT NULL,
  charge_id    uuid NOT NULL,
  stripe_id    text NOT NULL UNIQUE,
  payment_intent text NOT NULL DEFAULT '',
  status       text NOT NULL,
  reason       text NOT NULL,
  amount_cents bigint NOT NULL,
  opened_at    timestamptz NOT NULL,
  closed_at    timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (id),
  FOREIGN KEY (tenant_id, charge_id) REFERENCES charge (tenant_id, id)
);

-- What Stripe told us, each event once, by its own id.
CREATE TABLE stripe_event (
  id          text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 255),
  kind        text NOT NULL,
  object_id   text NOT NULL DEFAULT '',
  api_version text NOT NULL DEFAULT '',
  live        boolean NOT NULL,
  via         text NOT NULL CHECK (via IN ('webhook', 'reconcile')),
  state       stripe_event_state NOT NULL DEFAULT 'received',
  tries       int NOT NULL DEFAULT 0,
  error       text NOT NULL DEFAULT '',
  happened_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  handled_at  timestamptz
);
CREATE INDEX stripe_event_recent ON stripe_event (received_at DESC, id DESC);
CREATE INDEX stripe_event_open ON stripe_event (received_at) WHERE state IN ('received', 'failed');

CREATE TABLE stripe_cursor (
  one     boolean PRIMARY KEY DEFAULT true CHECK (one),
  seen_at timestamptz NOT NULL
);

-- +goose StatementBegin
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['charge', 'checkout', 'refund', 'dispute'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY of_tenant ON %I TO holdfast_tenant USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant())', t);
    EXECUTE format('CREATE POLICY of_staff ON %I TO holdfast_staff USING (true) WITH CHECK (true)', t);
    EXECUTE format('CREATE POLICY of_worker ON %I TO holdfast_worker USING (true) WITH CHECK (true)', t);
  END LOOP;
END
$$;
-- +goose StatementEnd

GRANT SELECT ON charge, checkout, refund TO holdfast_tenant;
GRANT SELECT, INSERT, UPDATE ON charge, checkout, refund, dispute TO holdfast_staff, holdfast_worker;
GRANT SELECT ON stripe_event, stripe_cursor TO holdfast_staff;
GRANT UPDATE (state, tries, error) ON stripe_event TO holdfast_staff;
GRANT SELECT, INSERT, UPDATE ON stripe_event, stripe_cursor TO holdfast_worker;

-- +goose Down
DROP TABLE stripe_cursor, stripe_event, dispute, refund, checkout, charge;
DROP TYPE stripe_event_state, refund_state, checkout_state, charge_state;
