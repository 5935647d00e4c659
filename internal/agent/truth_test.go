package agent_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/agent"
	"holdfast/internal/agentproto"
	"holdfast/internal/minimoodle"
	"holdfast/internal/moodle"
)

var flavours = []string{"mariadb", "pgsql"}

func TestTake_NoContentIsMissingThatExistedAtTheDump(t *testing.T) {
	t.Parallel()
	for _, typ := range flavours {
		for _, load := range []struct {
			name           string
			create, remove bool
		}{{"create", true, false}, {"delete", false, true}, {"both", true, true}} {
			t.Run(typ+" "+load.name, func(t *testing.T) {
				t.Parallel()
				r := newTruthRig(t, typ, func(s *minimoodle.Spec) { s.Files, s.FileBytes = 250, 600 })
				r.take(agentproto.KindData)
				live, err := r.site.Live(t.Context())
				must(t, err)
				defer live.Close() //nolint:errcheck // a test's
				ctx, stop := context.WithCancel(t.Context())
				type ended struct {
					rounds int
					err    error
				}
				over := make(chan ended, 1)
				go func() {
					n, err := live.Churn(ctx, load.create, load.remove, r.site.Contents)
					over <- ended{n, err}
				}()
				c := r.take(agentproto.KindDatabase)
				stop()
				end := <-over
				must(t, end.err)
				lacking, told := r.lacking(c)
				if len(lacking) > 0 || len(told) > 0 || c.References.Missing > 0 {
					t.Errorf("after %d rounds: %d of %d contents lack, %d are told as missing: %v %v", end.rounds, len(lacking), c.References.Hashes, c.References.Missing, lacking[:min(3, len(lacking))], c.Facts.Warnings)
				}
				if end.rounds == 0 {
					t.Error("there was no load")
				}
				t.Logf("%d rounds, %d hashes, %d from trashdir, warnings %v", end.rounds, c.References.Hashes, c.References.FromTrash, c.Facts.Warnings)
			})
		}
	}
}

func TestTake_TellsWhatIsMissingByNameAreaAndCourse(t *testing.T) {
	t.Parallel()
	for _, typ := range flavours {
		for _, prefix := range []string{"mdl_", minimoodle.NoPrefix} {
			t.Run(typ+prefix, func(t *testing.T) {
				t.Parallel()
				r := newTruthRig(t, typ, func(s *minimoodle.Spec) {
					s.Prefix = prefix
					s.Faults = minimoodle.Faults{Missing: 3, Flipped: 2}
				})
				data := r.take(agentproto.KindData)
				if data.Signals == nil || data.Signals.Mismatched != 2 || !data.Signals.First || data.Signals.PHPFiles == 0 || data.Signals.PHPStrange != 0 {
					t.Errorf("the data copy's signals: %+v", data.Signals)
				}
				c := r.take(agentproto.KindDatabase)
				var lost, flipped []string
				for _, content := range r.site.Contents {
					switch content.Fault {
					case minimoodle.FaultMissing:
						lost = append(lost, content.Hash)
					case minimoodle.FaultFlipped:
						flipped = append(flipped, content.Hash)
					}
				}
				lacking, told := r.lacking(c)
				slices.Sort(lost)
				slices.Sort(told)
				if c.References.Missing != 3 || !slices.Equal(told, lost) || len(lacking) > 0 {
					t.Errorf("told %v, lost %v, lacking %v", told, lost, lacking)
				}
				for _, m := range c.References.MissingList {
					if m.Name == "" || m.Bytes <= 0 || m.Rows < 1 || !strings.Contains(m.Area, "/") {
						t.Errorf("a missing content is told as %+v", m)
					}
				}
				if c.References.Hashes != int64(len(r.site.Contents)) {
					t.Errorf("%d contents are named, and there are %d", c.References.Hashes, len(r.site.Contents))
				}
				kept := r.kept(c)
				for _, h := range flipped {
					if kept[h] {
						t.Errorf("%s is flipped and came back whole", h)
					}
				}
				courses := map[string]bool{}
				for _, e := range r.list(c) {
					courses[e.Course] = true
				}
				if !courses["K2"] || !courses["schule"] && !courses["K3"] {
					t.Errorf("the courses are %v", courses)
				}
			})
		}
	}
}

func TestTake_WithoutADataCopyKeepsTheListAndSaysWhy(t *testing.T) {
	t.Parallel()
	r := newTruthRig(t, "mariadb", nil)
	c := r.take(agentproto.KindDatabase)
	if c.References == nil || c.References.Files != nil || c.References.Hashes == 0 || !strings.Contains(strings.Join(c.Facts.Warnings, "\n"), "first data copy") {
		t.Errorf("%+v %v", c.References, c.Facts.Warnings)
	}
}

