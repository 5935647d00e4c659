-- +goose Up

-- Snapshots that maintenance found in a repository though nothing in the
-- catalog names them: by id, what each is of, when it was taken and ended, and
-- when it was first seen so, by our own clock.
ALTER TABLE repository ADD COLUMN strays jsonb NOT NULL DEFAULT '{}';

-- +goose Down
ALTER TABLE repository DROP COLUMN strays;
