package tamper_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/tamper"
)

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// usual is a fortnight of a site with 40,000 files: some come, some go, the
// code is looked at, and on Sundays everything is.
func usual() []tamper.Look {
	out := []tamper.Look{{At: monday, Fingerprint: "code1:a", Signals: tamper.Signals{First: true, Contents: 40_000, New: 40_000, Foreign: 2, PHPFiles: 20_000}}}
	for i := range 84 {
		s := tamper.Signals{Contents: 40_000 + int64(i)*15, New: 20, Gone: 5, Foreign: 1, PHPFiles: 20_000}
		if i%42 == 36 {
			s.Reading, s.Checked, s.Foreign, s.Mismatched = "walk", 40_000, 2, 1
		}
		out = append(out, tamper.Look{At: monday.Add(time.Duration(i+1) * 4 * time.Hour), Fingerprint: "code1:a", Signals: s})
	}
	return out
}

func sealed(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("filedir/%02x/cd/%040x.locked", i, i))
	}
	return out
}

func TestJudge_TellsAnAttackFromALife(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		now     tamper.Signals
		version string // of the code; "code1:a" if not given
		alone   bool   // there is no look before it
		want    string // a part of the reason; "" for no alarm
	}{
		"nothing happened":                         {now: tamper.Signals{Contents: 41_000, PHPFiles: 20_000}},
		"a first copy, whatever it sees":           {now: tamper.Signals{First: true, Mismatched: 900, Foreign: 900, Contents: 10, PHPFiles: 20_000, PHPChanged: 20_000, PHPStrange: 500}, alone: true},
		"an upgrade":                               {now: tamper.Signals{Contents: 41_000, PHPFiles: 21_000, PHPChanged: 20_500, PHPStrange: 9}, version: "code1:b"},
		"an upgrade with a few odd files":          {now: tamper.Signals{Contents: 41_000, PHPFiles: 21_000, PHPChanged: 20_500, PHPStrange: 60}, version: "code1:b"},
		"a plug-in":                                {now: tamper.Signals{Contents: 41_000, PHPFiles: 20_200, PHPChanged: 200}, version: "code1:b"},
		"a course deleted":                         {now: tamper.Signals{Contents: 38_000, Gone: 3_000, PHPFiles: 20_000}},
		"every course deleted, by way of trashdir": {now: tamper.Signals{Contents: 1_000, Gone: 40_000, PHPFiles: 20_000}},
		"trashdir emptied after a course":          {now: tamper.Signals{Contents: 38_000, Gone: 3_000, GoneUntrashed: 3_000, PHPFiles: 20_000}},
		"trashdir emptied after a term":            {now: tamper.Signals{Contents: 32_000, Gone: 9_000, GoneUntrashed: 9_000, PHPFiles: 20_000}},
		"a small site tidied":                      {now: tamper.Signals{Contents: 20, Gone: 40, GoneUntrashed: 40, PHPFiles: 20_000}},
		"a year's archive restored":                {now: tamper.Signals{Contents: 80_000, New: 40_000, PHPFiles: 20_000}},
		"an admin's backups in filedir":            {now: tamper.Signals{Contents: 41_000, Foreign: 12, PHPFiles: 20_000}},
		"two files that a disk spoilt":             {now: tamper.Signals{Reading: "walk", Checked: 41_000, Mismatched: 3, Contents: 41_000, PHPFiles: 20_000}},
		"a patch without a version":                {now: tamper.Signals{Contents: 41_000, PHPFiles: 20_000, PHPChanged: 90}},
		"the first whole look at an old site":      {now: tamper.Signals{Reading: "walk", Checked: 40_000, Mismatched: 30, Foreign: 300, Contents: 40_000, PHPFiles: 20_000, PHPChanged: 20_000}, alone: true},

		"filedir encrypted":                   {now: tamper.Signals{Contents: 2_000, Gone: 39_000, GoneUntrashed: 39_000, Foreign: 39_000, PHPFiles: 20_000, Examples: sealed(50)}, want: "vanished"},
		"the encryptor was stopped early":     {now: tamper.Signals{Contents: 41_000, Gone: 8, GoneUntrashed: 8, Foreign: 10, PHPFiles: 20_000, Examples: sealed(10)}, want: "encryptor"},
		"filedir wiped":                       {now: tamper.Signals{Gone: 41_000, GoneUntrashed: 41_000, PHPFiles: 20_000}, want: "vanished"},
		"a third of it wiped":                 {now: tamper.Signals{Contents: 28_000, Gone: 13_000, GoneUntrashed: 13_000, PHPFiles: 20_000}, want: "vanished"},
		"contents overwritten":                {now: tamper.Signals{Reading: "walk", Checked: 900, Mismatched: 700, Contents: 41_000, PHPFiles: 20_000}, want: "something else"},
		"ransom notes in every folder":        {now: tamper.Signals{Contents: 41_000, Foreign: 256, PHPFiles: 20_000}, want: "never gives"},
		"every PHP file touched":              {now: tamper.Signals{Contents: 41_000, PHPFiles: 20_000, PHPChanged: 19_000}, want: "neither"},
		"code so broken that it has no words": {now: tamper.Signals{Contents: 41_000, PHPFiles: 20_000, PHPChanged: 19_000}, version: "none", want: "neither"},
		"code encrypted":                      {now: tamper.Signals{Contents: 41_000, PHPFiles: 20_000, PHPChanged: 15_000, PHPStrange: 15_000}, version: "code1:b", want: "no PHP"},
		"filedir encrypted, with no history":  {now: tamper.Signals{Reading: "walk", Checked: 10, Contents: 10, Gone: 900, GoneUntrashed: 900, Foreign: 900, Examples: sealed(50)}, alone: true, want: "vanished"},
	} {
		history := usual()
		if c.alone {
			history = nil
		}
		now := tamper.Look{At: monday.AddDate(0, 0, 15), Fingerprint: "code1:a", Signals: c.now}
		if c.version != "" {
			now.Fingerprint = strings.TrimPrefix(c.version, "none")
		}
		v := tamper.Judge(history, now)
		if v.Alarm != (c.want != "") || v.Alarm != (v.Why != "") || v.Alarm != (len(v.Evidence) > 0) {
			t.Errorf("%s: %+v", name, v)
			continue
		}
		if !strings.Contains(strings.Join(v.Evidence, "\n"), c.want) {
			t.Errorf("%s: because %q, want %q", name, v.Evidence, c.want)
		}
		if len(v.Evidence) > 25 {
			t.Errorf("%s: %d lines of evidence", name, len(v.Evidence))
		}
	}
}

