package serve

import (
	"net/http"
	"strings"

	"holdfast/internal/httpd/api"
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
