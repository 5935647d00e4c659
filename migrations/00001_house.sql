-- +goose Up

-- Roles are the cluster's, not the database's: another database of this
-- cluster may have made them already.
-- +goose StatementBegin
DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['holdfast_tenant', 'holdfast_staff', 'holdfast_worker'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT NOBYPASSRLS', wanted);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END LOOP;
  BEGIN
    CREATE ROLE holdfast_login LOGIN NOINHERIT NOBYPASSRLS;
  EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
  END;
  FOREACH wanted IN ARRAY ARRAY['holdfast_tenant', 'holdfast_staff', 'holdfast_worker'] LOOP
    IF NOT pg_has_role('holdfast_login', wanted, 'MEMBER') THEN
      EXECUTE format('GRANT %I TO holdfast_login', wanted);
    END IF;
  END LOOP;
END
$$;
-- +goose StatementEnd

CREATE FUNCTION app_tenant() RETURNS uuid
  LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT nullif(current_setting('app.tenant_id', true), '')::uuid $$;

CREATE TYPE tenant_state AS ENUM ('active', 'suspended');
CREATE TYPE staff_role AS ENUM ('owner', 'operator', 'support', 'billing', 'auditor');
CREATE TYPE member_role AS ENUM ('admin', 'member', 'viewer');
CREATE TYPE host_state AS ENUM ('pending', 'active', 'maintenance', 'revoked');
CREATE TYPE site_state AS ENUM ('active', 'suspended', 'removed');
CREATE TYPE destination_kind AS ENUM ('filesystem', 's3', 'sftp');
CREATE TYPE destination_state AS ENUM ('active', 'read_only');
CREATE TYPE repository_state AS ENUM ('new', 'ready', 'damaged');
CREATE TYPE backup_kind AS ENUM ('database', 'data');
CREATE TYPE run_reason AS ENUM ('initial', 'scheduled', 'manual');
CREATE TYPE run_state AS ENUM ('planned', 'queued', 'leased', 'good', 'incomplete', 'failed', 'cancelled');
CREATE TYPE copy_state AS ENUM ('good', 'incomplete', 'damaged', 'gone');
CREATE TYPE task_kind AS ENUM ('create_repository', 'verify_copy', 'seal_copy', 'maintain');
CREATE TYPE task_state AS ENUM ('queued', 'running', 'done', 'failed');

CREATE TABLE tenant (
  id         uuid PRIMARY KEY,
  name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
  slug       text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  state      tenant_state NOT NULL DEFAULT 'active',
  created_at timestamptz NOT NULL
);

CREATE TABLE account (
  id            uuid PRIMARY KEY,
  email         text NOT NULL CHECK (email = lower(email) AND email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
  name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
  password_hash text NOT NULL,
  staff_role    staff_role,
  disabled_at   timestamptz,
  created_at    timestamptz NOT NULL,
  UNIQUE (email)
);

CREATE TABLE member (
  tenant_id  uuid NOT NULL REFERENCES tenant (id),
  id         uuid NOT NULL,
  account_id uuid NOT NULL REFERENCES account (id),
  role       member_role NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, account_id)
);
CREATE INDEX member_of_account ON member (account_id);

CREATE TABLE web_session (
  token_hash bytea PRIMARY KEY,
  data       bytea NOT NULL,
  expires_at timestamptz NOT NULL,
  ended      boolean NOT NULL DEFAULT false
);
CREATE INDEX web_session_expiry ON web_session (expires_at);

CREATE TABLE host (
  id              uuid PRIMARY KEY,
  name            text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9.-]{0,62}$'),
  state           host_state NOT NULL DEFAULT 'pending',
  credential_hash bytea UNIQUE,
  epoch           bigint NOT NULL DEFAULT 0,
  instance        uuid,
  poll_seq        bigint NOT NULL DEFAULT 0,
  max_runs        int NOT NULL DEFAULT 2 CHECK (max_runs BETWEEN 1 AND 64),
  agent_version   text NOT NULL DEFAULT '',
  protocol        int NOT NULL DEFAULT 0,
  hostname        text NOT NULL DEFAULT '',
  clock_skew_ms   bigint NOT NULL DEFAULT 0,
  last_seen_at    timestamptz,
  created_at      timestamptz NOT NULL,
  CHECK ((state IN ('active', 'maintenance')) <= (credential_hash IS NOT NULL))
);

CREATE TABLE host_enrolment (
  id         uuid PRIMARY KEY,
  host_id    uuid NOT NULL REFERENCES host (id),
  token_hash bytea NOT NULL UNIQUE,
  expires_at timestamptz NOT NULL,
  used_at    timestamptz,
  created_at timestamptz NOT NULL
);

CREATE TABLE destination (
  id            uuid PRIMARY KEY,
  name          text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  kind          destination_kind NOT NULL,
  state         destination_state NOT NULL DEFAULT 'active',
  config_sealed bytea NOT NULL,
  vault_url     text NOT NULL DEFAULT '',
  quota_bytes   bigint NOT NULL DEFAULT 0 CHECK (quota_bytes >= 0),
  created_at    timestamptz NOT NULL
);

