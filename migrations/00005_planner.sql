-- +goose Up

-- Where a queued or leased run writes to, so that a destination's runs are
-- counted without a look at their repositories. Set when the run is queued.
ALTER TABLE run ADD COLUMN destination_id uuid; -- its repository's, which the key there holds
UPDATE run r SET destination_id = p.destination_id FROM repository p
WHERE r.state IN ('queued', 'leased') AND p.tenant_id = r.tenant_id AND p.site_id = r.site_id AND p.kind = r.kind;
CREATE INDEX run_at_destination ON run (destination_id, host_id, state) WHERE state IN ('queued', 'leased');

-- What dispatch by host looks for. It holds only what no job has queued yet.
CREATE INDEX run_of_host_planned ON run (host_id, not_before) WHERE state = 'planned';

-- When a host was last given a run at a destination with a limit: the next
-- free place goes to who has waited longest.
CREATE TABLE destination_turn (
  destination_id uuid NOT NULL REFERENCES destination (id),
  host_id        uuid NOT NULL REFERENCES host (id),
  turn_at        timestamptz NOT NULL,
  PRIMARY KEY (destination_id, host_id)
);
GRANT SELECT, INSERT, UPDATE ON destination_turn TO holdfast_staff, holdfast_worker;

-- +goose Down
DROP TABLE destination_turn;
DROP INDEX run_at_destination, run_of_host_planned;
ALTER TABLE run DROP COLUMN destination_id;
