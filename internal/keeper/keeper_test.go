package keeper_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/engine"
	"holdfast/internal/id"
	"holdfast/internal/keeper"
	"holdfast/internal/site"
	"holdfast/internal/testkit"
	"holdfast/internal/vault"
)

// The test's own program is the keeper's child.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "keeper-child" {
		if err := keeper.Child(context.Background(), os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

type rig struct {
	*testkit.App
	site id.Site
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{App: testkit.NewApp(t, nil)}
	_, err := r.AddTenant(t.Context(), authz.Console(), "a", "a")
	r.Must(err)
	_, _, err = r.AddHost(t.Context(), authz.Console(), "host-a", 2)
	r.Must(err)
	r.site, err = r.AddSite(t.Context(), authz.Console(), app.NewSite{Tenant: "a", Host: "host-a", Entry: site.Entry{Name: "a.example", CodeDir: "/srv/a"}})
	r.Must(err)
	runs, err := r.ListRuns(t.Context(), authz.Console(), app.RunQuery{})
	r.Must(err)
	for _, run := range runs {
		r.Must(r.DispatchRun(t.Context(), run.ID))
	}
	return r
}

// keep runs a keeper until the function it gives is called.
func (r *rig) keep() (stop func()) {
	k := keeper.New(r.App.App, keeper.Options{
		URL: r.URL, Child: []string{os.Args[0], "keeper-child"}, SpoolDir: r.T.TempDir(), LookEvery: 100 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(r.T.Context())
	done := make(chan struct{})
	go func() { k.Run(ctx); close(done) }()
	return func() { cancel(); <-done }
}

// until waits for a count in the database, for a minute at the most.
func (r *rig) until(query string, want int) {
	r.T.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		n := r.Count(query)
		if n == want {
			return
		}
		if time.Now().After(deadline) {
			r.T.Fatalf("%s: %d, want %d", query, n, want)
		}
		<-tick.C
	}
}

func TestKeeper_MakesTheRepositoriesOnceHoweverManyKeepersRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 3 {
		defer r.keep()()
	}
	r.until("SELECT count(*) FROM repository WHERE state = 'ready'", 2)
	r.until("SELECT count(*) FROM keeper_task WHERE state = 'done' AND attempt = 1", 2)
	for _, kind := range []string{"database", "data"} {
		if _, err := os.Stat(filepath.Join(r.Vault, r.site.String(), kind, "kopia.repository.f")); err != nil {
			t.Error(err)
		}
	}
}

func TestKeeper_TheNextOneTakesUpWhatADeadOneHadBegun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list, err := r.Destinations(t.Context())
	r.Must(err)
	// A keeper took a task and died: nobody holds the lock, the task says running.
	if _, ok, err := r.TakeTask(t.Context(), list[0].ID); err != nil || !ok {
		t.Fatal(ok, err)
	}
	defer r.keep()()
	r.until("SELECT count(*) FROM repository WHERE state = 'ready'", 2)
}

// runChild gives one job to the child's own code.
func runChild(t *testing.T, j keeper.Job) keeper.Result {
	t.Helper()
	line, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	in, parent := io.Pipe()
	defer func() { _ = parent.Close() }()
	go func() { _, _ = parent.Write(append(line, '\n')) }()
	var out bytes.Buffer
	if err := keeper.Child(t.Context(), in, &out); err != nil {
		t.Fatal(err)
	}
	var r keeper.Result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%s: %v", out.Bytes(), err)
	}
	return r
}

