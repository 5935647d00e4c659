package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/agentproto"
	"holdfast/internal/clock"
	"holdfast/internal/engine"
	"holdfast/internal/vault"
)

// plane is a small control plane that keeps the protocol's rules, with a real
// vault beside it, and that can misbehave when a test says so.
type plane struct {
	t      *testing.T
	addr   string
	server *http.Server
	vault  *vault.Server
	store  vault.Backend
	key    []byte

	mu       sync.Mutex
	changed  chan struct{} // closed and made anew at each change
	epoch    int64
	instance string
	fence    int64
	queue    []agentproto.Lease
	leased   map[string]agentproto.Lease
	done     map[string]int64 // the fence that completed a run
	grants   map[string]int
	started  map[string]int
	beats    int
	tokens   map[string]string // to renew with the next heartbeat
	drop     map[string]bool   // runs that heartbeats do not keep
	results  []agentproto.CompleteRequest
	order    []string // of requests
	revoked  bool
	cut      bool   // agent's requests get no answer
	swallow  int    // so many completions are taken and never answered
	holding  bool   // the vault's puts of packs wait
	reading  string // so do the gets of packs of repositories of this kind
	down     bool   // the vault answers nothing
	held     int
	release  chan struct{}
	renewals map[string][]agentproto.Token // to renew with the next heartbeats, by repository
	beat     map[string][]agentproto.Progress
}

const credential = "the-credential-of-tests"

