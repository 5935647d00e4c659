package ui

import (
	"context"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/a-h/templ"
)

func render(t *testing.T, c templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var states = []State{Good, None, Late, Incomplete, Failed, Running, Waiting, Unreachable, Cancelled}

// TestPill_TellsStatesApartWithoutColour compares shapes and words alone.
func TestPill_TellsStatesApartWithoutColour(t *testing.T) {
	t.Parallel()
	shapes, words := map[string]State{}, map[string]State{}
	for _, s := range states {
		drawn := render(t, shape(s))
		if other, ok := shapes[drawn]; ok {
			t.Errorf("%s and %s have the same shape", s, other)
		}
		if other, ok := words[s.Word()]; ok {
			t.Errorf("%s and %s have the same word", s, other)
		}
		shapes[drawn], words[s.Word()] = s, s
		if !strings.Contains(drawn, `aria-hidden="true"`) || !strings.Contains(render(t, Pill(s, "")), "<span>"+s.Word()+"</span>") {
			t.Errorf("%s: the shape is read aloud or the word is missing", s)
		}
	}
}

func TestPill_TakesNoUnknownStateAsClass(t *testing.T) {
	t.Parallel()
	if got := render(t, Pill(State(`x" onload="y`), "odd")); !strings.Contains(got, `class="pill tone-quiet"`) || strings.Contains(got, "onload") {
		t.Error(got)
	}
}

func TestTable_HeadsAndLabelsItsCells(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	row := templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		return Cell("Host").Render(templ.WithChildren(ctx, templ.Raw("host-b")), w)
	})
	if err := Table("Hosts", Columns("Host", "#Sites")).Render(templ.WithChildren(context.Background(), row), &b); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for _, want := range []string{
		`<div class="frame" role="group" aria-label="Hosts, may scroll sideways" tabindex="0">`,
		`<table role="table" aria-label="Hosts">`,
		`<th scope="col" role="columnheader">Host</th>`,
		`<th scope="col" role="columnheader" class="n">Sites</th>`,
		`<td role="cell" data-label="Host"><div>host-b</div></td>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %s in\n%s", want, got)
		}
	}
}

func TestTextField_AnnouncesItsProblem(t *testing.T) {
	t.Parallel()
	got := render(t, TextField(Input{ID: "email", Name: "email", Label: "Email", Problem: "This is no address."}))
	for _, want := range []string{`<label for="email">Email</label>`, `aria-describedby="email-note"`, `aria-invalid="true"`, `id="email-note"`} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %s in\n%s", want, got)
		}
	}
}

func TestMoment_HasMachineTimeAndExactOnHover(t *testing.T) {
	t.Parallel()
	got := render(t, Moment(When{Words: "2 h ago", Exact: "21 Nov 2026 16:00:04 CET", Machine: "2026-11-21T16:00:04+01:00"}))
	if got != `<time datetime="2026-11-21T16:00:04+01:00" title="21 Nov 2026 16:00:04 CET">2 h ago</time>` {
		t.Error(got)
	}
	if got := render(t, Moment(When{})); got != "<span>–</span>" {
		t.Error(got)
	}
}

func TestPolicy_AllowsNothingInlineOrForeign(t *testing.T) {
	t.Parallel()
	p := Policy("abc")
	if !strings.HasPrefix(p, "default-src 'none'; script-src 'nonce-abc'; ") || strings.Contains(p, "unsafe") || strings.Contains(p, "http") || strings.Contains(p, "*") {
		t.Error(p)
	}
}

// TestWeb_ImportsNothingInternal holds the import rule of web/: the standard
// library, templ, and web itself.
func TestWeb_ImportsNothingInternal(t *testing.T) {
	t.Parallel()
	read := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		read++
		for _, spec := range f.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			first, _, _ := strings.Cut(name, "/")
			own := strings.HasPrefix(name, "holdfast/web/")
			if !own && first == "holdfast" || strings.Contains(first, ".") && !strings.HasPrefix(name, "github.com/a-h/templ") {
				t.Errorf("%s imports %s", path, name)
			}
		}
		return nil
	})
	if err != nil || read < 10 {
		t.Fatalf("read %d files: %v", read, err)
	}
}

// TestSheet_HasEveryToneInBothThemes finds a token that only one theme has.
func TestSheet_HasEveryToneInBothThemes(t *testing.T) {
	t.Parallel()
	sheet, err := os.ReadFile("../static/assets/app.css")
	if err != nil {
		t.Fatal(err)
	}
	light, rest, _ := strings.Cut(string(sheet), "@media (prefers-color-scheme: dark)")
	dark, _, _ := strings.Cut(rest, "/* ground */")
	for _, token := range []string{"bg", "surface", "sunken", "ink", "muted", "line", "line-strong", "edge", "accent", "accent-hover", "accent-ink", "accent-soft", "ok", "ok-soft", "warn", "warn-soft", "bad", "bad-soft", "info", "info-soft", "shadow"} {
		if !strings.Contains(light, "--"+token+":") || !strings.Contains(dark, "--"+token+":") {
			t.Errorf("--%s is not in both themes", token)
		}
	}
}
