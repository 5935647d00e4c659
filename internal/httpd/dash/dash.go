// Package dash is the door for people who use the dashboard in a browser: it
// decodes forms and addresses, calls one use case, and presents the answer as
// a page. It decides which words and figures a page is given and which status
// an error becomes; it never decides who may do what, and never sees the
// database.
package dash

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/a-h/templ"
	"github.com/alexedwards/scs/v2"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/httpd/mw"
	"holdfast/web/dash"
	"holdfast/web/static"
	"holdfast/web/ui"
)

// Limits of the door.
const (
	maxBody     = 64 << 10 // every form fits many times over
	pageTimeout = 20 * time.Second
	pingTimeout = 2 * time.Second
)

// Config is what the door needs.
type Config struct {
	App    *app.App
	Logger *slog.Logger
	Clock  clock.Clock
	// SecureCookies is true where browsers reach us by HTTPS: the cookie is
	// sent over nothing else then, and browsers are told to insist.
	SecureCookies bool
	// Runs subscribes to changes of runs: the channel is sent to, or closed,
	// at each; the function ends the subscription. It may be nil.
	Runs func() (<-chan struct{}, func())
	// Customers makes the door for customers, which stands inside this one;
	// where it is nil they have the staff's pages, with what is theirs on them.
	Customers func(Inside) Beside
	// Brand is the hoster's, for the pages that customers see.
	Brand ui.Brand
	// Proxies are the networks of our own proxies, whose X-Forwarded-For is
	// believed when tries to sign in are counted and where what is done came
	// from; none where browsers reach us directly.
	Proxies []netip.Prefix
	// Provider is the staff's own identity provider; nil where there is none.
	Provider *ProviderConfig
	// AgentURL and AgentPin say where agents reach us, for the line that enrols
	// one; the pin is empty where the system's authorities vouch for the door.
	AgentURL, AgentPin string
	// Version is this build's, to tell older agents apart.
	Version string
	// Gallery serves /gallery, every component in every state, for those who
	// build the pages; the demo does.
	Gallery bool
}

// Door serves the dashboard.
type Door struct {
	app       *app.App
	log       *slog.Logger
	clock     clock.Clock
	runs      func() (<-chan struct{}, func())
	version   string
	agentURL  string
	agentPin  string
	proxies   []netip.Prefix
	exports   chan struct{} // files of events that are being sent
	sessions  *scs.SessionManager
	brand     ui.Brand
	customers Beside
	gallery   bool
	guard     *guard
	provider  *provider
	streams   *streams
	uploads   uploads
}

// New makes the dashboard's routes. Live streams end with their request's
// context: a server that stops must cancel its BaseContext.
func New(c Config) http.Handler { return newDoor(c).routes() }

func newDoor(c Config) *Door {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	d := &Door{
		app: c.App, log: mw.Logger(c.Logger), clock: c.Clock, runs: c.Runs, version: c.Version, gallery: c.Gallery,
		guard: newGuard(c.Clock, c.Proxies), provider: newProvider(c.Provider), streams: newStreams(),
	}
	d.agentURL, d.agentPin, d.proxies, d.exports = c.AgentURL, c.AgentPin, c.Proxies, make(chan struct{}, exportsAtOnce)
	d.sessions, d.brand = d.newSessions(c.SecureCookies), c.Brand
	if c.Customers != nil {
		d.customers = c.Customers(Inside{d})
	}
	return d
}

