-- +goose Up

ALTER TYPE task_kind ADD VALUE IF NOT EXISTS 'scan_repository';
ALTER TYPE task_kind ADD VALUE IF NOT EXISTS 'repair_repository';
ALTER TYPE mail_kind ADD VALUE IF NOT EXISTS 'alarm';

-- How much of what it looks at a task reads to the end: of a copy the share of
-- its files, of a repository all or only the lengths of its packs.
ALTER TABLE keeper_task ADD COLUMN percent real NOT NULL DEFAULT 100 CHECK (percent BETWEEN 0 AND 100);
CREATE INDEX keeper_task_of_repository ON keeper_task (repository_id, kind, finished_at);

-- When a repository was looked at last and is next, and what is wrong with it.
-- scan_at and look_at follow from the repository's id and what was before;
-- sweeping makes those that are not there.
ALTER TABLE repository
  ADD COLUMN sampled_at    timestamptz, -- a copy of it was read in part, or whole
  ADD COLUMN looked_at     timestamptz, -- the lengths of its packs were held against its index
  ADD COLUMN look_at       timestamptz,
  ADD COLUMN scanned_at    timestamptz, -- every byte of it was read
  ADD COLUMN scan_at       timestamptz,
  ADD COLUMN scanned_bytes bigint NOT NULL DEFAULT 0 CHECK (scanned_bytes >= 0),
  ADD COLUMN frail         int NOT NULL DEFAULT 0 CHECK (frail >= 0), -- packs that carry no readable index of their own; what they hold is sound
  ADD COLUMN damage        text NOT NULL DEFAULT '',    -- what is wrong, in words; '' for nothing
  ADD COLUMN damage_state  text NOT NULL DEFAULT '' CHECK (damage_state IN ('', 'found', 'healing', 'proving', 'lost', 'acknowledged')),
  ADD COLUMN damaged_at    timestamptz,                 -- when it was first seen
  ADD COLUMN healing_since timestamptz,                 -- a run that was given out later brings back what there is
  ADD CHECK ((damage_state = '') = (damage = '')),
  ADD CHECK ((damage_state = '') = (damaged_at IS NULL)),
  ADD CHECK ((damage_state = 'healing') <= (healing_since IS NOT NULL));
CREATE INDEX repository_scan ON repository (destination_id, scan_at) WHERE state = 'ready';
CREATE INDEX repository_look ON repository (destination_id, look_at) WHERE state = 'ready';
CREATE INDEX repository_unplanned ON repository (created_at) WHERE scan_at IS NULL;
CREATE INDEX repository_damaged ON repository (damaged_at) WHERE damage_state <> '';

-- While damage is neither repaired nor acknowledged nothing of that kind is
-- deleted; here, because customers see why a copy stays.
ALTER TABLE schedule ADD COLUMN damage_stops boolean NOT NULL DEFAULT false;
CREATE INDEX schedule_damage_stops ON schedule (tenant_id, site_id, kind) WHERE damage_stops;

-- What each data run saw that could mean damage or an attack, and what was
-- made of it. The newest of a site are kept.
CREATE TABLE tamper_look (
  tenant_id   uuid NOT NULL,
  run_id      uuid NOT NULL,
  site_id     uuid NOT NULL,
  at          timestamptz NOT NULL,
  fingerprint text NOT NULL DEFAULT '', -- of Moodle's version and plug-ins
  signals     jsonb NOT NULL,
  alarm       boolean NOT NULL DEFAULT false,
  why         text NOT NULL DEFAULT '',
  evidence    jsonb NOT NULL DEFAULT '[]',
  cleared_at  timestamptz, -- a person looked at the alarm and said that all is well
  PRIMARY KEY (tenant_id, run_id),
  FOREIGN KEY (tenant_id, site_id) REFERENCES site (tenant_id, id),
  CHECK (alarm = (why <> '')),
  CHECK ((cleared_at IS NOT NULL) <= alarm)
);
CREATE INDEX tamper_look_of_site ON tamper_look (tenant_id, site_id, at DESC);

ALTER TABLE site ADD COLUMN tamper_at timestamptz; -- when the alarm that stands was raised

-- +goose StatementBegin
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['tamper_look'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY of_tenant ON %I TO holdfast_tenant USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant())', t);
    EXECUTE format('CREATE POLICY of_staff ON %I TO holdfast_staff USING (true) WITH CHECK (true)', t);
    EXECUTE format('CREATE POLICY of_worker ON %I TO holdfast_worker USING (true) WITH CHECK (true)', t);
  END LOOP;
END
$$;
-- +goose StatementEnd

GRANT SELECT ON tamper_look TO holdfast_tenant;
GRANT SELECT, UPDATE (cleared_at) ON tamper_look TO holdfast_staff;
GRANT SELECT, INSERT, UPDATE, DELETE ON tamper_look TO holdfast_worker;

-- +goose Down
ALTER TABLE site DROP COLUMN tamper_at;
DROP TABLE tamper_look;
ALTER TABLE schedule DROP COLUMN damage_stops;
ALTER TABLE repository DROP COLUMN sampled_at, DROP COLUMN looked_at, DROP COLUMN look_at, DROP COLUMN scanned_at, DROP COLUMN scan_at,
  DROP COLUMN scanned_bytes, DROP COLUMN frail, DROP COLUMN damage, DROP COLUMN damage_state, DROP COLUMN damaged_at, DROP COLUMN healing_since;
DROP INDEX keeper_task_of_repository;
ALTER TABLE keeper_task DROP COLUMN percent;
