package serve

import (
	"errors"
	"io"
	"os"
	"strings"

	"holdfast/internal/errs"
	"holdfast/internal/httpd/portal"
	"holdfast/web/ui"
)

// HosterConfig is whose pages customers see.
type HosterConfig struct {
	Name     string // "" for "Your Moodle hoster"
	LogoFile string // of a PNG or SVG; "" for our own mark
}

const someHoster = "Your Moodle hoster"

// check names every setting that is wrong.
func (h *HosterConfig) check() (wrong []error) {
	if h.Name = strings.TrimSpace(h.Name); h.Name == "" {
		h.Name = someHoster
	}
	if n := len([]rune(h.Name)); n > 60 || strings.ContainsAny(h.Name, "\r\n<>") {
		wrong = append(wrong, errs.Field("HOLDFAST_HOSTER_NAME", "must be one line of at most 60 characters"))
	}
	if _, err := h.mark(); err != nil {
		wrong = append(wrong, err)
	}
	return wrong
}

// mark reads the hoster's mark, nil for none.
func (h *HosterConfig) mark() (*portal.Mark, error) {
	if h.LogoFile == "" {
		return nil, nil //nolint:nilnil // none is no error
	}
	f, err := os.Open(h.LogoFile)
	if err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "HOLDFAST_HOSTER_LOGO: cannot read %s", h.LogoFile)
	}
	body, err := io.ReadAll(io.LimitReader(f, portal.MarkMost+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "HOLDFAST_HOSTER_LOGO: cannot read %s", h.LogoFile)
	}
	return portal.ReadMark(body)
}

// brand is what their pages carry.
func (h *HosterConfig) brand(mark *portal.Mark) ui.Brand {
	b := ui.Brand{Name: h.Name}
	if mark != nil {
		b.Mark = mark.Path()
	}
	return b
}
