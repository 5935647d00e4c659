package moodle_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"holdfast/internal/errs"
	"holdfast/internal/minimoodle"
	"holdfast/internal/moodle"
)

// formEnv is what getenv() sees in the forms.
var formEnv = map[string]string{
	"FORM_DB_NAME": "env_db", "FORM_DB_PASS": "env pass", "FORM_HOST": "h.example.org", "FORM_ENV": "prod", "PATH": "/usr/bin:/bin",
}

// want are the values that a form differs in from the common ones.
var want = map[string]map[string]string{
	"02-double-quotes":        {"Host": "db.example.org", "User": "u$er", "Password": "a\"b\\c\td$e😀A{x}", "WWWRoot": "https://m.example.org"},
	"03-single-quote-escapes": {"Password": `a'b\c\n"d$e`},
	"04-short-array":          {"Port": "3307", "Socket": "/run/mysqld/mysqld.sock"},
	"05-port-string":          {"Port": "5433"},
	"06-socket-true":          {"Type": "pgsql", "Socket": "/var/run/postgresql"},
	"07-getenv-set":           {"Name": "env_db", "Password": "env pass"},
	"08-getenv-default":       {"Host": "db", "Name": "fallback", "Prefix": "x_"},
	"09-getenv-concat":        {"WWWRoot": "https://h.example.org/m"},
	"10-http-host":            {"WWWRoot": ""},
	"11-http-host-guarded":    {"WWWRoot": "https://extern.example.org"},
	"12-commented-candidates": {"User": "moodle"},
	"13-branches":             {"Name": "prod", "Host": "db-prod"},
	"14-switch":               {"Name": "live"},
	"15-after-setup":          {"Name": "after", "WWWRoot": "https://moodle.example.org:90"},
	"16-variables":            {"Type": "pgsql", "Host": "db1.example.org", "Name": "moodle_live", "User": "moodle", "Password": "moodle-db1", "WWWRoot": "https://moodle.example.org"},
	"18-null-coalesce":        {"Host": "coalesced", "Name": "env_db"},
	"19-constants":            {"Name": "const_db", "Prefix": "c_", "Host": "h"},
	"20-include-local":        {"Name": "local_db"},
	"21-secret-file":          {"Password": "from file"},
	"22-own-function":         {"Name": "env_db", "Host": "own"},
	"23-readonly-replicas":    {"Port": "3306"},
	"26-late-dboptions":       {"Port": "3399"},
	"27-legacy-no-new":        {"Type": "mysqli", "Prefix": ""},
	"28-object-cast":          {"Type": "pgsql", "Host": "/var/run/postgresql", "Name": "cast", "User": "www-data", "Password": "", "Port": "5432", "WWWRoot": "http://localhost"},
	"29-match":                {"Name": "matched"},
	"30-foreach":              {"Name": "looped", "User": "loopuser"},
	"32-putenv-server":        {"Name": "own_db", "WWWRoot": "https://cli.example.org"},

	"33-heredoc":                {"Name": "raw_$name", "Password": "pass word $x 'y'"},
	"35-legacy-mysql":           {"Type": "mysql"},
	"36-port-int-socket-path":   {"Port": "3311", "Socket": "/var/run/mysqld/mysqld.sock"},
	"38-readonly-one-host":      {"Port": "3306"},
	"39-readonly-hosts":         {"Type": "pgsql", "Port": "5432"},
	"40-braces":                 {"Name": "braced", "Prefix": "b_"},
	"42-crlf":                   {"Port": "3312"},
	"44-define":                 {"Name": "defined_db", "Host": "const-host", "Prefix": "d_"},
	"46-server-default":         {"Name": "fallback_db", "Host": "fallback-host"},
	"47-env-array":              {"Name": "env_db", "User": "deep"},
	"48-options-by-key":         {"Port": "3313", "Socket": "/tmp/x.sock"},
	"50-alternative-syntax":     {"Name": "alt_prod"},
	"51-returned-array":         {"Name": "returned", "User": "ruser"},
	"52-comments":               {"Host": "db.example.org"},
	"53-words-of-php":           {"Port": "3306"},
	"54-functions":              {"Name": "moodle_live", "Host": "db.example.org", "Prefix": "three_"},
	"55-escapes":                {"User": "it's_me", "Password": "AA😀\t$\"\\"},
	"57-null-coalescing-assign": {"Prefix": "mdl_x_"},
	"59-foreach-pairs":          {"Name": "pairs", "Host": "pair-host"},
	"60-included-when-there":    {"Name": "local_db"},
	"62-static-list":            {"Name": "listed", "Host": "listed-host", "User": "listeduser"},
}

