-- +goose Up

-- How many of a host's sites are late, without reading a site.
CREATE INDEX standing_of_host ON standing (host_id, late_at);

-- +goose Down
DROP INDEX standing_of_host;