func newPlane(t *testing.T) *plane {
	t.Helper()
	dir := t.TempDir()
	p := &plane{
		t: t, key: []byte(strings.Repeat("k", 32)), store: vault.Backend{Kind: vault.Filesystem, Path: dir + "/store"},
		changed: make(chan struct{}), leased: map[string]agentproto.Lease{}, done: map[string]int64{}, grants: map[string]int{},
		started: map[string]int{}, tokens: map[string]string{}, drop: map[string]bool{}, release: make(chan struct{}),
		renewals: map[string][]agentproto.Token{}, beat: map[string][]agentproto.Progress{},
	}
	var err error
	p.vault, err = vault.NewServer(vault.ServerConfig{Key: p.key, Backend: p.store, StateDir: dir + "/sessions", Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	p.addr = "127.0.0.1:0"
	p.start()
	t.Cleanup(func() { _ = p.server.Close() })
	return p
}

func (p *plane) start() {
	p.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.addr = l.Addr().String()
	p.server = &http.Server{Handler: http.HandlerFunc(p.serve), ReadHeaderTimeout: 10 * time.Second}
	go p.server.Serve(l) //nolint:errcheck // ends when it is closed
}

// restart cuts every connection and comes back at the same address.
func (p *plane) restart() {
	_ = p.server.Close()
	p.start()
}

func (p *plane) url() string { return "http://" + p.addr }

// update changes the plane and wakes whoever waits for a change.
func (p *plane) update(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}

// wait waits until the plane is as cond wants it.
func (p *plane) wait(what string, cond func() bool) {
	p.t.Helper()
	deadline := time.NewTimer(90 * time.Second)
	defer deadline.Stop()
	for {
		p.mu.Lock()
		ok, changed := cond(), p.changed
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			p.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// offer makes a repository for a lease and queues it. The run's id comes back.
func (p *plane) offer(l agentproto.Lease, token string) string {
	p.t.Helper()
	at := engine.Location{Backend: &p.store, Repository: l.Site.ID + "/" + l.Kind}
	ctx := context.Background()
	if there, err := engine.Exists(ctx, at); err != nil || !there {
		if err := engine.Create(ctx, at, password, engine.Kind(l.Kind)); err != nil {
			p.t.Fatal(err)
		}
	}
	l.Repository = agentproto.Repository{ID: l.Site.ID, Password: password, URL: p.url(), Name: at.Repository, Token: token}
	if token == "" {
		l.Repository.Token = p.token(l, time.Hour)
	}
	p.update(func() { p.queue = append(p.queue, l) })
	return l.Run
}

func (p *plane) token(l agentproto.Lease, life time.Duration) string {
	return vault.Sign(p.key, vault.Claims{Repository: l.Site.ID + "/" + l.Kind, Session: l.Run, Mode: vault.ModeAppend, Expires: time.Now().Add(life)})
}

// snapshots lists the copies that the repository of a site and kind holds,
// without what is kept beside them.
func (p *plane) snapshots(site, kind string) []engine.Snapshot {
	p.t.Helper()
	return slices.DeleteFunc(p.stored(site, kind), func(s engine.Snapshot) bool { return s.Source != site })
}

// stored lists all that the repository of a site and kind holds.
func (p *plane) stored(site, kind string) []engine.Snapshot {
	p.t.Helper()
	ctx := context.Background()
	r, err := engine.Open(ctx, engine.Location{Backend: &p.store, Repository: site + "/" + kind}, password)
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Close(ctx) //nolint:errcheck // read only
	list, err := r.List(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	return list
}

func (p *plane) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, vault.PathPrefix) {
		p.gate(r)
		p.mu.Lock()
		down := p.down
		p.mu.Unlock()
		if down {
			panic(http.ErrAbortHandler)
		}
		p.vault.ServeHTTP(w, r)
		return
	}
	p.mu.Lock()
	cut, revoked := p.cut, p.revoked
	p.mu.Unlock()
	if cut {
		panic(http.ErrAbortHandler)
	}
	p.update(func() { p.order = append(p.order, r.URL.Path) })
	if r.URL.Path != agentproto.PathEnrol && (revoked || r.Header.Get("Authorization") != "Bearer "+credential) {
		p.refuse(w, http.StatusUnauthorized, "unsigned")
		return
	}
	switch r.URL.Path {
	case agentproto.PathEnrol:
		p.enrol(w, r)
	case agentproto.PathHello:
		m := read[agentproto.HelloRequest](r)
		var epoch int64
		p.update(func() { p.epoch++; p.instance, epoch = m.Instance, p.epoch })
		answer(w, agentproto.HelloAnswer{Epoch: epoch, HeartbeatSeconds: 1, PollWaitSeconds: 2})
	case agentproto.PathPoll:
		p.poll(w, r)
	case agentproto.PathStarted:
		m := read[agentproto.StartedRequest](r)
		p.update(func() { p.started[m.Run]++ })
		answer(w, struct{}{})
	case agentproto.PathHeartbeat:
		p.heartbeat(w, r)
	case agentproto.PathComplete:
		p.complete(w, r)
	}
}

// gate holds the puts of packs while a test wants a backup to be half done, and
// the gets while it wants a restore to be.
func (p *plane) gate(r *http.Request) {
	if !strings.Contains(r.URL.Path, "/blobs/p") {
		return
	}
	p.mu.Lock()
	holding, release := p.holding && r.Method == http.MethodPut, p.release
	if p.reading != "" && r.Method == http.MethodGet {
		holding = strings.Contains(r.URL.Path, "/"+p.reading+"/blobs/")
	}
	p.mu.Unlock()
	if !holding {
		return
	}
	p.update(func() { p.held++ })
	select {
	case <-release:
	case <-r.Context().Done():
	}
}

// hold makes the next backup stop in its middle; let lets it go on.
func (p *plane) hold() {
	p.update(func() { p.holding, p.held, p.release = true, 0, make(chan struct{}) })
}

func (p *plane) let() { p.update(func() { p.holding, p.reading = false, ""; close(p.release) }) }

// holdReads makes the next restore stop in its middle, where it reads the
// repository of a kind.
func (p *plane) holdReads(kind string) {
	p.update(func() { p.reading, p.held, p.release = kind, 0, make(chan struct{}) })
}

func (p *plane) enrol(w http.ResponseWriter, r *http.Request) {
	if read[agentproto.EnrolRequest](r).Token != "one-time" {
		p.refuse(w, http.StatusUnauthorized, "unsigned")
		return
	}
	answer(w, agentproto.EnrolAnswer{HostID: "h1", HostName: "web1", Credential: credential})
}

func (p *plane) stale(instance string, epoch int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return instance != p.instance || epoch != p.epoch
}

func (p *plane) poll(w http.ResponseWriter, r *http.Request) {
	m := read[agentproto.PollRequest](r)
	if p.stale(m.Instance, m.Epoch) {
		p.refuse(w, http.StatusConflict, agentproto.CodeStaleEpoch)
		return
	}
	end := time.NewTimer(time.Duration(m.WaitSeconds) * time.Second)
	defer end.Stop()
	has := map[agentproto.Held]bool{}
	for _, h := range m.Held {
		has[h] = true
	}
	a := agentproto.PollAnswer{Leases: []agentproto.Lease{}, Stop: []agentproto.Stop{}}
	p.update(func() {
		for run, l := range p.leased {
			if !has[agentproto.Held{Run: run, Fence: l.Fence}] {
				delete(p.leased, run)
				p.queue = append(p.queue, l)
			}
		}
	})
	for {
		p.mu.Lock()
		for _, l := range p.queue {
			p.fence++
			l.Fence = p.fence
			p.leased[l.Run] = l
			p.grants[l.Run]++
			a.Leases = append(a.Leases, l)
		}
		p.queue = nil
		changed := p.changed
		p.mu.Unlock()
		if len(a.Leases) > 0 {
			answer(w, a)
			return
		}
		select {
		case <-changed:
		case <-end.C:
			answer(w, a)
			return
		case <-r.Context().Done():
			return
		}
	}
}

func (p *plane) heartbeat(w http.ResponseWriter, r *http.Request) {
	m := read[agentproto.HeartbeatRequest](r)
	if p.stale(m.Instance, m.Epoch) {
		p.refuse(w, http.StatusConflict, agentproto.CodeStaleEpoch)
		return
	}
	a := agentproto.HeartbeatAnswer{Keep: []agentproto.Held{}}
	p.update(func() {
		p.beats++
		for _, b := range m.Runs {
			if l, ok := p.leased[b.Run]; ok && l.Fence == b.Fence && !p.drop[b.Run] {
				a.Keep = append(a.Keep, agentproto.Held{Run: b.Run, Fence: b.Fence})
			}
			if token := p.tokens[b.Run]; token != "" {
				a.Tokens = append(a.Tokens, agentproto.Token{Run: b.Run, Token: token})
			}
			a.Tokens = append(a.Tokens, p.renewals[b.Run]...)
			p.beat[b.Run] = append(p.beat[b.Run], b.Progress)
		}
	})
	answer(w, a)
}

func (p *plane) complete(w http.ResponseWriter, r *http.Request) {
	m := read[agentproto.CompleteRequest](r)
	if p.stale(m.Instance, m.Epoch) {
		p.refuse(w, http.StatusConflict, agentproto.CodeStaleEpoch)
		return
	}
	status := http.StatusOK
	var swallow bool
	p.update(func() {
		l, held := p.leased[m.Run]
		switch {
		case held && l.Fence == m.Fence:
			delete(p.leased, m.Run)
			p.done[m.Run] = m.Fence
			p.results = append(p.results, m)
		case p.done[m.Run] != m.Fence:
			status = http.StatusConflict
		}
		if swallow = p.swallow > 0; swallow {
			p.swallow--
		}
	})
	switch {
	case swallow:
		panic(http.ErrAbortHandler)
	case status == http.StatusConflict:
		p.refuse(w, status, agentproto.CodeStaleFence)
	default:
		answer(w, struct{}{})
	}
}

// result waits for the first completion of a run.
func (p *plane) result(run string) agentproto.CompleteRequest {
	p.t.Helper()
	var found agentproto.CompleteRequest
	p.wait("a result of run "+run, func() bool {
		for _, r := range p.results {
			if r.Run == run {
				found = r
				return true
			}
		}
		return false
	})
	return found
}

func (p *plane) count(path string) int {
	n := 0
	for _, o := range p.order {
		if o == path {
			n++
		}
	}
	return n
}

func (p *plane) refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(agentproto.ErrorAnswer{Code: code, Message: "no"})
}

func answer(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

func read[T any](r *http.Request) T {
	var v T
	b, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(b, &v)
	return v
}
