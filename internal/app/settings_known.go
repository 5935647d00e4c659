package app

import (
	"context"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// knownFor is how old what a process knows of the settings may be: pages ask
// for the hoster's name at every request, and another process may change it.
const knownFor = 10 * time.Second

// knownWait is how long a page waits for them.
const knownWait = 2 * time.Second

// lastKnown is the settings as this process last read them.
type lastKnown struct {
	settings Settings
	at       time.Time
}

// Known gives the settings as they were a few seconds ago at most, for what
// every page carries. Where the database does not answer it gives what was
// last read, or the defaults; it never fails.
func (a *App) Known(ctx context.Context) Settings {
	now := a.clock.Now()
	last := a.known.Load()
	if last != nil && now.Sub(last.at) < knownFor && !now.Before(last.at) {
		return last.settings
	}
	ctx, cancel := context.WithTimeout(ctx, knownWait)
	defer cancel()
	s, err := a.Settings(ctx)
	if err == nil {
		a.known.Store(&lastKnown{settings: s, at: now})
		return s
	}
	if last == nil {
		return a.defaultSettings()
	}
	// Not asked again at once: a page that says that the database is away must
	// not wait for it twice.
	a.known.Store(&lastKnown{settings: last.settings, at: now})
	return last.settings
}

// called is the name that was stored, as this process last knew it; "" for none.
func (a *App) called() string {
	if last := a.known.Load(); last != nil && last.settings.Version > 0 {
		return last.settings.HosterName
	}
	return ""
}

// SettingsView is what the page of settings shows.
type SettingsView struct {
	Settings
	ChangedBy string    // the actor of the last change; "" where nothing was stored yet
	ChangedAt time.Time // zero where nothing was stored yet
}

// LookAtSettings gives all settings to who may see them.
func (a *App) LookAtSettings(ctx context.Context, who authz.Actor) (v SettingsView, err error) {
	err = a.do(ctx, who, authz.ViewSettings, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		if v.Settings, err = a.settingsIn(ctx, tx); err != nil || v.Version == 0 {
			return err
		}
		var by dbq.SettingChangedRow
		if by, err = tx.SettingChanged(ctx); err != nil {
			return err
		}
		v.ChangedBy, v.ChangedAt = by.ChangedBy, by.ChangedAt
		return nil
	})
	if errs.Is(err, errs.Forbidden) {
		err = hide(err, "page")
	}
	return v, err
}
