-- +goose Up

-- What a destination takes up, and what its storage has left, over time. The
-- keeper writes the row of this hour and of this day again and again, so the
-- newest one is a few minutes old; a row of a past hour or day is as of its
-- end. Storage that does not say how large it is has neither free nor total.
CREATE TABLE usage_sample (
  destination_id uuid NOT NULL REFERENCES destination (id),
  daily          boolean NOT NULL,     -- of a day (UTC), kept long; else of an hour
  slot           timestamptz NOT NULL, -- the hour or day
  at             timestamptz NOT NULL, -- when it was measured
  stored_bytes   bigint NOT NULL CHECK (stored_bytes >= 0),
  repositories   bigint NOT NULL,
  measured       bigint NOT NULL,      -- repositories whose bytes were counted at the storage; the rest as told by who stored them
  copies         bigint NOT NULL,
  free_bytes     bigint CHECK (free_bytes >= 0),
  total_bytes    bigint CHECK (total_bytes >= 0),
  PRIMARY KEY (destination_id, daily, slot),
  CHECK ((free_bytes IS NULL) = (total_bytes IS NULL))
);
CREATE INDEX usage_sample_age ON usage_sample (daily, slot);
CREATE INDEX repository_at_destination ON repository (destination_id);
CREATE INDEX keeper_task_failed ON keeper_task (destination_id, finished_at DESC) WHERE state = 'failed';

GRANT SELECT ON usage_sample TO holdfast_staff;
GRANT SELECT, INSERT, UPDATE, DELETE ON usage_sample TO holdfast_worker;

-- The runs of one host, the newest first.
CREATE INDEX run_of_host ON run (host_id, created_at DESC, id DESC);

-- From where a person acted: the network, never set for the system's own work.
ALTER TABLE event ADD COLUMN address text CHECK (length(address) <= 64);

-- Looking through events: by time; of people; of one person; of one tenant; of
-- one verb. The verbs of a run that goes well are most of all rows, and are
-- found soon by time alone, so the index of verbs leaves them out. The queries
-- repeat these conditions word for word.
DROP INDEX event_recent;
CREATE INDEX event_recent ON event (at DESC, id DESC);
CREATE INDEX event_of_people ON event (at DESC, id DESC) WHERE actor NOT LIKE 'system:%';
CREATE INDEX event_of_actor ON event (actor, at DESC, id DESC) WHERE actor NOT LIKE 'system:%';
CREATE INDEX event_of_tenant ON event (tenant_id, at DESC, id DESC);
CREATE INDEX event_of_people_of_tenant ON event (tenant_id, at DESC, id DESC) WHERE actor NOT LIKE 'system:%';
CREATE INDEX event_of_verb ON event (verb, at DESC, id DESC)
  WHERE verb NOT IN ('run.planned', 'run.queued', 'run.leased', 'run.started', 'copy.taken');

-- +goose Down
DROP INDEX event_recent, event_of_people, event_of_actor, event_of_tenant, event_of_people_of_tenant, event_of_verb;
CREATE INDEX event_recent ON event (at DESC);
ALTER TABLE event DROP COLUMN address;
DROP INDEX run_of_host, repository_at_destination, keeper_task_failed;
DROP TABLE usage_sample;
