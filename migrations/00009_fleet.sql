-- +goose Up

-- How each site stands, in one narrow row: what the list of sites is filtered
-- and ordered by, so that an index answers each of its orders among any number
-- of sites. Triggers derive it in the transactions that change what it follows
-- from, whoever changes that. No copy is the epoch; never late is the year 9999.
CREATE TABLE standing (
  tenant_id         uuid NOT NULL,
  site_id           uuid NOT NULL UNIQUE,
  name              text COLLATE "C" NOT NULL, -- of the site, in small letters, as are the next two
  tenant_name       text COLLATE "C" NOT NULL,
  host_name         text COLLATE "C" NOT NULL,
  host_id           uuid NOT NULL,
  destination_id    uuid NOT NULL,
  policy_id         uuid,                      -- NULL: the published one
  suspended         boolean NOT NULL,
  held              boolean NOT NULL,
  alarmed           boolean NOT NULL,
  damaged           int NOT NULL DEFAULT 0,    -- copies that are
  database_at       timestamptz NOT NULL DEFAULT 'epoch', -- the newest good copy
  data_at           timestamptz NOT NULL DEFAULT 'epoch',
  database_short_at timestamptz NOT NULL DEFAULT 'epoch', -- the newest incomplete copy; the epoch again once a run fails after it
  data_short_at     timestamptz NOT NULL DEFAULT 'epoch',
  database_late_at  timestamptz NOT NULL DEFAULT '9999-12-31 00:00:00+00',
  data_late_at      timestamptz NOT NULL DEFAULT '9999-12-31 00:00:00+00',
  database_failures int NOT NULL DEFAULT 0,
  data_failures     int NOT NULL DEFAULT 0,
  database_bytes    bigint NOT NULL DEFAULT 0,
  data_bytes        bigint NOT NULL DEFAULT 0,
  late_at           timestamptz NOT NULL GENERATED ALWAYS AS (least(database_late_at, data_late_at)) STORED,
  bytes             bigint NOT NULL GENERATED ALWAYS AS (database_bytes + data_bytes) STORED,
  bare              boolean NOT NULL GENERATED ALWAYS AS (NOT suspended AND (database_at = 'epoch' OR data_at = 'epoch')) STORED,
  incomplete        boolean NOT NULL GENERATED ALWAYS AS (NOT suspended AND (database_short_at > database_at OR data_short_at > data_at)) STORED,
  failed            boolean NOT NULL GENERATED ALWAYS AS (NOT suspended AND
    (database_failures > 0 AND database_short_at <= database_at OR data_failures > 0 AND data_short_at <= data_at)) STORED,
  risk              smallint NOT NULL GENERATED ALWAYS AS (CASE WHEN damaged > 0 THEN 0 WHEN NOT suspended AND
    (database_failures > 0 AND database_short_at <= database_at OR data_failures > 0 AND data_short_at <= data_at) THEN 1 ELSE 2 END) STORED,
  PRIMARY KEY (tenant_id, site_id),
  FOREIGN KEY (tenant_id, site_id) REFERENCES site (tenant_id, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX standing_by_risk ON standing (risk, late_at, site_id);
CREATE INDEX standing_by_name ON standing (name, site_id);
CREATE INDEX standing_by_tenant ON standing (tenant_name, name, site_id);
CREATE INDEX standing_by_host ON standing (host_name, name, site_id);
CREATE INDEX standing_by_database ON standing (database_at, site_id);
CREATE INDEX standing_by_data ON standing (data_at, site_id);
CREATE INDEX standing_by_bytes ON standing (bytes, site_id);
CREATE INDEX standing_late ON standing (late_at);
CREATE INDEX standing_at_destination ON standing (destination_id);
CREATE INDEX standing_of_policy ON standing (policy_id) WHERE policy_id IS NOT NULL;
CREATE INDEX standing_damaged ON standing (site_id) WHERE damaged > 0;
CREATE INDEX standing_failed ON standing (site_id) WHERE failed;
CREATE INDEX standing_incomplete ON standing (site_id) WHERE incomplete;
CREATE INDEX standing_bare ON standing (site_id) WHERE bare;
CREATE INDEX standing_held ON standing (site_id) WHERE held;
CREATE INDEX standing_suspended ON standing (site_id) WHERE suspended;
CREATE INDEX standing_alarmed ON standing (site_id) WHERE alarmed;
ALTER TABLE standing ALTER COLUMN tenant_id SET STATISTICS 500;

-- Derives rows anew, of one site or of all: the net below the triggers.
-- +goose StatementBegin
CREATE FUNCTION derive_standing(of_site uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM standing WHERE of_site IS NULL OR site_id = of_site FOR UPDATE;
  DELETE FROM standing st WHERE (of_site IS NULL OR st.site_id = of_site);
  INSERT INTO standing (tenant_id, site_id, name, tenant_name, host_name, host_id, destination_id, policy_id, suspended, held, alarmed, damaged,
    database_at, data_at, database_short_at, data_short_at, database_late_at, data_late_at, database_failures, data_failures, database_bytes, data_bytes)
  SELECT s.tenant_id, s.id, lower(s.name), lower(t.name), lower(h.name), s.host_id, s.destination_id, s.policy_id, s.state = 'suspended', s.legal_hold <> '', s.tamper_alarm <> '', coalesce(c.damaged, 0),
    coalesce(b.newest_good_at, 'epoch'), coalesce(f.newest_good_at, 'epoch'), coalesce(c.database_short, 'epoch'), coalesce(c.data_short, 'epoch'),
    coalesce(b.overdue_at, '9999-12-31 00:00:00+00'), coalesce(f.overdue_at, '9999-12-31 00:00:00+00'), coalesce(b.failures, 0), coalesce(f.failures, 0), coalesce(b.bytes, 0), coalesce(f.bytes, 0)
  FROM site s JOIN tenant t ON t.id = s.tenant_id JOIN host h ON h.id = s.host_id
  LEFT JOIN schedule b ON b.tenant_id = s.tenant_id AND b.site_id = s.id AND b.kind = 'database'
  LEFT JOIN schedule f ON f.tenant_id = s.tenant_id AND f.site_id = s.id AND f.kind = 'data'
  LEFT JOIN (SELECT x.tenant_id, x.site_id, count(*) FILTER (WHERE x.state = 'damaged') AS damaged,
      max(x.taken_at) FILTER (WHERE x.state = 'incomplete' AND x.kind = 'database') AS database_short, max(x.taken_at) FILTER (WHERE x.state = 'incomplete' AND x.kind = 'data') AS data_short
    FROM copy x WHERE x.state IN ('damaged', 'incomplete') AND (of_site IS NULL OR x.site_id = of_site) GROUP BY x.tenant_id, x.site_id) c ON c.tenant_id = s.tenant_id AND c.site_id = s.id
  WHERE s.state <> 'removed' AND (of_site IS NULL OR s.id = of_site);
END
$$;

CREATE FUNCTION standing_of_new_sites() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO standing (tenant_id, site_id, name, tenant_name, host_name, host_id, destination_id, policy_id, suspended, held, alarmed)
  SELECT s.tenant_id, s.id, lower(s.name), lower(t.name), lower(h.name), s.host_id, s.destination_id, s.policy_id, s.state = 'suspended', s.legal_hold <> '', s.tamper_alarm <> ''
  FROM made s JOIN tenant t ON t.id = s.tenant_id JOIN host h ON h.id = s.host_id WHERE s.state <> 'removed';
  RETURN NULL;
END
$$;

CREATE FUNCTION standing_of_site() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.state = 'removed') <> (NEW.state = 'removed') THEN
    PERFORM derive_standing(NEW.id);
  ELSE
    UPDATE standing SET name = lower(NEW.name), host_id = NEW.host_id, destination_id = NEW.destination_id, policy_id = NEW.policy_id,
      host_name = (SELECT lower(h.name) FROM host h WHERE h.id = NEW.host_id),
      suspended = NEW.state = 'suspended', held = NEW.legal_hold <> '', alarmed = NEW.tamper_alarm <> ''
    WHERE tenant_id = NEW.tenant_id AND site_id = NEW.id;
  END IF;
  RETURN NULL;
END
$$;

CREATE FUNCTION standing_of_new_schedules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE standing st SET database_at = coalesce(d.newest_good_at, 'epoch'), database_late_at = coalesce(d.overdue_at, '9999-12-31 00:00:00+00'), database_failures = d.failures, database_bytes = d.bytes
  FROM made d WHERE d.kind = 'database' AND st.tenant_id = d.tenant_id AND st.site_id = d.site_id;
  UPDATE standing st SET data_at = coalesce(d.newest_good_at, 'epoch'), data_late_at = coalesce(d.overdue_at, '9999-12-31 00:00:00+00'), data_failures = d.failures, data_bytes = d.bytes
  FROM made d WHERE d.kind = 'data' AND st.tenant_id = d.tenant_id AND st.site_id = d.site_id;
  RETURN NULL;
END
$$;

-- A run that fails for good is counted before its copy, if it brought one, is
-- written: so an incomplete copy stands as that, and a failure after it as a
-- failure.
CREATE FUNCTION standing_of_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.kind = 'database' THEN
    UPDATE standing SET database_at = coalesce(NEW.newest_good_at, 'epoch'), database_late_at = coalesce(NEW.overdue_at, '9999-12-31 00:00:00+00'), database_failures = NEW.failures,
      database_bytes = NEW.bytes, database_short_at = CASE WHEN NEW.failures > OLD.failures THEN 'epoch' ELSE database_short_at END
    WHERE tenant_id = NEW.tenant_id AND site_id = NEW.site_id;
  ELSE
    UPDATE standing SET data_at = coalesce(NEW.newest_good_at, 'epoch'), data_late_at = coalesce(NEW.overdue_at, '9999-12-31 00:00:00+00'), data_failures = NEW.failures,
      data_bytes = NEW.bytes, data_short_at = CASE WHEN NEW.failures > OLD.failures THEN 'epoch' ELSE data_short_at END
    WHERE tenant_id = NEW.tenant_id AND site_id = NEW.site_id;
  END IF;
  RETURN NULL;
END
$$;

-- The row is locked first, so that the count after it sees what every other
-- transaction did to the site's copies.
CREATE FUNCTION standing_of_copy() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  c copy;
BEGIN
  IF TG_OP = 'DELETE' THEN c := OLD; ELSE c := NEW; END IF;
  PERFORM 1 FROM standing WHERE tenant_id = c.tenant_id AND site_id = c.site_id FOR UPDATE;
  UPDATE standing st SET damaged = (SELECT count(*) FROM copy x WHERE x.tenant_id = c.tenant_id AND x.site_id = c.site_id AND x.state = 'damaged')
  WHERE st.tenant_id = c.tenant_id AND st.site_id = c.site_id;
  IF c.kind = 'database' AND (c.state = 'incomplete' OR TG_OP = 'UPDATE' AND OLD.state = 'incomplete') THEN
    UPDATE standing st SET database_short_at = coalesce((SELECT max(x.taken_at) FROM copy x WHERE x.tenant_id = c.tenant_id AND x.site_id = c.site_id AND x.kind = c.kind AND x.state = 'incomplete'), 'epoch')
    WHERE st.tenant_id = c.tenant_id AND st.site_id = c.site_id;
  ELSIF c.kind = 'data' AND (c.state = 'incomplete' OR TG_OP = 'UPDATE' AND OLD.state = 'incomplete') THEN
    UPDATE standing st SET data_short_at = coalesce((SELECT max(x.taken_at) FROM copy x WHERE x.tenant_id = c.tenant_id AND x.site_id = c.site_id AND x.kind = c.kind AND x.state = 'incomplete'), 'epoch')
    WHERE st.tenant_id = c.tenant_id AND st.site_id = c.site_id;
  END IF;
  RETURN NULL;
END
$$;

CREATE FUNCTION standing_of_tenant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE standing SET tenant_name = lower(NEW.name) WHERE tenant_id = NEW.id;
  RETURN NULL;
END
$$;

CREATE FUNCTION standing_of_host() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE standing SET host_name = lower(NEW.name) WHERE host_name = lower(OLD.name) AND host_id = NEW.id;
  RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER standing_made AFTER INSERT ON site REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION standing_of_new_sites();
CREATE TRIGGER standing_changed AFTER UPDATE OF name, state, legal_hold, tamper_alarm, policy_id, host_id, destination_id ON site FOR EACH ROW
  WHEN ((OLD.name, OLD.state, OLD.legal_hold, OLD.tamper_alarm, OLD.policy_id, OLD.host_id, OLD.destination_id)
    IS DISTINCT FROM (NEW.name, NEW.state, NEW.legal_hold, NEW.tamper_alarm, NEW.policy_id, NEW.host_id, NEW.destination_id)) EXECUTE FUNCTION standing_of_site();
CREATE TRIGGER standing_made AFTER INSERT ON schedule REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION standing_of_new_schedules();
CREATE TRIGGER standing_changed AFTER UPDATE OF newest_good_at, failures, overdue_at, bytes ON schedule FOR EACH ROW
  WHEN ((OLD.newest_good_at, OLD.failures, OLD.overdue_at, OLD.bytes) IS DISTINCT FROM (NEW.newest_good_at, NEW.failures, NEW.overdue_at, NEW.bytes)) EXECUTE FUNCTION standing_of_schedule();
CREATE TRIGGER standing_made AFTER INSERT ON copy FOR EACH ROW WHEN (NEW.state IN ('incomplete', 'damaged')) EXECUTE FUNCTION standing_of_copy();
CREATE TRIGGER standing_changed AFTER UPDATE OF state ON copy FOR EACH ROW
  WHEN (OLD.state <> NEW.state AND (OLD.state IN ('incomplete', 'damaged') OR NEW.state IN ('incomplete', 'damaged'))) EXECUTE FUNCTION standing_of_copy();
CREATE TRIGGER standing_gone AFTER DELETE ON copy FOR EACH ROW WHEN (OLD.state IN ('incomplete', 'damaged')) EXECUTE FUNCTION standing_of_copy();
CREATE TRIGGER standing_renamed AFTER UPDATE OF name ON tenant FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION standing_of_tenant();
CREATE TRIGGER standing_renamed AFTER UPDATE OF name ON host FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION standing_of_host();

-- The owner of the tables reads them past their policies for once.
ALTER TABLE tenant NO FORCE ROW LEVEL SECURITY;
ALTER TABLE site NO FORCE ROW LEVEL SECURITY;
ALTER TABLE schedule NO FORCE ROW LEVEL SECURITY;
ALTER TABLE copy NO FORCE ROW LEVEL SECURITY;
SELECT derive_standing(NULL);
ALTER TABLE tenant FORCE ROW LEVEL SECURITY;
ALTER TABLE site FORCE ROW LEVEL SECURITY;
ALTER TABLE schedule FORCE ROW LEVEL SECURITY;
ALTER TABLE copy FORCE ROW LEVEL SECURITY;

ALTER TABLE standing ENABLE ROW LEVEL SECURITY;
ALTER TABLE standing FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON standing TO holdfast_tenant USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant());
CREATE POLICY of_staff ON standing TO holdfast_staff USING (true) WITH CHECK (true);
CREATE POLICY of_worker ON standing TO holdfast_worker USING (true) WITH CHECK (true);
GRANT SELECT ON standing TO holdfast_tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON standing TO holdfast_staff, holdfast_worker;

-- A question about the list of sites that staff keep under a name. Shared ones
-- are everybody's to open.
CREATE TABLE saved_view (
  id         uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES account (id), -- whose it is
  name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
  query      text NOT NULL CHECK (length(query) <= 1000), -- of the address, without its mark
  shared     boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX saved_view_name_once ON saved_view (account_id, lower(name)) WHERE NOT shared;
CREATE UNIQUE INDEX saved_view_shared_once ON saved_view (lower(name)) WHERE shared;

-- What an account's list of sites opens with.
CREATE TABLE saved_view_default (
  account_id uuid PRIMARY KEY REFERENCES account (id),
  view_id    uuid NOT NULL REFERENCES saved_view (id) ON DELETE CASCADE
);
CREATE INDEX saved_view_default_of ON saved_view_default (view_id);
GRANT SELECT, INSERT, DELETE ON saved_view TO holdfast_staff;
GRANT SELECT, INSERT, UPDATE, DELETE ON saved_view_default TO holdfast_staff;

-- +goose Down
DROP TABLE saved_view_default, saved_view;
DROP TRIGGER standing_made ON site;
DROP TRIGGER standing_changed ON site;
DROP TRIGGER standing_made ON schedule;
DROP TRIGGER standing_changed ON schedule;
DROP TRIGGER standing_made ON copy;
DROP TRIGGER standing_changed ON copy;
DROP TRIGGER standing_gone ON copy;
DROP TRIGGER standing_renamed ON tenant;
DROP TRIGGER standing_renamed ON host;
DROP FUNCTION standing_of_new_sites(), standing_of_site(), standing_of_new_schedules(), standing_of_schedule(), standing_of_copy(), standing_of_tenant(), standing_of_host(), derive_standing(uuid);
DROP TABLE standing;
