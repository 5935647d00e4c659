package app

import (
	"context"
	"strings"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// SetTimeZone chooses the zone whose clock a person is shown, by its name in
// the IANA database; "" is each site's own.
func (a *App) SetTimeZone(ctx context.Context, who Person, zone string) error {
	zone = strings.TrimSpace(zone)
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" || len(zone) > 64 {
		return errs.Field("zone", "this is not a time zone that is known here; type one like Europe/Berlin, or leave it empty")
	}
	return a.self(ctx, who.Actor, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.SetTimeZone(ctx, dbq.SetTimeZoneParams{ID: who.Actor.Account, TimeZone: zone})
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.New(errs.Unsigned, "Sign in to go on.")
		}
		return tx.Event(ctx, "account.time_zone_set", ofAccount(who.Actor.Account), map[string]any{"zone": zone})
	})
}