func TestTake_ADataRepositoryThatIsAwayFailsNoDump(t *testing.T) {
	t.Parallel()
	r := newTruthRig(t, "mariadb", nil)
	r.take(agentproto.KindData)
	w := r.work(agentproto.KindDatabase)
	w.Files = &agent.Store{Location: w.Files.Location, Password: "another"}
	c, err := agent.Take(t.Context(), w)
	must(t, err)
	if c.SHA256 == "" || c.References == nil || c.References.Files != nil || !strings.Contains(strings.Join(c.Facts.Warnings, "\n"), "could not be kept beside it") {
		t.Errorf("%+v %v", c.References, c.Facts.Warnings)
	}
}

func TestTake_AContentInTrashdirOnlyIsKeptInItsPlace(t *testing.T) {
	t.Parallel()
	r := newTruthRig(t, "pgsql", nil)
	r.take(agentproto.KindData)
	hash := r.site.Contents[5].Hash
	from, to := moodle.ContentPath(r.site.FileDir, hash), moodle.ContentPath(r.site.TrashDir, hash)
	must(t, os.MkdirAll(to[:len(to)-41], 0o755)) //nolint:gosec // a test's
	must(t, os.Rename(from, to))
	c := r.take(agentproto.KindDatabase)
	if c.References.FromTrash != 1 || c.References.Missing != 0 || !r.kept(c)[hash] {
		t.Errorf("%+v", c.References)
	}
}

// A content that came after the data copy is in the named files; the second
// site of the same database is not.
func TestTake_ATwinByPrefixIsAnothersAndNewContentIsKept(t *testing.T) {
	t.Parallel()
	for _, typ := range flavours {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			db := truthDB(t, typ)
			r := newTruthRigOn(t, typ, db, func(s *minimoodle.Spec) { s.Seed, s.Files = 1, 20 })
			twin := newTruthRigOn(t, typ, db, func(s *minimoodle.Spec) { s.Seed, s.Files, s.Prefix = 2, 30, "m2_" })
			r.take(agentproto.KindData)
			live, err := r.site.Live(t.Context())
			must(t, err)
			defer live.Close() //nolint:errcheck // a test's
			fresh, err := live.Create(t.Context(), []byte("made after the data copy"))
			must(t, err)
			c := r.take(agentproto.KindDatabase)
			named := map[string]bool{}
			for _, e := range r.list(c) {
				named[e.Hash.String()] = true
			}
			if len(named) != 21 || !named[fresh.Hash] || named[twin.site.Contents[0].Hash] || !r.kept(c)[fresh.Hash] {
				t.Errorf("%d contents are named", len(named))
			}
			if m := c.Facts.Moodle; m == nil || m.FileRows == 0 {
				t.Errorf("facts: %+v", m)
			}
		})
	}
}

// A files table that nobody understands is not one that needs nothing.
func TestTake_ATableThatIsNotUnderstoodGivesNoEmptyList(t *testing.T) {
	t.Parallel()
	for _, change := range []string{"ALTER TABLE {files} RENAME COLUMN filesize TO filelength", "UPDATE {files} SET contenthash = UPPER(contenthash)"} {
		r := newTruthRig(t, "pgsql", nil)
		live, err := r.site.Live(t.Context())
		must(t, err)
		defer live.Close() //nolint:errcheck // a test's
		must(t, live.Exec(t.Context(), change))
		c := r.take(agentproto.KindDatabase)
		if c.References != nil || !strings.Contains(strings.Join(c.Facts.Warnings, "\n"), "Which files this copy needs is not known") {
			t.Errorf("%s: %+v, %v", change, c.References, c.Facts.Warnings)
		}
	}
}

func TestTake_MovedFiledirAndPublicLayoutAreFollowed(t *testing.T) {
	t.Parallel()
	r := newTruthRig(t, "pgsql", func(s *minimoodle.Spec) { s.Layout = moodle.LayoutPublic })
	moved := t.TempDir() + "/filedir"
	must(t, os.Rename(r.site.FileDir, moved))
	r.site.FileDir = moved
	config := r.site.CodeDir + "/config.php"
	text, err := os.ReadFile(config) //nolint:gosec // a test's
	must(t, err)
	must(t, os.WriteFile(config, []byte(strings.Replace(string(text), "$CFG->dataroot", "$CFG->filedir = '"+moved+"';\n$CFG->dataroot", 1)), 0o644)) //nolint:gosec // a test's
	data := r.take(agentproto.KindData)
	if data.Signals.Contents < int64(len(r.site.Contents)) {
		t.Errorf("the data copy saw %d contents: %+v", data.Signals.Contents, data.Signals)
	}
	c := r.take(agentproto.KindDatabase)
	if lacking, told := r.lacking(c); len(lacking)+len(told) > 0 {
		t.Errorf("lacking %v, told %v", lacking, told)
	}
	if c.References.Files.StoredBytes > data.StoredBytes/2 {
		t.Errorf("the named files took %d bytes beside a data copy of %d", c.References.Files.StoredBytes, data.StoredBytes)
	}
}

