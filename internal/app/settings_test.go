package app_test

import (
	"errors"
	"strings"
	"testing"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/tenant"
)

func TestSettings_TheDefaultsAreGoodAndNothingIsStored(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, err := r.Settings(t.Context())
	if err != nil || s.Version != 0 || s.Check() != nil || !s.SecondApproval || s.ReminderDays != 3 || s.AutoCloseDays != 7 {
		t.Fatalf("%+v, %v, %v", s, err, s.Check())
	}
}

func TestSettings_EachWrongValueIsNamed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	good, err := r.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*app.Settings){
		"hoster_name":     func(s *app.Settings) { s.HosterName = "two\nlines" },
		"support_email":   func(s *app.Settings) { s.SupportEmail = "nobody" },
		"session_hours":   func(s *app.Settings) { s.SessionHours = 0 },
		"business_zone":   func(s *app.Settings) { s.BusinessZone = "Europe/Nowhere" },
		"reminder_days":   func(s *app.Settings) { s.ReminderDays = 0 },
		"auto_close_days": func(s *app.Settings) { s.AutoCloseDays = s.ReminderDays },
		"language":        func(s *app.Settings) { s.Language = "xx" },
		"business_hours":  func(s *app.Settings) { s.BusinessHours = map[string][]string{"someday": {"09:00-17:00"}} },
		"hours_mon":       func(s *app.Settings) { s.BusinessHours = nil },
		"hours_tue":       func(s *app.Settings) { s.BusinessHours = map[string][]string{"tue": {"09:00-13:00", "12:00-18:00"}} },
		"hours_wed":       func(s *app.Settings) { s.BusinessHours = map[string][]string{"wed": {"17:00-09:00"}} },
		"hours_thu":       func(s *app.Settings) { s.BusinessHours = map[string][]string{"thu": {"9-17"}} },
	} {
		s := good
		change(&s)
		var e *errs.Error
		if err := r.ChangeSettings(t.Context(), authz.Console(), s); !errors.As(err, &e) || e.Kind != errs.Invalid || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if s, err := r.Settings(t.Context()); err != nil || s.Version != 0 {
		t.Errorf("a refused value was stored: %+v, %v", s, err)
	}
}

func TestSettings_AreInForceAtOnceAndOnRecord(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	s := r.Known(ctx) // as a page would have read it a moment ago
	s.HosterName, s.SupportEmail, s.SessionHours, s.StaffSecondFactor = "Brightside Hosting", "support@brightside.example", 8, true
	s.BusinessHours = map[string][]string{"mon": {"09:00-13:00", "15:00-24:00"}}
	if err := r.ChangeSettings(ctx, authz.Console(), s); err != nil {
		t.Fatal(err)
	}
	now := r.Known(ctx)
	if now.Version != 1 || now.HosterName != s.HosterName || now.BusinessHours["mon"][1] != "15:00-24:00" || r.Product() != s.HosterName || !r.StaffSecondFactor(ctx) {
		t.Fatalf("in force: %+v, called %s", now, r.Product())
	}
	v, err := r.LookAtSettings(ctx, authz.Console())
	if err != nil || v.ChangedBy != "cli" || v.ChangedAt.IsZero() {
		t.Fatalf("%+v, %v", v, err)
	}
	page, err := r.Audit(ctx, authz.Console(), app.AuditQuery{Verb: "settings.changed"})
	if err != nil || len(page.Events) != 1 || !strings.Contains(string(page.Events[0].Detail), "hoster_name") || strings.Contains(string(page.Events[0].Detail), "second_approval") {
		t.Fatalf("%+v, %v", page, err)
	}
}

// Two people who had the page open: the second is told, and nothing of theirs
// is saved over what they have not seen.
func TestSettings_AChangeThatWasNotSeenIsNotOverwritten(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	first, err := r.Settings(ctx)
	if err != nil {
		t.Fatal(err)
	}
	second := first
	first.HosterName, second.HosterName = "First", "Second"
	if err := r.ChangeSettings(ctx, authz.Console(), first); err != nil {
		t.Fatal(err)
	}
	if err := r.ChangeSettings(ctx, authz.Console(), second); !errs.Is(err, errs.Conflict) {
		t.Fatalf("the second: %v", err)
	}
	if s, _ := r.Settings(ctx); s.HosterName != "First" || s.Version != 1 {
		t.Fatalf("%+v", s)
	}
}

func TestSettings_OnlyTheOwnerChangesThem(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, err := r.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range tenant.StaffRoles() {
		who := authz.Actor{Name: "staff:x", Staff: role}
		if _, err := r.LookAtSettings(t.Context(), who); err != nil {
			t.Errorf("%s may not see them: %v", role, err)
		}
		if err := r.ChangeSettings(t.Context(), who, s); role != tenant.Owner && !errs.Is(err, errs.Forbidden) {
			t.Errorf("%s: %v", role, err)
		}
	}
	if _, err := r.LookAtSettings(t.Context(), authz.Actor{Name: "customer:x"}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a customer: %v", err)
	}
}
