package dash

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/backup"
	"holdfast/internal/httpd/words"
	"holdfast/internal/policy"
	"holdfast/web/dash"
	"holdfast/web/ui"
)

const expireShown = 20 // of one kind, by name

// digestOf tells one preview from another: what is saved must be what was
// looked at.
func digestOf(name string, seen int32, p policy.Policy, sites ...string) string {
	body, err := json.Marshal(p)
	if err != nil {
		return "" // a policy that cannot be written is never saved either
	}
	h := sha256.New()
	for _, part := range append([]string{name, strconv.Itoa(int(seen)), string(body)}, sites...) {
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// preview words what a policy would do.
func (d *Door) preview(p policy.Policy, seen app.PolicyPreview, digest, save string) *dash.Preview {
	now := d.clock.Now()
	out := &dash.Preview{Digest: digest, Save: save, Now: size(seen.BytesNow)}
	out.State, out.Sentence = previewSentence(seen)
	for _, kind := range backup.Kinds() {
		out.Expire = append(out.Expire, previewExpire(kind, seen, now))
		steady := seen.Steady[kind]
		for _, r := range p.Of(kind) {
			then := r.Keep
			if seen.Sites == 1 && steady.Tiers != nil {
				then = steady.Tiers[r.Tier]
			}
			out.Full = append(out.Full, dash.PreviewFull{
				Kind: kindWord(kind), Tier: string(r.Tier), When: r.Schedule.Words(p.Night), Now: previewNow(seen, kind, r.Tier), Keep: words.Count(int64(then)),
				Reached: "after " + reach(time.Duration(r.Keep)*average(r)),
			})
		}
	}
	out.Runs = previewRuns(p, now)
	out.First = previewFirst(seen, now)
	out.Named = previewNamed(seen.Named)
	switch {
	case seen.Sites == 0:
		out.Now, out.Then = ui.Amount{}, ui.Amount{}
	case seen.BytesSteady > 0:
		out.Then = size(seen.BytesSteady)
		out.Basis = "what the copies of " + these(int64(seen.Sites)) + " added to the storage until now"
		if seen.SitesUnsized > 0 {
			out.Basis += "; " + words.Many(int64(seen.SitesUnsized), "site has", "sites have") + " too few copies to tell, so it is too low"
		}
	}
	return out
}

// previewNamed says what keeping the named files takes.
func previewNamed(n app.NamedCost) string {
	said := "They are not kept with the copies."
	if n.Kept {
		said = "They are kept with the copies."
	}
	if n.Copies == 0 {
		return said + " No copy has any yet, so what it takes is not known."
	}
	return said + " Until now " + words.Many(n.Copies, "copy has", "copies have") + " them, which added " + size(n.StoredBytes).Words + " to the storage."
}

func these(n int64) string {
	if n == 1 {
		return "this site"
	}
	return "these " + words.Count(n) + " sites"
}

// previewNow is what a rule would keep of one site's copies in 30 days.
func previewNow(seen app.PolicyPreview, kind backup.Kind, tier policy.Tier) string {
	if seen.Sites != 1 {
		return ""
	}
	return strconv.Itoa(seen.KeptIn30Days[kind].Tiers[tier])
}

func previewSentence(seen app.PolicyPreview) (ui.State, []ui.Phrase) {
	on := "On " + words.Many(seen.Total, "site", "sites")
	if seen.Looked < seen.Total {
		on = "On the first " + words.Count(seen.Looked) + " of " + words.Many(seen.Total, "site", "sites")
	}
	switch {
	case seen.Total == 0:
		return ui.Good, ui.Say(ui.Text("No site follows this policy, so saving it changes no copy."))
	case seen.Expires == 0:
		return ui.Good, ui.Say(ui.Text(on+" "), ui.Strong("no copy"), ui.Text(" would expire at once."))
	}
	wait := " would expire at once. They wait 24 hours in the bin, from where they can be taken back."
	if seen.Expires == 1 {
		wait = " would expire at once. It waits 24 hours in the bin, from where it can be taken back."
	}
	return ui.Late, ui.Say(ui.Text(on+" "), ui.Strong(words.Many(int64(seen.Expires), "copy", "copies")), ui.Text(wait))
}

func previewExpire(kind backup.Kind, seen app.PolicyPreview, now time.Time) dash.PreviewExpire {
	x := dash.PreviewExpire{Kind: kindWord(kind)}
	var n int64
	for _, e := range seen.Expire {
		if e.Kind != kind {
			continue
		}
		if n++; n <= expireShown {
			var tiers []string
			for _, t := range e.Tiers {
				tiers = append(tiers, string(t.Tier))
			}
			x.Copies = append(x.Copies, words.Day(now, e.TakenAt, time.UTC)+" UTC "+strings.Join(tiers, ", "))
		}
	}
	x.Count, x.None = words.Many(n, "copy", "copies"), n == 0
	if n == 0 {
		x.Count = "no copy"
	}
	if len(seen.Expire) < seen.Expires {
		x.Count += " of the first " + strconv.Itoa(len(seen.Expire))
	}
	if n > expireShown {
		x.More = "and " + words.Count(n-expireShown) + " more"
	}
	return x
}

// previewRuns are the runs of the next days by day, as a site would have them
// whose clock shows UTC: others have the same by their own clocks.
func previewRuns(p policy.Policy, now time.Time) []dash.PreviewRuns {
	first := now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	var out []dash.PreviewRuns
	most := 1
	all := map[backup.Kind][]map[time.Time][]string{}
	for _, kind := range backup.Kinds() {
		perDay := make([]map[time.Time][]string, policy.PreviewDays)
		for i := range perDay {
			from := first.AddDate(0, 0, i)
			perDay[i] = map[time.Time][]string{}
			for _, r := range p.Of(kind) {
				for _, o := range r.Between(time.UTC, from.Add(-1), from.AddDate(0, 0, 1).Add(-1)) {
					perDay[i][o.Due] = append(perDay[i][o.Due], string(r.Tier))
				}
			}
			most = max(most, len(perDay[i]))
		}
		all[kind] = perDay
	}
	for _, kind := range backup.Kinds() {
		row := dash.PreviewRuns{Kind: kindWord(kind)}
		total := 0
		for i, runs := range all[kind] {
			day := first.AddDate(0, 0, i)
			x := dash.PreviewDay{Label: day.Format("Mon 2 Jan"), Count: strconv.Itoa(len(runs)), Height: len(runs) * 1000 / most, Tiers: strings.Join(tiersOfDay(p, kind, runs), ", ")}
			if day.Weekday() == time.Monday {
				x.Tick = day.Format("2 Jan")
			}
			total += len(runs)
			row.Days = append(row.Days, x)
		}
		row.Total = words.Many(int64(total), "run", "runs") + " in " + strconv.Itoa(policy.PreviewDays) + " days, on each site"
		out = append(out, row)
	}
	return out
}

// tiersOfDay are the tiers that a day's runs serve, in the policy's order.
func tiersOfDay(p policy.Policy, kind backup.Kind, runs map[time.Time][]string) []string {
	there := map[string]bool{}
	for _, tiers := range runs {
		for _, t := range tiers {
			there[t] = true
		}
	}
	var out []string
	for _, r := range p.Of(kind) {
		if there[string(r.Tier)] {
			out = append(out, string(r.Tier))
		}
	}
	return out
}

func previewFirst(seen app.PolicyPreview, now time.Time) []dash.PreviewRun {
	var out []dash.PreviewRun
	for _, f := range seen.FirstRuns {
		var tiers []string
		for _, t := range f.Tiers {
			tiers = append(tiers, string(t.Tier))
		}
		if len(tiers) == 0 {
			tiers = []string{"the first copy"}
		}
		w := dated(now, f.Due, time.UTC)
		w.Words += " UTC"
		out = append(out, dash.PreviewRun{When: w, Kind: kindWord(f.Kind), Tiers: strings.Join(tiers, ", ")})
	}
	return out
}
