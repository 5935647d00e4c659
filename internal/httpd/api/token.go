package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"holdfast/internal/app"
	"holdfast/internal/errs"
	"holdfast/internal/httpd/mw"
)

type bearerKey struct{}

// maxToken is more than any token of ours is long.
const maxToken = 200

// signed lets those through whose token is good. An address with too many
// wrong ones waits, whatever it sends.
func (d *Door) signed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := bearer(r)
		if !ok {
			d.unsigned(w, r, errs.New(errs.Unsigned, "Send a token of the API: Authorization: Bearer %s…; make one with: holdfast token create NAME", app.TokenPrefix))
			return
		}
		from := mw.Address(r, d.proxies)
		if wait := d.failed.Take(from); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
			write(w, problem(http.StatusTooManyRequests, "Too many wrong tokens came from this address. Wait a few minutes, then try again with a good one."))
			return
		}
		d.failed.GiveBack(from) // only what turns out wrong counts
		who, err := d.app.TokenBearer(r.Context(), token)
		if errs.Is(err, errs.Unsigned) {
			d.failed.Take(from)
			d.log.WarnContext(r.Context(), "a wrong token of the API", "from", from)
			d.unsigned(w, r, err)
			return
		}
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(app.WithAddress(r.Context(), from), bearerKey{}, who)))
	})
}

func (d *Door) unsigned(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="holdfast"`)
	d.refuse(w, r, err)
}

// bearer gives the request's token. One in the address is not looked for:
// addresses stand in logs.
func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != "" && len(token) <= maxToken
}

// who gives whose token the request came with.
func who(ctx context.Context) app.TokenBearer {
	b, _ := ctx.Value(bearerKey{}).(app.TokenBearer) // without one: nobody, who may do nothing
	return b
}
