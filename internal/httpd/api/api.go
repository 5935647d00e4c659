// Package api is the door for scripts: JSON over HTTP under /api/v1, described
// by an OpenAPI document that is made of the same Go types. It knows who asks
// by a bearer token, calls one use case for each request, and words errors as
// problems (RFC 9457). It has no cookies, no pages and no CORS, never decides
// who may do what, and never sees the database.
package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/mw"
)

// Prefix is where the API lies; its version is part of the address.
const Prefix = "/api/v1"

// Limits of the door.
const (
	maxBody     = 64 << 10 // a policy is at most half of it
	timeout     = 30 * time.Second
	triesWindow = 5 * time.Minute
	triesFailed = 20 // wrong tokens in a window, from one address
	triesKeys   = 10_000
)

// Config is what the door needs.
type Config struct {
	App    *app.App
	Logger *slog.Logger
	Clock  clock.Clock
	// Proxies are the networks of our own proxies, whose X-Forwarded-For is
	// believed when wrong tokens are counted, and where what is done came from.
	Proxies []netip.Prefix
}

// Door serves the API.
type Door struct {
	app     *app.App
	log     *slog.Logger
	clock   clock.Clock
	proxies []netip.Prefix
	failed  *mw.Limiter
}

// New makes the API's routes, with Prefix.
func New(c Config) http.Handler {
	h, _ := newDoor(c)
	return h
}

func newDoor(c Config) (chi.Router, huma.API) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	d := &Door{
		app: c.App, log: mw.Logger(c.Logger), clock: c.Clock, proxies: c.Proxies,
		failed: mw.NewLimiter(c.Clock, triesFailed, triesWindow, triesKeys),
	}
	r := chi.NewRouter()
	r.Use(mw.RequestID, mw.AccessLog(d.log, d.clock), headers, mw.Recover(d.log, d.panicked), mw.Timeout(timeout), mw.Body(maxBody))
	r.NotFound(d.noPath)
	r.MethodNotAllowed(d.noMethod)
	var api huma.API
	r.Route(Prefix, func(r chi.Router) {
		r.NotFound(d.noPath)
		r.MethodNotAllowed(d.noMethod)
		r.Group(func(r chi.Router) {
			r.Use(d.signed)
			api = humachi.New(r, document())
			d.reads(api)
			d.policies(api)
			d.windows(api)
			d.verification(api)
			d.changes(api)
			d.discoveries(api)
		})
		r.Get("/openapi.json", d.describe(api))
	})
	return r, api
}

// document is the head of the OpenAPI document.
func document() huma.Config {
	c := huma.DefaultConfig("Holdfast", "1")
	c.DocsPath, c.SchemasPath, c.OpenAPIPath, c.CreateHooks = "", "", "", nil // no page of ours loads another's scripts
	c.RejectUnknownQueryParameters = true
	c.Transformers = append(c.Transformers, say)
	c.Info.Description = "Sites, their copies and their backups, for scripts. Times are UTC, RFC 3339. A refused read is answered as if there were no such thing."
	c.Servers = []*huma.Server{{URL: Prefix}}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "made with: holdfast token create"},
	}
	c.Security = []map[string][]string{{"token": {}}}
	return c
}

// describe serves the OpenAPI document, to everybody: it holds no data.
func (d *Door) describe(api huma.API) http.HandlerFunc {
	doc, err := json.MarshalIndent(api.OpenAPI(), "", "  ")
	return func(w http.ResponseWriter, r *http.Request) {
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(doc) // the reader is gone; nobody is left to be told
	}
}

// headers keep answers out of caches and browsers from making anything of them.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

func (d *Door) noPath(w http.ResponseWriter, r *http.Request) {
	d.refuse(w, r, errs.New(errs.NotFound, "%s", nothingHere))
}

func (d *Door) noMethod(w http.ResponseWriter, r *http.Request) {
	write(w, problem(http.StatusMethodNotAllowed, "This address does not take "+r.Method+"; see "+Prefix+"/openapi.json for what it takes."))
}

func (d *Door) panicked(w http.ResponseWriter, r *http.Request) {
	d.refuse(w, r, errors.New("a handler panicked"))
}
