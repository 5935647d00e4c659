package policy

import (
	"slices"
	"time"

	"holdfast/internal/backup"
)

// PreviewDays is how far a preview looks ahead, in days.
const PreviewDays = 30

// previewRuns is how many of the first runs a preview names.
const previewRuns = 10

// SizedCopy is a copy with what it weighs.
type SizedCopy struct {
	Copy
	Bytes       int64 // what a restore writes
	StoredBytes int64 // what it added to the storage when it was taken
}

// PreviewInput is what a site's preview of a policy follows from.
type PreviewInput struct {
	Policy     Policy // the new one
	Was        Policy // the one of today; without rules: the site has none
	Zone       *time.Location
	States     map[backup.Kind]State // under the one of today
	Registered time.Time
	Copies     map[backup.Kind][]SizedCopy // that are there and not in the bin
	Now        time.Time
}

// FirstRun is a run that a preview foretells.
type FirstRun struct {
	Kind  backup.Kind
	Due   time.Time
	Tiers Tiers // empty: the first copy of a site that has none
}

// Expiring is a copy that no rule would keep.
type Expiring struct {
	Kind backup.Kind
	Copy
}

// Count is how many copies of a kind there are. One copy may serve several
// tiers, so that the tiers may come to more than Copies.
type Count struct {
	Copies int
	Tiers  map[Tier]int
}

// Preview says what a policy would do to a site, or to the sum of many.
type Preview struct {
	Sites        int
	Days         int                 // how far it looks ahead
	Runs         map[backup.Kind]int // in these days
	FirstRuns    []FirstRun          // the first few, by due
	Expires      int                 // copies that go to the bin at once, for nothing holds them
	Expire       []Expiring          // these copies, oldest first within a kind; in a sum only the first hundred
	KeptIn30Days map[backup.Kind]Count
	Steady       map[backup.Kind]Count // when every rule keeps as many as it may

	// What copies weigh in the storage: now, and an estimate for Steady. The
	// estimate is known where every site has two copies of each kind, and too
	// low otherwise, by SitesUnsized sites.
	BytesNow     int64
	BytesSteady  int64
	BytesKnown   bool
	SitesUnsized int
}

// expireNamed is how many expiring copies a sum of previews names.
const expireNamed = 100

// Look previews a policy for one site; rules that the site's state does not
// know begin now. The sizes are an estimate from the site's own history: for
// each kind, the largest stored copy once, for the first one carries
// everything, and for each further copy the median of what the others added.
func Look(in PreviewInput) Preview {
	out := Preview{
		Sites: 1, Days: PreviewDays, Runs: map[backup.Kind]int{}, KeptIn30Days: map[backup.Kind]Count{},
		Steady: map[backup.Kind]Count{}, BytesKnown: true,
	}
	var judge Judge
	for _, kind := range backup.Kinds() {
		out.look(in, kind, &judge)
	}
	if !out.BytesKnown {
		out.SitesUnsized = 1
	}
	out.Expires = len(out.Expire)
	out.FirstRuns = firstOf(out.FirstRuns)
	return out
}

func firstOf(runs []FirstRun) []FirstRun {
	slices.SortStableFunc(runs, func(a, b FirstRun) int { return a.Due.Compare(b.Due) })
	return runs[:min(previewRuns, len(runs))]
}

func (a *Preview) look(in PreviewInput, kind backup.Kind, judge *Judge) {
	sized := in.Copies[kind]
	copies := make([]Copy, len(sized), len(sized)+PreviewDays*8)
	backed := false
	for i := range sized {
		copies[i] = sized[i].Copy
		backed = backed || copies[i].counts(in.Now)
	}
	for _, v := range judge.Retain(in.Policy, kind, copies, in.Now, Alarms{}) {
		if len(v.Reasons) == 0 {
			a.Expire = append(a.Expire, Expiring{kind, v.Copy})
		}
	}
	end := in.Now.Add(PreviewDays * 24 * time.Hour)
	runs := in.ahead(kind, backed, end)
	a.Runs[kind] = len(runs)
	a.FirstRuns = append(a.FirstRuns, runs[:min(previewRuns, len(runs))]...)
	for _, r := range runs {
		copies = append(copies, Copy{TakenAt: r.Due, Tiers: r.Tiers, Good: true, Initial: len(r.Tiers) == 0})
	}
	a.KeptIn30Days[kind] = count(judge.Retain(in.Policy, kind, copies, end, Alarms{}))
	a.Steady[kind] = Steady(in.Policy, kind, in.Zone, end)
	now, steady, known := weigh(sized, a.Steady[kind].Copies)
	a.BytesNow += now
	a.BytesSteady += steady
	a.BytesKnown = a.BytesKnown && known
}

func count(verdicts []Verdict) Count {
	out := Count{Tiers: map[Tier]int{}}
	for i := range verdicts {
		if v := &verdicts[i]; len(v.Reasons) > 0 {
			out.Copies++
			for _, t := range v.Tiers {
				out.Tiers[t]++
			}
		}
	}
	return out
}

