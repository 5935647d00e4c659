package app

import (
	"context"
	"encoding/json"
	"time"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// Settings is what the hoster has set for the whole installation. What was
// never stored is what the environment says, or the default.
type Settings struct {
	Version           int                 // 0: nothing was stored yet
	HosterName        string              // whose pages and mails customers see
	SupportEmail      string              // where customers write to; "" for none
	StaffSecondFactor bool                // staff must have a second factor
	SessionHours      int                 // for how long somebody stays signed in at most
	BusinessHours     map[string][]string // by weekday, mon to sun: spans like 09:00-17:00; none is closed
	BusinessZone      string              // an IANA zone, whose clock these hours and days follow
	SecondApproval    bool                // a restore in place waits for a second person of the staff
	ReminderDays      int                 // after how many days somebody is reminded to accept what was restored
	AutoCloseDays     int                 // after how many days without an answer it counts as accepted
	Language          string              // of customers who chose none, as BCP 47
}

// What is set where nothing was stored.
const (
	defaultSessionHours  = 12
	defaultReminderDays  = 3
	defaultAutoCloseDays = 7
	defaultLanguage      = "en"
)

// Weekdays are the keys of BusinessHours, in order.
func Weekdays() []string { return []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} }

func (a *App) defaultSettings() Settings {
	s := Settings{
		HosterName: a.people.Hoster, StaffSecondFactor: a.people.Rules.StaffSecondFactor, SessionHours: defaultSessionHours,
		BusinessHours: map[string][]string{}, BusinessZone: time.UTC.String(), SecondApproval: true,
		ReminderDays: defaultReminderDays, AutoCloseDays: defaultAutoCloseDays, Language: defaultLanguage,
	}
	if s.HosterName == "" {
		s.HosterName = a.Product()
	}
	for _, day := range Weekdays()[:5] {
		s.BusinessHours[day] = []string{"09:00-17:00"}
	}
	return s
}

// Settings gives what is in force now.
func (a *App) Settings(ctx context.Context) (s Settings, err error) {
	err = a.system(ctx, "settings", func(ctx context.Context, tx *store.Tx) error {
		s, err = a.settingsIn(ctx, tx)
		return err
	})
	return s, err
}

// settingsIn gives what is in force, within a transaction of any right.
func (a *App) settingsIn(ctx context.Context, tx *store.Tx) (Settings, error) {
	row, err := tx.Setting(ctx)
	if isNoRows(err) {
		return a.defaultSettings(), nil
	}
	if err != nil {
		return Settings{}, err
	}
	s := Settings{
		Version: int(row.Version), HosterName: row.HosterName, SupportEmail: row.SupportEmail, StaffSecondFactor: row.StaffSecondFactor,
		SessionHours: int(row.SessionHours), BusinessZone: row.BusinessZone, SecondApproval: row.SecondApproval,
		ReminderDays: int(row.ReminderDays), AutoCloseDays: int(row.AutoCloseDays), Language: row.Language,
	}
	if err := json.Unmarshal(row.BusinessHours, &s.BusinessHours); err != nil {
		return Settings{}, errs.Wrap(errs.Other, err, "The stored business hours cannot be read.")
	}
	return s, nil
}

// ChangeSettings stores all settings. s.Version is the one that the person
// was shown: where somebody else changed them since, it is errs.Conflict. A
// value that is no good is errs.Invalid and names its field.
func (a *App) ChangeSettings(ctx context.Context, who authz.Actor, s Settings) error {
	if err := s.Check(); err != nil {
		return err
	}
	hours, err := json.Marshal(s.BusinessHours)
	if err != nil {
		return err
	}
	defer a.known.Store(nil)
	return a.do(ctx, who, authz.ChangeSettings, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		was, err := a.settingsIn(ctx, tx)
		if err != nil {
			return err
		}
		changed := was.differs(s)
		if len(changed) == 0 && was.Version > 0 && was.Version == s.Version {
			return nil
		}
		n, err := tx.SaveSetting(ctx, dbq.SaveSettingParams{
			Was: int32(s.Version), HosterName: s.HosterName, SupportEmail: s.SupportEmail, StaffSecondFactor: s.StaffSecondFactor, //nolint:gosec // counted up from 1
			SessionHours: int32(s.SessionHours), BusinessHours: hours, BusinessZone: s.BusinessZone, SecondApproval: s.SecondApproval, //nolint:gosec // checked
			ReminderDays: int32(s.ReminderDays), AutoCloseDays: int32(s.AutoCloseDays), Language: s.Language, ChangedBy: tx.Actor(), Now: tx.Now, //nolint:gosec // checked
		})
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.New(errs.Conflict, "Somebody else changed the settings since this page was opened. Nothing of yours was saved; look at theirs first.")
		}
		return tx.Event(ctx, "settings.changed", store.Subject{Kind: "settings"}, map[string]any{"version": s.Version + 1, "changed": changed})
	})
}
