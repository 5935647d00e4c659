-- Each of these looks at what is wrong alone, and at no more of it than is
-- said: rows are counted up to the limit, so a day on which everything is late
-- costs no more than another. Row-level security keeps the planner from what it
-- knows of states; so each says in which order it looks, and looks sites up one
-- by one.

-- name: TodayBasis :one
SELECT
  (SELECT count(*) FROM site WHERE state <> 'removed') AS sites,
  (SELECT count(*) FROM host WHERE state IN ('active', 'maintenance')) AS hosts,
  coalesce((SELECT seen_at FROM clock_watch), 'epoch')::timestamptz AS planner_at,
  coalesce((SELECT jumped_at FROM clock_watch), 'epoch')::timestamptz AS jumped_at,
  coalesce((SELECT jump_seconds FROM clock_watch), 0)::bigint AS jump_seconds,
  coalesce((SELECT finished_at FROM copy ORDER BY finished_at DESC LIMIT 1), 'epoch')::timestamptz AS newest_copy_at,
  coalesce((SELECT verified_at FROM copy WHERE verified_at IS NOT NULL ORDER BY verified_at DESC LIMIT 1), 'epoch')::timestamptz AS verified_at,
  (SELECT count(*) FROM run WHERE state = 'leased') AS running,
  (SELECT count(*) FROM (SELECT 1 FROM run WHERE state IN ('planned', 'queued', 'leased') ORDER BY site_id, kind LIMIT sqlc.arg(counted)) w) AS open;

-- What is late though nothing failed, host by host.
-- name: TodayLate :many
WITH late AS MATERIALIZED (
  SELECT d.tenant_id, d.site_id, d.overdue_at, d.newest_good_at FROM schedule d
  WHERE d.overdue_at <= sqlc.arg(now)::timestamptz AND d.failures = 0 ORDER BY d.overdue_at LIMIT sqlc.arg(counted)
), grouped AS MATERIALIZED (
  SELECT s.host_id, count(DISTINCT late.site_id) AS sites, min(late.overdue_at)::timestamptz AS overdue_at,
    count(*) FILTER (WHERE late.newest_good_at IS NULL) AS without_copy,
    ((array_agg(s.name ORDER BY late.overdue_at, s.name))[1])::text AS site_name, ((array_agg(s.id ORDER BY late.overdue_at, s.name))[1])::text AS site_ref,
    (count(*) OVER ())::bigint AS groups, (sum(count(*)) OVER ())::bigint AS counted
  FROM late CROSS JOIN LATERAL (SELECT s.id, s.name, s.state, s.host_id FROM site s WHERE s.tenant_id = late.tenant_id AND s.id = late.site_id LIMIT 1) s
  GROUP BY s.host_id ORDER BY sites DESC LIMIT sqlc.arg(page_size)
)
SELECT grouped.*, h.name AS host_name, h.state AS host_state, h.last_seen_at FROM grouped JOIN host h ON h.id = grouped.host_id ORDER BY grouped.sites DESC, h.name;

-- What failed for good since its last good run, by host and cause.
-- name: TodayFailed :many
WITH bad AS MATERIALIZED (
  SELECT d.tenant_id, d.site_id, d.kind, d.overdue_at, d.newest_good_at, d.failures FROM schedule d WHERE d.failures > 0 ORDER BY d.tenant_id, d.site_id, d.kind LIMIT sqlc.arg(counted)
), last AS MATERIALIZED (
  SELECT bad.*, r.id AS run_id, r.host_id, r.error, r.error_code, r.finished_at, s.name AS site_name
  FROM bad CROSS JOIN LATERAL (SELECT s.id, s.name, s.state, s.host_id FROM site s WHERE s.tenant_id = bad.tenant_id AND s.id = bad.site_id LIMIT 1) s
  CROSS JOIN LATERAL (SELECT r.id, r.host_id, r.error, r.error_code, r.finished_at FROM run r
    WHERE r.tenant_id = bad.tenant_id AND r.site_id = bad.site_id AND r.kind = bad.kind AND r.state = 'failed' ORDER BY r.created_at DESC LIMIT 1) r
  WHERE s.state = 'active'
), grouped AS MATERIALIZED (
  SELECT last.host_id, last.error_code, count(DISTINCT last.site_id) AS sites, count(*) AS kinds, sum(last.failures)::bigint AS failures,
    count(*) FILTER (WHERE last.overdue_at <= sqlc.arg(now)::timestamptz) AS late, count(*) FILTER (WHERE last.newest_good_at IS NULL) AS without_copy,
    coalesce(min(last.newest_good_at), 'epoch')::timestamptz AS newest_good_at,
    ((array_agg(last.error ORDER BY last.finished_at DESC))[1])::text AS error, ((array_agg(last.kind ORDER BY last.finished_at DESC))[1])::backup_kind AS kind,
    ((array_agg(last.run_id ORDER BY last.finished_at DESC))[1])::text AS run_ref,
    ((array_agg(last.site_name ORDER BY last.finished_at DESC))[1])::text AS site_name, (count(*) OVER ())::bigint AS groups
  FROM last GROUP BY last.host_id, last.error_code ORDER BY late DESC, kinds DESC LIMIT sqlc.arg(page_size)
)
SELECT grouped.*, h.name AS host_name FROM grouped JOIN host h ON h.id = grouped.host_id ORDER BY grouped.late DESC, grouped.kinds DESC, h.name;

