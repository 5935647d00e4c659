-- name: SetTimeZone :execrows
UPDATE account SET time_zone = sqlc.arg(time_zone) WHERE id = sqlc.arg(id) AND disabled_at IS NULL;
