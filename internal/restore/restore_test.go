package restore_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/restore"
)

func TestApply_RefusesWhatTheTableOmits(t *testing.T) {
	t.Parallel()
	want := map[restore.State]map[restore.Verb]restore.State{
		restore.Planned:      {restore.Safeguard: restore.Safeguarding, restore.Queue: restore.Queued, restore.Fail: restore.Failed, restore.Cancel: restore.Cancelled},
		restore.Safeguarding: {restore.Safeguard: restore.Safeguarding, restore.Queue: restore.Queued, restore.Fail: restore.Failed, restore.Cancel: restore.Cancelled},
		restore.Queued:       {restore.Lease: restore.Running, restore.Fail: restore.Failed, restore.Cancel: restore.Cancelled},
		restore.Running:      {restore.Lose: restore.Queued, restore.Finish: restore.Restored, restore.Fail: restore.Failed, restore.Cancel: restore.Cancelled},
		restore.Restored:     {restore.Accept: restore.Settling, restore.Undo: restore.Undoing},
		restore.Settling:     {restore.Finish: restore.Settled},
		restore.Undoing:      {restore.Finish: restore.Undone, restore.Fail: restore.Restored},
	}
	for _, s := range append(restore.States(), "no such") {
		for _, v := range append(restore.Verbs(), "no such") {
			to, err := restore.Apply(s, v)
			if w, ok := want[s][v]; ok && (err != nil || to != w) {
				t.Errorf("%s %s: %s, %v", s, v, to, err)
			} else if !ok && (!errs.Is(err, errs.Conflict) || to != s) {
				t.Errorf("%s %s: %s, %v", s, v, to, err)
			}
		}
	}
	for _, s := range restore.States() {
		if s.Open() != (len(want[s]) > 0) {
			t.Errorf("%s: open %v, and %d ways on", s, s.Open(), len(want[s]))
		}
	}
}

var noon = time.Date(2026, 4, 24, 12, 0, 0, 0, time.UTC)

func at(hours float64) time.Time { return noon.Add(time.Duration(hours * float64(time.Hour))) }

func made(kind backup.Kind, hours float64) restore.Copy {
	return restore.Copy{ID: id.New[id.Copy](), Kind: kind, TakenAt: at(hours), State: catalog.Good, VerifiedAt: noon, Bytes: 1 << 20}
}

func TestMakeOffer_TakesTheNewestFromBeforeTheMoment(t *testing.T) {
	t.Parallel()
	copies := []restore.Copy{
		made(backup.Database, -12), made(backup.Data, -12.2), made(backup.Data, -8), made(backup.Data, -4),
		made(backup.Database, -36), made(backup.Data, -36), made(backup.Database, -60),
	}
	for _, c := range []struct {
		name   string
		ask    restore.Ask
		db     float64 // hours; 0 for none
		data   float64
		skew   time.Duration
		reason restore.Reason
		notes  []restore.Note
	}{
		{"now", restore.Ask{What: restore.Everything}, -12, -12.2, -12 * time.Minute, restore.BecauseBefore, nil},
		{"between", restore.Ask{What: restore.Everything, At: at(-13)}, -36, -36, 0, restore.BecauseBefore, nil},
		{"exactly then", restore.Ask{What: restore.Database, At: at(-12)}, -12, 0, 0, restore.BecauseBefore, nil},
		{"a moment earlier", restore.Ask{What: restore.Database, At: at(-12).Add(-1)}, -36, 0, 0, restore.BecauseBefore, nil},
		{"far data", restore.Ask{What: restore.Everything, At: at(-50)}, -60, -36, 24 * time.Hour, restore.BecauseBefore, nil},
		{"before all", restore.Ask{What: restore.Everything, At: at(-100)}, -60, -36, 24 * time.Hour, restore.BecauseFirst, []restore.Note{restore.NoteAfter}},
		{"data alone", restore.Ask{What: restore.Data, At: at(-5)}, 0, -8, 0, restore.BecauseBefore, nil},
		{"files", restore.Ask{What: restore.Files, At: at(-5)}, 0, -8, 0, restore.BecauseBefore, nil},
		{"in the future", restore.Ask{What: restore.Database, At: at(30)}, -12, 0, 0, restore.BecauseBefore, nil},
	} {
		o := restore.MakeOffer(c.ask, copies, noon)
		if len(o.Choices) == 0 {
			t.Errorf("%s: nothing", c.name)
			continue
		}
		b := o.Choices[o.Best]
		if (b.Database != nil) != (c.db != 0) || b.Database != nil && !b.Database.TakenAt.Equal(at(c.db)) {
			t.Errorf("%s: database %+v", c.name, b.Database)
		}
		if (b.Data != nil) != (c.data != 0) || b.Data != nil && !b.Data.TakenAt.Equal(at(c.data)) {
			t.Errorf("%s: data %+v", c.name, b.Data)
		}
		if b.Skew != c.skew || o.Reason != c.reason || !slices.Equal(b.Notes, c.notes) {
			t.Errorf("%s: skew %v, reason %s, notes %v", c.name, b.Skew, o.Reason, b.Notes)
		}
		if o.Reason.Words() == "" {
			t.Errorf("%s: no words for %q", c.name, o.Reason)
		}
	}
}

