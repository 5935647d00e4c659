-- A look at one copy, by a share of its files. One that waits already reads the
-- larger share of the two.
-- name: InsertVerification :exec
INSERT INTO keeper_task (tenant_id, id, site_id, destination_id, repository_id, copy_id, kind, percent, not_before, created_at)
VALUES ($1, $2, $3, $4, $5, sqlc.narg(copy_id), $6, $7, $8, $8)
ON CONFLICT (repository_id, kind, coalesce(copy_id, '00000000-0000-0000-0000-000000000000')) WHERE state IN ('queued', 'running')
DO UPDATE SET percent = greatest(keeper_task.percent, excluded.percent);

-- name: RepositoriesUnplanned :many
SELECT tenant_id, id FROM repository WHERE scan_at IS NULL ORDER BY created_at LIMIT $1;

-- name: PlanScans :execrows
UPDATE repository r SET scan_at = k.scan_at, look_at = k.look_at
FROM (SELECT unnest(sqlc.arg(tenants)::uuid[]) AS tenant_id, unnest(sqlc.arg(ids)::uuid[]) AS id,
  unnest(sqlc.arg(scans)::timestamptz[]) AS scan_at, unnest(sqlc.arg(looks)::timestamptz[]) AS look_at) k
WHERE r.tenant_id = k.tenant_id AND r.id = k.id AND r.scan_at IS NULL;

-- name: CountOpenScans :one
SELECT count(*) FILTER (WHERE percent > 0) AS scans, count(*) FILTER (WHERE percent = 0) AS looks
FROM keeper_task WHERE destination_id = $1 AND kind = 'scan_repository' AND state IN ('queued', 'running');

-- name: RederiveScansAfterJump :execrows
UPDATE repository SET scan_at = NULL, look_at = NULL, scanned_at = least(scanned_at, sqlc.arg(now)::timestamptz), looked_at = least(looked_at, sqlc.arg(now)::timestamptz)
WHERE scan_at > sqlc.arg(latest)::timestamptz OR look_at > sqlc.arg(latest_look)::timestamptz;

-- The repositories of a destination whose turn it is to be read whole, the one
-- that waits longest first; what could not be read for good waits a while.
-- name: RepositoriesToScan :many
SELECT r.* FROM repository r
WHERE r.destination_id = sqlc.arg(destination_id) AND r.state = 'ready' AND r.scan_at <= sqlc.arg(now)::timestamptz
  AND NOT EXISTS (SELECT 1 FROM keeper_task k WHERE k.repository_id = r.id AND k.kind IN ('scan_repository', 'repair_repository')
    AND (k.state IN ('queued', 'running') OR k.state = 'failed' AND k.finished_at > sqlc.arg(since)::timestamptz))
ORDER BY r.scan_at LIMIT sqlc.arg(most);

-- The same by lengths alone.
-- name: RepositoriesToLook :many
SELECT r.* FROM repository r
WHERE r.destination_id = sqlc.arg(destination_id) AND r.state = 'ready' AND r.look_at <= sqlc.arg(now)::timestamptz
  AND NOT EXISTS (SELECT 1 FROM keeper_task k WHERE k.repository_id = r.id AND k.kind IN ('scan_repository', 'repair_repository')
    AND (k.state IN ('queued', 'running') OR k.state = 'failed' AND k.finished_at > sqlc.arg(since)::timestamptz))
ORDER BY r.look_at LIMIT sqlc.arg(most);

-- name: NoteSample :execrows
UPDATE repository SET sampled_at = $3 WHERE tenant_id = $1 AND id = $2;

-- name: NoteLook :execrows
UPDATE repository SET looked_at = $3, look_at = sqlc.arg(next) WHERE tenant_id = $1 AND id = $2;

-- What does not open is looked at again at its next turn, not at once.
-- name: PutOffLooks :execrows
UPDATE repository SET look_at = sqlc.arg(next)::timestamptz, scan_at = greatest(scan_at, sqlc.arg(next)::timestamptz) WHERE tenant_id = $1 AND id = $2;

-- name: NoteScan :execrows
UPDATE repository SET looked_at = sqlc.arg(now), look_at = sqlc.arg(next_look), scanned_at = sqlc.arg(now), scan_at = sqlc.arg(next_scan), scanned_bytes = sqlc.arg(bytes), frail = sqlc.arg(frail)
WHERE tenant_id = $1 AND id = $2;

