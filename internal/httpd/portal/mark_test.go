package portal_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"holdfast/internal/errs"
	"holdfast/internal/httpd/portal"
)

func TestReadMark_TakesWhatOnlyDraws(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"a PNG":      "\x89PNG\r\n\x1a\n...",
		"a drawing":  `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><defs><linearGradient id="g"/></defs><style>.a{fill:url(#g)}</style><path class="a" style="fill:url('#g')" d="M0 0"/><use xlink:href="#a"/></svg>`,
		"a comment":  `<!-- made by hand --><svg/>`,
		"whitespace": "\n <svg></svg>\n",
	} {
		if _, err := portal.ReadMark([]byte(body)); err != nil {
			t.Errorf("%s is refused: %v", name, err)
		}
	}
}

func TestReadMark_RefusesWhatCouldRunOrLoad(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"script":          `<svg><script>alert(1)</script></svg>`,
		"script by case":  `<svg><SCRIPT/></svg>`,
		"a handler":       `<svg onload="alert(1)"/>`,
		"a handler below": `<svg><path ONCLICK="x"/></svg>`,
		"foreign content": `<svg><foreignObject><p/></foreignObject></svg>`,
		"a link":          `<svg><a href="#x"/></svg>`,
		"an image":        `<svg><image href="#x"/></svg>`,
		"a use elsewhere": `<svg><use href="https://evil.example/x.svg#a"/></svg>`,
		"a data address":  `<svg><use href="data:image/svg+xml;base64,AAAA"/></svg>`,
		"an animation":    `<svg><set attributeName="href" to="x"/></svg>`,
		"a style":         `<svg><path style="fill:url(https://evil.example/x)"/></svg>`,
		"a hidden style":  `<svg><path style="fill:u\72l(https://evil.example/x)"/></svg>`,
		"an import":       `<svg><style>@import "https://evil.example/x.css";</style></svg>`,
		"a sheet":         `<?xml-stylesheet href="https://evil.example/x.css"?><svg/>`,
		"an entity":       `<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>`,
		"not closed":      `<svg><g>`,
		"a page":          `<html><body/></html>`,
		"a JPEG":          "\xff\xd8\xff\xe0",
		"nothing":         "",
		"too much":        `<svg>` + strings.Repeat(" ", portal.MarkMost) + `</svg>`,
	} {
		if _, err := portal.ReadMark([]byte(body)); !errs.Is(err, errs.Invalid) || !strings.Contains(errs.Sentence(err), "HOLDFAST_HOSTER_LOGO") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMark_IsServedSoThatItCanDoNothing(t *testing.T) {
	t.Parallel()
	m, err := portal.ReadMark([]byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`))
	if err != nil {
		t.Fatal(err)
	}
	for path, cache := range map[string]string{m.Path(): "immutable", "/portal/mark?v=old": "no-cache"} {
		w := httptest.NewRecorder()
		m.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if h := w.Header(); h.Get("Content-Type") != "image/svg+xml" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") ||
			!strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Cache-Control"), cache) {
			t.Errorf("%s: %v", path, h)
		}
	}
}
