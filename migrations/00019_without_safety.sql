-- +goose Up

-- Why the next try of a ticket's restore begins though no safety copy can be
-- had of a broken site, and who of the staff said so; '' for the rule.
ALTER TABLE ticket
  ADD COLUMN without_safety text NOT NULL DEFAULT '' CHECK (length(without_safety) <= 300),
  ADD COLUMN without_by     text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE ticket DROP COLUMN without_by, DROP COLUMN without_safety;