-- name: LockRepository :one
SELECT * FROM repository WHERE tenant_id = $1 AND id = $2 FOR UPDATE;

-- name: SetDamage :execrows
UPDATE repository SET damage = $3, damage_state = $4, damaged_at = $5, healing_since = $6, repair_wanted = $7 WHERE tenant_id = $1 AND id = $2;

-- name: SetDamageStops :execrows
UPDATE schedule SET damage_stops = $4, retain_at = $5 WHERE tenant_id = $1 AND site_id = $2 AND kind = $3;

-- name: DamageStops :one
SELECT damage_stops FROM schedule WHERE tenant_id = $1 AND site_id = $2 AND kind = $3;

-- Of every site, the kinds whose damage stops deletions: few.
-- name: DamageStopsOf :many
SELECT site_id, kind FROM schedule WHERE damage_stops;

-- What a repository is meant to hold, with what puts each back.
-- name: ManifestsOfRepository :many
SELECT c.snapshot, c.manifest, c.sha256 FROM copy c WHERE c.tenant_id = sqlc.arg(tenant_id) AND c.repository_id = sqlc.arg(repository_id) AND c.state NOT IN ('deleting', 'gone')
UNION ALL
SELECT l.snapshot, l.manifest, '' FROM reference_list l JOIN copy c ON c.tenant_id = l.tenant_id AND c.id = l.copy_id
WHERE c.tenant_id = sqlc.arg(tenant_id) AND c.repository_id = sqlc.arg(repository_id) AND c.state NOT IN ('deleting', 'gone')
UNION ALL
SELECT l.files_snapshot, l.files_manifest, '' FROM reference_list l JOIN copy c ON c.tenant_id = l.tenant_id AND c.id = l.copy_id
WHERE l.tenant_id = sqlc.arg(tenant_id) AND l.files_repository_id = sqlc.arg(repository_id) AND l.files_snapshot <> '' AND c.state NOT IN ('deleting', 'gone');

-- name: CopiesBySnapshot :many
SELECT id, kind, state, snapshot, run_id, sealed_name FROM copy
WHERE tenant_id = $1 AND repository_id = $2 AND snapshot = ANY(sqlc.arg(snapshots)::text[]) AND state IN ('good', 'incomplete', 'damaged') ORDER BY taken_at;

-- name: SetVerifiedMany :execrows
UPDATE copy SET verified_at = sqlc.arg(now)::timestamptz
WHERE tenant_id = $1 AND repository_id = $2 AND snapshot = ANY(sqlc.arg(snapshots)::text[]) AND state IN ('good', 'incomplete');

-- name: MoveCopySnapshot :execrows
UPDATE copy SET snapshot = sqlc.arg(to_snapshot) WHERE tenant_id = $1 AND repository_id = $2 AND snapshot = sqlc.arg(from_snapshot) AND state NOT IN ('deleting', 'gone');

-- name: MoveListSnapshot :execrows
UPDATE reference_list l SET snapshot = sqlc.arg(to_snapshot)
FROM copy c WHERE c.tenant_id = l.tenant_id AND c.id = l.copy_id AND l.tenant_id = $1 AND c.repository_id = $2 AND l.snapshot = sqlc.arg(from_snapshot);

-- name: MoveNamedSnapshot :execrows
UPDATE reference_list SET files_snapshot = sqlc.arg(to_snapshot) WHERE tenant_id = $1 AND files_repository_id = sqlc.arg(repository_id) AND files_snapshot = sqlc.arg(from_snapshot);

-- How many copies of a repository are offered.
-- name: OffersCopies :one
SELECT count(*) FROM copy WHERE tenant_id = $1 AND repository_id = $2 AND state IN ('good', 'incomplete');

-- How many storages of a destination were found damaged lately.
-- name: CountDamagedSince :one
SELECT count(*) FROM repository WHERE destination_id = $1 AND damage_state <> '' AND damaged_at > sqlc.arg(since)::timestamptz;

-- name: NoteHealed :execrows
UPDATE repository SET repair_wanted = '', damage_state = 'proving' WHERE tenant_id = $1 AND id = $2 AND damage_state = 'healing';

-- name: ForgetOldScans :execrows
DELETE FROM keeper_task k WHERE k.repository_id = $1 AND k.kind = 'scan_repository' AND k.state IN ('done', 'failed') AND k.id <> $2;

