// Package house_test holds the house to its one rule: doors > app > store >
// domain > ground, with web and agentproto as leaves. It asks the go command
// what every package imports and compares that with one table. It decides
// nothing at run time and is part of no binary.
package house_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "holdfast/"

// Groups of packages that the table names often.
var (
	ground = []string{"internal/errs", "internal/id", "internal/money", "internal/clock", "internal/text"}
	domain = []string{
		"internal/tenant", "internal/site", "internal/policy", "internal/backup", "internal/catalog", "internal/drill",
		"internal/mirror", "internal/restore", "internal/ticket", "internal/billing", "internal/host", "internal/capacity", "internal/advisor", "internal/tamper",
	}
	rows  = "internal/store/dbq"
	anyOf = []string{"internal/...", "web/...", "migrations"}
)

// house says which of our packages each package may import, tests aside. A
// package that is not here fails the test: put it in its place first.
var house = map[string][]string{
	// Ground.
	"internal/errs": {}, "internal/id": {}, "internal/clock": {}, "internal/money": {}, "internal/text": {},
	// Leaves.
	"internal/agentproto": {},
	"web/static":          {},
	"web/ui":              {"web/static"},
	"web/ruler":           {"web/ui"},
	"web/truth":           {"web/ui"},
	"web/dash":            {"web/ui", "web/static", "web/ruler", "web/truth"},
	"web/portal":          {"web/ui", "web/static", "web/ruler", "web/truth"},
	"migrations":          {},
	// Domain: pure, and downward only.
	"internal/tenant":   ground,
	"internal/backup":   with(ground, "internal/tenant"),
	"internal/site":     with(ground, "internal/tenant", "internal/backup", "internal/policy"),
	"internal/policy":   with(ground, "internal/tenant", "internal/backup"),
	"internal/catalog":  with(ground, "internal/tenant", "internal/backup", "internal/policy"),
	"internal/drill":    with(ground, "internal/tenant", "internal/backup", "internal/catalog"),
	"internal/mirror":   with(ground, "internal/tenant", "internal/backup", "internal/catalog"),
	"internal/ticket":   with(ground, "internal/tenant"),
	"internal/billing":  with(ground, "internal/tenant", "internal/ticket"),
	"internal/restore":  with(ground, "internal/tenant", "internal/backup", "internal/catalog", "internal/ticket", "internal/billing"),
	"internal/authz":    with(ground, "internal/tenant"),
	"internal/identity": with(ground, "internal/tenant"),
	"internal/host":     ground,
	"internal/throttle": ground, // how a working process holds back for its host
	"internal/capacity": ground,
	"internal/tamper":   ground,
	"internal/advisor":  ground,
	// What is true of a host's sites and of storage.
	"internal/moodle":         ground,
	"internal/embedpg/daemon": ground,
	"internal/embedpg":        with(ground, "internal/embedpg/daemon"),
	"internal/sitedb":         with(ground, "internal/moodle", "internal/embedpg", "internal/embedpg/daemon"),
	"internal/inplace":        with(ground, "internal/moodle", "internal/sitedb"),
	"internal/reference":      ground,
	"internal/vault":          ground,
	"internal/engine":         with(ground, "internal/vault"),
	"internal/engine/bench":   {},
	"internal/copyback":       with(ground, "internal/engine", "internal/reference", "internal/inplace"),
	"internal/seal":           with(ground, "internal/billing"),
	"internal/selfcert":       ground,
	"internal/mail":           ground,
	"internal/mailin":         ground,
	"web/letter":              {},
	"internal/stripeapi":      with(ground, "internal/billing"),
	// Store and above.
	"internal/job":    {"internal/id"},
	rows:              with(ground, domain...),
	"internal/store":  with(ground, with(domain, rows, "internal/authz", "internal/job", "migrations")...),
	"internal/app":    with(ground, with(domain, rows, "internal/store", "internal/authz", "internal/identity", "internal/job", "internal/mail", "internal/mailin", "internal/seal", "internal/agentproto")...),
	"internal/worker": with(ground, "internal/app", "internal/job", "internal/store"),
	"internal/keeper": with(ground, "internal/reference", "internal/capacity", "internal/app", "internal/store", "internal/engine", "internal/vault"),
	// Doors: never store, pgx or River; of the store only the types of rows.
	"internal/httpd/words":     with(ground, domain...),
	"internal/httpd/mw":        with(ground, "web/ui", "internal/httpd/words"),
	"internal/httpd/dash":      with(ground, with(domain, rows, "internal/app", "internal/authz", "internal/identity", "internal/agentproto", "internal/httpd/mw", "internal/httpd/words", "internal/httpd/figure", "web/dash", "web/portal", "web/ruler", "web/truth", "web/ui", "web/static")...),
	"internal/httpd/figure":    with(ground, with(domain, rows, "internal/app", "internal/agentproto", "internal/httpd/words", "web/ruler", "web/truth", "web/ui")...),
	"internal/httpd/portal":    with(ground, with(domain, rows, "internal/app", "internal/authz", "internal/agentproto", "internal/httpd/figure", "internal/httpd/words", "web/portal", "web/truth", "web/ui")...),
	"internal/httpd/agentdoor": with(ground, rows, "internal/app", "internal/agentproto", "internal/httpd/mw"),
	"internal/httpd/hook":      with(ground, "internal/app", "internal/httpd/mw"),
	"internal/httpd/api":       with(ground, with(domain, rows, "internal/app", "internal/authz", "internal/httpd/mw")...),
	// The programs.
	"internal/serve": with(ground, "internal/app", "internal/worker", "internal/keeper", "internal/store", "internal/embedpg", "internal/seal",
		"internal/selfcert", "internal/vault", "internal/mail", "internal/mailin", "web/letter", "internal/stripeapi", "internal/identity", "internal/httpd/hook", "internal/httpd/mw", "internal/httpd/dash", "internal/httpd/portal", "internal/httpd/agentdoor", "internal/httpd/api", "web/ui"),
	"internal/agent":     with(ground, "internal/throttle", "internal/agentproto", "internal/engine", "internal/vault", "internal/moodle", "internal/sitedb", "internal/inplace", "internal/copyback", "internal/reference"),
	"cmd/holdfast":       anyOf,
	"cmd/holdfast-agent": with(ground, "internal/throttle", "internal/agent", "internal/agentproto", "internal/engine", "internal/vault", "internal/moodle", "internal/sitedb", "internal/inplace"),
	// Tests and the demo.
	"internal/testdb": anyOf, "internal/testkit": anyOf, "internal/minimoodle": anyOf, "internal/fleetseed": with(ground, "internal/backup", "internal/policy"), "internal/fakestripe": anyOf, "internal/house": {}, "e2e": anyOf,
}

