-- What is late in one tenant. A customer's role reads no hosts.
-- name: ListOverdueOfTenant :many
SELECT d.tenant_id, d.site_id, d.kind, d.overdue_at, d.due_at, d.newest_good_at, s.name AS site_name, t.name AS tenant_name, ''::text AS host_name
FROM schedule d JOIN site s ON s.tenant_id = d.tenant_id AND s.id = d.site_id JOIN tenant t ON t.id = d.tenant_id
WHERE d.overdue_at <= sqlc.arg(now)::timestamptz AND d.tenant_id = sqlc.arg(tenant_id)
ORDER BY d.overdue_at, d.site_id, d.kind LIMIT sqlc.arg(page_size);
