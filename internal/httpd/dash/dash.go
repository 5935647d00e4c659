// Package dash is the door for people who use the dashboard in a browser: it
// decodes forms and addresses, calls one use case, and presents the answer as
// a page. It decides which words and figures a page is given and which status
// an error becomes; it never decides who may do what, and never sees the
// database.
package dash

import (
	"log/slog"
	"net/http"

	"github.com/go-chi/chi/v5"

	"holdfast/internal/app"
	"holdfast/internal/clock"
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
	// Version is this build's, to tell older agents apart.
	Version string
}

// New makes the dashboard's routes. Live streams end with their request's
// context: a server that stops must cancel its BaseContext.
func New(c Config) http.Handler {
	return chi.NewRouter()
}
