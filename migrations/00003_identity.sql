-- +goose Up

-- A session says whose it is and where from, so that a person can look
-- through their own and end one.
ALTER TABLE web_session
  ADD COLUMN id           uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
  ADD COLUMN account_id   uuid REFERENCES account (id),
  ADD COLUMN device       text NOT NULL DEFAULT '',
  ADD COLUMN address      text NOT NULL DEFAULT '',
  ADD COLUMN signed_in_at timestamptz,
  ADD COLUMN last_seen_at timestamptz;
CREATE INDEX web_session_of_account ON web_session (account_id) WHERE NOT ended;

CREATE TYPE link_purpose AS ENUM ('sign_in', 'reset');
CREATE TYPE mail_kind AS ENUM ('sign_in_link', 'password_reset', 'invitation', 'notice');
CREATE TYPE mail_state AS ENUM ('queued', 'sending', 'sent', 'dropped', 'failed');

CREATE TABLE account_totp (
  account_id    uuid PRIMARY KEY REFERENCES account (id),
  secret_sealed bytea NOT NULL,
  confirmed_at  timestamptz,
  last_step     bigint NOT NULL DEFAULT 0,
  created_at    timestamptz NOT NULL
);

CREATE TABLE recovery_code (
  account_id uuid NOT NULL REFERENCES account (id),
  code_hash  bytea NOT NULL,
  used_at    timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, code_hash)
);

CREATE TABLE passkey (
  account_id    uuid NOT NULL REFERENCES account (id),
  id            uuid NOT NULL,
  credential_id bytea NOT NULL UNIQUE,
  credential    jsonb NOT NULL,
  name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  created_at    timestamptz NOT NULL,
  last_used_at  timestamptz,
  PRIMARY KEY (account_id, id)
);

-- Who an account is at the staff's own identity provider.
CREATE TABLE account_oidc (
  account_id uuid PRIMARY KEY REFERENCES account (id),
  issuer     text NOT NULL,
  subject    text NOT NULL,
  created_at timestamptz NOT NULL,
  UNIQUE (issuer, subject)
);

CREATE TABLE link_token (
  token_hash bytea PRIMARY KEY,
  purpose    link_purpose NOT NULL,
  account_id uuid NOT NULL REFERENCES account (id),
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at    timestamptz
);
CREATE INDEX link_token_expiry ON link_token (expires_at);
CREATE INDEX link_token_of_account ON link_token (account_id);

-- An invitation is into the staff (no tenant) or into one tenant.
CREATE TABLE invitation (
  id          uuid PRIMARY KEY,
  tenant_id   uuid REFERENCES tenant (id),
  email       text NOT NULL CHECK (email = lower(email) AND email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
  staff_role  staff_role,
  role        member_role,
  token_hash  bytea NOT NULL UNIQUE,
  invited_by  text NOT NULL,
  created_at  timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL,
  accepted_at timestamptz,
  revoked_at  timestamptz,
  UNIQUE (tenant_id, id),
  CHECK ((tenant_id IS NULL) = (staff_role IS NOT NULL)),
  CHECK ((tenant_id IS NULL) = (role IS NULL))
);
CREATE UNIQUE INDEX invitation_open_once ON invitation (coalesce(tenant_id, '00000000-0000-0000-0000-000000000000'), email)
  WHERE accepted_at IS NULL AND revoked_at IS NULL;

-- A mail is rendered from its row when it is sent. The link that it carries is
-- sealed, and gone once the mail is.
CREATE TABLE mail_outbox (
  id          uuid PRIMARY KEY,
  tenant_id   uuid REFERENCES tenant (id),
  kind        mail_kind NOT NULL,
  recipient   text NOT NULL,
  words       jsonb NOT NULL DEFAULT '{}',
  link_sealed bytea,
  state       mail_state NOT NULL DEFAULT 'queued',
  attempt     int NOT NULL DEFAULT 0,
  claimed_at  timestamptz,
  sent_at     timestamptz,
  error       text NOT NULL DEFAULT '',
  created_at  timestamptz NOT NULL,
  UNIQUE (tenant_id, id),
  CHECK ((state = 'sending') <= (claimed_at IS NOT NULL)),
  CHECK ((state = 'sent') = (sent_at IS NOT NULL)),
  CHECK (state NOT IN ('sent', 'dropped') OR link_sealed IS NULL)
);
CREATE INDEX mail_outbox_recent ON mail_outbox (created_at DESC);

-- +goose StatementBegin
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['invitation', 'mail_outbox'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY of_tenant ON %I TO holdfast_tenant USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant())', t);
    EXECUTE format('CREATE POLICY of_staff ON %I TO holdfast_staff USING (true) WITH CHECK (true)', t);
    EXECUTE format('CREATE POLICY of_worker ON %I TO holdfast_worker USING (true) WITH CHECK (true)', t);
  END LOOP;
END
$$;
-- +goose StatementEnd

-- A tenant's admin sees who the tenant's people are: their accounts' names and
-- addresses, and no other account's.
ALTER TABLE account ENABLE ROW LEVEL SECURITY;
ALTER TABLE account FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON account TO holdfast_tenant
  USING (EXISTS (SELECT 1 FROM member m WHERE m.account_id = account.id AND m.tenant_id = app_tenant()));
CREATE POLICY of_staff ON account TO holdfast_staff USING (true) WITH CHECK (true);
CREATE POLICY of_worker ON account TO holdfast_worker USING (true) WITH CHECK (true);
GRANT SELECT (id, email, name, disabled_at, created_at) ON account TO holdfast_tenant;

GRANT SELECT, INSERT, UPDATE (revoked_at) ON invitation TO holdfast_tenant;
GRANT INSERT ON mail_outbox TO holdfast_tenant;
GRANT DELETE ON member TO holdfast_tenant, holdfast_staff;

GRANT SELECT, INSERT, UPDATE ON invitation, mail_outbox TO holdfast_staff;
GRANT SELECT, DELETE ON account_totp, recovery_code, passkey, account_oidc TO holdfast_staff;
GRANT SELECT (id, account_id, ended), UPDATE (ended, data) ON web_session TO holdfast_staff;

GRANT SELECT, INSERT, UPDATE, DELETE ON account_totp, recovery_code, passkey, account_oidc, link_token, mail_outbox TO holdfast_worker;
GRANT SELECT, INSERT, UPDATE ON invitation TO holdfast_worker;

-- +goose Down
REVOKE DELETE ON member FROM holdfast_tenant, holdfast_staff;
DROP POLICY of_tenant ON account;
DROP POLICY of_staff ON account;
DROP POLICY of_worker ON account;
ALTER TABLE account NO FORCE ROW LEVEL SECURITY;
ALTER TABLE account DISABLE ROW LEVEL SECURITY;
REVOKE SELECT (id, email, name, disabled_at, created_at) ON account FROM holdfast_tenant;
DROP TABLE mail_outbox, invitation, link_token, account_oidc, passkey, recovery_code, account_totp;
REVOKE SELECT (id, account_id, ended), UPDATE (ended, data) ON web_session FROM holdfast_staff;
ALTER TABLE web_session DROP COLUMN id, DROP COLUMN account_id, DROP COLUMN device, DROP COLUMN address, DROP COLUMN signed_in_at, DROP COLUMN last_seen_at;
DROP TYPE mail_state, mail_kind, link_purpose;
