package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// change runs one statement in the control plane's database: time that passed,
// which a test cannot wait for.
func (r *rig) change(t testing.TB, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := r.query(t.Context(), []any{&n}, "WITH done AS ("+sql+" RETURNING 1) SELECT count(*) FROM done", args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func (r *rig) count(t testing.TB, sql string, args ...any) (n int) {
	t.Helper()
	if err := r.query(t.Context(), []any{&n}, "SELECT count(*) FROM "+sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

const ofSite = " site_id = (SELECT id FROM site WHERE name = $1)"

// followsThePolicy lets a day pass for a site that has its first copies: the
// planner's runs serve the newest slots, the first copies leave the storage a
// day later, and an upgrade of Moodle protects the copies before it.
func followsThePolicy(t *testing.T, r *rig, s *moodleSite) {
	first := map[string]string{}
	sealed := ""
	for _, kind := range []string{"database", "data"} {
		all := r.copies(t, s.name, kind)
		first[kind] = all[len(all)-1].Copy
		if kind == "database" {
			sealed = all[len(all)-1].SealedFile
		}
	}
	r.say(t, "policy", "assign", "published", s.name)
	aDayPasses(t, r, s)
	upgradeProtects(t, r, s)
	firstCopiesGo(t, r, s, first, sealed)
}

func aDayPasses(t *testing.T, r *rig, s *moodleSite) {
	t.Helper()
	n := r.change(t, `UPDATE schedule d SET start_at = now(), state = jsonb_build_object(d.kind::text,
		(SELECT jsonb_object_agg(b.key, to_jsonb(now() - interval '26 hours')) FROM jsonb_each(d.begun) b)) WHERE`+ofSite, s.name)
	if n != 2 {
		t.Fatalf("%d schedules", n)
	}
	for kind, tier := range map[string]string{"database": "daily", "data": "hourly"} {
		eventually(t, 2*time.Minute, "the planner's "+kind+" copy is there", func() (bool, string) {
			return r.count(t, `copy c JOIN run r ON r.id = c.run_id WHERE c.kind = $2::backup_kind AND r.reason = 'scheduled' AND c.state = 'good' AND c.tiers ? $3
				AND c.`+ofSite[1:], s.name, kind, tier) == 1, r.say(t, "runs", "list", "--site", s.name)
		})
	}
	if n := r.count(t, "missed_slot WHERE kind = 'data' AND tier = 'hourly' AND"+ofSite, s.name); n < 5 || n > 6 {
		t.Errorf("%d slots of the day were missed, want all but the one that was served", n)
	}
	if n := r.count(t, "run WHERE reason = 'scheduled' AND"+ofSite, s.name); n != 2 {
		t.Errorf("%d runs caught up, want one of each kind", n)
	}
}

func upgradeProtects(t *testing.T, r *rig, s *moodleSite) {
	t.Helper()
	site := s.Site
	site.DB.Password = s.conn.Password
	up, err := site.Upgrade(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Site = up
	r.say(t, "backup", s.name, "--wait", "--protect", "7d", "--reason", "after the upgrade")
	for _, kind := range []string{"database", "data"} {
		n := r.count(t, `copy c JOIN run r ON r.id = c.run_id WHERE c.kind = $2::backup_kind AND r.reason = 'scheduled'
			AND c.protected_why LIKE 'Before a change: %' AND c.protected_until > now() + interval '29 days' AND c.`+ofSite[1:], s.name, kind)
		if n != 1 {
			t.Errorf("the newest %s copy before the upgrade is not protected (%d)", kind, n)
		}
	}
	if n := r.count(t, "event WHERE verb = 'moodle.changed' AND"+ofSite, s.name); n < 1 {
		t.Error("no event tells of the upgrade")
	}
	if n := r.count(t, "copy WHERE protected_why = 'after the upgrade' AND tiers = '{}' AND"+ofSite, s.name); n != 2 {
		t.Errorf("%d copies by hand are protected, want 2", n)
	}
}

func firstCopiesGo(t *testing.T, r *rig, s *moodleSite, first map[string]string, sealed string) {
	t.Helper()
	file := filepath.Join(r.dir, "stores", s.host, sealed)
	if _, err := os.Stat(file); sealed == "" || err != nil {
		t.Errorf("the first dump's sealed file %q: %v", sealed, err)
	}
	for kind, id := range first {
		eventually(t, time.Minute, "the first "+kind+" copy is in the bin", func() (bool, string) {
			return r.count(t, "copy WHERE id = $1 AND binned_at IS NOT NULL", id) == 1, r.say(t, "copies", "list", s.name)
		})
		r.change(t, "UPDATE copy SET binned_at = binned_at - interval '25 hours' WHERE id = $1", id)
		r.change(t, "UPDATE schedule SET retain_at = now() WHERE"+ofSite, s.name)
	}
	for kind, id := range first {
		eventually(t, 2*time.Minute, "the first "+kind+" copy is gone", func() (bool, string) {
			return r.count(t, "copy WHERE id = $1", id) == 0, r.say(t, "copies", "list", s.name)
		})
		if n := r.count(t, "event WHERE verb = 'copy.deleted' AND subject_id = $1", id); n != 1 {
			t.Errorf("%d events tell of the deletion", n)
		}
		left := r.copies(t, s.name, kind)
		for _, c := range left {
			r.say(t, "copies", "verify", c.Copy)
			eventually(t, time.Minute, fmt.Sprintf("copy %s is whole still", c.Copy), func() (bool, string) {
				n := r.count(t, "keeper_task WHERE copy_id = $1 AND kind = 'verify_copy' AND state IN ('queued', 'running')", c.Copy)
				return n == 0, "its verification is under way"
			})
		}
		for _, c := range r.copies(t, s.name, kind) {
			if c.State != "good" || c.VerifiedAt == nil {
				t.Errorf("a neighbour of the deleted copy: %+v", c)
			}
		}
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the deleted dump's sealed file is there still: %v", err)
	}
}
