package app_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
)

// Hosts that stand each in their own way come worst first, and are walked page
// by page, forth and back, without a host twice or left out.
func TestHosts_AreWalkedPageByPageWorstFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	now := r.clock.Now()
	for i, state := range []string{"active", "active", "maintenance", "pending", "active", "revoked"} {
		for n := range 7 {
			seen := now
			if i == 0 {
				seen = now.Add(-time.Hour)
			}
			skew := 0
			if i == 1 {
				skew = 60_000
			}
			r.SQL(`INSERT INTO host (id, name, state, clock_skew_ms, last_seen_at, created_at, credential_hash) VALUES (gen_random_uuid(), $1, $2::text::host_state, $3, $4, now(), CASE WHEN $2::text IN ('pending', 'revoked') THEN NULL ELSE sha256($1::text::bytea) END)`,
				fmt.Sprintf("host-%d-%d", 9-i, n), state, skew, seen)
		}
	}
	var walked, back []string
	pages := 0
	l := app.HostsLook{Size: 5}
	for ; ; pages++ {
		v, err := r.LookAtHosts(t.Context(), authz.Console(), l)
		r.must(err)
		for _, h := range v.Hosts {
			walked = append(walked, h.Row.Name)
		}
		if v.Found != 42 || v.All[app.HostSilent] != 7 || v.SilentName != "host-9-0" || v.Less != (l.After != nil) {
			t.Fatalf("%+v", v)
		}
		if !v.More {
			l = app.HostsLook{Size: 5, Before: &v.First}
			break
		}
		l.After = &v.Last
	}
	if pages != 8 || len(walked) != 42 || !slices.IsSortedFunc(walked, func(a, b string) int { return int(b[5]) - int(a[5]) }) || len(slices.Compact(slices.Sorted(slices.Values(walked)))) != 42 {
		t.Fatalf("%d pages of %v", pages, walked)
	}
	for {
		v, err := r.LookAtHosts(t.Context(), authz.Console(), l)
		r.must(err)
		page := []string{}
		for _, h := range v.Hosts {
			page = append(page, h.Row.Name)
		}
		back = append(page, back...)
		if !v.Less {
			break
		}
		l.Before = &v.First
	}
	if !slices.Equal(back, walked[:40]) {
		t.Errorf("back: %v", back)
	}
}

func TestHosts_AreNarrowedAndCountedByStanding(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.host("alpha-1", 2)
	r.host("alpha-2", 2)
	r.host("beta-1", 2)
	r.SQL(`UPDATE host SET last_seen_at = $1`, r.clock.Now())
	r.SQL(`UPDATE host SET state = 'maintenance' WHERE name = 'alpha-2'`)
	v, err := r.LookAtHosts(t.Context(), authz.Console(), app.HostsLook{Search: " ALPHA ", Standing: app.HostMaintained})
	r.must(err)
	if len(v.Hosts) != 1 || v.Hosts[0].Row.Name != "alpha-2" || v.Standings[app.HostWell] != 1 || v.All[app.HostWell] != 2 || v.More || v.Less {
		t.Errorf("%+v", v)
	}
	for _, l := range []app.HostsLook{{Standing: "lost"}, {After: &app.HostPlace{Standing: "lost"}}, {Before: &app.HostPlace{}}, {Search: "a\x00"}, {Search: string(make([]rune, 101))}} {
		if _, err := r.LookAtHosts(t.Context(), authz.Console(), l); !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: %v", l, err)
		}
	}
}
