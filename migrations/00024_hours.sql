-- +goose Up

-- When scheduled runs may start, by each site's own wall clock, as
-- policy.ParseHours reads it.
ALTER TABLE tenant ADD COLUMN backup_hours text NOT NULL DEFAULT ''; -- '' is at any hour
ALTER TABLE site ADD COLUMN backup_hours text NOT NULL DEFAULT ''; -- '' is the tenant's, 'always' at any hour

-- When the hours that start_at lies in end; NULL: it may start at any hour.
ALTER TABLE schedule ADD COLUMN closes_at timestamptz;
CREATE INDEX schedule_closes ON schedule (closes_at) WHERE closes_at IS NOT NULL AND start_at IS NOT NULL;

-- From then on the run is begun no more until its site's hours open again;
-- NULL: it may begin at any hour, as every run does that a person asked for.
ALTER TABLE run ADD COLUMN closes_at timestamptz;
CREATE INDEX run_closes ON run (closes_at) WHERE closes_at IS NOT NULL AND state IN ('planned', 'queued');

-- Why the host takes no backups for now, in its agent's words; '' if it does.
ALTER TABLE host ADD COLUMN busy text NOT NULL DEFAULT '';
ALTER TABLE host ADD COLUMN busy_since timestamptz;

GRANT UPDATE (closes_at, not_before) ON run TO holdfast_tenant; -- whoever asks for a backup at once

-- +goose Down
REVOKE UPDATE (closes_at, not_before) ON run FROM holdfast_tenant;
ALTER TABLE host DROP COLUMN busy, DROP COLUMN busy_since;
ALTER TABLE run DROP COLUMN closes_at;
ALTER TABLE schedule DROP COLUMN closes_at;
ALTER TABLE site DROP COLUMN backup_hours;
ALTER TABLE tenant DROP COLUMN backup_hours;
