package minimoodle_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/minimoodle"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
	"holdfast/internal/testdb"
)

// The database servers that the tests of this process share.
var (
	maria  = sync.OnceValues(func() (*sitedb.Server, error) { return scratchServer(sitedb.StartMariaDB) })
	pg     = sync.OnceValues(func() (*sitedb.Server, error) { return scratchServer(sitedb.StartPostgres) })
	serial atomic.Int64
)

func scratchServer(start func(context.Context, sitedb.ServerOptions) (*sitedb.Server, error)) (*sitedb.Server, error) {
	dir, err := testdb.Scratch("holdfast-minimoodle-")
	if err != nil {
		return nil, err
	}
	return start(context.Background(), sitedb.ServerOptions{Dir: dir, Unsafe: true})
}

// freshDB gives an empty database as config.php would name it.
func freshDB(t *testing.T, typ string) moodle.Database {
	t.Helper()
	get := maria
	if typ == "pgsql" {
		get = pg
	}
	s, err := get()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("mini%d", serial.Add(1))
	c, err := s.CreateDatabase(t.Context(), name, "u_"+name, "ge'heim\\"+name)
	if err != nil {
		t.Fatal(err)
	}
	return moodle.Database{Type: typ, Host: c.Host, Port: c.Port, Socket: c.Socket, Name: c.Name, User: c.User, Password: c.Password}
}

