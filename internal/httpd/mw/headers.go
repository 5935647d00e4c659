package mw

import (
	"crypto/rand"
	"net/http"

	"github.com/a-h/templ"

	"holdfast/web/ui"
)

// Headers sets what keeps a browser from doing more than the pages need: the
// policy with a nonce of this answer alone, and no copies in any cache. With
// secure, browsers are told to use HTTPS for a year. Forms may lead to us, and
// to formsTo, like the page on which a fee is paid.
func Headers(secure bool, formsTo ...string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			nonce := rand.Text()
			h := w.Header()
			h.Set("Content-Security-Policy", ui.Policy(nonce, formsTo...))
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("X-Frame-Options", "DENY")
			h.Set("Referrer-Policy", "same-origin")
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
			h.Set("Cross-Origin-Resource-Policy", "same-origin")
			h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
			h.Set("Cache-Control", "no-store")
			if secure {
				h.Set("Strict-Transport-Security", "max-age=31536000")
			}
			next.ServeHTTP(w, r.WithContext(templ.WithNonce(r.Context(), nonce)))
		})
	}
}
