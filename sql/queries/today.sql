-- Each of these looks at what is wrong alone, and at no more of it than is
-- said: rows are counted up to the limit, so a day on which everything is late
-- costs no more than another.

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
  (SELECT count(*) FROM (SELECT 1 FROM run WHERE state IN ('planned', 'queued') LIMIT sqlc.arg(counted)) w) AS waiting;

-- What is late though nothing failed, host by host.
-- name: TodayLate :many
WITH late AS (
  SELECT d.tenant_id, d.site_id, d.overdue_at, d.newest_good_at FROM schedule d
  WHERE d.overdue_at <= sqlc.arg(now)::timestamptz AND d.failures = 0 ORDER BY d.overdue_at LIMIT sqlc.arg(counted)
)
SELECT h.id AS host_id, h.name AS host_name, h.state AS host_state, h.last_seen_at, count(DISTINCT late.site_id) AS sites, count(*) AS kinds,
  min(late.overdue_at)::timestamptz AS overdue_at, count(*) FILTER (WHERE late.newest_good_at IS NULL) AS without_copy,
  ((array_agg(s.name ORDER BY late.overdue_at, s.name))[1])::text AS site_name, ((array_agg(s.id ORDER BY late.overdue_at, s.name))[1])::uuid AS site_id,
  (count(*) OVER ())::bigint AS groups, (sum(count(*)) OVER ())::bigint AS counted
FROM late JOIN site s ON s.tenant_id = late.tenant_id AND s.id = late.site_id JOIN host h ON h.id = s.host_id
GROUP BY h.id ORDER BY sites DESC, h.name LIMIT sqlc.arg(page_size);

-- What failed for good since its last good run, by host and cause.
-- name: TodayFailed :many
WITH bad AS (
  SELECT d.tenant_id, d.site_id, d.kind, d.overdue_at, d.newest_good_at, d.failures FROM schedule d WHERE d.failures > 0 LIMIT sqlc.arg(counted)
), last AS (
  SELECT bad.*, r.id AS run_id, r.host_id, r.error, r.error_code, r.finished_at
  FROM bad CROSS JOIN LATERAL (SELECT r.id, r.host_id, r.error, r.error_code, r.finished_at FROM run r
    WHERE r.tenant_id = bad.tenant_id AND r.site_id = bad.site_id AND r.kind = bad.kind AND r.state = 'failed' ORDER BY r.created_at DESC LIMIT 1) r
)
SELECT h.id AS host_id, h.name AS host_name, last.error_code, count(DISTINCT last.site_id) AS sites, count(*) AS kinds, sum(last.failures)::bigint AS failures,
  count(*) FILTER (WHERE last.overdue_at <= sqlc.arg(now)::timestamptz) AS late, max(last.finished_at)::timestamptz AS failed_at,
  count(*) FILTER (WHERE last.newest_good_at IS NULL) AS without_copy, coalesce(min(last.newest_good_at), 'epoch')::timestamptz AS newest_good_at,
  ((array_agg(last.error ORDER BY last.finished_at DESC))[1])::text AS error, ((array_agg(last.kind ORDER BY last.finished_at DESC))[1])::backup_kind AS kind,
  ((array_agg(last.run_id ORDER BY last.finished_at DESC))[1])::uuid AS run_id,
  ((array_agg(s.name ORDER BY last.finished_at DESC))[1])::text AS site_name, ((array_agg(s.id ORDER BY last.finished_at DESC))[1])::uuid AS site_id,
  (count(*) OVER ())::bigint AS groups, (sum(count(*)) OVER ())::bigint AS counted
FROM last JOIN site s ON s.tenant_id = last.tenant_id AND s.id = last.site_id AND s.state = 'active' JOIN host h ON h.id = last.host_id
GROUP BY h.id, last.error_code ORDER BY late DESC, kinds DESC, h.name LIMIT sqlc.arg(page_size);

