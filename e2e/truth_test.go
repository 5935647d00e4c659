package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/minimoodle"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
)

// TestTruth_OfCopiesThroughRealProcesses: a copy knows which files it needs
// and keeps them; damage in the storage is found, healed from the living site
// and proven; a site that is being destroyed keeps its copies.
func TestTruth_OfCopiesThroughRealProcesses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := &restoreSite{rig: r, moodleSite: r.build(t, spec{name: "truth.riverside.example", host: "host-a", layout: moodle.LayoutClassic, flavour: sitedb.MariaDB, seed: 11})}
	r.register(t, s.moodleSite, "host-a")
	eventually(t, 2*time.Minute, "both first copies are good", func() (bool, string) {
		d, f := r.copies(t, s.name, "database"), r.copies(t, s.name, "data")
		return len(d) == 1 && len(f) == 1 && d[0].State == "good" && f[0].State == "good", fmt.Sprint(d, f)
	})
	for _, part := range []struct {
		name string
		test func(*testing.T, *restoreSite)
	}{
		{"WhatACopyNamesComesBackWithIt", namedFilesComeBack},
		{"DamageIsHealedFromTheSite", damageIsHealed},
		{"ADestroyedSiteKeepsItsCopies", destructionIsNoticed},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(t, s) }) {
			return // the next would only fail after it
		}
	}
}

