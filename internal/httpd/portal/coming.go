package portal

import (
	"cmp"
	"slices"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/httpd/words"
	"holdfast/internal/store/dbq"
	"holdfast/web/portal"
	"holdfast/web/ui"
)

const (
	news      = time.Hour       // for how long it is said that a copy is there
	silence   = time.Minute     // after which nobody is known to work on a run
	oneWish   = 2 * time.Minute // runs that were asked for no further apart belong together
	pairApart = 12 * time.Hour  // copies kept for the same reason no further apart belong together
)

// wished are the runs of the newest wish to keep a copy, by kind: those that
// are to be protected, and were asked for together.
func (s view) wished() []*dbq.Run {
	var out []*dbq.Run
	newest := time.Time{}
	for _, kind := range backup.Kinds() {
		for i := range s.Runs {
			if r := &s.Runs[i]; r.Kind == kind && r.ProtectDays > 0 && r.State != backup.Cancelled {
				out = append(out, r)
				if r.CreatedAt.After(newest) {
					newest = r.CreatedAt
				}
				break
			}
		}
	}
	// A run that was on its way already may be older, but it is still open or
	// ended after the wish.
	return slices.DeleteFunc(out, func(r *dbq.Run) bool {
		return !r.State.Open() && r.FinishedAt != nil && r.FinishedAt.Before(newest.Add(-oneWish))
	})
}

// coming is the copy that was asked for: on its way, or just ended.
func (s view) coming() *portal.Coming {
	runs := s.wished()
	open, failed, lacks := 0, 0, 0
	var ended time.Time
	for _, r := range runs {
		switch {
		case r.State.Open():
			open++
		case r.State == backup.Failed:
			failed++
		case r.State == backup.Incomplete:
			lacks++
		}
		if r.FinishedAt != nil && r.FinishedAt.After(ended) {
			ended = *r.FinishedAt
		}
	}
	if len(runs) == 0 || open == 0 && s.now.Sub(ended) > news {
		return nil
	}
	c := &portal.Coming{}
	for _, r := range runs {
		c.Parts = append(c.Parts, s.part(r))
	}
	stays := "It stays for " + words.Many(int64(runs[0].ProtectDays), "day", "days")
	if until := s.keptUntil(runs); !until.IsZero() {
		stays = "It stays until " + until.In(s.zone).Format("Mon 2 Jan 2006")
	}
	switch {
	case failed > 0:
		c.State, c.Title = ui.Failed, "The copy could not be taken whole: wait with your change"
		c.Text = "Nothing on your site changed. Our staff see it too. Press the button to try once more, or ask us."
	case open > 0:
		c.State, c.Title = ui.Running, "A copy is on its way: wait with your change"
		c.Text = stays + ". You may close this page; it goes on without you."
	case lacks > 0:
		c.State, c.Title = ui.Incomplete, "The copy is there, but lacks something"
		c.Text = "What it lacks stands above. " + stays + "."
	default:
		c.State, c.Title = ui.Good, "The copy is there: you can begin"
		c.Text = stays + ". If something goes wrong, ask us, and your site comes back as it was."
	}
	return c
}

// keptUntil is until when the copies of the runs stay; zero while none is
// there.
func (s view) keptUntil(runs []*dbq.Run) time.Time {
	var until time.Time
	for _, r := range runs {
		if c := s.made[r.ID.String()]; c != nil && c.ProtectedUntil != nil && (until.IsZero() || c.ProtectedUntil.Before(until)) {
			until = *c.ProtectedUntil
		}
	}
	return until
}

// part says how far one kind is.
func (s view) part(r *dbq.Run) portal.ComingPart {
	x := portal.ComingPart{Name: what(r.Kind)}
	switch r.State {
	case backup.Planned, backup.Queued:
		x.State, x.Text = ui.Waiting, "waits for its turn"
		if r.Error != "" {
			x.State, x.Text = ui.Late, "did not succeed at first; it is tried again by itself"
		}
	case backup.Leased:
		s.moving(r, &x)
	case backup.Good:
		x.State, x.Text = ui.Good, "there"+s.since(r)
	case backup.Incomplete:
		x.State, x.Text = ui.Incomplete, "there"+s.since(r)+", but something could not be read"
	case backup.Failed:
		x.State, x.Text = ui.Failed, "could not be taken"
	case backup.Cancelled:
		x.State, x.Text = ui.Cancelled, "was stopped"
	}
	return x
}

func (s view) since(r *dbq.Run) string {
	if r.FinishedAt == nil {
		return ""
	}
	return " since " + r.FinishedAt.In(s.zone).Format("15:04")
}

// moving words a run that is at work.
func (s view) moving(r *dbq.Run, x *portal.ComingPart) {
	heard := r.CreatedAt
	for _, t := range []*time.Time{r.LeasedAt, r.LastProgressAt} {
		if t != nil && t.After(heard) {
			heard = *t
		}
	}
	if quiet := s.now.Sub(heard); quiet > silence {
		x.State, x.Text = ui.Unreachable, "no news for "+words.Span(quiet)+"; it goes on by itself"
		return
	}
	x.State, x.Text = ui.Running, "is being taken"
	x.Progress = figure.Progress(what(r.Kind)+" of "+s.Site.Name, r.Progress, r.StartedAt, s.now)
}

// protected are the copies that stay until their date, newest first: a
// database and the files that were kept with it on one line.
func (s view) protected() []portal.ProtectedRow {
	type kept struct {
		db, data *dbq.CopiesOfSiteRow
		at       time.Time
	}
	var all []kept
	used := map[*dbq.CopiesOfSiteRow]bool{}
	held := func(c *dbq.CopiesOfSiteRow) bool {
		return c.State.Usable() && c.ProtectedUntil != nil && c.ProtectedUntil.After(s.now)
	}
	for i := range s.Copies {
		db := &s.Copies[i]
		if db.Kind != backup.Database || !held(db) {
			continue
		}
		k := kept{db: db, at: db.TakenAt}
		for j := range s.Copies {
			c := &s.Copies[j]
			if c.Kind == backup.Data && held(c) && !used[c] && c.ProtectedWhy == db.ProtectedWhy && c.TakenAt.Sub(db.TakenAt).Abs() < pairApart &&
				(k.data == nil || c.TakenAt.Sub(db.TakenAt).Abs() < k.data.TakenAt.Sub(db.TakenAt).Abs()) {
				k.data = c
			}
		}
		used[k.data] = true
		all = append(all, k)
	}
	for i := range s.Copies {
		if c := &s.Copies[i]; c.Kind == backup.Data && held(c) && !used[c] {
			all = append(all, kept{data: c, at: c.TakenAt})
		}
	}
	slices.SortStableFunc(all, func(a, b kept) int { return cmp.Compare(b.at.UnixNano(), a.at.UnixNano()) })
	out := make([]portal.ProtectedRow, 0, len(all))
	for _, k := range all {
		row := portal.ProtectedRow{Taken: figure.Dated(s.now, k.at, s.zone), What: "database and files"}
		first := cmp.Or(k.db, k.data)
		until := *first.ProtectedUntil
		switch {
		case k.data == nil:
			row.What = "database"
		case k.db == nil:
			row.What = "files"
		case k.data.ProtectedUntil.Before(until):
			until = *k.data.ProtectedUntil
		}
		row.Until, row.Why = figure.Dated(s.now, until, s.zone), first.ProtectedWhy
		row.Until.Words = until.In(s.zone).Format("2 Jan 2006")
		out = append(out, row)
	}
	return out
}
