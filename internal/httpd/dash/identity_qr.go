package dash

import (
	"fmt"
	"strconv"
	"strings"

	"rsc.io/qr"
)

// qrQuiet is the white margin that a QR code needs, in modules.
const qrQuiet = 4

// qrPath draws text as a QR code: an SVG path with a unit square a module, and
// its width with the margin. Nothing is fetched, nothing leaves the page.
func qrPath(text string) (path, width string, err error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", "", fmt.Errorf("draw the picture for the authenticator: %w", err)
	}
	var b strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			if !code.Black(x, y) {
				continue
			}
			run := 1
			for x+run < code.Size && code.Black(x+run, y) {
				run++
			}
			fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x+qrQuiet, y+qrQuiet, run, run)
			x += run
		}
	}
	return b.String(), strconv.Itoa(code.Size + 2*qrQuiet), nil
}
