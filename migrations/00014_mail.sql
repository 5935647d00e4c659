-- +goose Up

ALTER TYPE mail_kind ADD VALUE IF NOT EXISTS 'ticket';
ALTER TYPE mail_kind ADD VALUE IF NOT EXISTS 'digest';

ALTER TABLE mail_outbox
  ADD COLUMN ticket_id  uuid,                         -- of a ticket's mail
  ADD COLUMN account_id uuid REFERENCES account (id), -- whom it is for; NULL: by address alone, or still to be shared out
  ADD COLUMN bounced_at timestamptz,                  -- it came back, after it was sent
  ADD COLUMN bounce     text NOT NULL DEFAULT '',     -- with this status, like 5.1.1
  ADD FOREIGN KEY (tenant_id, ticket_id) REFERENCES ticket (tenant_id, id);

-- An address that refuses for good gets no more mails but those that its owner
-- asks for; the pages say so. A weekly digest of the copies, unless not wanted.
ALTER TABLE account
  ADD COLUMN mail_bounced_at timestamptz,
  ADD COLUMN digest          boolean NOT NULL DEFAULT true,
  ADD COLUMN digest_week     text NOT NULL DEFAULT ''; -- of the last one, like 2026-W47
GRANT SELECT (mail_bounced_at, digest) ON account TO holdfast_tenant;

-- What came in by mail: each once, and what became of it.
CREATE TABLE mail_in (
  id          uuid PRIMARY KEY,
  tenant_id   uuid REFERENCES tenant (id),
  ticket_id   uuid,
  mail_ref    text NOT NULL UNIQUE CHECK (length(mail_ref) BETWEEN 1 AND 300),
  outcome     text NOT NULL CHECK (outcome IN ('taken', 'refused', 'robot', 'bounce')),
  why         text NOT NULL DEFAULT '',
  received_at timestamptz NOT NULL,
  UNIQUE (tenant_id, id)
);
CREATE INDEX mail_in_recent ON mail_in (received_at DESC);

ALTER TABLE mail_in ENABLE ROW LEVEL SECURITY;
ALTER TABLE mail_in FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON mail_in TO holdfast_tenant USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant());
CREATE POLICY of_staff ON mail_in TO holdfast_staff USING (true) WITH CHECK (true);
CREATE POLICY of_worker ON mail_in TO holdfast_worker USING (true) WITH CHECK (true);
GRANT SELECT ON mail_in TO holdfast_staff;
GRANT SELECT, INSERT, DELETE ON mail_in TO holdfast_worker;

-- +goose Down
DROP TABLE mail_in;
DELETE FROM mail_outbox WHERE ticket_id IS NOT NULL;
ALTER TABLE account DROP COLUMN digest_week, DROP COLUMN digest, DROP COLUMN mail_bounced_at;
ALTER TABLE mail_outbox DROP COLUMN bounce, DROP COLUMN bounced_at, DROP COLUMN account_id, DROP COLUMN ticket_id;
