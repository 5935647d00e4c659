// Package mw is what stands before every page that a person opens: a request's
// id, the access log, calm answers to panics, security headers, limits of size,
// time and rate. It decides none of what a page says and knows no session.
package mw

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"holdfast/internal/clock"
)

type idKey struct{}

// RequestID gives each request an id of its own, 130 random bits, and tells it
// to the browser. What a request claims as its id is not believed.
func RequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		made := rand.Text()
		w.Header().Set("X-Request-Id", made)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), idKey{}, made)))
	})
}

// ID gives the request's id, "" outside a request.
func ID(ctx context.Context) string {
	s, _ := ctx.Value(idKey{}).(string)
	return s
}

// Logger makes log write the request's id with whatever is logged with a
// request's context.
func Logger(log *slog.Logger) *slog.Logger { return slog.New(traced{log.Handler()}) }

type traced struct{ slog.Handler }

func (t traced) Handle(ctx context.Context, r slog.Record) error {
	if made := ID(ctx); made != "" {
		r.AddAttrs(slog.String("request", made))
	}
	return t.Handler.Handle(ctx, r)
}

func (t traced) WithAttrs(a []slog.Attr) slog.Handler { return traced{t.Handler.WithAttrs(a)} }
func (t traced) WithGroup(name string) slog.Handler   { return traced{t.Handler.WithGroup(name)} }

// AccessLog writes one line per request: the route's pattern, never the address
// itself, for addresses hold names.
func AccessLog(log *slog.Logger, c clock.Clock) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			defer logLine(r.Context(), log, c, r.Method, ww, c.Now())
			next.ServeHTTP(ww, r)
		})
	}
}

func logLine(ctx context.Context, log *slog.Logger, c clock.Clock, method string, w middleware.WrapResponseWriter, began time.Time) {
	route, status := "", w.Status()
	if rc := chi.RouteContext(ctx); rc != nil {
		route = rc.RoutePattern()
	}
	if status == 0 {
		status = http.StatusOK
	}
	level := slog.LevelInfo
	if route == "/static/*" || route == "/healthz" {
		level = slog.LevelDebug
	}
	log.LogAttrs(ctx, level, "request", slog.String("method", method), slog.String("route", route),
		slog.Int("status", status), slog.Int("bytes", w.BytesWritten()), slog.Int64("ms", c.Now().Sub(began).Milliseconds()))
}

// Recover answers a panic with page. Where half an answer is out already it
// cuts the connection, so that nobody takes the half for the whole.
func Recover(log *slog.Logger, page http.HandlerFunc) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			defer answerPanic(ww, r, log, page)
			next.ServeHTTP(ww, r)
		})
	}
}

func answerPanic(w middleware.WrapResponseWriter, r *http.Request, log *slog.Logger, page http.HandlerFunc) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
		panic(p)
	}
	log.ErrorContext(r.Context(), "a page panicked", "panic", p, "stack", string(debug.Stack()))
	if w.Status() != 0 {
		panic(http.ErrAbortHandler)
	}
	page(w, r)
}

// Body refuses bodies over limit bytes: reading on fails with
// *http.MaxBytesError.
func Body(limit int64) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, limit)
			next.ServeHTTP(w, r)
		})
	}
}

// writeGrace is how much longer than its handler an answer may take to send.
const writeGrace = 10 * time.Second

// Timeout ends a request's context after d, and its connection a little later
// where the browser neither sends nor takes. Streams set their own.
func Timeout(d time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), d)
			defer cancel()
			rc, now := http.NewResponseController(w), clock.System{}.Now()
			// A writer without deadlines, as tests use, still has the context.
			_ = rc.SetReadDeadline(now.Add(d))
			_ = rc.SetWriteDeadline(now.Add(d + writeGrace))
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

// SameOrigin refuses what another site's page makes a browser send: every
// method but GET, HEAD and OPTIONS. Clients that are no browsers send no such
// headers and pass; they have no cookie to be abused.
func SameOrigin(deny http.Handler) func(http.Handler) http.Handler {
	p := http.NewCrossOriginProtection()
	p.SetDenyHandler(deny)
	return p.Handler
}