func TestJudge_NoWeekOfAnOrdinarySiteIsAnAlarm(t *testing.T) {
	t.Parallel()
	all := usual()
	for i, now := range all {
		if v := tamper.Judge(all[:i], now); v.Alarm {
			t.Fatalf("look %d: %+v", i, v)
		}
	}
}

// A restore takes what came after its copy, and brings back old code.
func TestJudge_ARestoreIsNoAttackAndHidesNone(t *testing.T) {
	t.Parallel()
	after := tamper.Look{At: monday.AddDate(0, 0, 15), Fingerprint: "code1:a", Signals: tamper.Signals{Contents: 20_000, Gone: 21_000, GoneUntrashed: 21_000, PHPFiles: 20_000, PHPChanged: 19_000}}
	if !tamper.Judge(usual(), after).Alarm {
		t.Fatal("no alarm without a restore")
	}
	after.Restored = true
	if v := tamper.Judge(usual(), after); v.Alarm {
		t.Errorf("after a restore: %+v", v)
	}
	after.Signals.Foreign, after.Signals.Examples = 30, sealed(30)
	if !tamper.Judge(usual(), after).Alarm {
		t.Error("the restore hid an encryptor")
	}
}

// What stands unjudged is no measure; what a person said is well is.
func TestJudge_ClearedLooksAreUsualAndOthersAreNot(t *testing.T) {
	t.Parallel()
	bad := tamper.Look{At: monday.AddDate(0, 0, 15), Fingerprint: "code1:a", Signals: tamper.Signals{Reading: "walk", Checked: 41_000, Mismatched: 40, Foreign: 60, Contents: 41_000, PHPFiles: 20_000}}
	if !tamper.Judge(usual(), bad).Alarm {
		t.Fatal("no alarm")
	}
	bad.Alarm = true
	if !tamper.Judge(append(usual(), bad), bad).Alarm {
		t.Error("the alarm that stands made the next look usual")
	}
	bad.Cleared = true
	if v := tamper.Judge(append(usual(), bad), bad); v.Alarm {
		t.Errorf("cleared, and raised again by the same: %+v", v)
	}
}

func random(r *rand.Rand) tamper.Look {
	n := func(most int64) int64 { return r.Int64N(most + 1) }
	s := tamper.Signals{Contents: n(50_000), PHPFiles: 1 + n(30_000), Foreign: n(40), Checked: n(50_000), Reading: []string{"", "walk", "all"}[r.IntN(3)]}
	s.New, s.Gone = n(s.Contents), n(50_000)
	s.GoneUntrashed, s.Mismatched, s.PHPChanged = n(s.Gone), n(min(s.Checked, 8)), n(s.PHPFiles)
	s.PHPStrange = n(min(s.PHPChanged, 40))
	if r.IntN(3) == 0 {
		s.Examples = sealed(r.IntN(20))
	}
	return tamper.Look{Signals: s, Fingerprint: []string{"", "a", "b"}[r.IntN(3)]}
}

func TestJudge_MoreHarmIsNeverLessOfAnAlarm(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		var history []tamper.Look
		for range r.IntN(6) {
			l := random(r)
			l.Alarm, l.Cleared = r.IntN(4) == 0, r.IntN(2) == 0
			history = append(history, l)
		}
		now := random(r)
		before := slices.Clone(history)
		v := tamper.Judge(history, now)
		if !reflect.DeepEqual(history, before) {
			t.Fatalf("seed %d: the history was changed", seed)
		}
		if again := tamper.Judge(history, now); !reflect.DeepEqual(again, v) {
			t.Fatalf("seed %d: judged differently the second time", seed)
		}
		worse := now
		more := r.Int64N(5_000)
		switch r.IntN(4) {
		case 0:
			worse.Signals.Mismatched += more
		case 1:
			worse.Signals.Gone, worse.Signals.GoneUntrashed = worse.Signals.Gone+more, worse.Signals.GoneUntrashed+more
		case 2:
			worse.Signals.Foreign, worse.Signals.Gone = worse.Signals.Foreign+more, worse.Signals.Gone+more
			worse.Signals.GoneUntrashed += more
		case 3:
			worse.Signals.PHPStrange += more
		}
		if v.Alarm && !tamper.Judge(history, worse).Alarm {
			t.Fatalf("seed %d: %+v is an alarm, and %+v is none", seed, now.Signals, worse.Signals)
		}
		now.Signals.First = true
		if tamper.Judge(history, now).Alarm {
			t.Fatalf("seed %d: a first copy raised the alarm", seed)
		}
	}
}