func TestChild_MakesVerifiesSealsAndRefusesToMaintainWhatLacksASnapshot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	backend := vault.Backend{Kind: vault.Filesystem, Path: dir}
	raw, err := json.Marshal(backend)
	if err != nil {
		t.Fatal(err)
	}
	siteID := id.New[id.Site]().String()
	job := keeper.Job{Backend: raw, Repository: siteID + "/database", Kind: "database", Password: "a long password", Site: siteID, SpoolDir: t.TempDir()}
	do := func(task string, change func(*keeper.Job)) keeper.Result {
		j := job
		j.Task = task
		if change != nil {
			change(&j)
		}
		return runChild(t, j)
	}
	for range 2 { // a second try after a death in between is not an error
		if res := do("create_repository", nil); res.Error != "" {
			t.Fatal(res.Error)
		}
	}
	repo, err := engine.Open(t.Context(), engine.Location{Backend: &backend, Repository: job.Repository}, job.Password)
	if err != nil {
		t.Fatal(err)
	}
	snap, err := repo.StoreStream(t.Context(), engine.StreamOptions{Source: siteID, FileName: "dump.sql", TakenAt: time.Now()}, func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, strings.Repeat("INSERT INTO mdl_x VALUES (1);\n", 5000))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if res := do("verify_copy", func(j *keeper.Job) { j.Snapshot = snap.ID }); res.Error != "" || res.Damage != "" {
		t.Fatalf("%+v", res)
	}
	if res := do("verify_copy", func(j *keeper.Job) { j.Snapshot = "0123456789abcdef0123456789abcdef" }); res.Damage == "" {
		t.Errorf("a missing snapshot is not damage: %+v", res)
	}
	key := bytes.Repeat([]byte{7}, 32)
	sealIt := func(j *keeper.Job) {
		j.Snapshot, j.Copy, j.SHA256, j.SealKey = snap.ID, "copy-1", snap.SHA256, key
	}
	res := do("seal_copy", sealIt)
	if res.Error != "" || res.SealedName != siteID+"/sealed/copy-1.hfs" || len(res.SealedSHA256) != 64 {
		t.Fatalf("%+v", res)
	}
	var back bytes.Buffer
	if err := engine.ReadSealed(t.Context(), backend, res.SealedName, key, &back); err != nil || back.Len() != int(snap.Bytes) {
		t.Fatalf("%d bytes came back of %d, %v", back.Len(), snap.Bytes, err)
	}
	if res := do("seal_copy", func(j *keeper.Job) { sealIt(j); j.Copy, j.SHA256 = "copy-2", strings.Repeat("0", 64) }); res.Damage == "" {
		t.Errorf("a dump with another checksum was sealed: %+v", res)
	}
	if _, err := os.Stat(filepath.Join(dir, siteID, "sealed", "copy-2.hfs")); !os.IsNotExist(err) {
		t.Errorf("the refused sealed file is there: %v", err)
	}
	if res := do("maintain", func(j *keeper.Job) { j.Known = []string{snap.ID} }); res.Error != "" {
		t.Errorf("maintenance: %+v", res)
	}
	if res := do("maintain", func(j *keeper.Job) { j.Known = []string{snap.ID, "gone"} }); !strings.Contains(res.Error, "put it back") {
		t.Errorf("maintenance of a repository that lacks a snapshot: %+v", res)
	}
}

func TestKeeper_MaintainsOnceHoweverManyKeepersRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 3 {
		defer r.keep()()
	}
	r.until("SELECT count(*) FROM repository WHERE state = 'ready'", 2)
	r.Must(r.MaintainSite(t.Context(), authz.Console(), "a.example"))
	// One destination, one keeper, one task at a time, whoever takes them.
	done := "SELECT count(*) FROM keeper_task WHERE kind = 'maintain' AND state = 'done' AND attempt = 1"
	for deadline := time.Now().Add(time.Minute); r.Count(done) < 2 && time.Now().Before(deadline); {
		if n := r.Count("SELECT count(*) FROM keeper_task WHERE state = 'running'"); n > 1 {
			t.Fatalf("%d tasks at once", n)
		}
	}
	r.until(done, 2)
	if n := r.Count("SELECT count(*) FROM event WHERE verb = 'repository.maintained' AND (detail->>'bytes_after')::bigint > 0 AND (detail->>'bytes_before')::bigint > 0"); n != 2 {
		t.Errorf("%d events tell of maintenance and its bytes, want 2", n)
	}
}
