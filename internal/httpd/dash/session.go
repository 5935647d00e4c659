package dash

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

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
	sessionLife = 12 * time.Hour // before anybody has signed in; then it is what the settings say
	sessionIdle = 2 * time.Hour
)

// What a session holds.
const (
	keyAccount     = "account"
	keyFresh       = "fresh"    // when a password or passkey was last shown, Unix seconds
	keyCeremony    = "ceremony" // what was asked of the browser about a passkey
	keyAsked       = "asked"    // what was asked of the identity provider
	keyProvider    = "provider" // it vouched for both factors
	keyHalf        = "half"     // who has shown a first proof and owes the second
	keyHalfAt      = "half-at"  // since when, Unix seconds
	keyShown       = "shown"    // which proofs they have shown
	keyNotice      = "notice"
	keyNoticeState = "notice-state"
)

// How often a wrong password may be tried, in five minutes.
const (
	triesWindow     = 5 * time.Minute
	triesPerAddress = 30
	triesPerAccount = 10
	triesKeys       = 10_000
	asksPerAddress  = 120 // of a passkey
	mailsWindow     = 15 * time.Minute
	mailsPerAddress = 10 // mails that one network may ask for
	mailsPerPerson  = 3  // mails that may be asked for to one address
	signInsAtOnce   = 4  // each takes 19 MiB to check
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

type (
	visitorKey  struct{}
	enrolleeKey struct{}
)

// visitor gives who is signed in, and owes nothing more.
func visitor(ctx context.Context) (app.Person, bool) {
	p, ok := ctx.Value(visitorKey{}).(app.Person)
	return p, ok
}

// enrollee gives who is signed in, but must get a second factor before
// anything else.
func enrollee(ctx context.Context) (app.Person, bool) {
	p, ok := ctx.Value(enrolleeKey{}).(app.Person)
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
		case p.MustEnrol && !d.sessions.GetBool(r.Context(), keyProvider):
			r = r.WithContext(context.WithValue(r.Context(), enrolleeKey{}, p))
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
		u.Path == dash.SignInPath || strings.HasPrefix(u.Path, dash.SignInPath+"/") || u.Path == dash.SignOutPath || strings.HasPrefix(u.Path, "//")
	if bad {
		return dash.SitesPath
	}
	return next
}

// guard slows down those who guess passwords.
type guard struct {
	byAddress, byAccount *mw.Limiter
	mailsFor, mailsTo    *mw.Limiter
	asks                 *mw.Limiter // for passkeys
	atOnce               chan struct{}
	proxies              []netip.Prefix
}

func newGuard(c clock.Clock, proxies []netip.Prefix) *guard {
	return &guard{
		proxies:   proxies,
		byAddress: mw.NewLimiter(c, triesPerAddress, triesWindow, triesKeys),
		byAccount: mw.NewLimiter(c, triesPerAccount, triesWindow, triesKeys),
		asks:      mw.NewLimiter(c, asksPerAddress, triesWindow, triesKeys),
		mailsFor:  mw.NewLimiter(c, mailsPerAddress, mailsWindow, triesKeys),
		mailsTo:   mw.NewLimiter(c, mailsPerPerson, mailsWindow, triesKeys),
		atOnce:    make(chan struct{}, signInsAtOnce),
	}
}

// mayMail counts a mail that somebody asks for, whoever it is for.
func (g *guard) mayMail(r *http.Request, email string) error {
	address := mw.Address(r, g.proxies)
	sum := sha256.Sum256([]byte(strings.ToLower(email)))
	wait := g.mailsFor.Take(address)
	if wait == 0 {
		if wait = g.mailsTo.Take(string(sum[:])); wait > 0 {
			g.mailsFor.GiveBack(address)
		}
	}
	if wait > 0 {
		return &tooMany{wait, errs.New(errs.Unavailable, "Mails were asked for several times already. Look for one that has come, or wait %s and try again.", words.Span(wait+time.Minute-1))}
	}
	return nil
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
