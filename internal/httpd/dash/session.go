package dash

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/alexedwards/scs/v2"

	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/mw"
	"holdfast/internal/httpd/words"
	"holdfast/internal/id"
	"holdfast/web/dash"
)

// How long a session lasts, in all and with nobody there.
const (
	sessionLife = 12 * time.Hour
	sessionIdle = 2 * time.Hour
)

// What a session holds.
const (
	keyAccount     = "account"
	keyNotice      = "notice"
	keyNoticeState = "notice-state"
)

// How often a wrong password may be tried, in five minutes.
const (
	triesWindow     = 5 * time.Minute
	triesPerAddress = 30
	triesPerAccount = 10
	triesKeys       = 10_000
	signInsAtOnce   = 4 // each takes 19 MiB to check
)

func (d *Door) newSessions(secure bool) *scs.SessionManager {
	m := scs.New()
	m.Store = app.Sessions{App: d.app}
	m.Lifetime, m.IdleTimeout = sessionLife, sessionIdle
	m.Cookie.Name = "holdfast"
	m.Cookie.HttpOnly, m.Cookie.SameSite, m.Cookie.Path, m.Cookie.Secure = true, http.SameSiteLaxMode, "/", secure
	if secure {
		m.Cookie.Name = "__Host-holdfast" // browsers hold it to HTTPS and this very host
	}
	m.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) { d.answer(w, r, nil, err) }
	return m
}

type visitorKey struct{}

// visitor gives who is signed in.
func visitor(ctx context.Context) (app.Person, bool) {
	p, ok := ctx.Value(visitorKey{}).(app.Person)
	return p, ok
}

// identify loads the signed-in person anew for each request, so that a role
// that was taken away is gone at the next click.
func (d *Door) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := d.person(r.Context())
		switch {
		case errs.Is(err, errs.Unsigned):
		case err != nil:
			d.answer(w, r, nil, err)
			return
		default:
			r = r.WithContext(context.WithValue(r.Context(), visitorKey{}, p))
		}
		next.ServeHTTP(w, r)
	})
}

func (d *Door) person(ctx context.Context) (app.Person, error) {
	account, err := id.Parse[id.Account](d.sessions.GetString(ctx, keyAccount))
	if err != nil {
		return app.Person{}, errs.New(errs.Unsigned, "Sign in to go on.")
	}
	return d.app.PersonByID(ctx, account)
}

// signInFirst is where to sign in, and to come back from if a page was asked
// for.
func signInFirst(r *http.Request) string {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || r.URL.Path == "/" {
		return dash.SignInPath
	}
	return dash.SignInPath + "?" + url.Values{"next": {r.URL.RequestURI()}}.Encode()
}

// local keeps a way on within this site: anything else becomes the start.
func local(next string) string {
	u, err := url.Parse(next)
	bad := err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || len(next) > 2000 ||
		!strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") ||
		u.Path == dash.SignInPath || u.Path == dash.SignOutPath || strings.HasPrefix(u.Path, "//")
	if bad {
		return dash.SitesPath
	}
	return next
}

func (d *Door) signInForm(w http.ResponseWriter, r *http.Request) (templ.Component, error) {
	q := r.URL.Query()
	if _, ok := visitor(r.Context()); ok {
		see(w, r, local(q.Get("next")))
		return nil, nil //nolint:nilnil // it has answered by itself
	}
	p := dash.SignInProps{Next: local(q.Get("next"))}
	if q.Has("signed-out") {
		p.Note = "You are signed out."
	}
	return dash.SignIn(p), nil
}

func (d *Door) signIn(w http.ResponseWriter, r *http.Request) (templ.Component, error) {
	if err := readForm(r); err != nil {
		return nil, err
	}
	email, password := strings.TrimSpace(r.PostFormValue("email")), r.PostFormValue("password")
	again := func(err error) (templ.Component, error) {
		shown := email
		if len(shown) > 254 {
			shown = ""
		}
		return dash.SignIn(dash.SignInProps{Email: shown, Next: local(r.PostFormValue("next")), Error: sentence(err)}), err
	}
	switch {
	case email == "" || len(email) > 254:
		return again(errs.Field("email", "type the address that you sign in with"))
	case password == "" || len(password) > 256:
		return again(errs.Field("password", "type your password"))
	}
	done, err := d.guard.enter(r, email)
	if err != nil {
		return again(err)
	}
	p, err := d.app.SignIn(r.Context(), email, password)
	done(err == nil)
	if errs.Is(err, errs.Unsigned) {
		return again(errs.Wrap(errs.Invalid, err, "This address and password do not belong together. Try again, or ask your hoster for a new password."))
	}
	if err != nil {
		return nil, err
	}
	// A fresh token for a fresh right: one that was known before is worth
	// nothing after.
	if err := d.sessions.Clear(r.Context()); err != nil {
		return nil, err
	}
	if err := d.sessions.RenewToken(r.Context()); err != nil {
		return nil, err
	}
	d.sessions.SetDeadline(r.Context(), clock.System{}.Now().Add(sessionLife)) // scs reads the system's clock too
	d.sessions.Put(r.Context(), keyAccount, p.Actor.Account.String())
	d.log.InfoContext(r.Context(), "signed in", "account", p.Actor.Account.String())
	see(w, r, local(r.PostFormValue("next")))
	return nil, nil //nolint:nilnil // it has answered by itself
}

func (d *Door) signOut(w http.ResponseWriter, r *http.Request) (templ.Component, error) {
	if err := d.sessions.Destroy(r.Context()); err != nil {
		return nil, err
	}
	see(w, r, dash.SignInPath+"?signed-out=1")
	return nil, nil //nolint:nilnil // it has answered by itself
}

// guard slows down those who guess passwords.
type guard struct {
	byAddress, byAccount *mw.Limiter
	atOnce               chan struct{}
	proxies              []netip.Prefix
}

func newGuard(c clock.Clock, proxies []netip.Prefix) *guard {
	return &guard{
		proxies:   proxies,
		byAddress: mw.NewLimiter(c, triesPerAddress, triesWindow, triesKeys),
		byAccount: mw.NewLimiter(c, triesPerAccount, triesWindow, triesKeys),
		atOnce:    make(chan struct{}, signInsAtOnce),
	}
}

// enter counts a try before it is made, so that many at once gain nothing.
// The function ends it; a good one is not counted.
func (g *guard) enter(r *http.Request, email string) (done func(good bool), err error) {
	address := mw.Address(r, g.proxies)
	sum := sha256.Sum256([]byte(strings.ToLower(email))) // no addresses of people in memory
	account := string(sum[:])
	wait := g.byAddress.Take(address)
	if wait == 0 {
		if wait = g.byAccount.Take(account); wait > 0 {
			g.byAddress.GiveBack(address)
		}
	}
	if wait > 0 {
		return nil, &tooMany{wait, errs.New(errs.Unavailable, "There were too many tries. Wait %s, then try again; your password stays as it is.", words.Span(wait+time.Minute-1))}
	}
	select {
	case g.atOnce <- struct{}{}:
	case <-r.Context().Done():
		g.byAddress.GiveBack(address)
		g.byAccount.GiveBack(account)
		return nil, errs.Wrap(errs.Unavailable, r.Context().Err(), "Too many people sign in at this moment. Try again in a minute.")
	}
	return func(good bool) {
		<-g.atOnce
		if good {
			g.byAddress.GiveBack(address)
			g.byAccount.GiveBack(account)
		}
	}, nil
}
