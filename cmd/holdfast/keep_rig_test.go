package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/clock"
	"holdfast/internal/seal"
	"holdfast/internal/site"
	"holdfast/internal/store"
	"holdfast/internal/testdb"
	"holdfast/internal/testkit"
)

const someSite = "learn.school.example"

// plane is a control plane's database with one site that has its first copies,
// and the command line on it.
type plane struct {
	*app.App
	t     *testing.T
	url   string
	flags []string
}

func newPlane(t *testing.T) *plane {
	t.Helper()
	p := &plane{t: t}
	p.url = testdb.NewFromTemplate(t, "migrated", func(url string) error {
		return store.Migrate(context.Background(), url, slog.New(slog.DiscardHandler))
	})
	file := filepath.Join(t.TempDir(), "master.key")
	key, err := seal.NewKeyFile(file)
	p.must(err)
	s, err := store.Open(t.Context(), store.Options{URL: p.url})
	p.must(err)
	t.Cleanup(s.Close)
	p.App = app.New(s, key, testkit.Storage{}, nil, nil)
	p.flags = []string{"--database-url", p.url, "--master-key-file", file, "--state-dir", t.TempDir()}
	ctx, root := t.Context(), authz.Console()
	p.must(p.EnsureDefaultDestination(ctx, json.RawMessage(`{"kind":"filesystem","path":"/nowhere"}`)))
	p.must(p.CheckKey(ctx))
	_, err = p.AddTenant(ctx, root, "School", "school")
	p.must(err)
	_, token, err := p.AddHost(ctx, root, "host-a", 4)
	p.must(err)
	enrolled, err := p.Enrol(ctx, agentproto.EnrolRequest{Token: token, Hostname: "host-a"})
	p.must(err)
	_, err = p.AddSite(ctx, root, app.NewSite{Tenant: "school", Host: "host-a", Entry: site.Entry{Name: someSite, CodeDir: "/srv/school", TimeZone: "Europe/Berlin"}})
	p.must(err)
	h, err := p.HostByCredential(ctx, enrolled.Credential)
	p.must(err)
	h.Protocol = agentproto.Version
	p.takeCopies(h)
	return p
}

func (p *plane) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// takeCopies plays the keeper and the agent until both first copies are there.
func (p *plane) takeCopies(h app.AgentHost) {
	p.t.Helper()
	ctx := p.t.Context()
	instance := uuid.NewString()
	hello, err := p.Hello(ctx, h, agentproto.HelloRequest{Instance: instance})
	p.must(err)
	for seq := range int64(4) {
		runs, err := p.ListRuns(ctx, authz.Console(), app.RunQuery{OnlyOpen: true})
		p.must(err)
		for _, r := range runs {
			p.must(p.DispatchRun(ctx, r.ID))
		}
		ds, err := p.Destinations(ctx)
		p.must(err)
		for {
			task, ok, err := p.TakeTask(ctx, ds[0].ID)
			p.must(err)
			if !ok {
				break
			}
			p.must(p.FinishTask(ctx, task, app.TaskOutcome{SealedName: "x.hfs", SealedSHA256: strings.Repeat("0", 64)}))
		}
		a, err := p.Poll(ctx, h, agentproto.PollRequest{Instance: instance, Epoch: hello.Epoch, PollSeq: seq + 1}, true)
		p.must(err)
		for _, l := range a.Leases {
			p.must(p.RunStarted(ctx, h, agentproto.StartedRequest{Instance: instance, Epoch: hello.Epoch, Run: l.Run, Fence: l.Fence}))
			c := &agentproto.Copy{Snapshot: "k" + l.Run, Manifest: json.RawMessage(`{}`), TakenAt: clock.System{}.Now().Add(-time.Second), Files: 1, Bytes: 2, StoredBytes: 1}
			if l.Kind == agentproto.KindDatabase {
				c.Tables, c.SHA256 = []agentproto.Table{{Name: "mdl_config", Rows: 3}}, strings.Repeat("a", 64)
			}
			p.must(p.Complete(ctx, h, agentproto.CompleteRequest{Instance: instance, Epoch: hello.Epoch, Run: l.Run, Fence: l.Fence, Outcome: agentproto.OutcomeGood, Copy: c}))
		}
	}
}

func (p *plane) sql(query string, args ...any) {
	p.t.Helper()
	c, err := pgx.Connect(p.t.Context(), p.url)
	p.must(err)
	defer c.Close(context.Background())
	_, err = c.Exec(p.t.Context(), query, args...)
	p.must(err)
}

// run runs one command line on the plane.
func (p *plane) run(args ...string) (code int, out, complaints string) {
	p.t.Helper()
	return command(p.t, append(append([]string{}, args...), p.flags...)...)
}

// good runs a command that must go well, and gives what it printed.
func (p *plane) good(args ...string) string {
	p.t.Helper()
	code, out, complaints := p.run(args...)
	if code != 0 || complaints != "" {
		p.t.Fatalf("%v: exit %d, %q", args, code, complaints)
	}
	return out
}

// json reads what a command that must go well printed.
func (p *plane) json(into any, args ...string) {
	p.t.Helper()
	out := p.good(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		p.t.Fatalf("%v printed %q: %v", args, out, err)
	}
}

// bad runs a command that must be refused in one line, with the exit code.
func (p *plane) bad(want int, says string, args ...string) {
	p.t.Helper()
	code, out, complaints := p.run(args...)
	if code != want || out != "" || strings.Count(complaints, "\n") != 1 || !strings.Contains(complaints, says) {
		p.t.Errorf("%v: exit %d, printed %q, complained %q", args, code, out, complaints)
	}
}

// row reads one row of two columns.
func (p *plane) row(a, b any, query string, args ...any) {
	p.t.Helper()
	c, err := pgx.Connect(p.t.Context(), p.url)
	p.must(err)
	defer c.Close(context.Background())
	p.must(c.QueryRow(p.t.Context(), query, args...).Scan(a, b))
}
