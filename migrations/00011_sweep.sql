-- +goose Up

-- What the sweep asks every half minute, each found without reading what is
-- well; and the tasks of a copy, which go with it.
CREATE INDEX schedule_without_start ON schedule (site_id, kind) WHERE start_at IS NULL;
CREATE INDEX repository_never_maintained ON repository (tenant_id, id) WHERE maintain_at IS NULL;
CREATE INDEX keeper_task_of_copy ON keeper_task (tenant_id, copy_id) WHERE copy_id IS NOT NULL;

-- +goose Down
DROP INDEX schedule_without_start, repository_never_maintained, keeper_task_of_copy;
