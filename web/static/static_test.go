package static

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, method, url string, header map[string]string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, url, nil)
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func TestHandler_KeepsOnlyRightHashForEver(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		Path("app.css"):               "public, max-age=31536000, immutable",
		"/static/app.css":             "no-cache",
		"/static/app.css?v=00000000":  "no-cache",
		Path("inter-latin.woff2"):     "public, max-age=31536000, immutable",
		Path("htmx.min.js") + "&x=12": "public, max-age=31536000, immutable",
	} {
		res := get(t, http.MethodGet, url, nil)
		if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != want {
			t.Errorf("%s: %d, Cache-Control %q, want %q", url, res.StatusCode, res.Header.Get("Cache-Control"), want)
		}
	}
}

func TestHandler_SendsSameBytesZippedAndPlain(t *testing.T) {
	t.Parallel()
	plain := get(t, http.MethodGet, Path("htmx.min.js"), nil)
	want, _ := io.ReadAll(plain.Body)
	if plain.Header.Get("Content-Encoding") != "" {
		t.Error("zipped for a client that did not ask")
	}
	zipped := get(t, http.MethodGet, Path("htmx.min.js"), map[string]string{"Accept-Encoding": "br, gzip;q=0.8"})
	if zipped.Header.Get("Content-Encoding") != "gzip" {
		t.Fatal("not zipped for a client that asked")
	}
	z, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(z)
	if err != nil || string(got) != string(want) {
		t.Fatalf("zipped body differs (%v)", err)
	}
	if refused := get(t, http.MethodGet, Path("htmx.min.js"), map[string]string{"Accept-Encoding": "gzip;q=0"}); refused.Header.Get("Content-Encoding") != "" {
		t.Error("zipped for a client that refused it")
	}
	if font := get(t, http.MethodGet, Path("inter-latin.woff2"), map[string]string{"Accept-Encoding": "gzip"}); font.Header.Get("Content-Encoding") != "" {
		t.Error("a compressed font was zipped again")
	}
}

func TestHandler_AnswersNotModifiedAndHead(t *testing.T) {
	t.Parallel()
	tag := get(t, http.MethodGet, "/static/app.css", nil).Header.Get("ETag")
	if res := get(t, http.MethodGet, "/static/app.css", map[string]string{"If-None-Match": `"other", W/` + tag}); res.StatusCode != http.StatusNotModified {
		t.Errorf("a known tag: %d", res.StatusCode)
	}
	res := get(t, http.MethodHead, "/static/app.css", nil)
	if body, _ := io.ReadAll(res.Body); len(body) != 0 || res.Header.Get("Content-Length") == "0" {
		t.Errorf("HEAD: %d bytes, Content-Length %s", len(body), res.Header.Get("Content-Length"))
	}
}

func TestHandler_RefusesWhatIsNotEmbedded(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"/static/", "/static/nothing.css", "/static/../static.go", "/static/%2e%2e/static.go", "/app.css", "/static/assets/app.css"} {
		if res := get(t, http.MethodGet, url, nil); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", url, res.StatusCode)
		}
	}
	if res := get(t, http.MethodPost, "/static/app.css", nil); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", res.StatusCode)
	}
}

func TestSheet_NamesFontsByContent(t *testing.T) {
	t.Parallel()
	body, _ := io.ReadAll(get(t, http.MethodGet, "/static/app.css", nil).Body)
	for _, font := range []string{"inter-latin.woff2", "inter-latin-ext.woff2"} {
		if !strings.Contains(string(body), `url("`+Path(font)+`")`) {
			t.Errorf("the stylesheet does not name %s by its content", font)
		}
	}
	if strings.Contains(string(body), `url("http`) || strings.Contains(string(body), "@import") {
		t.Error("the stylesheet loads something from elsewhere")
	}
}

func TestVendored_FilesAreTheOnesRecorded(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("VENDORED.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (assets/\S+) \|.*\| ([0-9a-f]{64}) \|$`).FindAllStringSubmatch(string(doc), -1)
	rows = append(rows, regexp.MustCompile("`(\\.\\./dash/testdata/axe\\.min\\.js)`.*SHA-256 ([0-9a-f]{64})").FindAllStringSubmatch(string(doc), -1)...)
	if len(rows) != 5 {
		t.Fatalf("%d files recorded, want 5", len(rows))
	}
	for _, row := range rows {
		body, err := os.ReadFile(filepath.FromSlash(row[1]))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != row[2] {
			t.Errorf("%s is not the file that VENDORED.md records", row[1])
		}
	}
}
