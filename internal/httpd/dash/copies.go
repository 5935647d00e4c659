package dash

import (
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/internal/policy"
	"holdfast/internal/store/dbq"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

// What can be done with a copy, as its forms are told apart.
const (
	actProtect   = "protection"
	actUnprotect = "protection/end"
	actPin       = "pin"
	actUnpin     = "pin/end"
	actHold      = "hold"
	actRelease   = "hold/end"
	actTakeBack  = "recovery"
)

func copyPath(c id.Copy, act string) string { return "/copies/" + c.String() + "/" + act }

func (s sitePage) copies(kind backup.Kind) dash.CopyGroup {
	g := dash.CopyGroup{ID: string(kind), Kind: kindWord(kind) + " copies", Counted: "Files"}
	if kind == backup.Database {
		g.Counted = "Rows"
	}
	var n, stored int64
	for i := range s.Copies {
		c := &s.Copies[i]
		j := s.judged[c.ID.String()]
		if c.Kind != kind || c.State == catalog.Gone || c.State == catalog.Deleting || j != nil && !j.BinnedAt.IsZero() {
			continue
		}
		n, stored = n+1, stored+c.StoredBytes
		if len(g.Copies) < copiesShown {
			g.Copies = append(g.Copies, s.copyRow(c, j))
		}
	}
	switch {
	case n > 0:
		g.Hint = words.Many(n, "copy", "copies") + " · " + words.Bytes(stored) + " stored"
		if n > copiesShown {
			g.Hint += " · the newest " + words.Count(copiesShown) + " are listed"
		}
	case s.open[kind] != nil:
		g.Empty = "The first one is on its way. It appears here once it is complete in storage."
	default:
		g.Empty = "None was taken yet, so nothing of this kind could come back."
	}
	return g
}

func (s sitePage) copyRow(c *dbq.CopiesOfSiteRow, j *app.Judged) dash.CopyRow {
	row := dash.CopyRow{
		Taken: dated(s.now, c.TakenAt, s.zone), State: ui.Good, Count: number(c.Files, "file", "files"),
		Size: size(c.Bytes), Stored: size(c.StoredBytes), Sealed: c.SealedName != "", ID: "copy-" + c.ID.String(),
	}
	if c.Kind == backup.Database {
		row.Count = ui.Amount{Words: words.Count(c.RowTotal), Exact: words.Many(c.RowTotal, "row", "rows") + " in " + words.Many(int64(c.TableTotal), "table", "tables")}
	}
	switch c.State {
	case catalog.Good, catalog.Gone, catalog.Deleting:
		if c.VerifiedAt != nil {
			row.Note = "read back " + words.Ago(s.now, *c.VerifiedAt)
		}
	case catalog.Incomplete:
		row.State, row.Note = ui.Incomplete, copyNote(*c)
	case catalog.Damaged:
		row.State, row.Word, row.Note = ui.Failed, "damaged", "it will not be used"
	}
	row.Truth = s.copyTruth(c)
	if j == nil {
		return row
	}
	row.Tiers, row.Why, row.Keep = figure.Tiers(*j), s.whyKept(c.Kind, j), s.keep(c)
	row.Acts = s.acts(c)
	return row
}

// keep is what holds a copy beyond its rules.
func (s sitePage) keep(c *dbq.CopiesOfSiteRow) dash.Keeping {
	k := dash.Keeping{Pinned: c.Pinned, Held: c.LegalHold}
	if c.ProtectedUntil != nil && c.ProtectedUntil.After(s.now) {
		k.Protected, k.ProtectedWhy = dated(s.now, *c.ProtectedUntil, s.zone), c.ProtectedWhy
	}
	if c.InUse {
		k.InUse = "a restore, a drill or a mirror reads it now"
	}
	return k
}

// whyKept says which rules keep a copy, and what else does that is not on the
// copy itself.
func (s sitePage) whyKept(kind backup.Kind, j *app.Judged) []string {
	var out []string
	var parts []string
	for _, r := range s.Policy.Policy.Rules {
		if r.Kind == kind && slices.Contains(j.Tiers, r.Tier) {
			parts = append(parts, "the "+strconv.Itoa(r.Keep)+" newest "+string(r.Tier))
		}
	}
	if len(parts) > 0 {
		out = append(out, "One of "+words.List(parts...)+" copies.")
	}
	for _, r := range j.Reasons {
		switch r {
		case policy.ByInitial:
			out = append(out, "The first copy: it stays until there is a daily one.")
		case policy.ByLast:
			out = append(out, "No newer good copy is there, so this one stays.")
		case policy.ByFuture:
			out = append(out, "Its date lies in the future, so nothing is decided by it.")
		case policy.ByClock:
			out = append(out, "It would go, but the clock jumped and dates cannot be trusted.")
		case policy.ByTamper:
			out = append(out, "It stays while the tamper alarm is on.")
		case policy.ByDamage:
			out = append(out, "It stays while what lies beside it in the storage is damaged.")
		case policy.ByHold:
			if j.Row.LegalHold == "" {
				out = append(out, "It stays while the legal hold on this site is on.")
			}
		case policy.ByRule, policy.ByProtection, policy.ByPin, policy.ByUse:
		}
	}
	if len(out) == 0 && len(j.Reasons) == 0 {
		out = append(out, "No rule keeps it any more; it goes to the bin next.")
	}
	return out
}

// acts are what whoever looks may do with a copy.
func (s sitePage) acts(c *dbq.CopiesOfSiteRow) *dash.CopyActs {
	a := &dash.CopyActs{ID: strings.ReplaceAll(c.ID.String(), "-", "")}
	about := "of the " + copyWord(c.Kind) + " of " + words.Day(s.now, c.TakenAt, s.zone)
	protected := c.ProtectedUntil != nil && c.ProtectedUntil.After(s.now)
	if s.may(authz.ProtectCopy) && c.State.Usable() {
		a.Protect = &dash.ProtectForm{Action: copyPath(c.ID, actProtect), Days: dash.Field{Value: strconv.Itoa(app.ProtectDays)}}
		if protected {
			a.Protect.Why = "It replaces the date until which the copy is protected now."
		}
		s.refused.protect(c.ID.String()+actProtect, a.Protect)
	}
	if s.may(authz.KeepCopy) {
		if protected {
			a.Unprotect = &dash.Act{Action: copyPath(c.ID, actUnprotect), Label: "End its protection", About: about}
		}
		if c.Pinned != "" {
			a.Unpin = &dash.Act{Action: copyPath(c.ID, actUnpin), Label: "Unpin", About: about}
		} else {
			a.Pin = &dash.PinForm{Action: copyPath(c.ID, actPin)}
			s.refused.reason(c.ID.String()+actPin, a.Pin)
		}
	}
	if s.may(authz.HoldCopies) {
		if c.LegalHold != "" {
			a.Release = &dash.Act{Action: copyPath(c.ID, actRelease), Label: "Lift its legal hold", About: about}
		} else {
			a.Hold = &dash.PinForm{Action: copyPath(c.ID, actHold)}
			s.refused.reason(c.ID.String()+actHold, a.Hold)
		}
	}
	return a
}

func (s sitePage) may(action authz.Action) bool { return may(s.person, action, s.Site.TenantID) }

// bin is what waits a day before it is deleted, and what is being deleted.
func (s sitePage) bin() *dash.BinProps {
	p := &dash.BinProps{Empty: "Nothing waits to be deleted."}
	var n, stored int64
	for i := range s.Copies {
		c := &s.Copies[i]
		j := s.judged[c.ID.String()]
		going := c.State == catalog.Deleting
		if !going && (j == nil || j.BinnedAt.IsZero()) {
			continue
		}
		n, stored = n+1, stored+c.StoredBytes
		p.Rows = append(p.Rows, s.binRow(c, j, going))
	}
	if n > 0 {
		p.Hint = words.Many(n, "copy", "copies") + " · at most " + words.Bytes(stored) + " come free"
		p.Note = "What you take back is protected for " + strconv.Itoa(app.ProtectDays) + " days, for no rule keeps it."
		if !s.may(authz.KeepCopy) {
			p.Note = "If you need one of these, ask us before its time: we can take it back."
		}
	}
	return p
}

func (s sitePage) binRow(c *dbq.CopiesOfSiteRow, j *app.Judged, going bool) dash.BinRow {
	row := dash.BinRow{Kind: kindWord(c.Kind), Taken: dated(s.now, c.TakenAt, s.zone), Stored: size(c.StoredBytes)}
	if c.BinnedAt != nil {
		row.Since = when(s.now, *c.BinnedAt, s.zone)
	}
	if going {
		row.Why, row.After = "No rule keeps it.", ui.When{Words: "being deleted now"}
		return row
	}
	row.After = when(s.now, j.DeletedAt, s.zone)
	if !j.DeletedAt.After(s.now) {
		row.After.Words = "at the next look"
	}
	var served, newer []string
	for _, t := range j.Copy.Tiers {
		served = append(served, string(t.Tier)+" of "+wall(t.Slot).Format("2 Jan"))
		for _, r := range s.Policy.Policy.Rules {
			if r.Kind == c.Kind && r.Tier == t.Tier {
				newer = append(newer, strconv.Itoa(r.Keep)+" newer copies serve the "+string(r.Tier)+" rule")
			}
		}
	}
	row.Served = words.List(served...)
	row.Why = "Its protection ended, and no rule keeps it."
	switch {
	case c.State == catalog.Damaged:
		row.Why = "It is damaged, and newer good copies are there."
	case c.State == catalog.Incomplete:
		row.Why = "It lacks something, and newer good copies are there."
	case len(newer) > 0:
		row.Why = words.Capital(words.List(newer...)) + "."
	case len(served) == 0 && c.ProtectedUntil == nil:
		row.Why = "It served no rule, and newer good copies are there."
	}
	if s.may(authz.KeepCopy) {
		row.Back = &dash.Act{Action: copyPath(c.ID, actTakeBack), Label: "Take back", About: "the " + copyWord(c.Kind) + " of " + words.Day(s.now, c.TakenAt, s.zone)}
		if c.State == catalog.Damaged {
			row.Back.Off, row.Back.Why = true, "It is damaged; nothing could come back from it."
		}
	}
	return row
}

// judgedOf is every copy with what retention says of it, by its id.
func judgedOf(all []app.Keeping) map[string]*app.Judged {
	out := map[string]*app.Judged{}
	for _, k := range all {
		for i := range k.Copies {
			out[k.Copies[i].Copy.ID] = &k.Copies[i]
		}
	}
	return out
}
