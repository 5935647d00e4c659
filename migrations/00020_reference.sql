-- +goose Up

ALTER TYPE task_kind ADD VALUE IF NOT EXISTS 'measure_pair';
ALTER TYPE task_kind ADD VALUE IF NOT EXISTS 'delete_named';

-- What the files table of a database copy names. The list itself is a snapshot
-- beside the dump; the named files are one in the site's data repository. Both
-- go with the copy.
CREATE TABLE reference_list (
  tenant_id           uuid NOT NULL,
  copy_id             uuid NOT NULL,
  site_id             uuid NOT NULL,
  snapshot            text NOT NULL CHECK (snapshot <> ''), -- of the list, in the copy's repository
  manifest            jsonb NOT NULL,
  bytes               bigint NOT NULL CHECK (bytes >= 0),
  stored_bytes        bigint NOT NULL CHECK (stored_bytes >= 0),
  row_total           bigint NOT NULL CHECK (row_total >= 0),
  hashes              bigint NOT NULL CHECK (hashes >= 0),
  hash_bytes          bigint NOT NULL CHECK (hash_bytes >= 0),
  from_trash          bigint NOT NULL CHECK (from_trash >= 0),
  external            bigint NOT NULL CHECK (external >= 0), -- an object store holds them alone
  missing             bigint NOT NULL CHECK (missing >= 0),  -- nowhere at the source
  missing_list        jsonb NOT NULL DEFAULT '[]',           -- at most 1,000 of them, by name
  files_repository_id uuid,                                  -- NULL: the named files were not kept
  files_snapshot      text NOT NULL DEFAULT '',              -- '' too once it is deleted
  files_manifest      jsonb NOT NULL DEFAULT '{}',
  files               bigint NOT NULL DEFAULT 0 CHECK (files >= 0),
  files_bytes         bigint NOT NULL DEFAULT 0 CHECK (files_bytes >= 0),
  files_stored_bytes  bigint NOT NULL DEFAULT 0 CHECK (files_stored_bytes >= 0),
  PRIMARY KEY (tenant_id, copy_id),
  FOREIGN KEY (tenant_id, copy_id) REFERENCES copy (tenant_id, id),
  FOREIGN KEY (tenant_id, site_id) REFERENCES site (tenant_id, id),
  FOREIGN KEY (tenant_id, files_repository_id) REFERENCES repository (tenant_id, id),
  CHECK ((files_snapshot <> '') <= (files_repository_id IS NOT NULL))
);
CREATE INDEX reference_list_of_site ON reference_list (tenant_id, site_id);
CREATE INDEX reference_list_of_files ON reference_list (tenant_id, files_repository_id) WHERE files_snapshot <> '';

-- How much of what a database copy names is in a data copy of its site.
CREATE TYPE pair_state AS ENUM ('waiting', 'measured', 'failed');
CREATE TABLE pair (
  tenant_id        uuid NOT NULL,
  database_copy_id uuid NOT NULL,
  data_copy_id     uuid NOT NULL,
  site_id          uuid NOT NULL,
  state            pair_state NOT NULL DEFAULT 'waiting',
  attempt          int NOT NULL DEFAULT 0,
  referenced       bigint NOT NULL DEFAULT 0, -- contents, each once; those of an object store are not among them
  referenced_bytes bigint NOT NULL DEFAULT 0,
  present          bigint NOT NULL DEFAULT 0, -- in the data copy
  present_bytes    bigint NOT NULL DEFAULT 0,
  with_named       bigint NOT NULL DEFAULT 0, -- in the data copy or among the copy's named files
  with_named_bytes bigint NOT NULL DEFAULT 0,
  missing          jsonb NOT NULL DEFAULT '{}', -- of what is in neither: by course and by area, bounded
  created_at       timestamptz NOT NULL,
  measured_at      timestamptz,
  error            text NOT NULL DEFAULT '',
  PRIMARY KEY (tenant_id, database_copy_id, data_copy_id),
  FOREIGN KEY (tenant_id, database_copy_id) REFERENCES copy (tenant_id, id),
  FOREIGN KEY (tenant_id, data_copy_id) REFERENCES copy (tenant_id, id),
  FOREIGN KEY (tenant_id, site_id) REFERENCES site (tenant_id, id),
  CHECK ((state = 'measured') = (measured_at IS NOT NULL)),
  CHECK (present <= with_named AND with_named <= referenced)
);
CREATE INDEX pair_of_site ON pair (tenant_id, site_id);
CREATE INDEX pair_of_data ON pair (tenant_id, data_copy_id);
CREATE INDEX pair_waiting ON pair (tenant_id, site_id) WHERE state = 'waiting';

ALTER TABLE repository
  ADD COLUMN walked_at     timestamptz,                -- when a run last looked at every file of it
  ADD COLUMN repair_wanted text NOT NULL DEFAULT '';   -- why the next run reads every file anew; '' if it need not

-- +goose StatementBegin
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['reference_list', 'pair'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY of_tenant ON %I TO holdfast_tenant USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant())', t);
    EXECUTE format('CREATE POLICY of_staff ON %I TO holdfast_staff USING (true) WITH CHECK (true)', t);
    EXECUTE format('CREATE POLICY of_worker ON %I TO holdfast_worker USING (true) WITH CHECK (true)', t);
  END LOOP;
END
$$;
-- +goose StatementEnd

GRANT SELECT (tenant_id, copy_id, site_id, bytes, stored_bytes, row_total, hashes, hash_bytes, from_trash, external, missing, missing_list,
  files_repository_id, files, files_bytes, files_stored_bytes) ON reference_list TO holdfast_tenant;
GRANT SELECT ON pair TO holdfast_tenant;
GRANT SELECT ON reference_list, pair TO holdfast_staff;
GRANT SELECT, INSERT, UPDATE, DELETE ON reference_list, pair TO holdfast_worker;

-- +goose Down
ALTER TABLE repository DROP COLUMN walked_at, DROP COLUMN repair_wanted;
DROP TABLE pair, reference_list;
DROP TYPE pair_state;
