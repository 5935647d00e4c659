package dash

import (
	"context"
	"slices"
	"strings"

	"holdfast/internal/advisor"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// truths are what is known of a site and its copies beside what their rows say.
type truths struct {
	complete   map[id.Copy]app.Completeness
	facts      map[id.Copy]app.CopyFacts
	advice     app.Advice
	exclusions app.ExclusionsView
	verified   []app.Verified
	tamper     app.Tamper
	typed      *excludeTyped // of the form, where it was sent
}

// truthsOf looks them up.
func (d *Door) truthsOf(ctx context.Context, p app.Person, ref string) (t truths, err error) {
	all, err := d.app.Completeness(ctx, p.Actor, ref)
	if err != nil {
		return t, err
	}
	t.complete = make(map[id.Copy]app.Completeness, len(all))
	for _, c := range all {
		t.complete[c.Copy] = c
	}
	if t.facts, err = d.app.FactsOfCopies(ctx, p.Actor, ref); err != nil {
		return t, err
	}
	if t.advice, err = d.app.Advice(ctx, p.Actor, ref); err != nil {
		return t, err
	}
	if t.exclusions, err = d.app.Exclusions(ctx, p.Actor, ref); err != nil {
		return t, err
	}
	if t.verified, err = d.app.Verification(ctx, p.Actor, ref); err != nil {
		return t, err
	}
	t.tamper, err = d.app.TamperOf(ctx, p.Actor, ref)
	return t, err
}

func (s sitePage) reader() figure.Reader {
	if isStaff(s.person) {
		return figure.Staff
	}
	return figure.Customer
}

// truth adds what is true of the site and its copies.
func (s sitePage) truth(p *dash.SiteProps, self string) {
	p.Advice = figure.Advice(s.truths.advice, s.now, s.zone, s.reader())
	p.Looked = s.looked()
	if s.may(authz.RepairCopies) && slices.ContainsFunc(s.truths.verified, func(v app.Verified) bool { return v.State.Stops() }) {
		p.Looked.Lost = &dash.PinForm{
			Action: self + "/" + formLost,
			Why:    "Only when it is clear that neither the site nor another copy has it. Old copies are deleted again as the policy says, the damaged ones too; until then none is.",
		}
		s.refused.reason(formLost, p.Looked.Lost)
	}
	s.excluded(p)
	if s.may(authz.ManageSites) {
		p.Exclude = s.excludeForm(self)
	}
}

// copyTruth is what a copy holds and saw; nil where nothing is known.
func (s sitePage) copyTruth(c *dbq.CopiesOfSiteRow) *dash.CopyTruth {
	t := &dash.CopyTruth{}
	if x, ok := s.truths.complete[c.ID]; ok {
		t.Files = figure.Files(x, s.reader())
	}
	if x, ok := s.truths.facts[c.ID]; ok && isStaff(s.person) {
		t.Facts = figure.CopyFacts(x)
	}
	if t.Files == nil && len(t.Facts) == 0 {
		return nil
	}
	return t
}

// looked says how what is stored was read again.
func (s sitePage) looked() *dash.LookedAgain {
	out := &dash.LookedAgain{Empty: "Nothing is stored of this site yet."}
	for _, v := range s.truths.verified {
		r := dash.LookedRow{Kind: kindWord(v.Kind), State: ui.Good, Word: "sound"}
		if !v.ScannedAt.IsZero() {
			r.Whole = when(s.now, v.ScannedAt, s.zone)
		}
		if v.Copies > 0 {
			r.Proven = words.Many(v.Proven, "copy", "copies") + " of " + words.Count(v.Copies) + " were read to the last byte since they were taken"
		}
		if !v.NextScan.IsZero() && v.NextScan.After(s.now) {
			r.Next = when(s.now, v.NextScan, s.zone)
		}
		switch {
		case v.State == app.Acknowledged:
			r.State, r.Word, r.Note = ui.None, "lost in part, known", v.Damage
		case v.State != app.Sound:
			r.State, r.Word, r.Note = ui.Failed, map[app.DamageState]string{app.DamageFound: "damage found", app.Healing: "being mended", app.Proving: "mended, being proven", app.Lost: "lost in part"}[v.State], v.Damage
		case v.Overdue:
			r.State, r.Word, r.Note = ui.Late, "late", "It was not read whole for more than "+words.Span(app.VerifyWithin)+". "+v.Trouble
		case v.AtWork:
			r.State, r.Word = ui.Running, "being read"
		case v.ScannedAt.IsZero() && v.SampledAt.IsZero():
			r.State, r.Word = ui.None, "not yet"
		case v.ScannedAt.IsZero():
			r.Word = "sound so far"
			r.Note = "The first reading of every byte that is stored is still to come."
			if v.Proven < v.Copies {
				r.Note = "New copies were sampled, which is to say read in part, as they came; the first reading of every byte is still to come."
			}
		}
		if r.Note != "" {
			r.Note = words.Stop(words.Capital(strings.TrimSpace(r.Note)))
		}
		out.Rows = append(out.Rows, r)
	}
	return out
}

// excluded lists what the newest data copy left out beside the one before.
func (s sitePage) excluded(p *dash.SiteProps) {
	x := s.truths.exclusions
	if x.Newest.TakenAt.IsZero() {
		return
	}
	p.ExcludedAs = "as of the data copy of " + words.Day(s.now, x.Newest.TakenAt, s.zone)
	p.ExcludedBefore = !x.Before.TakenAt.IsZero()
	if p.ExcludedBefore {
		p.ExcludedAs += ", before: " + words.Day(s.now, x.Before.TakenAt, s.zone)
	}
	warnings := s.truths.facts[x.Newest.Copy].Facts.Warnings
	for _, f := range x.Newest.Folders {
		row := dash.ExcludedRow{Path: f.Path, Why: s.whyLeftOut(f.Path), Files: number(f.Files, "file", "files"), Bytes: size(f.Bytes), Unusual: unusual(f, warnings)}
		if was, ok := x.Before.Folder(f.Path); ok {
			row.Before = ui.Amount{Words: words.Bytes(was.Bytes), Exact: words.Many(was.Files, "file", "files") + ", " + words.ExactBytes(was.Bytes)}
		}
		p.Excluded = append(p.Excluded, row)
	}
	for _, was := range x.Before.Folders {
		if _, still := x.Newest.Folder(was.Path); !still {
			p.Excluded = append(p.Excluded, dash.ExcludedRow{
				Path: was.Path, Why: "in copies now, or gone from the site",
				Before: ui.Amount{Words: words.Bytes(was.Bytes), Exact: words.Many(was.Files, "file", "files") + ", " + words.ExactBytes(was.Bytes)},
			})
		}
	}
}

// whyLeftOut is why a folder is left out; the site's own choice goes first.
func (s sitePage) whyLeftOut(path string) string {
	if slices.Contains(s.truths.exclusions.Exact.Dropped(), path) {
		return "this site leaves it out besides"
	}
	return figure.WhyLeftOut(path)
}

// unusual is what the host's agent found worth a look at a folder that is left
// out: its sentences begin with the folder's name.
func unusual(f advisor.Folder, warnings []string) string {
	var out []string
	for _, w := range warnings {
		if strings.HasPrefix(w, f.Path+" ") {
			out = append(out, w)
		}
	}
	if len(out) == 0 && figure.HoldsCourseBackups(f.Path) && f.Files > 0 {
		return "It holds " + words.Many(f.Files, "file", "files") + ": course backups may be among them."
	}
	return strings.Join(out, " ")
}

// aboutLeftOut tells whether a warning is about a folder that is left out.
func (s sitePage) aboutLeftOut(warning string) bool {
	return slices.ContainsFunc(s.truths.exclusions.Newest.Folders, func(f advisor.Folder) bool { return strings.HasPrefix(warning, f.Path+" ") })
}

const evidenceShown = 30 // points of a tamper alarm

// alarmWords says why the tamper alarm is on, and since when.
func (s sitePage) alarmWords() string {
	out := words.Stop(words.Capital(s.Site.TamperAlarm))
	if since := s.truths.tamper.Since; !since.IsZero() {
		out += " It was raised " + words.Ago(s.now, since) + ", on " + words.Day(s.now, since, s.zone) + "."
	}
	return out + " Whatever is needed to undo it stays in storage."
}

// evidence is what speaks for the tamper alarm, and the form that clears it.
func (s sitePage) evidence(self string) *dash.Evidence {
	all := s.truths.tamper.Evidence
	e := &dash.Evidence{Points: slices.Clone(all[:min(len(all), evidenceShown)])}
	if more := int64(len(all) - len(e.Points)); more > 0 {
		e.Points = append(e.Points, "and "+words.Count(more)+" more")
	}
	if !s.may(authz.ClearAlarms) {
		return e
	}
	e.Safe = "The newest good copies from before it are protected, and new copies are still taken. Look at the files above on the host; if this was meant, say why and clear the alarm."
	e.Clear = &dash.PinForm{Action: self + "/" + formAllClear, Why: "Copies that no rule keeps go to the bin again; those from before stay protected for now."}
	s.refused.reason(formAllClear, e.Clear)
	return e
}
