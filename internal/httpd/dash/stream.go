package dash

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/a-h/templ"

	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/id"
)

// The paces of a stream.
const (
	streamEvery   = 10 * time.Second // a message at least so often, so that the line is known to live
	streamApart   = time.Second      // and no two closer than this
	streamWrite   = 15 * time.Second // for one message to go out
	streamLoad    = 10 * time.Second // for one message to be made
	streamsPerOne = 12               // of one person
)

// live makes the part of a page that its stream sends.
type live func(ctx context.Context, r *http.Request, p app.Person) (templ.Component, error)

// streams counts open streams, so that one person cannot hold them all.
type streams struct {
	mu   sync.Mutex
	open map[id.Account]int
}

func newStreams() *streams { return &streams{open: map[id.Account]int{}} }

func (s *streams) enter(a id.Account) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[a] >= streamsPerOne {
		return false
	}
	s.open[a]++
	return true
}

func (s *streams) leave(a id.Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[a]--; s.open[a] <= 0 {
		delete(s.open, a)
	}
}

// stream serves a live part as server-sent events until the browser goes, the
// session ends, or the server stops. Each message is the whole part anew, so a
// lost one is made good by the next.
func (d *Door) stream(part live) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, ok := visitor(r.Context())
		if !ok {
			d.answer(w, r, nil, errs.New(errs.Unsigned, "Sign in to go on."))
			return
		}
		if !d.streams.enter(p.Actor.Account) {
			d.answer(w, r, nil, &tooMany{streamEvery, errs.New(errs.Unavailable, "Too many pages that update themselves are open; close some and load this one again.")})
			return
		}
		defer d.streams.leave(p.Actor.Account)
		if err := d.follow(w, r, part); err != nil {
			d.log.DebugContext(r.Context(), "a stream ended", "error", err)
		}
	}
}

// follow sends the part at once, at each change, and at intervals.
func (d *Door) follow(w http.ResponseWriter, r *http.Request, part live) error {
	ctx := r.Context()
	token := d.sessions.Token(ctx)
	line := sender{w: w, rc: http.NewResponseController(w)}
	var changed <-chan struct{}
	end := func() {}
	subscribe := func() {
		if d.runs != nil {
			changed, end = d.runs() // before looking, so that nothing slips between
		}
	}
	subscribe()
	defer func() { end() }()
	pause := time.NewTicker(streamApart)
	defer pause.Stop()
	again := time.NewTicker(streamEvery)
	defer again.Stop()
	for {
		message, err := d.message(ctx, r, token, part)
		if err != nil {
			if !line.begun {
				d.answer(w, r, nil, err)
			}
			return err
		}
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Type", eventStream)
			return nil
		}
		if err := line.send(message); err != nil {
			return err
		}
		again.Reset(streamEvery)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		case _, ok := <-changed:
			if !ok {
				end()
				subscribe()
			}
			// What changes many times a second is shown once a second.
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-pause.C:
			}
		}
	}
}

// message makes the part for the person as they are now: a role that was
// taken away, or a session that ended, ends the stream.
func (d *Door) message(ctx context.Context, r *http.Request, token string, part live) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, streamLoad)
	defer cancel()
	_, found, err := app.Sessions{App: d.app}.FindCtx(ctx, token)
	if err == nil && !found {
		err = errs.New(errs.Unsigned, "Sign in to go on.")
	}
	if err != nil {
		return nil, err
	}
	p, err := d.person(ctx)
	if err != nil {
		return nil, err
	}
	c, err := part(ctx, r, p)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := c.Render(ctx, &b); err != nil {
		return nil, err
	}
	return event(b.Bytes()), nil
}

const eventStream = "text/event-stream"

// event writes one unnamed message: each line of the text with "data: " before
// it, and an empty line.
func event(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\r"), nil)
	out := make([]byte, 0, len(text)+64)
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		out = append(out, "data: "...)
		out = append(out, line...)
		out = append(out, '\n')
	}
	return append(out, '\n')
}

// sender sends messages over one connection, each within its own deadline.
type sender struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	begun bool
}

func (s *sender) send(message []byte) error {
	if err := s.rc.SetWriteDeadline(clock.System{}.Now().Add(streamWrite)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if !s.begun {
		h := s.w.Header()
		h.Set("Content-Type", eventStream)
		h.Set("X-Accel-Buffering", "no") // proxies that know it pass each message on at once
		s.w.WriteHeader(http.StatusOK)
		s.begun = true
	}
	if _, err := s.w.Write(message); err != nil { //nolint:gosec // rendered and escaped by templ
		return err
	}
	return s.rc.Flush()
}
