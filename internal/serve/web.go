package serve

import (
	"net/http"
	"strings"

	"holdfast/internal/clock"
	"holdfast/internal/httpd/api"
	"holdfast/internal/httpd/dash"
	"holdfast/internal/httpd/portal"
)

// besideAPI gives the API what lies under its prefix, and pages the rest. The
// address is taken as it came: a mux would clean it, and sites' names hold
// escaped slashes.
func besideAPI(door, pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == api.Prefix || strings.HasPrefix(r.URL.Path, api.Prefix+"/") {
			door.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// scripts is the API. Check has read the networks of the proxies already.
func (s *Server) scripts(c Config) http.Handler {
	proxies, _ := networks(c.Proxies)
	return api.New(api.Config{App: s.App, Logger: c.Logger, Clock: clock.System{}, Proxies: proxies})
}

// pages are those of people: the staff's, and the customers' within them.
func (s *Server) pages(c Config, h *hub) (http.Handler, error) {
	provider, err := c.People.provider()
	if err != nil {
		return nil, err
	}
	mark, err := c.Hoster.mark()
	if err != nil {
		return nil, err
	}
	proxies, err := networks(c.Proxies)
	if err != nil {
		return nil, err
	}
	return dash.New(dash.Config{
		App: s.App, Logger: c.Logger, Clock: clock.System{}, SecureCookies: c.SecureCookies, Runs: h.runs, Version: c.Version, Provider: provider, Gallery: c.Gallery, Proxies: proxies,
		AgentURL: s.AgentURL, AgentPin: s.Pin, Brand: c.Hoster.brand(mark),
		Customers: func(in dash.Inside) dash.Beside {
			return portal.New(portal.Config{App: s.App, Clock: clock.System{}, Mark: mark}, in)
		},
	}), nil
}
