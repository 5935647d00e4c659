package portal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"holdfast/internal/errs"
	"holdfast/web/portal"
)

// MarkMost is how large a hoster's mark may be, in bytes.
const MarkMost = 64 << 10

// Mark is the hoster's mark, ready to be served.
type Mark struct {
	body          []byte
	kind, version string
}

const setting = "HOLDFAST_HOSTER_LOGO"

// ReadMark takes a mark that is a PNG, or an SVG that draws and does nothing
// else: no script, no handler, nothing from elsewhere.
func ReadMark(body []byte) (*Mark, error) {
	if len(body) > MarkMost {
		return nil, errs.Field(setting, "is %d bytes; a mark may have %d at most", len(body), MarkMost)
	}
	sum := sha256.Sum256(body)
	m := &Mark{body: body, version: hex.EncodeToString(sum[:8])}
	if bytes.HasPrefix(body, []byte("\x89PNG\r\n\x1a\n")) {
		m.kind = "image/png"
		return m, nil
	}
	m.kind = "image/svg+xml"
	return m, checkSVG(body)
}

// checkSVG walks the drawing as XML.
func checkSVG(body []byte) error {
	x := xml.NewDecoder(bytes.NewReader(body))
	x.Strict = true
	for first := true; ; {
		token, err := x.Token()
		if errors.Is(err, io.EOF) {
			if first {
				return errs.Field(setting, "is neither a PNG nor an SVG")
			}
			return nil
		}
		if err != nil {
			return errs.Field(setting, "is neither a PNG nor an SVG that can be read")
		}
		switch t := token.(type) {
		case xml.Directive:
			return errs.Field(setting, "declares a document type; save it as a plain SVG")
		case xml.ProcInst:
			if t.Target != "xml" {
				return errs.Field(setting, "asks for %s; save it as a plain SVG", t.Target)
			}
		case xml.StartElement:
			if first && t.Name.Local != "svg" {
				return errs.Field(setting, "is neither a PNG nor an SVG")
			}
			first = false
			if err := checkElement(t); err != nil {
				return err
			}
		case xml.CharData:
			if strings.Contains(strings.ToLower(string(t)), "@import") || reachesOut(string(t)) {
				return errs.Field(setting, "draws on something from elsewhere; save it as a plain SVG")
			}
		}
	}
}

var living = map[string]bool{
	"script": true, "foreignobject": true, "iframe": true, "object": true, "embed": true, "audio": true, "video": true, "image": true, "handler": true, "listener": true,
	"a": true, "set": true, "animate": true, "animatetransform": true, "animatemotion": true,
}

// checkElement refuses what could run or load something.
func checkElement(t xml.StartElement) error {
	name := strings.ToLower(t.Name.Local)
	if living[name] {
		return errs.Field(setting, "holds <%s>; a mark may only draw", name)
	}
	for _, a := range t.Attr {
		key, value := strings.ToLower(a.Name.Local), strings.TrimSpace(a.Value)
		switch {
		case strings.HasPrefix(key, "on"):
			return errs.Field(setting, "holds %s; a mark may only draw", key)
		case (key == "href" || key == "src") && !strings.HasPrefix(value, "#"):
			return errs.Field(setting, "leads elsewhere by %s; a mark may only draw", key)
		case reachesOut(value) && key != "xmlns" && a.Name.Space != "xmlns":
			return errs.Field(setting, "draws on something from elsewhere by %s; save it as a plain SVG", key)
		}
	}
	return nil
}

// reachesOut tells whether a style or value loads something: url() of anything
// but a part of the drawing itself.
func reachesOut(value string) bool {
	s := strings.ToLower(strings.Join(strings.Fields(value), ""))
	if strings.Contains(s, "javascript:") || strings.Contains(s, "expression(") || strings.Contains(s, `\`) {
		return true
	}
	for {
		_, rest, found := strings.Cut(s, "url(")
		if !found {
			return false
		}
		if s = strings.TrimLeft(rest, `'"`); !strings.HasPrefix(s, "#") {
			return true
		}
	}
}

// Path is the mark's address, which changes with it.
func (m *Mark) Path() string { return portal.MarkPath + "?v=" + m.version }

// ServeHTTP sends the mark. Opened by itself it may do nothing either.
func (m *Mark) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", m.kind)
	h.Set("Content-Length", strconv.Itoa(len(m.body)))
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.URL.Query().Get("v") == m.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	if r.Method != http.MethodHead {
		_, _ = w.Write(m.body) // the reader is gone; nobody is left to be told
	}
}
