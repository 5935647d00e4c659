package dash_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A page is compressed for a browser that takes it so, and is the same page.
func TestPages_AreCompressedForWhoTakesIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.signIn("owner")
	for header, want := range map[string]bool{"gzip, br": true, "br;q=1, GZIP ;q=0.5": true, "gzip;q=0": false, "br": false, "identity": false} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.web.URL+"/sites", nil)
		h.must(err)
		r.AddCookie(b.cookie())
		r.Header.Set("Accept-Encoding", header)
		got, err := http.DefaultTransport.RoundTrip(r)
		h.must(err)
		body := io.Reader(got.Body)
		if zipped := got.Header.Get("Content-Encoding") == "gzip"; zipped != want {
			t.Errorf("%q: compressed %t", header, zipped)
		} else if zipped {
			body, err = gzip.NewReader(got.Body)
			h.must(err)
		}
		text, err := io.ReadAll(body)
		h.must(err)
		h.must(got.Body.Close())
		if !strings.HasSuffix(strings.TrimSpace(string(text)), "</html>") || !strings.Contains(strings.Join(got.Header.Values("Vary"), ","), "Accept-Encoding") {
			t.Errorf("%q: %d, %d bytes, %v", header, got.StatusCode, len(text), got.Header)
		}
	}
}
