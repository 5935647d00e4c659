// Package agentdoor is the door for agents: it decodes the messages of
// agentproto, calls one use case each, and answers in the agent's version. A
// poll waits here, not in the database. It never sees a row.
package agentdoor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"holdfast/internal/agentproto"
	"holdfast/internal/app"
	"holdfast/internal/errs"
)

const (
	maxBody   = 16 << 20 // a completion with 20,000 tables and 1,000 problems fits well
	maxWait   = 60 * time.Second
	lookAgain = 10 * time.Second // in case a notification was lost
)

// Waiter tells polls that a host has new work.
type Waiter interface {
	// Wait gives a channel that is closed at the next work for the host.
	Wait(host string) (<-chan struct{}, func())
}

// Door serves the agents.
type Door struct {
	app  *app.App
	wait Waiter
	log  *slog.Logger
}

// New makes the door's routes.
func New(a *app.App, w Waiter, log *slog.Logger) http.Handler {
	d := &Door{app: a, wait: w, log: log}
	r := chi.NewRouter()
	r.Post(agentproto.PathEnrol, d.version(d.enrol))
	r.Post(agentproto.PathHello, d.signed(d.hello))
	r.Post(agentproto.PathPoll, d.signed(d.poll))
	r.Post(agentproto.PathStarted, d.signed(d.started))
	r.Post(agentproto.PathHeartbeat, d.signed(d.heartbeat))
	r.Post(agentproto.PathComplete, d.signed(d.complete))
	return r
}

type call func(ctx context.Context, h app.AgentHost, r *http.Request) (any, error)

// version refuses agents that speak a version this build does not.
func (d *Door) version(next call) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := strconv.Atoi(r.Header.Get(agentproto.VersionHeader))
		if err != nil || v < agentproto.OldestVersion || v > agentproto.Version {
			d.answer(w, r, nil, errs.New(errs.Unsupported, "This control plane speaks versions %d to %d of the agents' protocol; install the agent of its own release.",
				agentproto.OldestVersion, agentproto.Version))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		out, err := next(r.Context(), app.AgentHost{Protocol: v}, r)
		d.answer(w, r, out, err)
	}
}

// signed finds the host by its credential.
func (d *Door) signed(next call) http.HandlerFunc {
	return d.version(func(ctx context.Context, h app.AgentHost, r *http.Request) (any, error) {
		secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || len(secret) > 200 {
			return nil, errs.New(errs.Unsigned, "Give the agent's credential; enrol first with: holdfast-agent enrol")
		}
		host, err := d.app.HostByCredential(ctx, secret)
		if err != nil {
			return nil, err
		}
		host.Protocol = h.Protocol
		return next(ctx, host, r)
	})
}

func decode[T any](r *http.Request) (T, error) {
	var v T
	dec := json.NewDecoder(r.Body)
	if err := dec.Decode(&v); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return v, errs.Wrap(errs.TooLarge, err, "The message is over %d bytes.", tooLarge.Limit)
		}
		return v, errs.Wrap(errs.Invalid, err, "The body is not the JSON message that this path takes.")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return v, errs.New(errs.Invalid, "The body holds more than one JSON message.")
	}
	return v, nil
}

func (d *Door) enrol(ctx context.Context, _ app.AgentHost, r *http.Request) (any, error) {
	m, err := decode[agentproto.EnrolRequest](r)
	if err != nil {
		return nil, err
	}
	return d.app.Enrol(ctx, m)
}

func (d *Door) hello(ctx context.Context, h app.AgentHost, r *http.Request) (any, error) {
	m, err := decode[agentproto.HelloRequest](r)
	if err != nil {
		return nil, err
	}
	return d.app.Hello(ctx, h, m)
}

// poll answers at once when there is something to say, else when there is
// work or the agent's wait is over.
func (d *Door) poll(ctx context.Context, h app.AgentHost, r *http.Request) (any, error) {
	m, err := decode[agentproto.PollRequest](r)
	if err != nil {
		return nil, err
	}
	wait := min(time.Duration(max(m.WaitSeconds, 0))*time.Second, maxWait)
	end := time.NewTimer(wait)
	defer end.Stop()
	for first := true; ; first = false {
		woken, done := d.wait.Wait(h.ID.String()) // before looking, so that nothing slips between
		answer, err := d.app.Poll(ctx, h, m, first)
		if err != nil || len(answer.Leases) > 0 || len(answer.Stop) > 0 {
			done()
			return answer, err
		}
		again := time.NewTimer(lookAgain)
		select {
		case <-woken:
		case <-again.C:
		case <-end.C:
			again.Stop()
			done()
			return answer, nil
		case <-ctx.Done():
			again.Stop()
			done()
			return nil, ctx.Err()
		}
		again.Stop()
		done()
	}
}

func (d *Door) started(ctx context.Context, h app.AgentHost, r *http.Request) (any, error) {
	m, err := decode[agentproto.StartedRequest](r)
	if err != nil {
		return nil, err
	}
	return struct{}{}, d.app.RunStarted(ctx, h, m)
}

func (d *Door) heartbeat(ctx context.Context, h app.AgentHost, r *http.Request) (any, error) {
	m, err := decode[agentproto.HeartbeatRequest](r)
	if err != nil {
		return nil, err
	}
	return d.app.Heartbeat(ctx, h, m)
}

func (d *Door) complete(ctx context.Context, h app.AgentHost, r *http.Request) (any, error) {
	m, err := decode[agentproto.CompleteRequest](r)
	if err != nil {
		return nil, err
	}
	return struct{}{}, d.app.Complete(ctx, h, m)
}

var statuses = map[errs.Kind]int{
	errs.Invalid: http.StatusUnprocessableEntity, errs.NotFound: http.StatusNotFound, errs.Forbidden: http.StatusForbidden,
	errs.Unsigned: http.StatusUnauthorized, errs.Conflict: http.StatusConflict, errs.Stale: http.StatusConflict,
	errs.Unavailable: http.StatusServiceUnavailable, errs.TooLarge: http.StatusRequestEntityTooLarge, errs.Unsupported: http.StatusUpgradeRequired,
}

func (d *Door) answer(w http.ResponseWriter, r *http.Request, out any, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(agentproto.VersionHeader, strconv.Itoa(agentproto.Version))
	if err == nil {
		_ = json.NewEncoder(w).Encode(out) //nolint:gosec // the lease holds its own repository's password, on purpose
		return
	}
	if r.Context().Err() != nil {
		return // the agent went away
	}
	status, ok := statuses[errs.KindOf(err)]
	if !ok {
		status = http.StatusInternalServerError
	}
	if status >= http.StatusInternalServerError {
		d.log.Error("agent's request failed", "path", r.URL.Path, "error", err)
	} else {
		d.log.Debug("agent's request refused", "path", r.URL.Path, "status", status, "error", err)
	}
	code := string(errs.KindOf(err))
	if status == http.StatusConflict {
		code = agentproto.CodeStaleFence
		if errors.Is(err, app.ErrStaleEpoch) {
			code = agentproto.CodeStaleEpoch
		}
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(agentproto.ErrorAnswer{Code: code, Message: errs.Sentence(err)})
}
