-- +goose Up

-- Work that a host's agent does under a lease and that is no backup: a restore
-- in place, its settling or undoing, files put back. One open task of a site
-- at a time; while it is leased no run of the site is, and the other way round.
CREATE TYPE host_task_kind AS ENUM ('restore', 'files', 'settle', 'undo');
CREATE TYPE host_task_state AS ENUM ('queued', 'leased', 'done', 'failed', 'cancelled');
CREATE TYPE restore_state AS ENUM (
  'planned', 'safeguarding', 'queued', 'running', 'restored', 'settling', 'settled', 'undoing', 'undone', 'failed', 'cancelled');
CREATE TYPE restore_what AS ENUM ('everything', 'database', 'data', 'files');

CREATE TABLE restore (
  tenant_id        uuid NOT NULL,
  id               uuid NOT NULL,
  site_id          uuid NOT NULL,
  ticket_id        uuid,                       -- NULL: staff's own, without a ticket
  what             restore_what NOT NULL,
  state            restore_state NOT NULL DEFAULT 'planned',
  database_copy_id uuid,                       -- of the restore point
  data_copy_id     uuid,
  input            jsonb NOT NULL DEFAULT '{}', -- restore.Input: paths and target of files, options
  safety_database_run_id uuid,                 -- the safety copies, ordinary protected runs
  safety_data_run_id     uuid,
  without_safety   text NOT NULL DEFAULT '',   -- why a safety copy that could not be had was done without; '' if it was had
  task_id          uuid,                       -- the newest host_task
  without_by       text NOT NULL DEFAULT '',   -- who said so
  asked_by         text NOT NULL,
  why              text NOT NULL DEFAULT '',
  stop_by          text NOT NULL DEFAULT '',   -- who cancelled it while its host was at work: it is rolled back first
  stop_why         text NOT NULL DEFAULT '',
  error            text NOT NULL DEFAULT '',
  error_code       text NOT NULL DEFAULT '',
  evidence         jsonb NOT NULL DEFAULT '{}', -- what the host proved, restore.Evidence
  created_at       timestamptz NOT NULL,
  started_at       timestamptz,                -- the host began
  restored_at      timestamptz,                -- verified and open again
  ended_at         timestamptz,                -- settled, undone, failed or cancelled
  PRIMARY KEY (tenant_id, id),
  UNIQUE (id),
  FOREIGN KEY (tenant_id, site_id) REFERENCES site (tenant_id, id),
  FOREIGN KEY (tenant_id, database_copy_id) REFERENCES copy (tenant_id, id),
  FOREIGN KEY (tenant_id, data_copy_id) REFERENCES copy (tenant_id, id),
  FOREIGN KEY (tenant_id, safety_database_run_id) REFERENCES run (tenant_id, id),
  FOREIGN KEY (tenant_id, safety_data_run_id) REFERENCES run (tenant_id, id),
  CHECK ((what IN ('everything', 'database')) = (database_copy_id IS NOT NULL)),
  CHECK ((what IN ('everything', 'data', 'files')) = (data_copy_id IS NOT NULL)),
  CHECK ((state IN ('settled', 'undone', 'failed', 'cancelled')) = (ended_at IS NOT NULL))
);
CREATE UNIQUE INDEX restore_open_once ON restore (site_id) WHERE ended_at IS NULL;
CREATE INDEX restore_of_site ON restore (tenant_id, site_id, created_at DESC);
CREATE INDEX restore_of_ticket ON restore (tenant_id, ticket_id) WHERE ticket_id IS NOT NULL;
CREATE INDEX restore_open ON restore (created_at) WHERE ended_at IS NULL;
CREATE INDEX restore_recent ON restore (created_at DESC, id DESC);

CREATE TABLE host_task (
  tenant_id        uuid NOT NULL,
  id               uuid NOT NULL,
  site_id          uuid NOT NULL,
  host_id          uuid NOT NULL REFERENCES host (id),
  restore_id       uuid NOT NULL,
  kind             host_task_kind NOT NULL,
  state            host_task_state NOT NULL DEFAULT 'queued',
  attempt          int NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  max_attempts     int NOT NULL DEFAULT 3 CHECK (max_attempts BETWEEN 1 AND 10),
  not_before       timestamptz NOT NULL,
  host_epoch       bigint,
  fence            bigint,
  leased_at        timestamptz,
  started_at       timestamptz,
  started_fence    bigint,
  last_progress_at timestamptz,
  progress         jsonb NOT NULL DEFAULT '{}',
  bytes_per_second bigint NOT NULL DEFAULT 0,  -- of the present step, as the heartbeats show it
  answered_fence   bigint,                     -- whose completion was taken last
  result           jsonb NOT NULL DEFAULT '{}',
  error            text NOT NULL DEFAULT '',
  error_code       text NOT NULL DEFAULT '',
  created_at       timestamptz NOT NULL,
  finished_at      timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (id),
  FOREIGN KEY (tenant_id, site_id) REFERENCES site (tenant_id, id),
  FOREIGN KEY (tenant_id, restore_id) REFERENCES restore (tenant_id, id),
  CHECK ((state = 'leased') <= (fence IS NOT NULL AND host_epoch IS NOT NULL AND leased_at IS NOT NULL)),
  CHECK ((state IN ('done', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
);
CREATE UNIQUE INDEX host_task_open_once ON host_task (site_id) WHERE state IN ('queued', 'leased');
CREATE INDEX host_task_of_host_open ON host_task (host_id, state) WHERE state IN ('queued', 'leased');
CREATE INDEX host_task_of_restore ON host_task (tenant_id, restore_id, created_at DESC);
ALTER TABLE restore ADD FOREIGN KEY (tenant_id, task_id) REFERENCES host_task (tenant_id, id);

-- What a restore reads, and its safety copies: none is deleted before its end.
ALTER TABLE copy_use ADD COLUMN restore_id uuid, ADD FOREIGN KEY (tenant_id, restore_id) REFERENCES restore (tenant_id, id);
CREATE UNIQUE INDEX copy_use_of_restore ON copy_use (tenant_id, restore_id, copy_id) WHERE restore_id IS NOT NULL;

-- +goose StatementBegin
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['restore', 'host_task'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY of_tenant ON %I TO holdfast_tenant USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant())', t);
    EXECUTE format('CREATE POLICY of_staff ON %I TO holdfast_staff USING (true) WITH CHECK (true)', t);
    EXECUTE format('CREATE POLICY of_worker ON %I TO holdfast_worker USING (true) WITH CHECK (true)', t);
  END LOOP;
END
$$;
-- +goose StatementEnd

GRANT SELECT ON restore, host_task TO holdfast_tenant;
GRANT UPDATE (state, task_id) ON restore TO holdfast_tenant; -- who accepts one, or has it undone
GRANT INSERT ON host_task TO holdfast_tenant;
GRANT UPDATE (expires_at) ON copy_use TO holdfast_staff, holdfast_worker;
GRANT SELECT, INSERT, UPDATE ON restore, host_task TO holdfast_staff, holdfast_worker;

-- +goose Down
REVOKE UPDATE (expires_at) ON copy_use FROM holdfast_staff, holdfast_worker;
ALTER TABLE copy_use DROP COLUMN restore_id;
ALTER TABLE restore DROP COLUMN task_id;
DROP TABLE host_task, restore;
DROP TYPE restore_what, restore_state, host_task_state, host_task_kind;
