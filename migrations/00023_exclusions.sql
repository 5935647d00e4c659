-- +goose Up

-- What a site's data copies leave out otherwise than its policy says: exact
-- folders, never patterns. The version rises with each change.
ALTER TABLE site
  ADD COLUMN exclusions         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(exclusions) = 'object'),
  ADD COLUMN exclusions_version int   NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE site DROP COLUMN exclusions_version, DROP COLUMN exclusions;
