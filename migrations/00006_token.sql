-- +goose Up

-- A token of the JSON API: of the staff (no tenant) or of one tenant. It says
-- who asks by its hash alone.
CREATE TABLE api_token (
  id           uuid PRIMARY KEY,
  tenant_id    uuid REFERENCES tenant (id),
  name         text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  staff_role   staff_role,
  role         member_role,
  token_hash   bytea NOT NULL UNIQUE,
  made_by      text NOT NULL,
  created_at   timestamptz NOT NULL,
  expires_at   timestamptz NOT NULL,
  revoked_at   timestamptz,
  last_used_at timestamptz,
  UNIQUE (tenant_id, id),
  CHECK ((tenant_id IS NULL) = (staff_role IS NOT NULL)),
  CHECK ((tenant_id IS NULL) = (role IS NULL)),
  CHECK (staff_role IN ('operator', 'support', 'auditor')),
  CHECK (expires_at > created_at)
);
CREATE UNIQUE INDEX api_token_name_once ON api_token (name) WHERE revoked_at IS NULL;

ALTER TABLE api_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_token FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON api_token TO holdfast_tenant USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant());
CREATE POLICY of_staff ON api_token TO holdfast_staff USING (true) WITH CHECK (true);
CREATE POLICY of_worker ON api_token TO holdfast_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE (revoked_at) ON api_token TO holdfast_staff;
GRANT SELECT, UPDATE (last_used_at) ON api_token TO holdfast_worker;

-- +goose Down
DROP TABLE api_token;