func TestMakeOffer_OffersNothingThatCannotBeHadWhole(t *testing.T) {
	t.Parallel()
	broken := []restore.Copy{made(backup.Database, -1), made(backup.Database, -2), made(backup.Database, -3)}
	broken[0].State, broken[1].State, broken[2].Binned = catalog.Damaged, catalog.Incomplete, true
	for name, c := range map[string]struct {
		what   restore.What
		copies []restore.Copy
	}{
		"no copies":           {restore.Everything, nil},
		"no data copy":        {restore.Everything, []restore.Copy{made(backup.Database, -1)}},
		"no database copy":    {restore.Everything, []restore.Copy{made(backup.Data, -1)}},
		"only unusable":       {restore.Database, broken},
		"nothing of the sort": {"nothing", []restore.Copy{made(backup.Data, -1)}},
	} {
		if o := restore.MakeOffer(restore.Ask{What: c.what}, c.copies, noon); len(o.Choices) != 0 {
			t.Errorf("%s: %+v", name, o.Choices)
		}
	}
}

// Of any copies and any moment: the best choice is the newest usable one from
// before it, its data is the nearest there is, and nothing unusable is offered.
func TestMakeOffer_HoldsForAnyCopies(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 12))
	for range 3000 {
		var copies []restore.Copy
		for range rng.IntN(24) {
			c := made(backup.Kinds()[rng.IntN(2)], -float64(rng.IntN(400)))
			c.State = []catalog.State{catalog.Good, catalog.Good, catalog.Good, catalog.Incomplete, catalog.Damaged}[rng.IntN(5)]
			c.Binned = rng.IntN(8) == 0
			copies = append(copies, c)
		}
		ask := restore.Ask{What: restore.Whats()[rng.IntN(4)], At: at(-float64(rng.IntN(420)))}
		o := restore.MakeOffer(ask, copies, noon)
		if len(o.Choices) > restore.MaxChoices {
			t.Fatalf("%d choices", len(o.Choices))
		}
		main := ask.What.Reads()[0]
		var newest, oldest *restore.Copy
		for i := range copies {
			c := &copies[i]
			if c.Kind != main || !c.Usable() {
				continue
			}
			if !c.TakenAt.After(ask.At) && (newest == nil || c.TakenAt.After(newest.TakenAt)) {
				newest = c
			}
			if oldest == nil || c.TakenAt.Before(oldest.TakenAt) {
				oldest = c
			}
		}
		if newest == nil {
			newest = oldest
		}
		if len(o.Choices) == 0 {
			if newest != nil && (ask.What != restore.Everything || restore.Partner(copies, newest.ID) != nil) {
				t.Fatalf("%v: nothing is offered of %v", ask, copies)
			}
			continue
		}
		checkChoices(t, o, copies, newest)
	}
}

