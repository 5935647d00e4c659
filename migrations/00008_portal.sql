-- +goose Up

-- The zone whose clock a person is shown; none is each site's own.
ALTER TABLE account ADD COLUMN time_zone text NOT NULL DEFAULT '' CHECK (length(time_zone) <= 64);

-- +goose Down
ALTER TABLE account DROP COLUMN time_zone;
