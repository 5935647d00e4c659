package dash

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"sync"
)

// zipFrom is how large a page must be, in bytes, to be worth compressing: what
// is smaller fits into one packet.
const zipFrom = 1400

var zippers = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, 4)
	if err != nil {
		panic(err) // the level is one of those that there are
	}
	return w
}}

// zip compresses a page for a browser that takes it so: lists are nine tenths
// markup. What is on a page could be guessed by its compressed length only by
// who makes a signed-in browser ask for pages with words of their choice and
// hears how long they are; the session's cookie is not sent with what other
// sites ask for.
func zip(w http.ResponseWriter, r *http.Request, body []byte) []byte {
	w.Header().Add("Vary", "Accept-Encoding")
	if len(body) < zipFrom || !takesGzip(r.Header.Get("Accept-Encoding")) {
		return body
	}
	var out bytes.Buffer
	z := zippers.Get().(*gzip.Writer) //nolint:errcheck // nothing else is put there
	defer zippers.Put(z)
	z.Reset(&out)
	if _, err := z.Write(body); err != nil {
		return body
	}
	if err := z.Close(); err != nil {
		return body
	}
	w.Header().Set("Content-Encoding", "gzip")
	return out.Bytes()
}

// takesGzip reads an Accept-Encoding header: named, and not refused by q=0.
func takesGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q := strings.ReplaceAll(params, " ", "")
		return q != "q=0" && !strings.HasPrefix(q, "q=0.0")
	}
	return false
}
