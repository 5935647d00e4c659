-- +goose Up

CREATE TYPE ticket_kind AS ENUM ('support', 'restore');
CREATE TYPE ticket_state AS ENUM (
  'draft', 'submitted', 'awaiting_payment', 'queued', 'approved', 'running', 'verifying', 'awaiting_acceptance', 'closed',
  'needs_information', 'declined', 'withdrawn', 'failed', 'reopened');
CREATE TYPE ticket_priority AS ENUM ('low', 'normal', 'high', 'urgent');
CREATE TYPE message_author AS ENUM ('customer', 'staff', 'system');
CREATE TYPE message_via AS ENUM ('page', 'mail', 'api');

CREATE SEQUENCE ticket_number START 1001;

CREATE TABLE ticket (
  tenant_id       uuid NOT NULL REFERENCES tenant (id),
  id              uuid NOT NULL,
  number          bigint NOT NULL UNIQUE,
  kind            ticket_kind NOT NULL,
  state           ticket_state NOT NULL DEFAULT 'draft',
  resume_state    ticket_state,                -- where needs_information leads back to
  priority        ticket_priority NOT NULL DEFAULT 'normal',
  subject         text NOT NULL CHECK (length(subject) <= 200),
  site_id         uuid,
  account_id      uuid REFERENCES account (id), -- who opened it
  assignee        uuid REFERENCES account (id), -- staff
  merged_into     uuid,
  request         jsonb NOT NULL DEFAULT '{}', -- ticket.Request: what happened, when, what to bring back, the point, the promise made
  frozen          text NOT NULL DEFAULT '',    -- why nothing moves (a dispute); '' if it may
  confirmed_by    uuid REFERENCES account (id), -- the tenant's admin who typed the site's name
  confirmed_at    timestamptz,
  approved_by     uuid REFERENCES account (id),
  approved_at     timestamptz,
  second_by       uuid REFERENCES account (id),
  second_at       timestamptz,
  restore_id      uuid,
  reply_due_at    timestamptz,                 -- of the first answer; NULL once given or not promised
  resolve_due_at  timestamptz,
  reply_late_at   timestamptz,                 -- when it was noted that the promise was broken
  resolve_late_at timestamptz,
  replied_at      timestamptz,                 -- staff's first answer
  waits_since     timestamptz,                 -- for the customer: the clocks stand
  remind_at       timestamptz,                 -- of the acceptance
  close_at        timestamptz,                 -- by itself
  undo_asked      boolean NOT NULL DEFAULT false, -- reopened: the site is to be as before the restore
  refund_why      text NOT NULL DEFAULT '',    -- why the fee is to go back; '' if it is not
  stands          text NOT NULL DEFAULT '',    -- why the runbook could not go on, for the staff; '' if it could
  created_at      timestamptz NOT NULL,
  submitted_at    timestamptz,
  updated_at      timestamptz NOT NULL,
  ended_at        timestamptz,
  version         int NOT NULL DEFAULT 1,      -- of optimistic concurrency: two staff at once
  public_version  int NOT NULL DEFAULT 1,      -- the one of the last change that the customer sees too
  words           tsvector GENERATED ALWAYS AS (to_tsvector('simple', subject)) STORED,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (id),
  FOREIGN KEY (tenant_id, site_id) REFERENCES site (tenant_id, id),
  FOREIGN KEY (tenant_id, merged_into) REFERENCES ticket (tenant_id, id),
  FOREIGN KEY (tenant_id, restore_id) REFERENCES restore (tenant_id, id),
  CHECK ((state IN ('closed', 'declined', 'withdrawn')) = (ended_at IS NOT NULL)),
  CHECK ((state = 'needs_information') = (resume_state IS NOT NULL)),
  CHECK ((kind = 'restore' AND state NOT IN ('draft', 'withdrawn')) <= (site_id IS NOT NULL)),
  CHECK (kind = 'restore' OR state IN ('draft', 'submitted', 'needs_information', 'closed', 'declined', 'withdrawn', 'reopened')),
  CHECK ((kind = 'restore' AND state IN ('approved', 'running', 'verifying')) <= (confirmed_at IS NOT NULL AND approved_at IS NOT NULL)),
  CHECK ((second_at IS NOT NULL) <= (approved_at IS NOT NULL AND second_by IS DISTINCT FROM approved_by)),
  CHECK (merged_into IS NULL OR (merged_into <> id AND ended_at IS NOT NULL)),
  CHECK (state = 'reopened' OR NOT undo_asked)
);
-- One draft of a person, a kind and a site.
CREATE UNIQUE INDEX ticket_draft_once ON ticket (tenant_id, coalesce(account_id, '00000000-0000-0000-0000-000000000000'), kind, coalesce(site_id, '00000000-0000-0000-0000-000000000000'))
  WHERE state = 'draft';