// outsiders says who alone may import a module from outside, tests aside.
var outsiders = map[string][]string{
	"github.com/kopia/kopia":                  {"internal/engine", "internal/vault"},
	"github.com/riverqueue/river":             {"internal/job", "internal/store", "internal/app", "internal/worker"},
	"github.com/jackc/pgx":                    {"internal/store", rows, "internal/app", "internal/worker", "internal/serve", "internal/embedpg", "internal/sitedb", "internal/testdb", "internal/testkit", "internal/minimoodle", "internal/fleetseed"},
	"github.com/pressly/goose":                {"internal/store"},
	"github.com/a-h/templ":                    {"web/...", "internal/httpd/..."},
	"github.com/go-chi/chi":                   {"internal/httpd/..."},
	"github.com/alexedwards/scs":              {"internal/httpd/..."},
	"github.com/stripe/stripe-go":             {"internal/stripeapi"},
	"github.com/spf13/cobra":                  {"cmd/..."},
	"github.com/go-sql-driver/mysql":          {"internal/sitedb", "internal/minimoodle"},
	"github.com/VKCOM/php-parser":             {"internal/moodle"},
	"github.com/chromedp/chromedp":            {},
	"github.com/wneessen/go-mail":             {"internal/mail"},
	"github.com/emersion/go-smtp":             {"internal/mailin"},
	"github.com/emersion/go-message":          {"internal/mailin"},
	"github.com/microcosm-cc/bluemonday":      {"internal/mailin"},
	"github.com/go-webauthn/webauthn":         {"internal/app"},
	"github.com/coreos/go-oidc":               {"internal/httpd/dash"},
	"github.com/danielgtaylor/huma":           {"internal/httpd/api"},
	"rsc.io/qr":                               {"internal/httpd/dash"},
	"github.com/riverqueue/river/riverdriver": {"internal/store", "internal/worker"},
}

func with(base []string, more ...string) []string { return append(slices.Clone(base), more...) }

// allowed tells whether name is in list, where "x/..." is x and all below it.
func allowed(list []string, name string) bool {
	for _, l := range list {
		if under, ok := strings.CutSuffix(l, "/..."); l == name || ok && (name == under || strings.HasPrefix(name, under+"/")) {
			return true
		}
	}
	return false
}

// pkg is what the go command says of one package.
type pkg struct {
	ImportPath   string
	Dir          string
	Standard     bool
	Imports      []string
	TestImports  []string
	XTestImports []string
	Error        *struct{ Err string }
}

func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, module) }

// root is the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("no go.mod above the test")
	return ""
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-e", "-json=ImportPath,Dir,Standard,Imports,TestImports,XTestImports,Error"}, args...)...)
	cmd.Dir = root(t)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v: %s", args, err, complaints.String())
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list %v: %v", args, err)
		}
		all = append(all, p)
	}
}

var once sync.Once

var everything []pkg

// packages are all of ours, listed once.
func packages(t *testing.T) []pkg {
	t.Helper()
	once.Do(func() { everything = list(t, "./...") })
	if len(everything) < 20 {
		t.Fatalf("the go command lists %d packages; the house has more", len(everything))
	}
	return everything
}