func build(t *testing.T, spec minimoodle.Spec) minimoodle.Site {
	t.Helper()
	spec.Dir = t.TempDir()
	site, err := minimoodle.Build(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if !minimoodle.Exists(spec.Dir) {
		t.Error("a built site does not exist")
	}
	return site
}

// listing describes every file of a tree but its mark.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == ".minimoodle.json" || d.Name() == "config.php" {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		text := ""
		if fi.Mode().IsRegular() {
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text = fmt.Sprint(string(raw), fi.ModTime().Unix())
		}
		out[rel] = fmt.Sprint(fi.Mode(), text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBuild_IsTheSameForTheSameSeed(t *testing.T) {
	t.Parallel()
	var trees []map[string]string
	for range 2 {
		s := build(t, minimoodle.Spec{Seed: 7, AccountRoot: true})
		trees = append(trees, listing(t, s.AccountRoot))
	}
	if len(trees[0]) < 350 || len(trees[0]) != len(trees[1]) {
		t.Fatalf("two builds of one seed have %d and %d files", len(trees[0]), len(trees[1]))
	}
	for name, what := range trees[0] {
		if trees[1][name] != what {
			t.Errorf("%s differs between two builds of one seed", name)
		}
	}
}

func TestBuild_HasTheModesOfARealMoodledata(t *testing.T) {
	t.Parallel()
	s := build(t, minimoodle.Spec{Seed: 1})
	for path, want := range map[string]os.FileMode{
		s.DataRoot: os.ModeDir | os.ModeSetgid | 0o777,
		filepath.Join(s.DataRoot, "repository/teachers/private"): os.ModeDir | os.ModeSetgid | 0o777,
		filepath.Join(s.FileDir, "warning.txt"):                  0o666,
		moodle.ContentPath(s.FileDir, moodle.EmptyHash):          0o666,
	} {
		fi, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if fi.Mode() != want {
			t.Errorf("%s has mode %v, not %v", path, fi.Mode(), want)
		}
	}
}

// TestBuild_IsAMoodleToInspect holds every form and layout to what the reader
// must find in it.
func TestBuild_IsAMoodleToInspect(t *testing.T) {
	t.Parallel()
	for _, layout := range []string{moodle.LayoutClassic, moodle.LayoutPublic} {
		for _, form := range []string{minimoodle.FormLiteral, minimoodle.FormEnv, minimoodle.FormBranches, minimoodle.FormQuotes} {
			for _, php := range []string{"", "none"} {
				t.Run(layout+" "+form+" "+php, func(t *testing.T) {
					t.Parallel()
					db := moodle.Database{}
					s := build(t, minimoodle.Spec{Layout: layout, ConfigForm: form, CodeFiles: 60, Files: 3, Prefix: "m_", DB: db})
					openUp(t, filepath.Dir(s.CodeDir))
					in, err := moodle.Inspect(t.Context(), s.CodeDir, moodle.Options{PHP: php})
					if err != nil {
						t.Fatal(err)
					}
					if in.Layout != layout || in.DataRoot != s.DataRoot || in.DB.Prefix != "m_" || in.DB.Name != "moodle" || in.CodeDir != s.CodeDir {
						t.Errorf("Inspect gives %+v", in)
					}
					if (php == "none") != (in.ReadBy == moodle.ReadByStatic) {
						t.Errorf("read by %s: %v", in.ReadBy, in.Warnings)
					}
				})
			}
		}
	}
}

// openUp lets other users enter a test's folder, as they may enter a site's:
// root runs a site's PHP as another user.
func openUp(t *testing.T, dir string) {
	t.Helper()
	for d := dir; len(d) > len(os.TempDir())+1; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBuild_FillsBothFamiliesWithAnyPrefix(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{"mariadb", "pgsql"} {
		for _, prefix := range []string{"", "m_", minimoodle.NoPrefix} {
			t.Run(typ+" "+prefix, func(t *testing.T) {
				t.Parallel()
				s := build(t, minimoodle.Spec{CodeFiles: 60, DB: freshDB(t, typ), Prefix: prefix, Faults: minimoodle.Faults{Missing: 2, Flipped: 1, WrongSize: 1}})
				live, err := s.Live(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer live.Close()
				for q, want := range map[string]int64{
					"SELECT COUNT(*) FROM {user}":                                             22,
					"SELECT COUNT(*) FROM {course}":                                           6,
					"SELECT COUNT(DISTINCT contenthash) FROM {files}":                         62, // 60, the empty one, a synced alias
					"SELECT COUNT(*) FROM {config} WHERE value LIKE '%🎓%'":                    1,
					"SELECT COUNT(*) FROM {course} WHERE LENGTH(summary) > 65536":             1,
					"SELECT COUNT(*) FROM {files} WHERE referencefileid IS NOT NULL":          2,
					"SELECT COUNT(*) FROM {files} WHERE filename = '.' AND filesize = 0":      60,
					"SELECT COUNT(*) FROM {config_plugins} WHERE name = 'backup_auto_active'": 1,
				} {
					got, err := live.Count(t.Context(), q)
					if err != nil {
						t.Fatal(err)
					}
					if got != want {
						t.Errorf("%s gives %d, not %d", q, got, want)
					}
				}
			})
		}
	}
}

func TestLive_KeepsMoodlesOrder(t *testing.T) {
	t.Parallel()
	s := build(t, minimoodle.Spec{CodeFiles: 60, Files: 4, DB: freshDB(t, "mariadb")})
	live, err := s.Live(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	c, err := live.Create(t.Context(), []byte("neu"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(moodle.ContentPath(s.FileDir, c.Hash)); err != nil {
		t.Fatal(err)
	}
	if err := live.Delete(t.Context(), c.Hash); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(moodle.ContentPath(s.TrashDir, c.Hash)); err != nil {
		t.Error("a deleted content is not in trashdir")
	}
	// Content 2 has three rows: deleting one must leave the file.
	if err := live.Delete(t.Context(), s.Contents[2].Hash); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(moodle.ContentPath(s.FileDir, s.Contents[2].Hash)); err != nil {
		t.Error("a content that other rows use was taken away")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	rounds, err := live.Churn(ctx, true, true, nil)
	if err != nil || rounds == 0 {
		t.Errorf("churn made %d rounds: %v", rounds, err)
	}
	if err := live.EmptyTrash(); err != nil {
		t.Error(err)
	}
}
