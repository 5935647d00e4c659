-- +goose Up

-- How many of a host's sites are late, without reading a site.
CREATE INDEX standing_of_host ON standing (host_id, late_at);

-- The runs that are open, at work first: few among millions that ended.
CREATE INDEX run_open ON run (state, created_at, id) WHERE state IN ('planned', 'queued', 'leased');

-- +goose Down
DROP INDEX standing_of_host, run_open;
