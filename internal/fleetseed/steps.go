package fleetseed

// The steps, in order. Every identifier and every figure follows from the
// site's number, so that a fleet is the same each time. A site's lot is its
// number modulo 1,000; its share is the lot of its hash, even over 0 to 1.
var steps = []struct{ what, sql string }{
	{"the sites' plan", `
CREATE TEMP TABLE plan ON COMMIT DROP AS
SELECT i, md5('fleet site ' || i)::uuid AS id, x.share, floor(power(x.share, 2.2) * least(@tenants::int, 1 + @sites::int / 40))::int AS tenant,
  ((i::bigint * 7919) % greatest(4, @sites::int / 200))::int AS host, CASE WHEN i % 9 = 4 THEN 6 ELSE 0 END + (i % 6) AS combo, ((i::bigint * 37) % 1000)::int AS lot, i <= @full::int AS whole,
  (60 + 1500 * abs(hashtext('a' || i)::bigint) / 2147483647.0) * interval '1 second' AS lag,
  exp(17 + 6.5 * power(abs(hashtext('b' || i)::bigint) / 2147483647.0, 1.4))::bigint AS size
FROM generate_series(@had::int + 1, @sites::int) i CROSS JOIN LATERAL (SELECT abs(hashtext('t' || i)::bigint) / 2147483648.0 AS share) x`},
	{"tenants", `
INSERT INTO tenant (id, name, slug, created_at)
SELECT md5('fleet tenant ' || n)::uuid, (ARRAY['Oakfield', 'Northgate', 'Lindenhof', 'Saint Clare', 'Rosewood', 'Kestrel', 'Alder', 'Marienthal', 'Brook', 'Harbour'])[1 + n % 10]
    || ' ' || (ARRAY['School', 'College', 'Academy', 'University', 'Gymnasium', 'Institute'])[1 + n / 10 % 6] || ' ' || n || ' (fictitious)', 'fleet-' || n, @now::timestamptz - interval '3 years'
FROM (SELECT DISTINCT tenant AS n FROM plan) t ON CONFLICT DO NOTHING`},
	{"hosts", `
INSERT INTO host (id, name, state, credential_hash, agent_version, protocol, hostname, last_seen_at, created_at)
SELECT md5('fleet host ' || n)::uuid, 'web-' || n || '.fleet.example', CASE WHEN n % 150 = 2 THEN 'active' ELSE 'maintenance' END::host_state, sha256(gen_random_uuid()::text::bytea), '0.4.0', 1, 'web-' || n,
  @now::timestamptz - CASE WHEN n % 150 = 2 THEN interval '3 hours' ELSE interval '5 seconds' END, @now::timestamptz - interval '3 years'
FROM (SELECT DISTINCT host AS n FROM plan) h ON CONFLICT DO NOTHING`},
	{"sites", `
INSERT INTO site (tenant_id, id, host_id, destination_id, name, code_dir, time_zone, state, facts, created_at, policy_id, legal_hold)
SELECT md5('fleet tenant ' || p.tenant)::uuid, p.id, md5('fleet host ' || p.host)::uuid, d.id,
  (ARRAY['learn', 'moodle', 'campus', 'lms', 'elearning', 'kurse'])[1 + p.i % 6] || '-' || p.i || '.fleet-' || p.tenant || '.example', '/srv/fleet/' || p.i, c.zone,
  CASE WHEN p.lot IN (101, 102) THEN 'suspended' ELSE 'active' END::site_state,
  jsonb_build_object('release', (ARRAY['4.1.2 (Build: 20230313)', '4.5.6+ (Build: 20260918)', '5.1.1 (Build: 20260810)'])[1 + p.i % 3], 'layout', 'classic', 'db_type', CASE WHEN p.i % 3 = 0 THEN 'pgsql' ELSE 'mariadb' END, 'server_version', CASE WHEN p.i % 3 = 0 THEN '15.8' ELSE '10.11.14-MariaDB' END),
  @now::timestamptz - interval '2 years' - p.share * interval '200 days', c.policy_id, CASE WHEN p.lot = 103 THEN 'Fictitious case ' || p.i ELSE '' END
FROM plan p JOIN combo c ON c.combo = p.combo AND c.kind = 'data' CROSS JOIN (SELECT id FROM destination WHERE name = @destination::text) d`},
	{"repositories", `
INSERT INTO repository (tenant_id, id, site_id, kind, destination_id, name, password_sealed, state, created_at, maintained_at, maintain_at, stored_bytes)
SELECT s.tenant_id, md5('fleet repository ' || k || p.i)::uuid, s.id, k, s.destination_id, 'fleet/' || p.i || '/' || k, '\x00', 'ready', s.created_at, @now::timestamptz - interval '1 day', '2999-01-01',
  CASE WHEN k = 'data' THEN p.size ELSE p.size / 40 END
FROM plan p JOIN site s ON s.id = p.id CROSS JOIN unnest('{database,data}'::backup_kind[]) k`},
	{"what was copied", `
CREATE TEMP TABLE taken ON COMMIT DROP AS
SELECT p.i, p.size, p.lot, r.tenant_id, r.site_id, r.id AS repository_id, s.host_id, c.kind, c.tiers, c.newest, md5('fleet run ' || c.kind || p.i || c.at)::uuid AS run_id, md5('fleet copy ' || c.kind || p.i || c.at)::uuid AS copy_id,
  c.at + p.lag AS started, c.at + p.lag + interval '41 seconds' AS at, to_char((c.at + p.lag) AT TIME ZONE s.time_zone, 'YYYY-MM') AS month
FROM plan p JOIN past c ON c.combo = p.combo AND (p.whole OR c.newest) JOIN site s ON s.id = p.id JOIN repository r ON r.tenant_id = s.tenant_id AND r.site_id = s.id AND r.kind = c.kind
WHERE p.lot <> 104`},
	{"runs", `
INSERT INTO run (tenant_id, id, site_id, host_id, kind, reason, state, priority, attempt, not_before, created_at, started_at, leased_at, finished_at, fence, host_epoch)
SELECT tenant_id, run_id, site_id, host_id, kind, 'scheduled', CASE WHEN newest AND lot IN (105, 106, 107) AND kind = 'data' THEN 'incomplete' ELSE 'good' END::run_state, 3, 1, started, started, started, started, at + interval '9 seconds', 1, 1 FROM taken`},
	{"copies", `
INSERT INTO copy (tenant_id, id, site_id, repository_id, run_id, fence, kind, state, snapshot, manifest, taken_at, finished_at, seconds, files, bytes, stored_bytes, row_total, table_total, details, local_month, tiers, started_at, verified_at, fingerprint)
SELECT tenant_id, copy_id, site_id, repository_id, run_id, 1, kind,
  CASE WHEN newest AND lot IN (105, 106, 107) AND kind = 'data' THEN 'incomplete' WHEN newest AND lot = 108 AND i % 2 = 0 AND kind = 'data' THEN 'damaged' ELSE 'good' END::copy_state, 'fictitious', '{}', at, at + interval '9 seconds', 41,
  CASE WHEN kind = 'data' THEN size / 90000 ELSE 1 END, CASE WHEN kind = 'data' THEN size ELSE size / 40 END, CASE WHEN kind = 'data' THEN size / 70 ELSE size / 400 END,
  CASE WHEN kind = 'database' THEN size / 50000 ELSE 0 END, CASE WHEN kind = 'database' THEN 494 ELSE 0 END,
  CASE WHEN newest AND lot IN (105, 106, 107) AND kind = 'data' THEN '{"problems":[{"path":"moodledata/lang/de_old","reason":"permission denied"}]}' ELSE '{}' END::jsonb, month, CASE WHEN newest AND lot IN (105, 106, 107) AND kind = 'data' THEN '{}' ELSE tiers END, started, at + interval '5 minutes', 'f'
FROM taken`},
	{"missed slots", `
INSERT INTO missed_slot (tenant_id, site_id, kind, tier, slot, missed_at)
SELECT s.tenant_id, s.id, l.kind, l.tier, l.slot, @now::timestamptz - interval '4 days' FROM plan p JOIN site s ON s.id = p.id JOIN lost l ON l.combo = p.combo WHERE p.whole`},
	{"schedules", `
INSERT INTO schedule (tenant_id, site_id, kind, policy_id, policy_version, state, begun, registered_at, newest_good_at, failures, due_at, start_at, overdue_at, copies, bytes)
SELECT s.tenant_id, s.id, c.kind, c.policy_id, CASE WHEN c.policy_id IS NULL THEN 0 ELSE 1 END, c.state,
  (SELECT jsonb_object_agg(tier, CASE WHEN p.whole THEN c.begun ELSE coalesce(n.at, @now::timestamptz) - interval '1 second' END) FROM jsonb_object_keys(c.state -> c.kind::text) tier),
  CASE WHEN p.whole THEN c.begun ELSE coalesce(n.at, @now::timestamptz) - interval '1 second' END, n.good,
  CASE WHEN s.state = 'suspended' THEN 0 WHEN p.lot IN (109, 110) AND c.kind = 'database' THEN 3 WHEN p.lot IN (105, 106, 107) AND c.kind = 'data' THEN 1 ELSE 0 END,
  c.due_at, CASE WHEN s.state = 'suspended' THEN NULL ELSE timestamptz '2999-01-01' END,
  CASE WHEN s.state = 'suspended' THEN NULL WHEN p.lot IN (111, 112) OR h.state = 'active' OR p.lot = 109 AND c.kind = 'database' THEN @now::timestamptz - interval '20 minutes' - p.share * interval '20 hours' ELSE @now::timestamptz + interval '30 days' + p.share * interval '5 days' END,
  coalesce(n.copies, 0), coalesce(n.bytes, 0)
FROM plan p JOIN site s ON s.id = p.id JOIN host h ON h.id = s.host_id JOIN combo c ON c.combo = p.combo
LEFT JOIN (SELECT t.i, t.kind, max(t.at) AS at, max(t.at) FILTER (WHERE x.state = 'good') AS good, count(*) AS copies, sum(x.stored_bytes) AS bytes FROM taken t JOIN copy x ON x.tenant_id = t.tenant_id AND x.id = t.copy_id GROUP BY t.i, t.kind) n ON n.i = p.i AND n.kind = c.kind`},
	{"what failed", `
INSERT INTO run (tenant_id, id, site_id, host_id, kind, reason, state, priority, attempt, not_before, created_at, started_at, finished_at, error, error_code)
SELECT s.tenant_id, md5('fleet failure ' || p.i)::uuid, s.id, s.host_id, 'database', 'scheduled', 'failed', 3, 3, x.at, x.at, x.at, x.at + interval '1 minute',
  (ARRAY['table mdl_logstore_standard_log is marked as crashed', 'the database server refused the password', 'the disk of the host is full'])[1 + p.i % 3], (ARRAY['dump-failed', 'database-refused', 'disk-full'])[1 + p.i % 3]
FROM plan p JOIN site s ON s.id = p.id CROSS JOIN LATERAL (SELECT @now::timestamptz - interval '10 minutes' - p.share * interval '50 minutes' AS at) x WHERE p.lot IN (109, 110)`},
	{"how they stand", `SELECT derive_standing(NULL)`},
}
