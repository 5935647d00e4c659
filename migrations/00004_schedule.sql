-- +goose Up

-- A policy other than the published one, which is built in. Its body never
-- changes: an edit is a new version.
CREATE TABLE policy (
  id         uuid PRIMARY KEY,
  name       text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$' AND name <> 'published'),
  version    int NOT NULL DEFAULT 1 CHECK (version >= 1),
  created_at timestamptz NOT NULL
);

CREATE TABLE policy_version (
  policy_id  uuid NOT NULL REFERENCES policy (id),
  version    int NOT NULL CHECK (version >= 1),
  body       jsonb NOT NULL,
  note       text NOT NULL DEFAULT '',
  actor      text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (policy_id, version)
);

ALTER TABLE site
  ADD COLUMN policy_id    uuid REFERENCES policy (id), -- NULL: the published one
  ADD COLUMN legal_hold   text NOT NULL DEFAULT '',    -- why nothing of it is deleted; '' for no hold
  ADD COLUMN tamper_alarm text NOT NULL DEFAULT '';
CREATE INDEX site_of_policy ON site (policy_id) WHERE policy_id IS NOT NULL;

ALTER TABLE destination ADD COLUMN max_runs int NOT NULL DEFAULT 0 CHECK (max_runs BETWEEN 0 AND 10000); -- 0: no limit

