package e2e

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/embedpg"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
	"holdfast/internal/testdb"
)

// TestPair runs two control planes on one PostgreSQL of somebody else's, with
// agents whose line leads to whichever answers; one is killed in mid-backup.
func TestPair(t *testing.T) { //nolint:paralleltest // it kills processes of the machine
	dir, err := testdb.Scratch("holdfast-e2e-pair-")
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := embedpg.Start(t.Context(), embedpg.Options{StateDir: filepath.Join(dir, "postgres"), Logger: slog.New(slog.DiscardHandler), Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	r := &rig{
		dir: dir, sites: filepath.Join(shared.dir, "sites", filepath.Base(dir)), hosts: map[string]*host{},
		web: freePort(t), door: freePort(t), control: map[string]*line{}, vault: map[string]*line{}, admin: cluster.URL(embedpg.Superuser, "holdfast"),
	}
	var made int
	admin := rig{admin: cluster.URL(embedpg.Superuser, "postgres")}
	for _, sql := range []string{"CREATE ROLE pair_owner LOGIN CREATEROLE", "CREATE DATABASE holdfast OWNER pair_owner"} {
		if err := admin.query(t.Context(), []any{&made}, sql); err != nil && err.Error() != "no rows in result set" {
			t.Fatal(err)
		}
	}
	key := filepath.Join(dir, "master.key")
	common := []string{
		"HOLDFAST_DATABASE_URL=" + cluster.URL("holdfast_login", "holdfast"), "HOLDFAST_MIGRATE_URL=" + cluster.URL("pair_owner", "holdfast"),
		"HOLDFAST_MASTER_KEY_FILE=" + key, "HOLDFAST_VAULT_DIR=" + filepath.Join(dir, "vault"), "HOLDFAST_AGENT_URL=https://" + r.door,
	}
	one := filepath.Join(dir, "one")
	r.env = environment(append(common, "HOLDFAST_STATE_DIR="+one, "HOLDFAST_LISTEN="+r.web, "HOLDFAST_AGENT_LISTEN="+r.door)...)
	r.say(t, "key", "new", "--file", key)
	r.say(t, "migrate")
	r.startServe(t)
	// The second has the first one's certificate, as an operator would give it.
	two, door2, web2 := filepath.Join(dir, "two"), freePort(t), freePort(t)
	if err := os.CopyFS(filepath.Join(two, "tls"), os.DirFS(filepath.Join(one, "tls"))); err != nil {
		t.Fatal(err)
	}
	other := launch(t, "serve two", filepath.Join(dir, "serve-two.log"),
		environment(append(common, "HOLDFAST_STATE_DIR="+two, "HOLDFAST_LISTEN="+web2, "HOLDFAST_AGENT_LISTEN="+door2)...), shared.holdfast, "serve")
	awaitPages(t, other, web2)
	t.Cleanup(func() {
		for _, h := range r.hosts {
			h.agent.kill(t)
		}
		for _, p := range []*process{r.serve, other} {
			if code := p.signal(t, syscall.SIGTERM, 30*time.Second); p == other && code != 0 {
				t.Errorf("the one left ended with %d:\n%s", code, p.said(3000))
			}
		}
	})
	r.say(t, "tenant", "add", "Riverside Academy", "--slug", "riverside")
	r.addQuietPolicy(t)
	h := r.addHost(t, "host-a", r.door, door2)
	s := r.build(t, spec{name: "pair.riverside.example", host: h.name, layout: moodle.LayoutClassic, flavour: sitedb.MariaDB, seed: 9})
	r.register(t, s, h.name)
	bringsBack(t, r, []*moodleSite{s})

	s.grow(t, heavy)
	run, child, before := r.midway(t, s, "data")
	r.serve.kill(t)
	if !isAlive(child) {
		t.Error("the backup's process did not outlive one of two control planes")
	}
	r.vault[s.host].release()
	after := r.awaitState(t, run, "good", time.Minute)
	if after.Fence != before.Fence || after.Attempt != 1 {
		t.Errorf("ended as %+v, was %+v; nothing was to begin again", after, before)
	}
	r.mustHaveRunOnce(t, run, 1)
	// The one left does everything: plan, queue, lease, keep, verify, seal.
	r.awaitState(t, r.begin(t, s.name, "database"), "good", time.Minute)
	eventually(t, time.Minute, "the one left keeps too", func() (bool, string) {
		for _, c := range r.copies(t, s.name, "data") {
			if c.VerifiedAt == nil {
				return false, c.Copy + " is not verified"
			}
		}
		return true, ""
	})
}