// ahead gives the runs of a kind from now through end, if all start when they
// are due, take no time and succeed. What is owed by now runs now, and so does
// the first copy of a site that has none.
func (in PreviewInput) ahead(kind backup.Kind, backed bool, end time.Time) []FirstRun {
	state := ChangeKind(in.Was, in.Policy, kind, in.Zone, in.States[kind], in.Now)
	type serving struct {
		at time.Time
		TierSlot
	}
	var all []serving
	for _, r := range in.Policy.Of(kind) {
		settled, _ := state.Settled(r.Key())
		for _, o := range r.Between(in.Zone, settled, end) {
			at := o.Due
			if at.Before(in.Now) {
				at = in.Now
			}
			all = append(all, serving{at, TierSlot{r.Tier, o.Slot}})
		}
	}
	slices.SortStableFunc(all, func(a, b serving) int { return a.at.Compare(b.at) })
	var out []FirstRun
	if !backed {
		out = append(out, FirstRun{Kind: kind, Due: in.Now.UTC()})
	}
	for _, s := range all {
		if n := len(out); n == 0 || !out[n-1].Due.Equal(s.at) {
			out = append(out, FirstRun{Kind: kind, Due: s.at.UTC()})
		}
		run := &out[len(out)-1]
		if slot, served := run.Tiers.Get(s.Tier); !served || slot.Compare(s.Slot) < 0 {
			run.Tiers = run.Tiers.With(s.Tier, s.Slot)
		}
	}
	return out
}

// lookBackYears is how long a rule is given to fill up before a steady count.
const lookBackYears = 200

// Steady gives how many copies of a kind there are at now if the policy has
// been in force for ever (at most 200 years) and every run started when it was
// due and succeeded. One copy serves all rules that are due at its instant.
func Steady(p Policy, kind backup.Kind, zone *time.Location, now time.Time) Count {
	out := Count{Tiers: map[Tier]int{}}
	taken := map[int64]bool{}
	for _, r := range p.Of(kind) {
		for _, due := range r.newest(zone, now, r.Keep) {
			taken[due.Unix()] = true
			out.Tiers[r.Tier]++
		}
	}
	out.Copies = len(taken)
	return out
}

// newest gives the rule's last n different due instants until now, the newest
// first.
func (r Rule) newest(zone *time.Location, now time.Time, n int) []time.Time {
	var out []time.Time
	oldest := now.AddDate(-lookBackYears, 0, 0)
	for span := 8 * 24 * time.Hour; now.After(oldest); span = min(2*span, 40_000*time.Hour) {
		from := now.Add(-span)
		part := r.Between(zone, from, now)
		for i := len(part) - 1; i >= 0; i-- {
			if m := len(out); m > 0 && out[m-1].Equal(part[i].Due) {
				continue
			}
			if out = append(out, part[i].Due); len(out) == n {
				return out
			}
		}
		now = from
	}
	return out
}

// weigh gives what copies weigh in the storage, and an estimate for n copies;
// known is false if there is too little history, and then it is too low.
func weigh(copies []SizedCopy, n int) (now, steady int64, known bool) {
	sizes := make([]int64, len(copies))
	for i := range copies {
		sizes[i] = copies[i].StoredBytes
		now += sizes[i]
	}
	if len(sizes) == 0 || n == 0 {
		return now, 0, n == 0
	}
	slices.Sort(sizes)
	later := sizes[:len(sizes)-1]
	steady = sizes[len(later)]
	if len(later) == 0 {
		return now, steady, n == 1
	}
	return now, steady + int64(n-1)*later[len(later)/2], true
}

// Add sums the previews of two sites, or sums of them.
func (a Preview) Add(b Preview) Preview {
	out := Preview{
		Sites: a.Sites + b.Sites, Days: max(a.Days, b.Days), Runs: map[backup.Kind]int{},
		FirstRuns: firstOf(slices.Concat(a.FirstRuns, b.FirstRuns)), Expires: a.Expires + b.Expires,
		KeptIn30Days: sum(a.KeptIn30Days, b.KeptIn30Days), Steady: sum(a.Steady, b.Steady),
		BytesNow: a.BytesNow + b.BytesNow, BytesSteady: a.BytesSteady + b.BytesSteady,
		SitesUnsized: a.SitesUnsized + b.SitesUnsized,
	}
	out.BytesKnown = out.SitesUnsized == 0
	out.Expire = slices.Concat(a.Expire[:min(len(a.Expire), expireNamed)], b.Expire[:min(len(b.Expire), expireNamed)])
	out.Expire = out.Expire[:min(len(out.Expire), expireNamed)]
	for _, runs := range []map[backup.Kind]int{a.Runs, b.Runs} {
		for kind, n := range runs {
			out.Runs[kind] += n
		}
	}
	return out
}

func sum(all ...map[backup.Kind]Count) map[backup.Kind]Count {
	out := map[backup.Kind]Count{}
	for _, counts := range all {
		for kind, c := range counts {
			total := out[kind]
			if total.Tiers == nil {
				total.Tiers = map[Tier]int{}
			}
			total.Copies += c.Copies
			for tier, n := range c.Tiers {
				total.Tiers[tier] += n
			}
			out[kind] = total
		}
	}
	return out
}