// tree makes a small Moodle with the given config.php, which other users may
// enter: root runs PHP as another user.
func tree(t *testing.T, form string) minimoodle.Site {
	t.Helper()
	return treeOf(t, form, moodle.LayoutClassic)
}

func treeOf(t *testing.T, form, layout string) minimoodle.Site {
	t.Helper()
	raw, err := os.ReadFile(form)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s, err := minimoodle.Build(t.Context(), minimoodle.Spec{Dir: dir, Layout: layout, CodeFiles: 1, Files: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"config.php":       strings.ReplaceAll(string(raw), "@DATA@", s.DataRoot),
		"config-local.php": "<?php\n$CFG->dbname = 'local_db';\n",
		"config-array.php": "<?php\nreturn ['db' => ['name' => 'returned', 'user' => 'ruser']];\n",
		"secret.txt":       "from file\n",
	} {
		if err := os.WriteFile(filepath.Join(s.CodeDir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "elsewhere", "filedir"), 0o755); err != nil {
		t.Fatal(err)
	}
	openUp(t, dir)
	return s
}

func openUp(t *testing.T, dir string) {
	t.Helper()
	for d := dir; len(d) > len(os.TempDir())+1; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func forms(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join("testdata", dir, "*.php"))
	if err != nil || len(list) == 0 {
		t.Fatalf("no forms in %s: %v", dir, err)
	}
	return list
}

// TestInspect_PHPAndStaticAgree reads every form both ways.
func TestInspect_PHPAndStaticAgree(t *testing.T) {
	t.Parallel()
	list := forms(t, "config")
	if len(list) < 60 {
		t.Errorf("only %d forms", len(list))
	}
	for _, form := range list {
		name := strings.TrimSuffix(filepath.Base(form), ".php")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tree(t, form)
			by := map[string]moodle.Install{}
			for how, php := range map[string]string{moodle.ReadByPHP: "", moodle.ReadByStatic: "none"} {
				in, err := moodle.Inspect(t.Context(), s.CodeDir, moodle.Options{PHP: php, Env: formEnv, Timeout: time.Minute})
				if err != nil {
					t.Fatalf("by %s: %v", how, err)
				}
				if in.ReadBy != how {
					t.Fatalf("read by %s, not by %s: %v", in.ReadBy, how, in.Warnings)
				}
				in.ReadBy = ""
				by[how] = in
			}
			if a, b := by[moodle.ReadByPHP], by[moodle.ReadByStatic]; !reflect.DeepEqual(a, b) {
				t.Errorf("PHP and static disagree:\n%+v\n%+v", a, b)
			}
			checkForm(t, name, by[moodle.ReadByStatic])
			if by[moodle.ReadByStatic].DataRoot != s.DataRoot {
				t.Errorf("dataroot is %s", by[moodle.ReadByStatic].DataRoot)
			}
		})
	}
}

// TestInspect_ReadsThePublicLayoutAlike: config.php is at the top there too,
// and public/config.php, which only leads to it, is never read.
func TestInspect_ReadsThePublicLayoutAlike(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"01-literal", "34-explicit-dirroot", "43-closing-tag", "45-dirname", "60-included-when-there"} {
		for how, php := range map[string]string{moodle.ReadByPHP: "", moodle.ReadByStatic: "none"} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				s := treeOf(t, filepath.Join("testdata", "config", name+".php"), moodle.LayoutPublic)
				in, err := moodle.Inspect(t.Context(), filepath.Join(s.CodeDir, "public"), moodle.Options{PHP: php, Env: formEnv, Timeout: time.Minute})
				if err != nil || in.ReadBy != how || in.Layout != moodle.LayoutPublic || in.DataRoot != s.DataRoot {
					t.Fatalf("%+v, %v", in, err)
				}
				checkForm(t, name, in)
			})
		}
	}
}