CREATE INDEX ticket_draft_old ON ticket (updated_at) WHERE state = 'draft';
CREATE INDEX ticket_of_tenant ON ticket (tenant_id, created_at DESC);
CREATE INDEX ticket_open ON ticket (priority DESC, created_at, id) WHERE ended_at IS NULL AND state <> 'draft';
CREATE INDEX ticket_of_site ON ticket (tenant_id, site_id, created_at DESC);
CREATE INDEX ticket_words ON ticket USING gin (words);
CREATE INDEX ticket_clock ON ticket (least(remind_at, close_at)) WHERE remind_at IS NOT NULL OR close_at IS NOT NULL;
CREATE INDEX ticket_due ON ticket (least(reply_due_at, resolve_due_at)) WHERE ended_at IS NULL;
-- What the runbook may have to do something for.
CREATE INDEX ticket_to_move ON ticket (updated_at) WHERE kind = 'restore' AND (state IN ('submitted', 'awaiting_payment', 'queued', 'approved') OR refund_why <> '' OR undo_asked OR stands <> '');
CREATE INDEX ticket_of_restore ON ticket (restore_id) WHERE restore_id IS NOT NULL;
CREATE INDEX event_of_ticket ON event (subject_id, at) WHERE subject_kind IN ('ticket', 'charge', 'restore');

-- The same table as internal/ticket's; a test compares the two.
-- +goose StatementBegin
CREATE FUNCTION ticket_may_move(kind ticket_kind, from_state ticket_state, to_state ticket_state) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT from_state = to_state OR CASE kind WHEN 'support' THEN CASE from_state
      WHEN 'draft' THEN to_state IN ('submitted', 'withdrawn')
      WHEN 'submitted' THEN to_state IN ('needs_information', 'closed', 'declined', 'withdrawn')
      WHEN 'needs_information' THEN to_state IN ('submitted', 'reopened', 'closed', 'declined', 'withdrawn')
      WHEN 'closed' THEN to_state = 'reopened'
      WHEN 'reopened' THEN to_state IN ('needs_information', 'closed', 'withdrawn')
      ELSE false END
    ELSE CASE from_state
      WHEN 'draft' THEN to_state IN ('submitted', 'withdrawn')
      WHEN 'submitted' THEN to_state IN ('awaiting_payment', 'queued', 'needs_information', 'declined', 'withdrawn')
      WHEN 'awaiting_payment' THEN to_state IN ('queued', 'needs_information', 'declined', 'withdrawn')
      WHEN 'queued' THEN to_state IN ('approved', 'awaiting_payment', 'needs_information', 'declined', 'withdrawn')
      WHEN 'approved' THEN to_state IN ('running', 'queued', 'awaiting_payment', 'needs_information', 'declined', 'withdrawn')
      WHEN 'needs_information' THEN to_state IN ('submitted', 'awaiting_payment', 'queued', 'approved', 'declined', 'withdrawn')
      WHEN 'running' THEN to_state IN ('verifying', 'failed')
      WHEN 'verifying' THEN to_state IN ('awaiting_acceptance', 'failed')
      WHEN 'awaiting_acceptance' THEN to_state IN ('closed', 'reopened', 'failed')
      WHEN 'failed' THEN to_state IN ('queued', 'closed', 'declined')
      WHEN 'reopened' THEN to_state IN ('queued', 'closed', 'failed')
      WHEN 'closed' THEN to_state = 'reopened'
      ELSE false END
    END
$$;
CREATE FUNCTION ticket_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT ticket_may_move(NEW.kind, OLD.state, NEW.state) OR NEW.kind <> OLD.kind OR NEW.tenant_id <> OLD.tenant_id OR NEW.number <> OLD.number THEN
    RAISE EXCEPTION 'a % ticket that is % cannot become %', OLD.kind, OLD.state, NEW.state USING ERRCODE = 'check_violation', CONSTRAINT = 'ticket_may_move';
  END IF;
  RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER ticket_moves BEFORE UPDATE ON ticket FOR EACH ROW EXECUTE FUNCTION ticket_moves();
ALTER TABLE restore ADD FOREIGN KEY (tenant_id, ticket_id) REFERENCES ticket (tenant_id, id);

CREATE TABLE ticket_message (
  tenant_id  uuid NOT NULL,
  id         uuid NOT NULL,
  ticket_id  uuid NOT NULL,
  author     message_author NOT NULL,
  account_id uuid REFERENCES account (id),     -- NULL: the system, or a mail of somebody without an account
  internal   boolean NOT NULL DEFAULT false,   -- a note of the staff; no customer ever reads it
  via        message_via NOT NULL DEFAULT 'page',
  mail_ref   text NOT NULL DEFAULT '',         -- the Message-ID of a mail that became this
  body       text NOT NULL CHECK (length(body) BETWEEN 1 AND 20000),
  created_at timestamptz NOT NULL,
  words      tsvector GENERATED ALWAYS AS (to_tsvector('simple', left(body, 20000))) STORED,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (id),
  FOREIGN KEY (tenant_id, ticket_id) REFERENCES ticket (tenant_id, id),
  CHECK (NOT (internal AND author = 'customer'))
);
CREATE INDEX ticket_message_of_ticket ON ticket_message (tenant_id, ticket_id, created_at);
CREATE INDEX ticket_message_words ON ticket_message USING gin (words);
CREATE UNIQUE INDEX ticket_message_mail_once ON ticket_message (mail_ref) WHERE mail_ref <> '';

