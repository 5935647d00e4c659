package ui

import (
	"regexp"
	"strings"
	"testing"
)

// htmx starts by itself as soon as the page is parsed, unless the page still
// loads when it runs. So it must not be deferred, and what it needs must be:
// else a slow line leaves a live page dead.
func TestLayout_LoadsHtmxBeforeTheDeferredScriptsThatExtendIt(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := Layout(Frame{Title: "Runs", Live: true}).Render(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range regexp.MustCompile(`<script( defer)?[^>]*src="/static/([a-z.-]+)\?`).FindAllStringSubmatch(out.String(), -1) {
		got = append(got, m[2]+m[1])
	}
	if want := "htmx.min.js app.js defer hx-sse.min.js defer"; strings.Join(got, " ") != want {
		t.Fatalf("the scripts are %q, want %q", strings.Join(got, " "), want)
	}
}