-- name: VerificationOfSite :many
SELECT r.id, r.kind, r.state, r.created_at, r.sampled_at, r.looked_at, r.look_at, r.scanned_at, r.scan_at, r.scanned_bytes, r.stored_bytes, r.damage, r.damage_state, r.damaged_at, r.repair_wanted,
  (SELECT count(*) FROM copy c WHERE c.tenant_id = r.tenant_id AND c.repository_id = r.id AND c.state IN ('good', 'incomplete')) AS copies,
  (SELECT count(*) FROM copy c WHERE c.tenant_id = r.tenant_id AND c.repository_id = r.id AND c.state IN ('good', 'incomplete') AND c.verified_at IS NOT NULL) AS proven,
  (SELECT count(*) FROM copy c WHERE c.tenant_id = r.tenant_id AND c.repository_id = r.id AND c.state = 'damaged') AS damaged,
  EXISTS (SELECT 1 FROM keeper_task k WHERE k.repository_id = r.id AND k.kind = 'scan_repository' AND k.state IN ('queued', 'running'))::boolean AS scanning,
  EXISTS (SELECT 1 FROM keeper_task k WHERE k.repository_id = r.id AND k.kind = 'repair_repository' AND k.state IN ('queued', 'running'))::boolean AS repairing,
  coalesce((SELECT k.error FROM keeper_task k WHERE k.repository_id = r.id AND k.kind IN ('scan_repository', 'repair_repository') AND k.state IN ('queued', 'failed') AND k.error <> ''
    ORDER BY k.created_at DESC LIMIT 1), '')::text AS error
FROM repository r WHERE r.tenant_id = $1 AND r.site_id = $2 ORDER BY r.kind;

-- name: TodayUnread :one
SELECT count(*) AS late, (SELECT count(*) FROM repository d WHERE d.damage_state <> '' AND d.damage_state <> 'acknowledged') AS damaged
FROM (SELECT 1 FROM destination p CROSS JOIN LATERAL (
  SELECT 1 FROM repository r WHERE r.destination_id = p.id AND r.state = 'ready' AND r.scan_at <= sqlc.arg(late)::timestamptz ORDER BY r.scan_at LIMIT sqlc.arg(counted)) r
  LIMIT sqlc.arg(counted)) x;

-- name: StaffToAlarm :many
SELECT id, email FROM account WHERE staff_role IN ('owner', 'operator') AND disabled_at IS NULL AND mail_bounced_at IS NULL ORDER BY email LIMIT 100;

-- name: InsertLook :exec
INSERT INTO tamper_look (tenant_id, run_id, site_id, at, fingerprint, signals, alarm, why, evidence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- The newest looks at a site, the newest first.
-- name: LooksOfSite :many
SELECT * FROM tamper_look WHERE tenant_id = $1 AND site_id = $2 ORDER BY at DESC, run_id DESC LIMIT $3;

-- Whether a restore of ours changed the site's files since an instant, its undoing with it.
-- name: FilesRestoredSince :one
SELECT count(*) FROM restore WHERE tenant_id = $1 AND site_id = $2 AND data_copy_id IS NOT NULL AND started_at IS NOT NULL
  AND (ended_at IS NULL OR ended_at >= sqlc.arg(since)::timestamptz);

-- name: ForgetOldLooks :execrows
DELETE FROM tamper_look l WHERE l.tenant_id = $1 AND l.site_id = $2
  AND l.at < (SELECT k.at FROM tamper_look k WHERE k.tenant_id = $1 AND k.site_id = $2 ORDER BY k.at DESC OFFSET sqlc.arg(keep) LIMIT 1)
  AND NOT (l.alarm AND l.cleared_at IS NULL);

-- name: RaiseTamper :execrows
UPDATE site SET tamper_alarm = $3, tamper_at = $4 WHERE tenant_id = $1 AND id = $2 AND tamper_alarm = '';

-- name: ClearTamper :execrows
UPDATE site SET tamper_alarm = '', tamper_at = NULL WHERE tenant_id = $1 AND id = $2 AND tamper_alarm <> '';

-- name: ClearLooks :execrows
UPDATE tamper_look SET cleared_at = $3 WHERE tenant_id = $1 AND site_id = $2 AND alarm AND cleared_at IS NULL;

-- The newest good copy of a kind that was there before another was taken.
-- name: LastGoodBefore :one
SELECT * FROM copy WHERE tenant_id = $1 AND site_id = $2 AND kind = $3 AND state = 'good' AND run_id <> $4 AND taken_at <= $5 ORDER BY taken_at DESC LIMIT 1 FOR UPDATE;