-- What the planner and retention know of one site and kind. The instants are
-- derived: sweeping finds rows whose instants are lost and derives them anew.
CREATE TABLE schedule (
  tenant_id      uuid NOT NULL,
  site_id        uuid NOT NULL,
  kind           backup_kind NOT NULL,
  policy_id      uuid REFERENCES policy (id), -- of which state is; NULL: the published one
  policy_version int NOT NULL DEFAULT 0,
  state          jsonb NOT NULL DEFAULT '{}', -- policy.State of this kind
  begun          jsonb NOT NULL DEFAULT '{}', -- when each tier began, {"daily": instant}
  registered_at  timestamptz NOT NULL,
  newest_good_at timestamptz,
  failures       int NOT NULL DEFAULT 0, -- runs that failed for good since the last good one
  due_at         timestamptz,            -- the oldest owed slot, or the next one
  start_at       timestamptz,            -- when the planner acts; NULL while its run is open, or the site is suspended
  overdue_at     timestamptz,            -- late from then on; NULL for a site that takes no backups
  retain_at      timestamptz,            -- when retention looks next
  copies         int NOT NULL DEFAULT 0,
  bytes          bigint NOT NULL DEFAULT 0, -- stored by these copies when they were taken
  PRIMARY KEY (tenant_id, site_id, kind),
  FOREIGN KEY (tenant_id, site_id) REFERENCES site (tenant_id, id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX schedule_start ON schedule (start_at) WHERE start_at IS NOT NULL;
CREATE INDEX schedule_overdue ON schedule (overdue_at) WHERE overdue_at IS NOT NULL;
CREATE INDEX schedule_overdue_of_tenant ON schedule (tenant_id, overdue_at) WHERE overdue_at IS NOT NULL;
CREATE INDEX schedule_retain ON schedule (retain_at) WHERE retain_at IS NOT NULL;
CREATE INDEX schedule_of_policy ON schedule (policy_id, policy_version) WHERE policy_id IS NOT NULL;

-- Slots that no copy serves and none ever will. Slots that were served stand
-- on their copies.
CREATE TABLE missed_slot (
  tenant_id uuid NOT NULL,
  site_id   uuid NOT NULL,
  kind      backup_kind NOT NULL,
  tier      text NOT NULL,
  slot      text NOT NULL CHECK (slot ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$'),
  missed_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, site_id, kind, tier, slot),
  FOREIGN KEY (tenant_id, site_id) REFERENCES site (tenant_id, id)
);

ALTER TABLE run
  ADD COLUMN protect_days int NOT NULL DEFAULT 0 CHECK (protect_days BETWEEN 0 AND 3650),
  ADD COLUMN protect_why  text NOT NULL DEFAULT '',
  ADD COLUMN asked_by     text NOT NULL DEFAULT '';

ALTER TABLE copy
  ADD COLUMN tiers           jsonb NOT NULL DEFAULT '{}', -- the slots it served, {"daily": "2026-04-24T00:00"}
  ADD COLUMN started_at      timestamptz,                 -- its run, by the control plane's clock
  ADD COLUMN initial         boolean NOT NULL DEFAULT false,
  ADD COLUMN protected_until timestamptz,
  ADD COLUMN protected_why   text NOT NULL DEFAULT '',
  ADD COLUMN pinned          text NOT NULL DEFAULT '', -- why; '' for not pinned
  ADD COLUMN legal_hold      text NOT NULL DEFAULT '', -- why; '' for no hold
  ADD COLUMN binned_at       timestamptz,
  ADD COLUMN fingerprint     text NOT NULL DEFAULT ''; -- of Moodle's version and plug-ins
CREATE INDEX copy_deleting ON copy (tenant_id, site_id) WHERE state = 'deleting';

-- A restore, drill or mirror that reads a copy. While its row is there the
-- copy cannot leave the catalog: the foreign key holds it.
CREATE TABLE copy_use (
  tenant_id  uuid NOT NULL,
  id         uuid NOT NULL,
  copy_id    uuid NOT NULL,
  used_by    text NOT NULL CHECK (used_by IN ('restore', 'drill', 'mirror', 'fetch')),
  since      timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (id),
  FOREIGN KEY (tenant_id, copy_id) REFERENCES copy (tenant_id, id)
);
CREATE INDEX copy_use_of_copy ON copy_use (tenant_id, copy_id);

ALTER TABLE repository
  ADD COLUMN maintained_at timestamptz,
  ADD COLUMN deleted_at    timestamptz, -- when a copy was last deleted from it
  ADD COLUMN maintain_at   timestamptz, -- when the keeper maintains it next
  ADD COLUMN stored_bytes  bigint NOT NULL DEFAULT 0; -- as the keeper last measured
CREATE INDEX repository_maintain ON repository (maintain_at) WHERE maintain_at IS NOT NULL;

-- The instant at which the planner last looked, so that a clock that jumps is
-- seen: nothing is deleted until it has run steadily for a day.
CREATE TABLE clock_watch (
  one          boolean PRIMARY KEY DEFAULT true CHECK (one),
  seen_at      timestamptz NOT NULL,
  jumped_at    timestamptz,
  jump_seconds bigint NOT NULL DEFAULT 0
);

-- +goose StatementBegin
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['schedule', 'missed_slot', 'copy_use'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY of_tenant ON %I TO holdfast_tenant USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant())', t);
    EXECUTE format('CREATE POLICY of_staff ON %I TO holdfast_staff USING (true) WITH CHECK (true)', t);
    EXECUTE format('CREATE POLICY of_worker ON %I TO holdfast_worker USING (true) WITH CHECK (true)', t);
  END LOOP;
  -- A customer sees the policies of the own sites, for the rows of site are
  -- the customer's own.
  FOREACH t IN ARRAY ARRAY['policy', 'policy_version'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY of_staff ON %I TO holdfast_staff USING (true) WITH CHECK (true)', t);
    EXECUTE format('CREATE POLICY of_worker ON %I TO holdfast_worker USING (true) WITH CHECK (true)', t);
  END LOOP;
  CREATE POLICY of_tenant ON policy TO holdfast_tenant USING (EXISTS (SELECT 1 FROM site s WHERE s.policy_id = policy.id));
  CREATE POLICY of_tenant ON policy_version TO holdfast_tenant USING (EXISTS (SELECT 1 FROM site s WHERE s.policy_id = policy_version.policy_id));
END
$$;
-- +goose StatementEnd

GRANT SELECT ON schedule, missed_slot, copy_use, policy, policy_version, clock_watch TO holdfast_tenant;
GRANT SELECT (tiers, started_at, initial, protected_until, protected_why, pinned, legal_hold, binned_at, repository_id, fingerprint) ON copy TO holdfast_tenant;
GRANT UPDATE (protected_until, protected_why) ON copy TO holdfast_tenant;
GRANT UPDATE (protect_days, protect_why) ON run TO holdfast_tenant;

GRANT SELECT, INSERT, UPDATE ON policy, schedule, clock_watch TO holdfast_staff;
GRANT SELECT, INSERT ON policy_version TO holdfast_staff;
GRANT SELECT ON missed_slot TO holdfast_staff;
GRANT SELECT, INSERT, DELETE ON copy_use TO holdfast_staff;
GRANT UPDATE (protected_until, protected_why, pinned, legal_hold, binned_at) ON copy TO holdfast_staff;

GRANT SELECT, INSERT, UPDATE ON policy, schedule, clock_watch TO holdfast_worker;
GRANT SELECT, INSERT ON policy_version, missed_slot TO holdfast_worker;
GRANT SELECT, INSERT, DELETE ON copy_use TO holdfast_worker;
GRANT DELETE ON copy, keeper_task TO holdfast_worker;

-- +goose Down
DROP TABLE clock_watch, copy_use, missed_slot, schedule;
DROP POLICY of_tenant ON policy;
DROP POLICY of_tenant ON policy_version;
ALTER TABLE repository DROP COLUMN maintained_at, DROP COLUMN deleted_at, DROP COLUMN maintain_at, DROP COLUMN stored_bytes;
DROP INDEX copy_deleting;
ALTER TABLE copy DROP COLUMN tiers, DROP COLUMN started_at, DROP COLUMN initial, DROP COLUMN protected_until, DROP COLUMN protected_why,
  DROP COLUMN pinned, DROP COLUMN legal_hold, DROP COLUMN binned_at, DROP COLUMN fingerprint;
ALTER TABLE run DROP COLUMN protect_days, DROP COLUMN protect_why, DROP COLUMN asked_by;
ALTER TABLE destination DROP COLUMN max_runs;
ALTER TABLE site DROP COLUMN policy_id, DROP COLUMN legal_hold, DROP COLUMN tamper_alarm;
DROP TABLE policy_version, policy;
REVOKE DELETE ON copy, keeper_task FROM holdfast_worker;
