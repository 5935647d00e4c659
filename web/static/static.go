// Package static holds the assets of the pages: one stylesheet, the vendored
// htmx, the font and the mark. It decides their addresses (named by content,
// so a browser may keep them for ever) and how they are sent. It never serves
// anything that is not embedded here and never reads the disk.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// Prefix is where Handler must be mounted, with the prefix left on.
const Prefix = "/static/"

//go:embed assets
var assets embed.FS

// file is one asset, ready to send.
type file struct {
	body, zipped []byte // zipped is nil where gzip would not help
	kind         string
	version      string // first 16 hex digits of the content's SHA-256
}

var load = sync.OnceValue(func() map[string]file {
	files, err := build(assets)
	if err != nil {
		panic("the embedded assets are unreadable: " + err.Error()) // can only be a broken build
	}
	return files
})

var kinds = map[string]string{
	".css":   "text/css; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".svg":   "image/svg+xml",
	".woff2": "font/woff2",
}

func build(from fs.FS) (map[string]file, error) {
	names, err := fs.Glob(from, "assets/*")
	if err != nil {
		return nil, fmt.Errorf("list assets: %w", err)
	}
	files := make(map[string]file, len(names))
	var sheets []string
	for _, full := range names {
		name := path.Base(full)
		body, err := fs.ReadFile(from, full)
		if err != nil {
			return nil, fmt.Errorf("read asset %s: %w", name, err)
		}
		if path.Ext(name) == ".css" {
			sheets = append(sheets, name)
		}
		if files[name], err = prepare(name, body); err != nil {
			return nil, err
		}
	}
	// A stylesheet names its fonts by their plain names; what is sent names
	// them by content, and the sheet's own version covers that too.
	for _, sheet := range sheets {
		text := string(files[sheet].body)
		for name, f := range files {
			text = strings.ReplaceAll(text, `url("`+name+`")`, `url("`+Prefix+name+"?v="+f.version+`")`)
		}
		if files[sheet], err = prepare(sheet, []byte(text)); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func prepare(name string, body []byte) (file, error) {
	kind, ok := kinds[path.Ext(name)]
	if !ok {
		return file{}, fmt.Errorf("asset %s has no known content type", name)
	}
	sum := sha256.Sum256(body)
	f := file{body: body, kind: kind, version: hex.EncodeToString(sum[:8])}
	if path.Ext(name) == ".woff2" { // compressed already
		return f, nil
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(body)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return file{}, fmt.Errorf("compress asset %s: %w", name, err)
	}
	if b.Len() < len(body) {
		f.zipped = b.Bytes()
	}
	return f, nil
}

// Path gives the address of the asset name, with its content's hash. A name
// that is not embedded is a mistake in a template and panics: every page's
// test would meet it.
func Path(name string) string {
	f, ok := load()[name]
	if !ok {
		panic("no such asset: " + name)
	}
	return Prefix + name + "?v=" + f.version
}

// Handler serves the assets below Prefix, to GET and HEAD. An address with the
// right hash may be kept for a year without asking; any other must be asked
// for again, so that an old page never pins a new file under an old name.
func Handler() http.Handler {
	files := load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "Assets can only be read.", http.StatusMethodNotAllowed)
			return
		}
		name, under := strings.CutPrefix(r.URL.Path, Prefix)
		f, ok := files[name]
		if !under || !ok {
			http.NotFound(w, r)
			return
		}
		send(w, r, f)
	})
}

func send(w http.ResponseWriter, r *http.Request, f file) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	if r.URL.Query().Get("v") == f.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	body, tag := f.body, `"`+f.version+`"`
	if f.zipped != nil && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body, tag = f.zipped, `"`+f.version+`-gz"`
	}
	h.Set("ETag", tag)
	if matches(r.Header.Get("If-None-Match"), tag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // the reader is gone; nobody is left to be told
}

// acceptsGzip reads an Accept-Encoding header: named and not refused by q=0.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q, found := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		if !found {
			return true
		}
		weight, err := strconv.ParseFloat(q, 64)
		return err == nil && weight > 0
	}
	return false
}

func matches(header, tag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == tag || part == "*" {
			return true
		}
	}
	return false
}