-- Damaged copies by where they lie.
-- name: TodayDamaged :many
WITH bad AS MATERIALIZED (
  SELECT c.tenant_id, c.site_id, c.repository_id, c.kind, c.taken_at FROM copy c WHERE c.state = 'damaged' ORDER BY c.taken_at DESC LIMIT sqlc.arg(counted)
)
SELECT d.id AS destination_id, d.name AS destination_name, count(*) AS copies, count(DISTINCT bad.site_id) AS sites, max(bad.taken_at)::timestamptz AS taken_at,
  ((array_agg(bad.kind ORDER BY bad.taken_at DESC))[1])::backup_kind AS kind,
  ((array_agg(s.name ORDER BY bad.taken_at DESC))[1])::text AS site_name, ((array_agg(s.id ORDER BY bad.taken_at DESC))[1])::text AS site_ref
FROM bad CROSS JOIN LATERAL (SELECT s.id, s.name, s.state, s.host_id FROM site s WHERE s.tenant_id = bad.tenant_id AND s.id = bad.site_id LIMIT 1) s
CROSS JOIN LATERAL (SELECT p.destination_id FROM repository p WHERE p.tenant_id = bad.tenant_id AND p.id = bad.repository_id LIMIT 1) p
JOIN destination d ON d.id = p.destination_id
GROUP BY d.id ORDER BY copies DESC, d.name LIMIT sqlc.arg(page_size);

-- Sites whose newest copy of a kind lacks something, by host.
-- name: TodayIncomplete :many
WITH found AS MATERIALIZED (
  SELECT c.tenant_id, c.site_id, c.kind, c.taken_at FROM copy c WHERE c.state = 'incomplete' ORDER BY c.taken_at DESC LIMIT sqlc.arg(counted)
), short AS MATERIALIZED (
  SELECT DISTINCT ON (c.site_id, c.kind) c.tenant_id, c.site_id, c.kind, c.taken_at
  FROM found c CROSS JOIN LATERAL (SELECT d.newest_good_at FROM schedule d WHERE d.tenant_id = c.tenant_id AND d.site_id = c.site_id AND d.kind = c.kind LIMIT 1) d
  WHERE c.taken_at > coalesce(d.newest_good_at, 'epoch')
  ORDER BY c.site_id, c.kind, c.taken_at DESC
), grouped AS MATERIALIZED (
  SELECT s.host_id, count(DISTINCT short.site_id) AS sites, ((array_agg(short.kind ORDER BY short.taken_at DESC))[1])::backup_kind AS kind,
    ((array_agg(s.name ORDER BY short.taken_at DESC))[1])::text AS site_name, ((array_agg(s.id ORDER BY short.taken_at DESC))[1])::text AS site_ref,
    (count(*) OVER ())::bigint AS groups
  FROM short CROSS JOIN LATERAL (SELECT s.id, s.name, s.state, s.host_id FROM site s WHERE s.tenant_id = short.tenant_id AND s.id = short.site_id LIMIT 1) s
  WHERE s.state = 'active' GROUP BY s.host_id ORDER BY sites DESC LIMIT sqlc.arg(page_size)
)
SELECT grouped.*, h.name AS host_name FROM grouped JOIN host h ON h.id = grouped.host_id ORDER BY grouped.sites DESC, h.name;

