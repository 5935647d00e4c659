package ui

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// themes reads the colours of the stylesheet, light and dark.
func themes(t *testing.T) (light, dark map[string][3]float64) {
	t.Helper()
	sheet, err := os.ReadFile("../static/assets/app.css")
	if err != nil {
		t.Fatal(err)
	}
	one, rest, _ := strings.Cut(string(sheet), "@media (prefers-color-scheme: dark)")
	two, _, _ := strings.Cut(rest, "/* ground */")
	read := func(s string) map[string][3]float64 {
		out := map[string][3]float64{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(s, -1) {
			n, err := strconv.ParseUint(m[2], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			out[m[1]] = [3]float64{float64(n >> 16 & 255), float64(n >> 8 & 255), float64(n & 255)}
		}
		return out
	}
	return read(one), read(two)
}

// luminance and contrast are those of WCAG 2.2.
func luminance(c [3]float64) float64 {
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v := c[i] / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}

func contrast(a, b [3]float64) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// pairs are what stands on what. Words need 4.5, edges and marks 3.
var pairs = []struct {
	on, under []string
	least     float64
}{
	{[]string{"ink", "muted", "accent"}, []string{"bg", "surface", "sunken"}, 4.5},
	{[]string{"accent-hover"}, []string{"bg", "surface"}, 4.5},
	{[]string{"accent-ink"}, []string{"accent", "accent-hover"}, 4.5},
	{[]string{"ink"}, []string{"accent-soft"}, 4.5},
	{[]string{"ok"}, []string{"ok-soft", "surface"}, 4.5},
	{[]string{"warn"}, []string{"warn-soft", "surface"}, 4.5},
	{[]string{"bad"}, []string{"bad-soft", "surface"}, 4.5},
	{[]string{"info"}, []string{"info-soft", "surface"}, 4.5},
	{[]string{"edge"}, []string{"bg", "surface"}, 3},
}

// TestSheet_ContrastIsAsTheDesignSays measures every pair in both themes, and
// holds docs/design.md to the figures.
func TestSheet_ContrastIsAsTheDesignSays(t *testing.T) {
	t.Parallel()
	light, dark := themes(t)
	var table strings.Builder
	for _, p := range pairs {
		for _, on := range p.on {
			for _, under := range p.under {
				var got [2]float64
				for i, theme := range []map[string][3]float64{light, dark} {
					a, okA := theme[on]
					b, okB := theme[under]
					if !okA || !okB {
						t.Fatalf("%s or %s is no colour of both themes", on, under)
					}
					got[i] = math.Floor(contrast(a, b)*10) / 10
					if got[i] < p.least {
						t.Errorf("%s on %s: %.1f, want %.1f (theme %d)", on, under, got[i], p.least, i)
					}
				}
				fmt.Fprintf(&table, "| `%s` on `%s` | %.1f | %.1f | %.1f |\n", on, under, p.least, got[0], got[1])
			}
		}
	}
	doc, err := os.ReadFile("../../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(doc), table.String()) {
		t.Errorf("docs/design.md has other figures than these:\n%s", table.String())
	}
}