func checkChoices(t *testing.T, o restore.Offer, copies []restore.Copy, newest *restore.Copy) {
	t.Helper()
	for i, c := range o.Choices {
		main := c.Data
		if c.Database != nil {
			main = c.Database
		}
		if i == o.Best && !main.TakenAt.Equal(newest.TakenAt) {
			t.Fatalf("best is of %v, want %v", main.TakenAt, newest.TakenAt)
		}
		if !main.Usable() || c.Data != nil && !c.Data.Usable() {
			t.Fatalf("offers what cannot be restored: %+v", c)
		}
		if c.LostDatabase < 0 || c.LostData < 0 || c.Bytes() <= 0 {
			t.Fatalf("%+v", c)
		}
		if (c.Off < 0) != slices.Contains(c.Notes, restore.NoteAfter) {
			t.Fatalf("off by %v with the notes %v", c.Off, c.Notes)
		}
		if o.Ask.What == restore.Everything {
			if c.Database == nil || c.Data == nil {
				t.Fatalf("everything without a part: %+v", c)
			}
			for _, d := range copies {
				if d.Kind == backup.Data && d.Usable() && d.TakenAt.Sub(c.Database.TakenAt).Abs() < c.Skew.Abs() {
					t.Fatalf("data of %v is nearer to %v than %v", d.TakenAt, c.Database.TakenAt, c.Data.TakenAt)
				}
			}
		}
	}
}

func TestEstimateOf_GoesByTheSitesOwnThenTheFleets(t *testing.T) {
	t.Parallel()
	site, other := id.New[id.Site](), id.New[id.Site]()
	own := func(minutes ...int) (out []restore.Sample) {
		for _, m := range minutes {
			out = append(out, restore.Sample{Site: site, What: restore.Everything, Took: time.Duration(m) * time.Minute, Bytes: 1 << 30})
		}
		return out
	}
	fleet := []restore.Sample{{Site: other, What: restore.Everything, Took: 100 * time.Second, Bytes: 1000 << 20}}
	fleet = append(fleet, fleet[0], fleet[0])
	for _, c := range []struct {
		name      string
		what      restore.What
		samples   []restore.Sample
		safety    time.Duration
		basis     restore.Basis
		low, high time.Duration
	}{
		{"one of its own", restore.Everything, own(10), 0, restore.BasisSite, 8 * time.Minute, 14 * time.Minute},
		{"its own, spread", restore.Everything, own(4, 10, 11, 40, 12), 0, restore.BasisSite, 8*time.Minute + 48*time.Second, 15*time.Minute + 24*time.Second},
		{"its own and the safety copies", restore.Everything, own(10), 10 * time.Minute, restore.BasisSite, 16 * time.Minute, 29 * time.Minute},
		{"its own, of another part", restore.Database, append(own(10), fleet...), 0, restore.BasisFleet, 0, 0},
		{"the fleet's", restore.Everything, fleet, 0, restore.BasisFleet, 2 * time.Minute, 6*time.Minute + 40*time.Second},
		{"two of the fleet's", restore.Everything, fleet[:2], 0, restore.BasisAssumed, 0, 0},
		{"none", restore.Everything, nil, 0, restore.BasisAssumed, 0, 0},
	} {
		e := restore.EstimateOf(site, c.what, 1000<<20, c.samples, c.safety)
		if e.Basis != c.basis || e.Low > e.High || e.Low <= 0 || e.Basis.Words() == "" {
			t.Errorf("%s: %+v", c.name, e)
		}
		if c.low != 0 && (e.Low.Round(time.Second) != c.low || e.High.Round(time.Second) != c.high) {
			t.Errorf("%s: %v to %v, want %v to %v", c.name, e.Low, e.High, c.low, c.high)
		}
	}
	small := restore.EstimateOf(site, restore.Data, 1<<20, nil, 0)
	huge := restore.EstimateOf(site, restore.Data, 1<<62, nil, 0)
	if small.High >= huge.High || huge.High < 0 {
		t.Errorf("small %v, huge %v", small, huge)
	}
}