-- Sites that have no copy of a kind yet, and are not late with it.
-- name: TodayWithout :one
WITH d AS MATERIALIZED (
  SELECT d.tenant_id, d.site_id, d.kind FROM schedule d
  WHERE d.newest_good_at IS NULL AND d.failures = 0 AND d.overdue_at > sqlc.arg(now)::timestamptz ORDER BY d.registered_at LIMIT sqlc.arg(counted)
)
SELECT count(DISTINCT s.id) AS sites, count(*) FILTER (WHERE r.on_the_way) AS under_way,
  coalesce(min(s.name), '')::text AS site_name, coalesce((array_agg(s.id ORDER BY s.name))[1]::text, '')::text AS site_ref
FROM d CROSS JOIN LATERAL (SELECT s.id, s.name, s.state, s.host_id FROM site s WHERE s.tenant_id = d.tenant_id AND s.id = d.site_id LIMIT 1) s
CROSS JOIN LATERAL (SELECT EXISTS (SELECT 1 FROM run r WHERE r.site_id = d.site_id AND r.kind = d.kind AND r.state IN ('planned', 'queued', 'leased')) AS on_the_way) r
WHERE s.state = 'active';

-- Hosts that should speak and do not, those silent the longest first.
-- name: TodaySilent :many
SELECT h.id AS host_id, h.name AS host_name, h.last_seen_at, h.silent,
  (SELECT count(*) FROM site s WHERE s.host_id = h.id AND s.state <> 'removed') AS sites,
  (SELECT count(*) FROM run r WHERE r.host_id = h.id AND r.state = 'leased') AS running
FROM (SELECT id, name, last_seen_at, (count(*) OVER ())::bigint AS silent FROM host
  WHERE state = 'active' AND (last_seen_at IS NULL OR last_seen_at < sqlc.arg(silent_since)::timestamptz)
  ORDER BY last_seen_at NULLS FIRST, name LIMIT sqlc.arg(page_size)) h
ORDER BY h.last_seen_at NULLS FIRST, h.name;

-- When the next copies of a host's sites are due, and how many are late.
-- name: TodayDueOfHost :one
SELECT count(DISTINCT d.site_id) FILTER (WHERE d.overdue_at <= sqlc.arg(now)::timestamptz) AS late, coalesce(min(d.due_at) FILTER (WHERE d.due_at > sqlc.arg(now)::timestamptz), 'epoch')::timestamptz AS due_at
FROM site s JOIN schedule d ON d.tenant_id = s.tenant_id AND d.site_id = s.id WHERE s.host_id = $1 AND s.state = 'active';

-- name: TodayStorage :many
SELECT d.id AS destination_id, d.name, d.state, d.quota_bytes, coalesce(u.stored_bytes, 0)::bigint AS stored_bytes, u.free_bytes, u.total_bytes,
  (SELECT count(*) FROM keeper_task k WHERE k.destination_id = d.id AND k.state = 'failed' AND k.finished_at > sqlc.arg(since)::timestamptz) AS failed,
  coalesce((SELECT k.error FROM keeper_task k WHERE k.destination_id = d.id AND k.state = 'failed' AND k.finished_at > sqlc.arg(since)::timestamptz ORDER BY k.finished_at DESC LIMIT 1), '')::text AS error
FROM destination d
LEFT JOIN LATERAL (SELECT * FROM usage_sample u WHERE u.destination_id = d.id AND NOT u.daily ORDER BY u.slot DESC LIMIT 1) u ON true
ORDER BY d.name LIMIT sqlc.arg(page_size);

-- Sites that somebody set apart.
-- name: TodayApart :one
SELECT count(*) FILTER (WHERE state = 'suspended') AS suspended, coalesce(min(name) FILTER (WHERE state = 'suspended'), '')::text AS suspended_name,
  count(*) FILTER (WHERE legal_hold <> '') AS held, coalesce(min(name) FILTER (WHERE legal_hold <> ''), '')::text AS held_name,
  count(*) FILTER (WHERE tamper_alarm <> '') AS tampered, coalesce(min(name) FILTER (WHERE tamper_alarm <> ''), '')::text AS tampered_name,
  coalesce(min(tamper_alarm) FILTER (WHERE tamper_alarm <> ''), '')::text AS tamper_alarm
FROM (SELECT name, state, legal_hold, tamper_alarm FROM site WHERE state = 'suspended' OR legal_hold <> '' OR tamper_alarm <> '' ORDER BY created_at LIMIT sqlc.arg(counted)) a
WHERE state <> 'removed';