func checkForm(t *testing.T, name string, in moodle.Install) {
	t.Helper()
	got := map[string]string{
		"Type": in.DB.Type, "Host": in.DB.Host, "Name": in.DB.Name, "User": in.DB.User, "Password": in.DB.Password, "Prefix": in.DB.Prefix,
		"Port": fmt.Sprint(in.DB.Port), "Socket": in.DB.Socket, "WWWRoot": in.WWWRoot,
	}
	expected := map[string]string{
		"Type": "mariadb", "Host": "localhost", "Name": "moodle", "User": "moodleuser", "Password": "s3cret", "Prefix": "mdl_",
		"Port": "0", "Socket": "", "WWWRoot": "https://moodle.example.org",
	}
	for k, v := range want[name] {
		expected[k] = v
	}
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("got  %v\nwant %v", got, expected)
	}
	switch name {
	case "24-forced-settings", "58-file-system-and-plugins":
		if strings.TrimPrefix(in.FileSystemClass, `\`) != `tool_objectfs\s3_file_system` {
			t.Errorf("file system class %q", in.FileSystemClass)
		}
	case "25-moved-dirs":
		if in.Moved["filedir"] != in.FileDir || !strings.HasSuffix(in.FileDir, "/elsewhere/filedir") || in.Moved["tempdir"] == "" || in.Moved["cachedir"] != "" {
			t.Errorf("moved %v, filedir %s", in.Moved, in.FileDir)
		}
	}
}

// TestInspect_NamesTheKeyItCannotKnow: the file's name begins with the key.
// PHP knows what the static reader cannot.
func TestInspect_NamesTheKeyItCannotKnow(t *testing.T) {
	t.Parallel()
	for _, form := range forms(t, "unknown") {
		t.Run(filepath.Base(form), func(t *testing.T) {
			t.Parallel()
			key, _, _ := strings.Cut(filepath.Base(form), "-")
			s := tree(t, form)
			_, err := moodle.Inspect(t.Context(), s.CodeDir, moodle.Options{PHP: "none", Env: formEnv})
			if !errs.Is(err, errs.Invalid) || !strings.HasPrefix(errs.Sentence(err), key+": ") || !strings.Contains(errs.Sentence(err), "override") {
				t.Errorf("the static reader says %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Error("the error holds the password")
			}
			in, err := moodle.Inspect(t.Context(), s.CodeDir, moodle.Options{Env: formEnv, Timeout: time.Minute})
			if err != nil || in.ReadBy != moodle.ReadByPHP {
				t.Errorf("PHP gives %v %v", in.Warnings, err)
			}
		})
	}
}

// config writes one config.php of the common values and more lines.
func config(t *testing.T, lines string) minimoodle.Site {
	t.Helper()
	common, err := os.ReadFile("testdata/config/01-literal.php")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(common), "require_once", lines+"\nrequire_once", 1)
	path := filepath.Join(t.TempDir(), "form.php")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return tree(t, path)
}

// TestInspect_RefusesWhatOnlyTheWebServerKnows, whichever way it reads: a
// command would take the wrong site's data.
func TestInspect_RefusesWhatOnlyTheWebServerKnows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ lines, key, word string }{
		"header":      {`$CFG->dbname = 'moodle_' . $_SERVER['HTTP_HOST'];`, "dbname", "HTTP_HOST"},
		"environment": {`$CFG->dbpass = getenv('ONLY_IN_FPM');`, "dbpass", "ONLY_IN_FPM"},
		"dataroot":    {`$CFG->dataroot = '/srv/' . $_SERVER['SERVER_NAME'];`, "dataroot", "SERVER_NAME"},
	} {
		for _, php := range []string{"", "none"} {
			t.Run(name+" "+php, func(t *testing.T) {
				t.Parallel()
				s := config(t, c.lines)
				opt := moodle.Options{PHP: php, Env: formEnv, Timeout: time.Minute}
				_, err := moodle.Inspect(t.Context(), s.CodeDir, opt)
				if !errs.Is(err, errs.Invalid) || !strings.HasPrefix(errs.Sentence(err), c.key+": ") || !strings.Contains(err.Error(), c.word) {
					t.Errorf("Inspect says %v", err)
				}
				opt.Override = map[string]string{c.key: s.DataRoot}
				if _, err := moodle.Inspect(t.Context(), s.CodeDir, opt); err != nil {
					t.Errorf("with an override Inspect says %v", err)
				}
			})
		}
	}
}

func TestInspect_EndsAPHPThatHangs(t *testing.T) {
	t.Parallel()
	s := config(t, `while (!isset($CFG->never)) { usleep(1000); }`)
	in, err := moodle.Inspect(t.Context(), s.CodeDir, moodle.Options{Env: formEnv, Timeout: 400 * time.Millisecond})
	if err != nil || in.ReadBy != moodle.ReadByStatic || in.DB.Name != "moodle" {
		t.Errorf("Inspect gives %q %v", in.ReadBy, err)
	}
}

func TestInspect_SurvivesAPHPThatFloodsOrExits(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]string{
		"flood": `while (ob_get_level()) { ob_end_flush(); } for ($i = 0; $i < 300; $i++) { echo str_repeat('x', 10000); }`,
		"exit":  `exit(3);`, "fatal": `no_such_function();`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, err := moodle.Inspect(t.Context(), config(t, lines).CodeDir, moodle.Options{Env: formEnv, Timeout: time.Minute})
			if err != nil || in.DB.Name != "moodle" || in.DB.Password != "s3cret" {
				t.Errorf("Inspect gives %+v, %v", in, err)
			}
		})
	}
}

// TestInspect_NeverRunsPHPAsRoot: the site's own code sees who runs it.
func TestInspect_NeverRunsPHPAsRoot(t *testing.T) {
	t.Parallel()
	s := config(t, `$CFG->prefix = 'u' . posix_geteuid() . '_' . posix_getegid() . '_' . implode('_', posix_getgroups()) . '_' . (getenv('HOLDFAST_SECRET') ?: 'none');`)
	in, err := moodle.Inspect(t.Context(), s.CodeDir, moodle.Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if in.ReadBy != moodle.ReadByPHP || strings.HasPrefix(in.DB.Prefix, "u0_") || strings.Contains(in.DB.Prefix, "_0_") || !strings.HasSuffix(in.DB.Prefix, "_none") {
		t.Errorf("read by %s as %s", in.ReadBy, in.DB.Prefix)
	}
}

func TestInspect_NeverShowsThePassword(t *testing.T) {
	t.Parallel()
	in, err := moodle.Inspect(t.Context(), config(t, "").CodeDir, moodle.Options{Env: formEnv})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	for how, s := range map[string]string{"JSON": string(text), "%v": fmt.Sprint(in), "%+v": fmt.Sprintf("%+v", in), "%#v": fmt.Sprintf("%#v", in)} {
		if strings.Contains(s, "s3cret") {
			t.Errorf("%s shows the password", how)
		}
	}
}

func TestInspect_RefusesWhatIsNoMoodle(t *testing.T) {
	t.Parallel()
	bare := config(t, "")
	if err := os.Remove(filepath.Join(bare.CodeDir, "config.php")); err != nil {
		t.Fatal(err)
	}
	broken := config(t, "$CFG->dbname = ;")
	for name, dir := range map[string]string{"nothing": t.TempDir(), "absent": "/no/such/folder", "moodledata": bare.DataRoot, "not installed": bare.CodeDir, "syntax": broken.CodeDir} {
		if _, err := moodle.Inspect(t.Context(), dir, moodle.Options{Env: formEnv}); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: Inspect says %v", name, err)
		}
	}
}

func TestDetect_FindsTheRootFromItsPublicFolder(t *testing.T) {
	t.Parallel()
	s, err := minimoodle.Build(t.Context(), minimoodle.Spec{Dir: t.TempDir(), Layout: moodle.LayoutPublic, CodeFiles: 1, Files: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{s.CodeDir, s.CodeDir + "/", filepath.Join(s.CodeDir, "public")} {
		root, layout, err := moodle.Detect(dir)
		if err != nil || root != s.CodeDir || layout != moodle.LayoutPublic {
			t.Errorf("Detect(%s) gives %s %s %v", dir, root, layout, err)
		}
		in, err := moodle.Inspect(t.Context(), dir, moodle.Options{PHP: "none", Env: formEnv})
		if err != nil || in.Branch != "501" || in.Version != "2025100601.00" || in.Release != "5.1.5 (Build: 20250811)" {
			t.Errorf("Inspect(%s) gives %+v %v", dir, in, err)
		}
	}
}