func (d *Door) routes() chi.Router {
	r := chi.NewRouter()
	secure := d.sessions.Cookie.Secure
	r.Use(mw.RequestID, mw.AccessLog(d.log, d.clock), mw.Headers(secure, d.app.Payments().FormsTo()...), d.branded, mw.Recover(d.log, d.panicked), middleware.GetHead)
	r.Handle(static.Prefix+"*", static.Handler())
	r.Get("/healthz", d.health)
	inside := []func(http.Handler) http.Handler{mw.SameOrigin(http.HandlerFunc(d.foreignPost)), mw.Body(maxBody), d.sessions.LoadAndSave, d.identify, d.noteAddress, d.keepApart}
	r.Group(func(r chi.Router) { // streams have deadlines of their own
		r.Use(inside...)
		r.Get(dash.TodayStreamPath, d.stream(d.todayLive))
		r.Get(dash.RunsStreamPath, d.stream(d.runsLive))
		r.Get(dash.AuditFilePath, d.signed(d.auditFile))
		r.Get("/runs/{id:[0-9a-f-]{36}}/stream", d.stream(d.runLive))
		r.Get("/sites/{id:[0-9a-f-]{36}}/stream", d.stream(d.siteLive))
		r.Get(oneRestore+"/stream", d.stream(d.restoreLive))
		r.Get(discoverPattern+"/stream", d.stream(d.discoveryLive))
		r.Get(dash.RestoresStreamPath, d.stream(d.restoresLive))
		r.Get(dash.MoneyStreamPath, d.stream(d.moneyLive))
		r.Get(discoverPattern+"/stream", d.stream(d.discoveryLive))
		r.Get(dash.TicketsStreamPath, d.stream(d.ticketsLive))
		r.Get(ticketPattern+"/stream", d.stream(d.ticketLive))
		if d.customers != nil {
			d.customers.Streams(r)
		}
	})
	r.Group(func(r chi.Router) { // forms that bring files
		r.Use(mw.Timeout(uploadTimeout))
		files := slices.Clone(inside)
		files[1] = mw.Body(maxUpload)
		r.Use(files...)
		r.Use(d.fewUploads)
		d.ticketUploads(r)
		if u, ok := d.customers.(uploader); ok {
			u.Uploads(r)
		}
	})
	r.Group(func(r chi.Router) {
		r.Use(mw.Timeout(pageTimeout))
		r.Use(inside...)
		r.NotFound(d.open(d.noPage))
		r.MethodNotAllowed(d.open(d.noMethod))
		d.pages(r)
		if d.customers != nil {
			d.customers.Pages(r)
		}
	})
	return r
}

// pages are the routes behind sessions.
func (d *Door) pages(r chi.Router) {
	r.Get(dash.SignInPath, d.open(d.signInForm))
	r.Post(dash.SignInPath, d.open(d.signIn))
	r.Post(dash.SignOutPath, d.open(d.signOut))
	d.identityPages(r)
	if d.gallery {
		r.Get("/gallery", d.open(func(http.ResponseWriter, *http.Request) (templ.Component, error) { return dash.Gallery(), nil }))
		r.Get("/gallery/bare", d.open(func(http.ResponseWriter, *http.Request) (templ.Component, error) { return dash.GalleryBare(), nil }))
	}
	r.Get("/", d.signed(d.start))
	r.Get(dash.TodayPath, d.signed(d.today))
	r.Post(dash.ClockTrustPath, d.signed(d.trustClock))
	r.Get(dash.FindPath, d.signed(d.find))
	r.Get(dash.FindOptionsPath, d.signed(d.findOptions))
	r.Get(dash.SitesPath, d.signed(d.fleet))
	d.viewRoutes(r)
	r.Get("/sites/*", d.signed(d.site))
	r.Post("/sites/{id:[0-9a-f-]{36}}/backups", d.signed(d.startBackup))
	d.policyPages(r)
	d.windowPages(r)
	r.Get(dash.RunsPath, d.signed(d.runList))
	r.Get("/runs/{id:[0-9a-f-]{36}}", d.signed(d.run))
	r.Post("/runs/{id:[0-9a-f-]{36}}/cancellation", d.signed(d.cancelRun))
	r.Post("/runs/{id:[0-9a-f-]{36}}/retry", d.signed(d.retryRun))
	d.restorePages(r)
	d.hostPages(r)
	d.discoverPages(r)
	d.destinationPages(r)
	r.Get(dash.AuditPath, d.signed(d.audit))
	d.queuePages(r)
	d.settingsPages(r)
	d.ticketPages(r)
	d.moneyPages(r)
}

// health answers 200 when the database does, for those who watch the process.
func (d *Door) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), pingTimeout)
	defer cancel()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err := d.app.Ping(ctx); err != nil {
		d.log.WarnContext(ctx, "the database does not answer", "error", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("the database does not answer\n"))
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}