-- Damaged copies by where they lie.
-- name: TodayDamaged :many
WITH bad AS (
  SELECT c.tenant_id, c.site_id, c.repository_id, c.kind, c.taken_at FROM copy c WHERE c.state = 'damaged' LIMIT sqlc.arg(counted)
)
SELECT d.id AS destination_id, d.name AS destination_name, count(*) AS copies, count(DISTINCT bad.site_id) AS sites, max(bad.taken_at)::timestamptz AS taken_at,
  ((array_agg(bad.kind ORDER BY bad.taken_at DESC))[1])::backup_kind AS kind,
  ((array_agg(s.name ORDER BY bad.taken_at DESC))[1])::text AS site_name, ((array_agg(s.id ORDER BY bad.taken_at DESC))[1])::uuid AS site_id
FROM bad JOIN repository p ON p.tenant_id = bad.tenant_id AND p.id = bad.repository_id JOIN destination d ON d.id = p.destination_id
JOIN site s ON s.tenant_id = bad.tenant_id AND s.id = bad.site_id
GROUP BY d.id ORDER BY copies DESC, d.name LIMIT sqlc.arg(page_size);

-- Sites whose newest copy of a kind lacks something, by host.
-- name: TodayIncomplete :many
WITH short AS (
  SELECT DISTINCT ON (c.site_id, c.kind) c.tenant_id, c.site_id, c.kind, c.taken_at
  FROM (SELECT tenant_id, site_id, kind, taken_at FROM copy WHERE state = 'incomplete' ORDER BY taken_at DESC LIMIT sqlc.arg(counted)) c
  JOIN schedule d ON d.tenant_id = c.tenant_id AND d.site_id = c.site_id AND d.kind = c.kind
  WHERE c.taken_at > coalesce(d.newest_good_at, 'epoch')
  ORDER BY c.site_id, c.kind, c.taken_at DESC
)
SELECT h.id AS host_id, h.name AS host_name, count(DISTINCT short.site_id) AS sites, count(*) AS kinds, max(short.taken_at)::timestamptz AS taken_at,
  ((array_agg(short.kind ORDER BY short.taken_at DESC))[1])::backup_kind AS kind,
  ((array_agg(s.name ORDER BY short.taken_at DESC))[1])::text AS site_name, ((array_agg(s.id ORDER BY short.taken_at DESC))[1])::uuid AS site_id,
  (count(*) OVER ())::bigint AS groups
FROM short JOIN site s ON s.tenant_id = short.tenant_id AND s.id = short.site_id AND s.state = 'active' JOIN host h ON h.id = s.host_id
GROUP BY h.id ORDER BY sites DESC, h.name LIMIT sqlc.arg(page_size);

-- Sites that have no copy of a kind yet, and are not late with it.
-- name: TodayWithout :one
SELECT count(DISTINCT s.id) AS sites, count(*) FILTER (WHERE r.id IS NOT NULL) AS under_way,
  coalesce(min(s.name), '')::text AS site_name, coalesce((array_agg(s.id ORDER BY s.name))[1], '00000000-0000-0000-0000-000000000000')::uuid AS site_id
FROM (SELECT d.tenant_id, d.site_id, d.kind FROM schedule d
  WHERE d.newest_good_at IS NULL AND d.failures = 0 AND d.overdue_at > sqlc.arg(now)::timestamptz ORDER BY d.registered_at LIMIT sqlc.arg(counted)) d
JOIN site s ON s.tenant_id = d.tenant_id AND s.id = d.site_id AND s.state = 'active'
LEFT JOIN run r ON r.site_id = d.site_id AND r.kind = d.kind AND r.state IN ('planned', 'queued', 'leased');

-- Hosts that should speak and do not, those with the most sites first.
-- name: TodaySilent :many
SELECT h.id AS host_id, h.name AS host_name, h.last_seen_at,
  (SELECT count(*) FROM site s WHERE s.host_id = h.id AND s.state <> 'removed') AS sites,
  (SELECT count(*) FROM run r WHERE r.host_id = h.id AND r.state = 'leased') AS running,
  (count(*) OVER ())::bigint AS silent
FROM host h WHERE h.state = 'active' AND (h.last_seen_at IS NULL OR h.last_seen_at < sqlc.arg(silent_since)::timestamptz)
ORDER BY sites DESC, h.name LIMIT sqlc.arg(page_size);

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
FROM site WHERE (state = 'suspended' OR legal_hold <> '' OR tamper_alarm <> '') AND state <> 'removed';