func (s *restoreSite) live(t testing.TB) *minimoodle.Live {
	t.Helper()
	site := s.Site
	site.DB.Password = s.conn.Password
	l, err := site.Live(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// namedFilesComeBack has one file that is gone everywhere when the database is
// restored, and one that was gone before the copy was taken.
func namedFilesComeBack(t *testing.T, s *restoreSite) {
	r, live := s.rig, s.live(t)
	kept := []byte("a pupil's work, handed in between two data copies")
	work, err := live.Create(t.Context(), kept)
	if err != nil {
		t.Fatal(err)
	}
	lost, err := live.Create(t.Context(), []byte("lost before anybody copied it"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(moodle.ContentPath(s.FileDir, lost.Hash)); err != nil {
		t.Fatal(err)
	}
	r.awaitState(t, r.begin(t, s.name, "database"), "good", time.Minute)
	c := r.copies(t, s.name, "database")[0].Copy

	var missing int
	var names, named string
	if err := r.query(t.Context(), []any{&missing, &names, &named}, "SELECT missing, missing_list::text, files_snapshot FROM reference_list WHERE copy_id = $1", c); err != nil {
		t.Fatal(err)
	}
	if missing != 1 || !strings.Contains(names, lost.Hash) || !strings.Contains(names, "live-") || named == "" {
		t.Fatalf("%d missing (%s), named files in %q; want the one lost file by its name, and the others kept", missing, names, named)
	}
	eventually(t, time.Minute, "the pair is measured", func() (bool, string) {
		var state string
		var referenced, present, with int
		err := r.query(t.Context(), []any{&state, &referenced, &present, &with}, "SELECT state, referenced, present, with_named FROM pair WHERE database_copy_id = $1 ORDER BY created_at DESC LIMIT 1", c)
		return err == nil && state == "measured" && present == referenced-2 && with == referenced-1, fmt.Sprint(err, state, referenced, present, with)
	})

	// The course is deleted, the trash emptied: nothing on the host has it now.
	if err := live.Delete(t.Context(), work.Hash); err != nil {
		t.Fatal(err)
	}
	if err := live.EmptyTrash(); err != nil {
		t.Fatal(err)
	}
	r.awaitState(t, r.begin(t, s.name, "data"), "good", time.Minute)
	var v restoreRow
	r.ask(t, &v, "restore", s.name, "--what", "database", "--point", c, "--yes", s.name, "--without-safety", "the test has one already", "--json")
	s.await(t, v.Restore, "restored")
	back, err := os.ReadFile(moodle.ContentPath(s.FileDir, work.Hash))
	if err != nil || !bytes.Equal(back, kept) {
		t.Errorf("the file that the restored database names: %q, %v", back, err)
	}
	r.say(t, "restore", "accept", v.Restore, "--wait")
	if n, err := live.Count(t.Context(), "SELECT COUNT(*) FROM {files} WHERE contenthash = ?", work.Hash); err != nil || n != 1 {
		t.Errorf("%d rows name it (%v), want 1", n, err)
	}
}

// damageIsHealed flips a byte in every pack of the data repository.
func damageIsHealed(t *testing.T, s *restoreSite) {
	r := s.rig
	hurt := r.copies(t, s.name, "data")[0].Copy
	var repository string
	if err := r.query(t.Context(), []any{&repository}, "SELECT r.name FROM repository r JOIN copy c ON c.repository_id = r.id WHERE c.id = $1", hurt); err != nil {
		t.Fatal(err)
	}
	store, flipped := filepath.Join(r.dir, "stores", s.host, repository), 0
	err := filepath.WalkDir(store, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(store, path)
		if err != nil || d.IsDir() || !strings.HasPrefix(rel, "p") {
			return err
		}
		flipped++
		return flip(path)
	})
	if err != nil || flipped == 0 {
		t.Fatalf("%d packs flipped: %v", flipped, err)
	}
	state := func() (string, string) {
		var copyState, damage string
		err := r.query(t.Context(), []any{&copyState, &damage}, "SELECT c.state, r.damage_state FROM copy c JOIN repository r ON r.id = c.repository_id WHERE c.id = $1", hurt)
		if err != nil {
			return "", err.Error()
		}
		return copyState, damage
	}
	r.say(t, "site", "verify", s.name, "--whole")
	eventually(t, 2*time.Minute, "the damage is found, and the repair waits for the site", func() (bool, string) {
		c, d := state()
		return c == "damaged" && strings.HasPrefix(d, "healing"), c + " " + d
	})
	r.awaitState(t, r.begin(t, s.name, "data"), "good", time.Minute)
	eventually(t, 3*time.Minute, "the copy is healed from the site and proven", func() (bool, string) {
		c, d := state()
		return c == "good" && d == "", c + " " + d
	})
}

// destructionIsNoticed encrypts filedir as a thief of data would.
func destructionIsNoticed(t *testing.T, s *restoreSite) {
	r := s.rig
	err := filepath.WalkDir(s.FileDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || len(d.Name()) != 40 {
			return err
		}
		if err := os.WriteFile(path, []byte("no longer what it was: "+path), 0o600); err != nil {
			return err
		}
		return os.Rename(path, path+".locked")
	})
	if err != nil {
		t.Fatal(err)
	}
	r.begin(t, s.name, "data")
	var why string
	eventually(t, 2*time.Minute, "the alarm is raised", func() (bool, string) {
		err := r.query(t.Context(), []any{&why}, "SELECT tamper_alarm FROM site WHERE name = $1", s.name)
		return err == nil && why != "", fmt.Sprint(why, err)
	})
	t.Logf("the alarm: %s", why)
	var protected int
	if err := r.query(t.Context(), []any{&protected}, "SELECT count(*) FROM copy JOIN site ON site.id = copy.site_id WHERE site.name = $1 AND copy.protected_until > now()", s.name); err != nil || protected < 2 {
		t.Errorf("%d copies protected (%v), want the last good pair", protected, err)
	}
	if shown := r.say(t, "site", "clear-alarm", s.name); !strings.Contains(shown, why) {
		t.Errorf("without a reason it says %q, want the alarm", shown)
	}
	if _, complaints, code := r.run(t, "", "site", "clear-alarm", s.name, "--reason", ""); code != 2 || !strings.Contains(complaints, "reason") {
		t.Errorf("an alarm cleared for no reason: exit %d, %q", code, complaints)
	}
	r.say(t, "site", "clear-alarm", s.name, "--reason", "a test of the alarm, all is well")
	if err := r.query(t.Context(), []any{&why}, "SELECT tamper_alarm FROM site WHERE name = $1", s.name); err != nil || why != "" {
		t.Errorf("the alarm stands: %q, %v", why, err)
	}
}