CREATE TABLE ticket_attachment (
  tenant_id  uuid NOT NULL,
  id         uuid NOT NULL,
  ticket_id  uuid NOT NULL,
  message_id uuid NOT NULL,
  name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  media_type text NOT NULL,
  bytes      bigint NOT NULL CHECK (bytes >= 0),
  sha256     text NOT NULL,
  internal   boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (id),
  FOREIGN KEY (tenant_id, ticket_id) REFERENCES ticket (tenant_id, id),
  FOREIGN KEY (tenant_id, message_id) REFERENCES ticket_message (tenant_id, id)
);
CREATE INDEX ticket_attachment_of_ticket ON ticket_attachment (tenant_id, ticket_id);

CREATE TABLE ticket_watcher (
  tenant_id  uuid NOT NULL,
  ticket_id  uuid NOT NULL,
  account_id uuid NOT NULL REFERENCES account (id),
  since      timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, ticket_id, account_id),
  FOREIGN KEY (tenant_id, ticket_id) REFERENCES ticket (tenant_id, id)
);

-- Leave that a customer gives the staff to look into a site, for some hours.
CREATE TABLE staff_access (
  tenant_id  uuid NOT NULL,
  id         uuid NOT NULL,
  ticket_id  uuid NOT NULL,
  site_id    uuid NOT NULL,
  granted_by uuid NOT NULL REFERENCES account (id),
  granted_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (id),
  FOREIGN KEY (tenant_id, ticket_id) REFERENCES ticket (tenant_id, id),
  FOREIGN KEY (tenant_id, site_id) REFERENCES site (tenant_id, id),
  CHECK (expires_at - granted_at BETWEEN interval '3 hours' AND interval '168 hours')
);
CREATE INDEX staff_access_of_ticket ON staff_access (tenant_id, ticket_id);

-- Staff's helps: replies ready to use, and macros (a reply with moves).
CREATE TABLE canned_reply (
  id         uuid PRIMARY KEY,
  name       text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 80),
  body       text NOT NULL CHECK (length(body) BETWEEN 1 AND 20000),
  acts       jsonb NOT NULL DEFAULT '[]', -- a macro's moves, ticket.Act; none for a plain reply
  updated_by text NOT NULL,
  updated_at timestamptz NOT NULL
);

-- +goose StatementBegin
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['ticket', 'ticket_message', 'ticket_attachment', 'ticket_watcher', 'staff_access'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY of_staff ON %I TO holdfast_staff USING (true) WITH CHECK (true)', t);
    EXECUTE format('CREATE POLICY of_worker ON %I TO holdfast_worker USING (true) WITH CHECK (true)', t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['ticket', 'ticket_watcher', 'staff_access'] LOOP
    EXECUTE format('CREATE POLICY of_tenant ON %I TO holdfast_tenant USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant())', t);
  END LOOP;
  -- What staff write among themselves is not there for a customer at all.
  FOREACH t IN ARRAY ARRAY['ticket_message', 'ticket_attachment'] LOOP
    EXECUTE format('CREATE POLICY of_tenant ON %I TO holdfast_tenant USING (tenant_id = app_tenant() AND NOT internal) WITH CHECK (tenant_id = app_tenant() AND NOT internal)', t);
  END LOOP;
END
$$;
-- +goose StatementEnd

GRANT SELECT, INSERT, UPDATE ON ticket, staff_access TO holdfast_tenant, holdfast_staff, holdfast_worker;
GRANT DELETE ON ticket TO holdfast_worker; -- of old drafts
GRANT SELECT, INSERT ON ticket_message, ticket_attachment TO holdfast_tenant, holdfast_staff, holdfast_worker;
GRANT SELECT, INSERT, DELETE ON ticket_watcher TO holdfast_tenant, holdfast_staff, holdfast_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON canned_reply TO holdfast_staff;
GRANT SELECT ON canned_reply TO holdfast_worker;
GRANT USAGE ON SEQUENCE ticket_number TO holdfast_tenant, holdfast_staff, holdfast_worker;

-- +goose Down
ALTER TABLE restore DROP CONSTRAINT restore_tenant_id_ticket_id_fkey;
DROP INDEX event_of_ticket;
DROP TABLE canned_reply, staff_access, ticket_watcher, ticket_attachment, ticket_message, ticket;
DROP FUNCTION ticket_moves();
DROP FUNCTION ticket_may_move(ticket_kind, ticket_state, ticket_state);
DROP SEQUENCE ticket_number;
DROP TYPE message_via, message_author, ticket_priority, ticket_state, ticket_kind;