CREATE TABLE site (
  tenant_id      uuid NOT NULL REFERENCES tenant (id),
  id             uuid NOT NULL,
  host_id        uuid NOT NULL REFERENCES host (id),
  destination_id uuid NOT NULL REFERENCES destination (id),
  name           text NOT NULL CHECK (length(name) BETWEEN 1 AND 253),
  code_dir       text NOT NULL CHECK (code_dir LIKE '/%'),
  account_root   text NOT NULL DEFAULT '' CHECK (account_root = '' OR account_root LIKE '/%'),
  time_zone      text NOT NULL,
  state          site_state NOT NULL DEFAULT 'active',
  facts          jsonb NOT NULL DEFAULT '{}',
  created_at     timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (id)
);
CREATE UNIQUE INDEX site_name_once ON site (name) WHERE state <> 'removed';
CREATE UNIQUE INDEX site_place_once ON site (host_id, code_dir) WHERE state <> 'removed';

CREATE TABLE repository (
  tenant_id       uuid NOT NULL,
  id              uuid NOT NULL,
  site_id         uuid NOT NULL,
  kind            backup_kind NOT NULL,
  destination_id  uuid NOT NULL REFERENCES destination (id),
  name            text NOT NULL UNIQUE,
  password_sealed bytea NOT NULL,
  state           repository_state NOT NULL DEFAULT 'new',
  created_at      timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, site_id, kind),
  FOREIGN KEY (tenant_id, site_id) REFERENCES site (tenant_id, id)
);

CREATE SEQUENCE run_fence;

