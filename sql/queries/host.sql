-- name: InsertHost :exec
INSERT INTO host (id, name, max_runs, created_at) VALUES ($1, $2, $3, $4);

-- name: HostByName :one
SELECT * FROM host WHERE name = $1;

-- name: HostByID :one
SELECT * FROM host WHERE id = $1;

-- name: HostByCredential :one
SELECT * FROM host WHERE credential_hash = $1;

-- name: ListHosts :many
SELECT h.*,
  (SELECT count(*) FROM site s WHERE s.host_id = h.id AND s.state <> 'removed') AS sites,
  (SELECT count(*) FROM run r WHERE r.host_id = h.id AND r.state = 'leased') AS running,
  (SELECT count(*) FROM run r WHERE r.host_id = h.id AND r.state = 'queued') AS waiting
FROM host h ORDER BY h.name;

-- name: InsertEnrolment :exec
INSERT INTO host_enrolment (id, host_id, token_hash, expires_at, created_at) VALUES ($1, $2, $3, $4, $5);

-- name: UseEnrolment :one
UPDATE host_enrolment SET used_at = sqlc.arg(now)::timestamptz
WHERE token_hash = $1 AND used_at IS NULL AND expires_at > sqlc.arg(now)::timestamptz
RETURNING host_id;

-- name: ActivateHost :execrows
UPDATE host SET state = 'active', credential_hash = $2, hostname = $3, agent_version = $4, instance = NULL, epoch = epoch + 1
WHERE id = $1;

-- name: SetHostState :execrows
UPDATE host SET state = sqlc.arg(to_state), credential_hash = CASE WHEN sqlc.arg(to_state)::host_state = 'revoked' THEN NULL ELSE credential_hash END
WHERE id = $1 AND state = sqlc.arg(from_state);

-- name: SetHostLimit :execrows
UPDATE host SET max_runs = $2 WHERE id = $1;

-- name: HelloHost :one
UPDATE host SET epoch = epoch + 1, instance = $2, poll_seq = 0, agent_version = $3, protocol = $4, hostname = $5, clock_skew_ms = $6, last_seen_at = $7
WHERE id = $1 AND state IN ('active', 'maintenance')
RETURNING epoch;

-- name: LockHostForPoll :one
UPDATE host SET poll_seq = sqlc.arg(seq), last_seen_at = sqlc.arg(now)::timestamptz
WHERE id = $1 AND instance = $2 AND epoch = $3 AND poll_seq < sqlc.arg(seq)
RETURNING state, max_runs, epoch;

-- name: TouchHost :one
UPDATE host SET last_seen_at = sqlc.arg(now)::timestamptz
WHERE id = $1 AND instance = $2 AND epoch = $3
RETURNING id;

-- name: LockHostAgain :one
UPDATE host SET last_seen_at = sqlc.arg(now)::timestamptz
WHERE id = $1 AND instance = $2 AND epoch = $3 AND poll_seq = sqlc.arg(seq)
RETURNING state, max_runs, epoch;

-- name: HostOverview :one
SELECT sqlc.embed(h),
  (SELECT count(*) FROM site s WHERE s.host_id = h.id AND s.state <> 'removed') AS sites,
  (SELECT count(*) FROM run r WHERE r.host_id = h.id AND r.state = 'leased') AS running,
  (SELECT count(*) FROM run r WHERE r.host_id = h.id AND r.state = 'queued') AS waiting
FROM host h WHERE h.id = $1;

-- The sites of a host, those that are owed a copy first.
-- name: SitesOfHost :many
SELECT s.tenant_id, s.id, s.name, s.state, t.name AS tenant_name,
  coalesce(d.due_at, 'epoch')::timestamptz AS due_at, coalesce(d.overdue_at, 'epoch')::timestamptz AS overdue_at
FROM site s JOIN tenant t ON t.id = s.tenant_id
LEFT JOIN LATERAL (SELECT min(x.due_at) AS due_at, min(x.overdue_at) AS overdue_at FROM schedule x WHERE x.tenant_id = s.tenant_id AND x.site_id = s.id) d ON true
WHERE s.host_id = $1 AND s.state <> 'removed'
ORDER BY d.overdue_at NULLS LAST, s.name LIMIT $2;

-- When the next copy of any site of each host is due, and how many are late.
-- Host by host, for they are few: else the planner reads every site.
-- name: HostsDue :many
SELECT h.id AS host_id, coalesce(x.due_at, 'epoch')::timestamptz AS due_at, x.overdue
FROM host h CROSS JOIN LATERAL (
  SELECT min(d.due_at) AS due_at, count(DISTINCT d.site_id) FILTER (WHERE d.overdue_at <= sqlc.arg(now)::timestamptz) AS overdue
  FROM site s JOIN schedule d ON d.tenant_id = s.tenant_id AND d.site_id = s.id WHERE s.host_id = h.id AND s.state = 'active') x
WHERE h.id = ANY(sqlc.arg(hosts)::uuid[]);

-- How many sites of each host are late: by an index alone.
-- name: HostsLate :many
SELECT h.id AS host_id, (SELECT count(*) FROM standing st WHERE st.host_id = h.id AND st.late_at <= sqlc.arg(now)::timestamptz) AS late
FROM host h WHERE h.id = ANY(sqlc.arg(hosts)::uuid[]);

-- What every host's standing and name are told by. Hosts are few: their list is
-- put in order and counted outside.
-- name: HostsAtHand :many
SELECT id, name, state, clock_skew_ms, last_seen_at FROM host;

-- The hosts of one page, with their load.
-- name: HostRows :many
SELECT h.*,
  (SELECT count(*) FROM site s WHERE s.host_id = h.id AND s.state <> 'removed') AS sites,
  (SELECT count(*) FROM run r WHERE r.host_id = h.id AND r.state = 'leased') AS running,
  (SELECT count(*) FROM run r WHERE r.host_id = h.id AND r.state = 'queued') AS waiting
FROM host h WHERE h.id = ANY(sqlc.arg(hosts)::uuid[]);

-- name: CountSitesOfHosts :one
SELECT coalesce(sum((SELECT count(*) FROM site s WHERE s.host_id = h.id AND s.state <> 'removed')), 0)::bigint FROM host h WHERE h.id = ANY(sqlc.arg(hosts)::uuid[]);

-- name: RunsOfHost :many
SELECT sqlc.embed(r), s.name AS site_name, t.name AS tenant_name
FROM run r JOIN site s ON s.tenant_id = r.tenant_id AND s.id = r.site_id JOIN tenant t ON t.id = r.tenant_id
WHERE r.host_id = $1 ORDER BY r.created_at DESC, r.id DESC LIMIT $2;

-- name: OpenEnrolment :one
SELECT coalesce(max(expires_at), 'epoch')::timestamptz FROM host_enrolment WHERE host_id = $1 AND used_at IS NULL AND expires_at > sqlc.arg(now)::timestamptz;

-- name: DropEnrolments :execrows
UPDATE host_enrolment SET expires_at = sqlc.arg(now)::timestamptz WHERE host_id = $1 AND used_at IS NULL AND expires_at > sqlc.arg(now)::timestamptz;
