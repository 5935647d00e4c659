-- +goose Up

-- The newest look for Moodle sites on a host, and what the newest that ended
-- well has found: one row a host, which is its lease too. It names folders of
-- any customer, so it is the staff's alone, like host itself.
CREATE TYPE discovery_state AS ENUM ('queued', 'leased', 'done', 'failed', 'cancelled');
CREATE TABLE discovery (
  host_id          uuid PRIMARY KEY REFERENCES host (id),
  id               uuid NOT NULL UNIQUE,       -- of the newest look: what the lease calls its run
  state            discovery_state NOT NULL DEFAULT 'queued',
  asked_by         text NOT NULL,
  asked_at         timestamptz NOT NULL,
  attempt          int NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  host_epoch       bigint,
  fence            bigint,
  leased_at        timestamptz,
  started_at       timestamptz,
  started_fence    bigint,
  last_progress_at timestamptz,
  progress         jsonb NOT NULL DEFAULT '{}',
  answered_fence   bigint,
  ended_at         timestamptz,
  error            text NOT NULL DEFAULT '',
  error_code       text NOT NULL DEFAULT '',
  found            jsonb NOT NULL DEFAULT '{}', -- agentproto.Discovery of the newest look that ended well
  found_at         timestamptz,                 -- NULL: none did yet
  CHECK ((state = 'leased') <= (fence IS NOT NULL AND host_epoch IS NOT NULL AND leased_at IS NOT NULL)),
  CHECK ((state IN ('done', 'failed', 'cancelled')) = (ended_at IS NOT NULL))
);
GRANT SELECT, INSERT, UPDATE ON discovery TO holdfast_staff, holdfast_worker;

-- +goose Down
DROP TABLE discovery;
DROP TYPE discovery_state;
