-- name: Setting :one
SELECT version, hoster_name, support_email, staff_second_factor, session_hours, business_hours, business_zone, second_approval, reminder_days, auto_close_days, language
FROM setting;

-- name: SettingChanged :one
SELECT version, changed_by, changed_at FROM setting;

-- The first row, or a change of the version that the page was opened with.
-- name: SaveSetting :execrows
INSERT INTO setting AS s (version, hoster_name, support_email, staff_second_factor, session_hours, business_hours, business_zone, second_approval, reminder_days, auto_close_days, language, changed_by, changed_at)
SELECT sqlc.arg(was)::int + 1, sqlc.arg(hoster_name)::text, sqlc.arg(support_email)::text, sqlc.arg(staff_second_factor)::boolean, sqlc.arg(session_hours)::int, sqlc.arg(business_hours)::jsonb,
       sqlc.arg(business_zone)::text, sqlc.arg(second_approval)::boolean, sqlc.arg(reminder_days)::int, sqlc.arg(auto_close_days)::int, sqlc.arg(language)::text, sqlc.arg(changed_by)::text, sqlc.arg(now)::timestamptz
ON CONFLICT (one) DO UPDATE SET version = excluded.version, hoster_name = excluded.hoster_name, support_email = excluded.support_email,
  staff_second_factor = excluded.staff_second_factor, session_hours = excluded.session_hours, business_hours = excluded.business_hours, business_zone = excluded.business_zone,
  second_approval = excluded.second_approval, reminder_days = excluded.reminder_days, auto_close_days = excluded.auto_close_days, language = excluded.language,
  changed_by = excluded.changed_by, changed_at = excluded.changed_at
WHERE s.version = sqlc.arg(was)::int;

-- The policies that a site may be given, besides the published one.
-- name: PolicyNames :many
SELECT name FROM policy ORDER BY name LIMIT 200;