CREATE TABLE run (
  tenant_id        uuid NOT NULL,
  id               uuid NOT NULL,
  site_id          uuid NOT NULL,
  host_id          uuid NOT NULL REFERENCES host (id),
  kind             backup_kind NOT NULL,
  reason           run_reason NOT NULL,
  state            run_state NOT NULL DEFAULT 'planned',
  priority         smallint NOT NULL CHECK (priority BETWEEN 1 AND 4),
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
  finished_at      timestamptz,
  error            text NOT NULL DEFAULT '',
  error_code       text NOT NULL DEFAULT '',
  created_at       timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (id),
  FOREIGN KEY (tenant_id, site_id) REFERENCES site (tenant_id, id),
  CHECK ((state = 'leased') <= (fence IS NOT NULL AND host_epoch IS NOT NULL AND leased_at IS NOT NULL)),
  CHECK ((state IN ('good', 'incomplete', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
);
CREATE UNIQUE INDEX run_open_once ON run (site_id, kind) WHERE state IN ('planned', 'queued', 'leased');
CREATE UNIQUE INDEX run_leased_once ON run (site_id) WHERE state = 'leased';
CREATE INDEX run_of_host_open ON run (host_id, state) WHERE state IN ('queued', 'leased');
CREATE INDEX run_of_tenant ON run (tenant_id, created_at DESC);
CREATE INDEX run_of_site ON run (tenant_id, site_id, created_at DESC);
CREATE INDEX run_recent ON run (created_at DESC, id DESC);

CREATE TABLE copy (
  tenant_id       uuid NOT NULL,
  id              uuid NOT NULL,
  site_id         uuid NOT NULL,
  repository_id   uuid NOT NULL,
  run_id          uuid NOT NULL,
  fence           bigint NOT NULL,
  kind            backup_kind NOT NULL,
  state           copy_state NOT NULL,
  snapshot        text NOT NULL CHECK (snapshot <> ''),
  manifest        jsonb NOT NULL,
  taken_at        timestamptz NOT NULL,
  finished_at     timestamptz NOT NULL,
  seconds         double precision NOT NULL,
  files           bigint NOT NULL,
  bytes           bigint NOT NULL,
  stored_bytes    bigint NOT NULL,
  sha256          text NOT NULL DEFAULT '',
  row_total       bigint NOT NULL DEFAULT 0,
  table_total     int NOT NULL DEFAULT 0,
  vanished        bigint NOT NULL DEFAULT 0,
  details         jsonb NOT NULL,
  local_month     text NOT NULL,
  sealed_name     text NOT NULL DEFAULT '',
  sealed_sha256   text NOT NULL DEFAULT '',
  verified_at     timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (id),
  UNIQUE (tenant_id, run_id),
  FOREIGN KEY (tenant_id, site_id) REFERENCES site (tenant_id, id),
  FOREIGN KEY (tenant_id, repository_id) REFERENCES repository (tenant_id, id),
  FOREIGN KEY (tenant_id, run_id) REFERENCES run (tenant_id, id)
);
CREATE INDEX copy_of_site ON copy (tenant_id, site_id, kind, taken_at DESC);
CREATE INDEX copy_of_tenant ON copy (tenant_id, taken_at DESC);

CREATE TABLE keeper_task (
  tenant_id      uuid NOT NULL,
  id             uuid NOT NULL,
  site_id        uuid NOT NULL,
  destination_id uuid NOT NULL REFERENCES destination (id),
  repository_id  uuid NOT NULL,
  copy_id        uuid,
  kind           task_kind NOT NULL,
  state          task_state NOT NULL DEFAULT 'queued',
  attempt        int NOT NULL DEFAULT 0,
  not_before     timestamptz NOT NULL,
  error          text NOT NULL DEFAULT '',
  created_at     timestamptz NOT NULL,
  finished_at    timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (id),
  FOREIGN KEY (tenant_id, repository_id) REFERENCES repository (tenant_id, id),
  FOREIGN KEY (tenant_id, copy_id) REFERENCES copy (tenant_id, id)
);
CREATE UNIQUE INDEX keeper_task_open_once ON keeper_task (repository_id, kind, coalesce(copy_id, '00000000-0000-0000-0000-000000000000'))
  WHERE state IN ('queued', 'running');
CREATE INDEX keeper_task_waiting ON keeper_task (destination_id, not_before) WHERE state IN ('queued', 'running');

CREATE TABLE event (
  id           uuid PRIMARY KEY,
  tenant_id    uuid REFERENCES tenant (id),
  at           timestamptz NOT NULL,
  actor        text NOT NULL,
  verb         text NOT NULL,
  subject_kind text NOT NULL,
  subject_id   uuid,
  site_id      uuid,
  detail       jsonb NOT NULL DEFAULT '{}',
  UNIQUE (tenant_id, id)
);
CREATE INDEX event_of_site ON event (tenant_id, site_id, at DESC);
CREATE INDEX event_recent ON event (at DESC);

-- +goose StatementBegin
CREATE FUNCTION event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'events are append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event
  FOR EACH ROW EXECUTE FUNCTION event_is_append_only();
CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event
  FOR EACH STATEMENT EXECUTE FUNCTION event_is_append_only();

-- Row-level security: forced, so that even the owner of the tables goes
-- through a policy. Staff and workers see every tenant; a customer's
-- transaction sees the tenant it names, and none when it names none.
-- +goose StatementBegin
DO $$
DECLARE
  t text;
  key text;
BEGIN
  FOREACH t IN ARRAY ARRAY['tenant', 'member', 'site', 'repository', 'run', 'copy', 'keeper_task', 'event'] LOOP
    key := CASE t WHEN 'tenant' THEN 'id' ELSE 'tenant_id' END;
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY of_tenant ON %I TO holdfast_tenant USING (%I = app_tenant()) WITH CHECK (%I = app_tenant())', t, key, key);
    EXECUTE format('CREATE POLICY of_staff ON %I TO holdfast_staff USING (true) WITH CHECK (true)', t);
    EXECUTE format('CREATE POLICY of_worker ON %I TO holdfast_worker USING (true) WITH CHECK (true)', t);
  END LOOP;
END
$$;
-- +goose StatementEnd

GRANT USAGE ON SCHEMA public TO holdfast_tenant, holdfast_staff, holdfast_worker;
GRANT USAGE ON SEQUENCE run_fence TO holdfast_worker;

-- A customer reads what is the tenant's own and asks for backups; nothing else.
GRANT SELECT ON tenant, member, site, run, event TO holdfast_tenant;
GRANT SELECT (tenant_id, id, site_id, run_id, kind, state, taken_at, finished_at, seconds, files, bytes,
  stored_bytes, sha256, row_total, table_total, vanished, details, local_month, sealed_name, verified_at)
  ON copy TO holdfast_tenant;
GRANT INSERT ON run, event TO holdfast_tenant;

GRANT SELECT, INSERT, UPDATE ON tenant, account, member, host, host_enrolment, destination, site, repository, run, keeper_task TO holdfast_staff;
GRANT SELECT ON copy TO holdfast_staff;
GRANT SELECT, INSERT ON event TO holdfast_staff;

GRANT SELECT, INSERT, UPDATE ON tenant, account, member, host, host_enrolment, destination, site, repository, run, copy, keeper_task TO holdfast_worker;
GRANT SELECT, INSERT ON event TO holdfast_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON web_session TO holdfast_worker;

-- +goose Down
DROP TABLE event, keeper_task, copy, run, repository, site, destination, host_enrolment, host, web_session, member, account, tenant;
DROP SEQUENCE run_fence;
DROP FUNCTION event_is_append_only();
DROP FUNCTION app_tenant();
DROP TYPE task_state, task_kind, copy_state, run_state, run_reason, backup_kind, repository_state, destination_state, destination_kind, site_state, host_state, member_role, staff_role, tenant_state;
REVOKE USAGE ON SCHEMA public FROM holdfast_tenant, holdfast_staff, holdfast_worker;
