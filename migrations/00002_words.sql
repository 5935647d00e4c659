-- +goose Up
-- A new value of an enum cannot be used in the transaction that adds it, so
-- these stand alone.
ALTER TYPE copy_state ADD VALUE IF NOT EXISTS 'deleting' BEFORE 'gone';
ALTER TYPE task_kind ADD VALUE IF NOT EXISTS 'delete_copy';

-- +goose Down
-- PostgreSQL cannot take a value out of an enum; the types go with 00001.
SELECT 1;