func TestHouse_NobodyImportsUpward(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		may, known := house[p.name()]
		if !known {
			t.Errorf("%s has no place in the house's table; give it one in internal/house and in .golangci.yml", p.name())
			continue
		}
		for _, i := range p.Imports {
			if name, ours := strings.CutPrefix(i, module); ours && !allowed(may, name) {
				t.Errorf("%s imports %s, which the house does not allow", p.name(), name)
			}
		}
	}
}

func TestHouse_TableHasNoCircle(t *testing.T) {
	t.Parallel()
	state := map[string]int{} // 1: on the way, 2: done
	var visit func(name string, path []string)
	visit = func(name string, path []string) {
		switch state[name] {
		case 1:
			t.Errorf("the table allows a circle: %s", strings.Join(append(path, name), " > "))
			return
		case 2:
			return
		}
		state[name] = 1
		for _, next := range house[name] {
			if !strings.HasSuffix(next, "/...") {
				visit(next, append(path, name))
			}
		}
		state[name] = 2
	}
	for name := range house {
		visit(name, nil)
	}
}

func TestHouse_OutsideModulesStayBehindTheirPackage(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, i := range p.Imports {
			for m, may := range outsiders {
				if (i == m || strings.HasPrefix(i, m+"/")) && !allowed(may, p.name()) {
					t.Errorf("%s imports %s, which belongs to %v alone", p.name(), i, may)
				}
			}
		}
	}
}

func TestHouse_WebImportsNothingInternal(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.name(), "web/") {
			continue
		}
		for _, i := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if strings.HasPrefix(i, module) && !strings.HasPrefix(i, module+"web/") {
				t.Errorf("%s (or a test of it) imports %s", p.name(), i)
			}
		}
	}
}

func TestHouse_AgentprotoImportsOnlyTheStandardLibrary(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "-deps", "./internal/agentproto") {
		if !p.Standard && p.name() != "internal/agentproto" {
			t.Errorf("internal/agentproto depends on %s", p.ImportPath)
		}
	}
}

func TestHouse_AgentLinksNothingOfTheControlPlane(t *testing.T) {
	t.Parallel()
	foreign := []string{
		"github.com/riverqueue/river", "github.com/a-h/templ", "github.com/stripe/stripe-go", "github.com/pressly/goose", "github.com/go-chi/chi",
		"holdfast/internal/store", "holdfast/internal/app", "holdfast/internal/seal", "holdfast/internal/authz", "holdfast/web", "holdfast/internal/minimoodle",
	}
	seen := 0
	for _, p := range list(t, "-deps", "./cmd/holdfast-agent") {
		seen++
		for _, f := range foreign {
			if p.ImportPath == f || strings.HasPrefix(p.ImportPath, f+"/") {
				t.Errorf("holdfast-agent links %s", p.ImportPath)
			}
		}
	}
	if seen < 100 {
		t.Fatalf("the go command lists %d packages of the agent", seen)
	}
}

func TestHouse_TestPackagesStayOutOfThePrograms(t *testing.T) {
	t.Parallel()
	only := map[string][]string{ // who may link what is made for tests and the demo
		"internal/testdb": {}, "internal/testkit": {}, "internal/fakestripe": {"cmd/holdfast"}, "internal/minimoodle": {"cmd/holdfast"}, "internal/fleetseed": {"cmd/holdfast"}, "e2e": {},
	}
	for _, p := range packages(t) {
		for _, i := range p.Imports {
			name, ours := strings.CutPrefix(i, module)
			if may, special := only[name]; ours && special && !allowed(append(may, "internal/testdb", "internal/testkit", "internal/fakestripe", "internal/minimoodle", "internal/fleetseed", "e2e"), p.name()) {
				t.Errorf("%s imports %s, which is for tests and the demo", p.name(), name)
			}
		}
	}
}

// callers says who may make a grant or an actor out of nothing.
var callers = map[string][]string{
	"authz.System":  {"internal/app", "internal/worker", "internal/keeper"},
	"authz.Console": {"internal/app", "cmd/holdfast"},
	"authz.Self":    {"internal/app"},
}

func TestHouse_GrantsAreMadeOnlyWhereTheyMay(t *testing.T) {
	t.Parallel()
	top := root(t)
	files := 0
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != top && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files++
		rel, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(filepath.Dir(rel))
		if name == "internal/authz" {
			return nil
		}
		as := importedAs(file, "holdfast/internal/authz")
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && as != "" && x.Name == as {
				what := "authz." + sel.Sel.Name
				if may, watched := callers[what]; watched && !allowed(may, name) {
					t.Errorf("%s uses %s, which only %v and tests may", rel, what, may)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Fatalf("looked at %d files; the house has more", files)
	}
}

// importedAs gives the name by which file knows the package, "" if it does not.
func importedAs(file *ast.File, path string) string {
	for _, i := range file.Imports {
		if strings.Trim(i.Path.Value, `"`) != path {
			continue
		}
		if i.Name != nil {
			return i.Name.Name
		}
		return path[strings.LastIndex(path, "/")+1:]
	}
	return ""
}
