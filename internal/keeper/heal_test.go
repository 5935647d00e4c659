package keeper_test

import (
	"crypto/sha1" //nolint:gosec // Moodle's names of contents
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/backup"
	"holdfast/internal/engine"
	"holdfast/internal/vault"
)

// host is an agent played by hand that writes real data copies of a folder.
type host struct {
	*rig
	t        *testing.T
	agent    app.AgentHost
	instance string
	epoch    int64
	seq      int64
	src      string
}

func newHost(t *testing.T, r *rig) *host {
	t.Helper()
	h := &host{rig: r, t: t, instance: uuid.NewString(), src: t.TempDir()}
	_, token, err := r.AddHost(t.Context(), authz.Console(), "host-b", 2)
	r.Must(err)
	e, err := r.Enrol(t.Context(), agentproto.EnrolRequest{Token: token, Hostname: "host-b"})
	r.Must(err)
	h.agent, err = r.HostByCredential(t.Context(), e.Credential)
	r.Must(err)
	h.agent.Protocol = agentproto.Version
	hello, err := r.Hello(t.Context(), h.agent, agentproto.HelloRequest{Instance: h.instance})
	r.Must(err)
	h.epoch = hello.Epoch
	r.SQL("UPDATE site SET host_id = (SELECT id FROM host WHERE name = 'host-b')")
	r.SQL("UPDATE run SET host_id = (SELECT id FROM host WHERE name = 'host-b')")
	return h
}

// content puts a file into filedir, named by its content.
func (h *host) content(text string) (file string) {
	h.t.Helper()
	sum := fmt.Sprintf("%x", sha1.Sum([]byte(text))) //nolint:gosec // Moodle's names of contents
	file = filepath.Join(h.src, "filedir", sum[:2], sum[2:4], sum)
	h.Must(os.MkdirAll(filepath.Dir(file), 0o750))
	h.Must(os.WriteFile(file, []byte(text), 0o600))
	return file
}

// run takes the data copy that is asked for and tells what it saw; it gives how
// much the lease wanted read.
func (h *host) run() (reading string) {
	h.t.Helper()
	started, err := h.StartBackup(h.t.Context(), authz.Console(), "a.example", []backup.Kind{backup.Data}, app.Protection{})
	h.Must(err)
	h.Must(h.DispatchRun(h.t.Context(), started[0].Run))
	h.seq++
	got, err := h.Poll(h.t.Context(), h.agent, agentproto.PollRequest{Instance: h.instance, Epoch: h.epoch, PollSeq: h.seq}, true)
	h.Must(err)
	if len(got.Leases) != 1 || got.Leases[0].Kind != agentproto.KindData {
		h.t.Fatalf("leases %+v", got.Leases)
	}
	l := got.Leases[0]
	h.Must(h.RunStarted(h.t.Context(), h.agent, agentproto.StartedRequest{Instance: h.instance, Epoch: h.epoch, Run: l.Run, Fence: l.Fence}))
	repo, err := engine.Open(h.t.Context(), engine.Location{Backend: &vault.Backend{Kind: vault.Filesystem, Path: h.Vault}, Repository: l.Repository.Name}, l.Repository.Password)
	h.Must(err)
	all := l.Reading == agentproto.ReadingAll
	snap, err := repo.StoreTree(h.t.Context(), engine.TreeOptions{
		Source: h.site.String(), TakenAt: time.Now(), Previous: !all, Fast: l.Reading == agentproto.ReadingFast,
		Roots: []engine.Root{{Name: "moodledata", Path: h.src, ContentAddressed: "filedir"}},
	})
	h.Must(err)
	h.Must(repo.Close(h.t.Context()))
	s := agentproto.Signals{Reading: l.Reading, PHPFiles: 1000, First: h.Count("SELECT count(*) FROM copy WHERE kind = 'data'") == 0}
	if c := snap.Content; c != nil {
		s.Contents, s.Checked, s.Mismatched, s.New, s.Gone, s.GoneUntrashed, s.Foreign, s.Examples = c.Contents, c.Checked, c.Mismatched, c.New, c.Gone, c.Gone, c.Foreign, c.Examples
	}
	h.Must(h.Complete(h.t.Context(), h.agent, agentproto.CompleteRequest{
		Instance: h.instance, Epoch: h.epoch, Run: l.Run, Fence: l.Fence, Outcome: agentproto.OutcomeGood,
		Copy: &agentproto.Copy{
			Snapshot: snap.ID, Manifest: snap.Manifest, TakenAt: time.Now(), Files: snap.Files, Bytes: snap.Bytes,
			Facts: agentproto.Facts{Fingerprint: "code1:a"}, Signals: &s,
		},
	}))
	return l.Reading
}

