package dash

import (
	"net/http"
	"sync"

	"github.com/a-h/templ"

	"holdfast/internal/errs"
)

// How many forms with files may be on their way at once, of one person and in
// this process: each may take its size on disk, whatever comes of it.
const (
	uploadsOfOne = 3
	uploadsOfAll = 40
)

// uploads counts the forms with files that are on their way.
type uploads struct {
	mu  sync.Mutex
	of  map[string]int // by account
	all int
}

// begin counts one more of a person; ok is false where that is too many. End
// is called once.
func (u *uploads) begin(who string) (end func(), ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.of[who] >= uploadsOfOne || u.all >= uploadsOfAll {
		return nil, false
	}
	if u.of == nil {
		u.of = map[string]int{}
	}
	u.of[who]++
	u.all++
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.all--
		if u.of[who]--; u.of[who] == 0 {
			delete(u.of, who)
		}
	}, true
}

// fewUploads refuses a form with files before a byte of it is read, where too
// many are on their way. Nobody's forms are not read anyway.
func (d *Door) fewUploads(next http.Handler) http.Handler {
	refused := d.open(func(http.ResponseWriter, *http.Request) (templ.Component, error) {
		return nil, errs.New(errs.Unavailable, "Other files are being sent at this moment. Go back, where what you typed still is, and send it again in a minute.")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			end, ok := d.uploads.begin(d.sessions.GetString(r.Context(), keyAccount))
			if !ok {
				refused(w, r)
				return
			}
			defer end()
		}
		next.ServeHTTP(w, r)
	})
}
