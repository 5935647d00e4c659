-- +goose Up

-- When what a run says of itself last changed. An agent that beats and says the
-- same again and again hangs, however alive it is.
ALTER TABLE run ADD COLUMN moved_at timestamptz;

-- What is at risk now, each found without looking at what is well.
CREATE INDEX schedule_failing ON schedule (tenant_id, site_id, kind) WHERE failures > 0;
CREATE INDEX schedule_without ON schedule (registered_at) WHERE newest_good_at IS NULL;
CREATE INDEX copy_damaged ON copy (taken_at) WHERE state = 'damaged';
CREATE INDEX copy_incomplete ON copy (taken_at DESC) WHERE state = 'incomplete';
CREATE INDEX copy_finished ON copy (finished_at);
CREATE INDEX copy_verified ON copy (verified_at) WHERE verified_at IS NOT NULL;
CREATE INDEX site_of_host ON site (host_id, state) WHERE state <> 'removed';
CREATE INDEX site_apart ON site (created_at) WHERE state = 'suspended' OR legal_hold <> '' OR tamper_alarm <> '';

-- Runs that did not end well, and those that somebody asked for, are few among
-- millions.
CREATE INDEX run_unwell ON run (created_at DESC, id DESC) WHERE state IN ('incomplete', 'failed', 'cancelled');
CREATE INDEX run_asked ON run (created_at DESC, id DESC) WHERE reason = 'manual';

-- Names are found by how they begin, and by any three letters of them.
-- +goose StatementBegin
CREATE FUNCTION name_grams(name text) RETURNS text[]
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  AS $$ SELECT coalesce(array_agg(DISTINCT substr(lower(name), i, 3)), '{}') FROM generate_series(1, length(lower(name)) - 2) AS i $$;
-- +goose StatementEnd
CREATE INDEX site_begins ON site (lower(name) text_pattern_ops);
CREATE INDEX site_grams ON site USING gin (name_grams(name));
CREATE INDEX tenant_begins ON tenant (lower(name) text_pattern_ops);
CREATE INDEX tenant_grams ON tenant USING gin (name_grams(name));
CREATE INDEX tenant_slug_begins ON tenant (slug text_pattern_ops);

-- +goose Down
DROP INDEX schedule_failing, schedule_without, copy_damaged, copy_incomplete, copy_finished, copy_verified, site_of_host, site_apart,
  run_unwell, run_asked, site_begins, site_grams, tenant_begins, tenant_grams, tenant_slug_begins;
DROP FUNCTION name_grams(text);
ALTER TABLE run DROP COLUMN moved_at;