// begin makes the site's repositories, and ends the runs of its registration.
func (h *host) begin() {
	h.t.Helper()
	h.until("SELECT count(*) FROM repository WHERE state = 'ready'", 2)
	h.SQL("UPDATE run SET state = 'cancelled', finished_at = now() WHERE state IN ('planned', 'queued')")
}

func (h *host) largest() (file string) {
	h.t.Helper()
	size := int64(-1)
	h.Must(filepath.WalkDir(filepath.Join(h.Vault, h.site.String(), "data", "p"), func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		fi, err := d.Info()
		if err == nil && fi.Size() > size {
			file, size = p, fi.Size()
		}
		return err
	}))
	return file
}

const dataDamage = "SELECT count(*) FROM repository WHERE kind = 'data' AND damage_state = "

// The whole way with real storage, the keeper at work: a pack loses bytes, a
// whole read finds it, the copies that need it go, the next run heals them.
func TestKeeper_DamageIsFoundAndHealedByTheNextRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := newHost(t, r)
	defer r.keep()()
	h.begin()
	for i := range 5 {
		h.content(noise(uint64(i), 200_000))
	}
	h.run()
	h.content(noise(9, 1000))
	h.run()
	r.Must(r.VerifySite(t.Context(), authz.Console(), "a.example", true))
	r.until("SELECT count(*) FROM copy WHERE kind = 'data' AND state = 'good' AND verified_at IS NOT NULL", 2)
	r.until("SELECT count(*) FROM repository WHERE scanned_at IS NOT NULL AND damage_state = ''", 2)

	pack := h.largest()
	r.Must(os.Truncate(pack, 1000))
	r.Must(r.VerifySite(t.Context(), authz.Console(), "a.example", false))
	r.until("SELECT count(*) FROM copy WHERE kind = 'data' AND state = 'damaged'", 2)
	r.until(dataDamage+"'healing'", 1)
	if n := r.Count("SELECT count(*) FROM schedule WHERE kind = 'data' AND damage_stops"); n != 1 {
		t.Error("retention goes on beside the damage")
	}
	if got := h.run(); got != agentproto.ReadingAll {
		t.Fatalf("the lease after the repair reads %q", got)
	}
	r.until(dataDamage+"''", 1)
	r.until("SELECT count(*) FROM copy WHERE kind = 'data' AND state = 'good'", 3)
	if n := r.Count("SELECT count(*) FROM schedule WHERE damage_stops"); n != 0 {
		t.Error("retention stands still though all is well")
	}
	if n := r.Count("SELECT count(*) FROM event WHERE verb = 'copy.whole_again'"); n != 2 {
		t.Errorf("%d copies are told whole again, want 2", n)
	}
	r.Must(r.MaintainSite(t.Context(), authz.Console(), "a.example"))
	r.until("SELECT count(*) FROM keeper_task WHERE kind = 'maintain' AND state = 'done'", 2)
}

// Overnight every content is replaced by an encrypted one beside it: the run
// that sees it raises the alarm, and the copies from before are protected.
func TestTamper_AnEncryptedFiledirRaisesTheAlarmFromARealRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := newHost(t, r)
	defer r.keep()()
	h.begin()
	var files []string
	for i := range 300 {
		files = append(files, h.content(fmt.Sprintf("content %d", i)))
	}
	h.run()
	h.run()
	for i, f := range files {
		if i%10 == 0 {
			h.content(fmt.Sprintf("upload %d", i)) // a day's life
		}
		if i == 7 {
			r.Must(os.Remove(f))
		}
	}
	h.run()
	if n := r.Count("SELECT count(*) FROM site WHERE tamper_alarm <> ''"); n != 0 {
		t.Fatal("an ordinary day raised the alarm")
	}
	for i, f := range files {
		if i == 7 {
			continue
		}
		r.Must(os.WriteFile(f+".locked", []byte(noise(uint64(i), 50)), 0o600))
		r.Must(os.Remove(f))
	}
	h.run()
	s, err := r.TamperOf(t.Context(), authz.Console(), "a.example")
	r.Must(err)
	if s.Alarm == "" || !strings.Contains(strings.Join(s.Evidence, "\n"), ".locked") {
		t.Fatalf("%+v", s)
	}
	if n := r.Count("SELECT count(*) FROM copy WHERE protected_why LIKE 'Before a tamper alarm%'"); n != 1 {
		t.Errorf("%d copies from before are protected, want 1", n)
	}
}