func TestInputCheck_RefusesPartsOfADatabaseAndWaysOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what restore.What
		in   restore.Input
		says string // "" for none
	}{
		{restore.Database, restore.Input{}, ""},
		{restore.Database, restore.Input{Paths: []string{"mdl_course"}}, "never restored in part"},
		{restore.Everything, restore.Input{Root: "code"}, "never restored in part"},
		{restore.Data, restore.Input{Paths: []string{"filedir"}}, "as files"},
		{restore.Files, restore.Input{}, ""},
		{restore.Files, restore.Input{InPlace: true}, "name the folders"},
		{restore.Files, restore.Input{Paths: []string{"lang/de", "lang//de/", "repository/x"}, InPlace: true}, ""},
		{restore.Files, restore.Input{Paths: []string{"../etc/passwd"}}, "leads out"},
		{restore.Files, restore.Input{Paths: []string{"a/../../b"}}, "leads out"},
		{restore.Files, restore.Input{Paths: []string{"/etc/passwd"}}, "without a slash"},
		{restore.Files, restore.Input{Paths: []string{""}}, "not a path"},
		{restore.Files, restore.Input{Paths: []string{"a\x00b"}}, "not a path"},
		{restore.Files, restore.Input{Paths: []string{"a\xff"}}, "not a path"},
		{restore.Files, restore.Input{Root: "../x"}, "must be the name of a root"},
		{restore.Files, restore.Input{Root: ".."}, "must be the name of a root"},
		{restore.Files, restore.Input{Paths: make([]string, 1001)}, "more than 1000"},
		{"tables", restore.Input{}, "must be everything"},
	} {
		got, err := c.in.Check(c.what)
		if c.says == "" {
			if err != nil {
				t.Errorf("%s %+v: %v", c.what, c.in, err)
			}
			if len(c.in.Paths) == 3 && !slices.Equal(got.Paths, []string{"lang/de", "repository/x"}) {
				t.Errorf("paths %q", got.Paths)
			}
			continue
		}
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %+v: %v, want %q", c.what, c.in, err, c.says)
		}
	}
}

func TestCheckWithoutSafety_WantsAReason(t *testing.T) {
	t.Parallel()
	if _, err := restore.CheckWithoutSafety("too short"); !errs.Is(err, errs.Invalid) {
		t.Errorf("nine characters: %v", err)
	}
	if s, err := restore.CheckWithoutSafety("  the  disk is gone "); err != nil || s != "the disk is gone" {
		t.Errorf("%q, %v", s, err)
	}
	if s, err := restore.CheckWithoutSafety("  "); err != nil || s != "" {
		t.Errorf("%q, %v", s, err)
	}
	if _, err := restore.CheckWithoutSafety(strings.Repeat("x", 301)); !errs.Is(err, errs.Invalid) {
		t.Errorf("301 characters: %v", err)
	}
}

func TestMakeOffer_TakesTheDataThatHoldsWhatTheDatabaseNames(t *testing.T) {
	t.Parallel()
	db, near, far := made(backup.Database, -12), made(backup.Data, -12.5), made(backup.Data, -8)
	copies := func(n *restore.Names) []restore.Copy {
		with := db
		with.Names = n
		return []restore.Copy{with, near, far}
	}
	for _, c := range []struct {
		name  string
		names *restore.Names
		want  id.Copy
		notes []restore.Note
	}{
		{"nothing known: the nearest", nil, near.ID, []restore.Note{restore.NoteDataOlder}},
		{"not measured", &restore.Names{}, near.ID, []restore.Note{restore.NoteDataOlder}},
		{"the nearest lacks some", &restore.Names{Fits: map[id.Copy]restore.Fit{near.ID: {Referenced: 10, Present: 9}, far.ID: {Referenced: 10, Present: 10}}}, far.ID, nil},
		{"the nearest lacks what was nowhere", &restore.Names{MissingAtSource: 1, Fits: map[id.Copy]restore.Fit{near.ID: {Referenced: 10, Present: 9}, far.ID: {Referenced: 10, Present: 9}}}, near.ID, nil},
		{"both lack some", &restore.Names{Fits: map[id.Copy]restore.Fit{near.ID: {Referenced: 10, Present: 7}, far.ID: {Referenced: 10, Present: 6}}}, near.ID, []restore.Note{restore.NoteFilesShort}},
	} {
		o := restore.MakeOffer(restore.Ask{What: restore.Everything}, copies(c.names), noon)
		if len(o.Choices) != 1 || o.Choices[0].Data.ID != c.want || !slices.Equal(o.Choices[0].Notes, c.notes) {
			t.Errorf("%s: %+v", c.name, o.Choices)
		}
		if p := restore.Partner(copies(c.names), db.ID); p == nil || p.ID != c.want {
			t.Errorf("%s: its partner is %+v", c.name, p)
		}
	}
}