func TestTake_SignalsTellAnAttack(t *testing.T) {
	t.Parallel()
	r := newTruthRig(t, "mariadb", nil)
	r.take(agentproto.KindData)
	for i, content := range r.site.Contents[:6] {
		path := moodle.ContentPath(r.site.FileDir, content.Hash)
		if i < 4 {
			must(t, os.WriteFile(path, []byte(fmt.Sprint("encrypted ", i)), 0o644)) //nolint:gosec // a test's
		} else {
			must(t, os.Remove(path))
		}
	}
	must(t, os.WriteFile(r.site.CodeDir+"/index.php", []byte("\x8f\x12 no code at all"), 0o644)) //nolint:gosec // a test's
	w := r.work(agentproto.KindData)
	w.Reading = agentproto.ReadingWalk
	c, err := agent.Take(t.Context(), w)
	must(t, err)
	s := c.Signals
	if s.Mismatched != 4 || s.Gone != 2 || s.GoneUntrashed != 2 || s.PHPStrange != 1 || s.PHPChanged != 1 || s.First || len(s.Examples) != 7 {
		t.Errorf("%+v", s)
	}
}

func TestTake_LifeIsReadAndNeverASecret(t *testing.T) {
	t.Parallel()
	for _, typ := range flavours {
		r := newTruthRig(t, typ, nil)
		c := r.take(agentproto.KindDatabase)
		m := c.Facts.Moodle
		if m == nil || m.Theme != "boost" || m.Courses != 5 || m.Users != 20 || m.Admins != 1 || !m.CronEnabled || m.LastCron != minimoodle.Epoch.Add(-time.Minute) ||
			m.AutoBackup.Active != 1 || m.AutoBackup.Storage != 1 || m.AutoBackup.MaxKept != 1 || !m.AutoBackup.WithFiles || m.AutoBackup.OK != 1 || m.AutoBackup.NotYet != 0 ||
			m.TasksFailing != 2 || m.AdhocWaiting != 1 || len(m.SiteHash) != 64 || m.BackupRows == 0 || len(m.DatabaseRights) != 0 {
			t.Errorf("%s: %+v %v", typ, m, c.Facts.Warnings)
		}
		if strings.Contains(fmt.Sprint(c.Facts), "minimoodle000000000") {
			t.Error("the site's identifier is told")
		}
	}
}

// What an object store holds alone is neither missing nor kept; an alias of a
// repository elsewhere is not even named.
func TestTake_AnObjectStoresContentIsNotMissing(t *testing.T) {
	t.Parallel()
	for _, typ := range flavours {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			r := newTruthRig(t, typ, func(s *minimoodle.Spec) { s.Faults.Missing = 2 })
			live, err := r.site.Live(t.Context())
			must(t, err)
			defer live.Close() //nolint:errcheck // a test's
			must(t, live.Exec(t.Context(), "CREATE TABLE {tool_objectfs_objects} (id int PRIMARY KEY, contenthash varchar(40), location smallint)"))
			var lost []string
			for _, c := range r.site.Contents {
				if c.Fault == minimoodle.FaultMissing {
					lost = append(lost, c.Hash)
				}
			}
			must(t, live.Exec(t.Context(), "INSERT INTO {tool_objectfs_objects} VALUES (1, ?, 2), (2, ?, 1), (3, ?, 2)", lost[0], lost[1], r.site.Contents[0].Hash))
			r.take(agentproto.KindData)
			c := r.take(agentproto.KindDatabase)
			if c.References.External != 1 || c.References.Missing != 1 || len(c.References.MissingList) != 1 || c.References.MissingList[0].Hash != lost[1] {
				t.Errorf("%+v", c.References)
			}
			external := 0
			for _, e := range r.list(c) {
				if e.External {
					external++
				}
			}
			if external != 1 || c.References.Hashes != int64(len(r.site.Contents)) {
				t.Errorf("%d external, %d contents are named and %d there", external, c.References.Hashes, len(r.site.Contents))
			}
		})
	}
}

// A run that is stopped after its dump says so, and gives no copy.
func TestTake_AStopLeavesNoCopy(t *testing.T) {
	t.Parallel()
	r := newTruthRig(t, "mariadb", nil)
	r.take(agentproto.KindData)
	ctx, stop := context.WithCancel(t.Context())
	w := r.work(agentproto.KindDatabase)
	w.Progress = func(p agentproto.Progress) {
		if p.Phase == "checking" {
			stop()
		}
	}
	if c, err := agent.Take(ctx, w); err == nil {
		t.Errorf("a stopped run gave a copy: %+v", c)
	}
}
