package dash

import (
	"context"
	"slices"
	"strconv"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/policy"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// promise adds what the policy has to say about the site.
func (s sitePage) promise(p *dash.SiteProps) {
	self := sitePath(s.Site.ID)
	p.Brakes, p.RPO, p.Kept, p.Calendar, p.Ruler, p.Bin = s.brakes(self), s.rpo(), s.keptProps(), s.calendarProps(), s.howFarBack(), s.bin()
	p.Policy = s.policyCard(self)
	p.Events = s.timeline()
	if s.may(authz.StartBackup) {
		p.Protect = &dash.ProtectForm{
			Action: self + "/" + formBackup, Days: dash.Field{Value: strconv.Itoa(app.ProtectDays)}, Kinds: backupKinds(),
			Why: "A copy is taken now, and kept beside those of the policy until its date.",
		}
		s.refused.protect(formProtect, p.Protect)
		if s.Site.State != dbq.SiteStateActive {
			p.Protect.Off, p.Protect.Why = true, s.offBecause()
		}
	}
}

func (s sitePage) offBecause() string {
	return "This site is " + string(s.Site.State) + "; it takes no backups."
}

func (s sitePage) policyCard(self string) *dash.SitePolicy {
	p := &dash.SitePolicy{Name: s.Policy.Name, Version: versionWord(s.Policy.Version), Words: policyLine(s.Policy.Policy)}
	if may(s.person, authz.ViewPolicies, id.Tenant{}) {
		p.Href = policyPath(s.Policy.Name)
	}
	p.Window = "Scheduled backups start " + s.Policy.Policy.Hours.Words() + "."
	if may(s.person, authz.ManageTenant, id.Tenant{}) {
		p.WindowHref = dash.WindowPath(s.Site.TenantSlug)
	}
	if len(s.policies) > 0 {
		p.Assign = &dash.AssignForm{Action: self + "/policy", Site: dash.Field{Value: s.Site.Name}, Why: "Shows first what it would change; nothing is changed by that."}
		for _, name := range s.policies {
			p.Assign.Choices = append(p.Assign.Choices, ui.Choice{Value: name, Label: name})
		}
	}
	if s.may(authz.HoldCopies) && s.Site.LegalHold == "" {
		p.Hold = &dash.PinForm{Action: self + "/" + formHold}
		s.refused.reason(formHold, p.Hold)
	}
	if s.may(authz.ManageSites) {
		if s.Site.State == dbq.SiteStateSuspended {
			p.Resume = &dash.Act{Action: self + "/" + formResume, Label: "Resume its backups"}
		} else {
			p.Suspend = &dash.PinForm{Action: self + "/" + formSuspend, Why: "Copies that are there stay as the policy says."}
			s.refused.reason(formSuspend, p.Suspend)
		}
	}
	return p
}

// furnish looks up what the page needs besides the site: who did what, and
// which policies it may be given.
func (d *Door) furnish(ctx context.Context, s *sitePage) (err error) {
	if s.truths, err = d.truthsOf(ctx, s.person, s.Site.ID.String()); err != nil {
		return err
	}
	if s.names, err = d.namesOf(ctx, s.person, s.Events); err != nil || !may(s.person, authz.EditPolicies, id.Tenant{}) {
		return err
	}
	all, err := d.app.PolicyNames(ctx, s.person.Actor)
	s.policies = slices.DeleteFunc(all, func(name string) bool { return name == s.Policy.Name })
	return err
}

// brakes say why nothing of the site is deleted.
func (s sitePage) brakes(self string) []dash.Brake {
	var out []dash.Brake
	if s.Policy.Alarms.Tamper {
		out = append(out, dash.Brake{State: ui.Failed, Title: "Nothing of this site is being deleted: tamper alarm", Detail: s.alarmWords(), Proof: s.evidence(self)})
	}
	if s.Policy.Alarms.LegalHold {
		b := dash.Brake{State: ui.Late, Title: "Nothing of this site is being deleted: legal hold", Detail: words.Stop(words.Capital(s.Site.LegalHold))}
		if s.may(authz.HoldCopies) {
			b.Act = &dash.Act{Action: self + "/" + formRelease, Label: "Lift the legal hold"}
		}
		out = append(out, b)
	}
	if s.Policy.Alarms.ClockJumped {
		out = append(out, dash.Brake{State: ui.Late, Title: "Nothing is being deleted anywhere: a clock jumped", Detail: "Dates cannot be trusted until it has run steadily for a day, so every copy stays until then."})
	}
	return out
}

// rpo says how new the newest good copies are, and what is owed.
func (s sitePage) rpo() []dash.RPOLine {
	var out []dash.RPOLine
	for _, k := range s.Keeping {
		st := k.Standing
		l := dash.RPOLine{Kind: kindWord(k.Kind), State: ui.Good, Word: "on time", Most: s.most(k.Kind), Owed: s.owed(st)}
		if st.NewestGood.IsZero() {
			l.State, l.Word = ui.None, "none yet"
			l.Owed = "the first copy"
		} else {
			l.Age = when(s.now, st.NewestGood, s.zone)
			l.Age.Words = words.Span(s.now.Sub(st.NewestGood)) + " old"
		}
		if st.Late {
			l.State, l.Word = ui.Late, "late since "+s.clockOrDay(st.LateAt)
		}
		s.next(k, &l)
		out = append(out, l)
	}
	return out
}

// next says when the next run starts, or why none does.
func (s sitePage) next(k app.Keeping, l *dash.RPOLine) {
	start := k.Schedule.StartAt
	switch {
	case s.Site.State != dbq.SiteStateActive:
		l.State, l.Word = ui.None, string(s.Site.State)
		l.Why = "The site is " + string(s.Site.State) + ": no copy is taken until it is resumed."
	case s.open[k.Kind] != nil && s.open[k.Kind].State == backup.Leased:
		l.Why = "The next copy is being taken now."
	case s.open[k.Kind] != nil:
		l.Why = "The next copy waits for its host. It starts by itself."
	case start == nil:
		l.Why = "When the next copy starts is being worked out."
	case !start.After(s.now):
		l.Why = "The next copy starts as soon as its host is free."
	default:
		l.Next = when(s.now, *start, s.zone)
		l.Next.Words += ", " + s.clockOrDay(*start)
	}
	if k.Schedule.Failures > 0 {
		if l.Why != "" {
			l.Why += " "
		}
		l.Why += "The last " + words.Many(int64(k.Schedule.Failures), "run", "runs") + " failed."
	}
}

// clockOrDay is a time of day today, and a date otherwise.
func (s sitePage) clockOrDay(t time.Time) string {
	local, today := t.In(s.zone), s.now.In(s.zone)
	if local.YearDay() == today.YearDay() && local.Year() == today.Year() {
		return local.Format("15:04")
	}
	return words.Day(s.now, t, s.zone)
}

// most says what the policy promises of a kind.
func (s sitePage) most(kind backup.Kind) string {
	finest := time.Duration(0)
	for _, r := range s.Policy.Policy.Of(kind) {
		if d := r.Spacing(); finest == 0 || d < finest {
			finest = d
		}
	}
	return "a copy every " + longSpan(finest) + ", late " + longSpan(s.Policy.Policy.Window+s.Policy.Policy.Grace) + " after " + s.dueWord()
}

// dueWord is from when lateness counts.
func (s sitePage) dueWord() string {
	if s.Policy.Policy.Hours.Always() {
		return "it is due"
	}
	return "it is due and the backup window is open"
}

// longSpan writes a span that was chosen by hand: "24 h", "3 h 30 min", "7 d".
func longSpan(d time.Duration) string {
	if d >= 24*time.Hour && d < 48*time.Hour {
		return "24 h"
	}
	return words.Span(d)
}

// owed names the slots that wait for a copy.
func (s sitePage) owed(st policy.Standing) string {
	const named = 3
	var parts []string
	for i := len(st.Owed) - 1; i >= 0 && len(parts) < named; i-- {
		o := st.Owed[i]
		parts = append(parts, "the "+string(o.Tier)+" of "+s.slotName(o.Slot))
	}
	if more := int64(len(st.Owed) - named); more > 0 {
		parts = append(parts, words.Count(more)+" more")
	}
	return words.List(parts...)
}

// howFarBack answers how far back the site can go.
func (s sitePage) howFarBack() *dash.RulerProps {
	return figure.Past{SiteView: s.SiteView, At: s.now, Zone: s.zone, Asked: s.asked, Self: sitePath(s.Site.ID)}.Ruler()
}
