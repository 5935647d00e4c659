package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
)

// bringsBack is the whole way: three sites of two database systems get both
// copies, and each copy brings back what was there.
func bringsBack(t *testing.T, r *rig, sites []*moodleSite) {
	for _, s := range sites {
		for _, kind := range []string{"database", "data"} {
			eventually(t, 2*time.Minute, "the first "+kind+" copy of "+s.name+" is good", func() (bool, string) {
				var runs []runRow
				r.ask(t, &runs, "runs", "list", "--site", s.name, "--json")
				for _, v := range runs {
					if v.State == "failed" {
						t.Fatalf("%s: %+v", s.name, v)
					}
				}
				got := r.copies(t, s.name, kind)
				return len(got) == 1 && got[0].State == "good", fmt.Sprintf("%+v %+v", runs, got)
			})
		}
	}
	for _, s := range sites {
		t.Run(s.name, func(t *testing.T) {
			data, dump := r.copies(t, s.name, "data")[0], r.copies(t, s.name, "database")[0]
			if dump.Rows == 0 || dump.Tables == 0 || len(data.Details.Excluded) == 0 || len(data.Details.Problems) > 0 {
				t.Errorf("a copy says too little: %+v %+v", dump, data)
			}
			comesBackAsTree(t, r, s, data)
			comesBackAsDatabase(t, r, s, dump)
			isSealedWhole(t, r, s, dump.Copy)
		})
	}
}

// comesBackAsTree fetches a data copy and holds every file against the site's.
func comesBackAsTree(t *testing.T, r *rig, s *moodleSite, c copyRow) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "back")
	r.say(t, "copies", "fetch", c.Copy, "--to", to)
	if _, complaints, code := r.run(t, "", "copies", "fetch", c.Copy, "--to", to); code == 0 {
		t.Errorf("a second fetch into the same folder was not refused: %s", complaints)
	}
	roots := map[string]string{"code": s.CodeDir, "moodledata": s.DataRoot}
	if s.AccountRoot != "" {
		roots["root"] = s.AccountRoot
	}
	got, err := os.ReadDir(to)
	if err != nil || len(got) != len(roots) {
		t.Errorf("the copy came back as %v (%v), want %v", got, err, slices.Sorted(maps.Keys(roots)))
	}
	for name, from := range roots {
		want, have := tree(t, from), tree(t, filepath.Join(to, name))
		files := 0
		for p, is := range want {
			if isLeftOut(name, p, is.mode) {
				continue
			}
			files++
			if have[p] != is {
				t.Errorf("%s/%s came back as %+v, was %+v", name, p, short(have[p]), short(is))
			}
		}
		for p := range have {
			if is, ok := want[p]; !ok || isLeftOut(name, p, is.mode) {
				t.Errorf("%s/%s came back and should not have", name, p)
			}
		}
		if files < 3 {
			t.Errorf("only %d files of %s were compared", files, name)
		}
	}
}

// isLeftOut is the policy in a test's own words: of moodledata and of the
// account root, eight folders at the first level; of the account root also the
// files there; of moodledata what Moodle makes anew; of the code nothing.
func isLeftOut(root, path string, mode fs.FileMode) bool {
	policy := []string{"sessions", "logs", "backup", "private", "cache", "temp", "trashdir", "upgradelogs"}
	top, _, nested := strings.Cut(path, "/")
	switch root {
	case "moodledata":
		return slices.Contains(append(policy, "localcache", "lock"), top) || path == "climaintenance.html" ||
			top == "filedir" && strings.HasSuffix(path, ".tmp")
	case "root":
		return slices.Contains(append(policy, "moodle", "moodledata"), top) || !nested && !mode.IsDir()
	}
	return false
}

func short(e entry) entry {
	e.content = e.content[:min(len(e.content), 60)]
	return e
}

// entry is what must be equal of a file, folder or link.
type entry struct {
	mode    fs.FileMode
	mtime   int64 // nanoseconds
	content string
}

func tree(t *testing.T, root string) map[string]entry {
	t.Helper()
	out := map[string]entry{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil || rel == "." {
			return err
		}
		e := entry{mode: fi.Mode(), mtime: fi.ModTime().UnixNano()}
		switch {
		case fi.Mode().IsRegular():
			b, err := os.ReadFile(path) //nolint:gosec // a test's
			if err != nil {
				return err
			}
			e.content = string(b)
		case fi.Mode()&fs.ModeSymlink != 0:
			if e.content, err = os.Readlink(path); err != nil {
				return err
			}
		}
		out[rel] = e
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// comesBackAsDatabase loads a dump into an empty database and compares.
func comesBackAsDatabase(t *testing.T, r *rig, s *moodleSite, c copyRow) {
	t.Helper()
	server, scheme := shared.mariadb, "mariadb"
	if s.conn.Flavour == sitedb.PostgreSQL {
		server, scheme = shared.postgres, "postgres"
	}
	// This password stands in the test's own command line, so it is not one of those watched for.
	const password = "of the test alone"
	name := "back_" + strings.ToLower(strings.NewReplacer(".", "_", "-", "_").Replace(s.name))
	to, err := server.CreateDatabase(t.Context(), name, name, password)
	if err != nil {
		t.Fatal(err)
	}
	to.Socket, to.Prefix = "", s.conn.Prefix
	url := fmt.Sprintf("%s://%s:%s@%s:%d/%s", scheme, to.User, strings.ReplaceAll(password, " ", "%20"), to.Host, to.Port, to.Name)
	r.say(t, "copies", "fetch", c.Copy, "--database", url)
	if _, complaints, code := r.run(t, "", "copies", "fetch", c.Copy, "--database", url); code == 0 || !strings.Contains(complaints, "--replace") {
		t.Errorf("a load into a database that is not empty: exit %d, %q; want a refusal that names --replace", code, complaints)
	}
	for what, of := range map[string]func(sitedb.Conn) (string, error){
		"counts": func(c sitedb.Conn) (string, error) {
			v, err := sitedb.Counts(t.Context(), c)
			return fmt.Sprint(v), err
		},
		"checksums": func(c sitedb.Conn) (string, error) {
			v, err := sitedb.Checksums(t.Context(), c)
			return fmt.Sprint(v), err
		},
	} {
		was, err1 := of(s.conn)
		is, err2 := of(to)
		if err1 != nil || err2 != nil || was != is || len(was) < 100 {
			t.Errorf("%s differ (%v, %v):\nwas %s\nis  %s", what, err1, err2, was, is)
		}
	}
}

// isSealedWhole holds the plain sealed file against the dump.
func isSealedWhole(t *testing.T, r *rig, s *moodleSite, id string) {
	t.Helper()
	var c copyRow
	eventually(t, time.Minute, "the copy is verified and sealed", func() (bool, string) {
		all := r.copies(t, s.name, "database")
		c = all[len(all)-1]
		return c.Copy == id && c.SealedFile != "" && c.VerifiedAt != nil, fmt.Sprintf("%+v", c)
	})
	dir := t.TempDir()
	plain, sealed := filepath.Join(dir, "plain"), filepath.Join(dir, "sealed")
	r.say(t, "copies", "fetch", id, "--to-file", plain)
	r.say(t, "copies", "fetch", id, "--to-file", sealed, "--from-sealed-file")
	a, err1 := os.ReadFile(plain)  //nolint:gosec // a test's
	b, err2 := os.ReadFile(sealed) //nolint:gosec // a test's
	if err1 != nil || err2 != nil || len(a) == 0 || !bytes.Equal(a, b) {
		t.Errorf("the sealed file (%d bytes, %v) is not the dump (%d bytes, %v)", len(b), err2, len(a), err1)
	}
}

// threeSites are what the demo shows too: both layouts, both database
// systems, an account root, another prefix, two hosts.
func threeSites(t testing.TB, r *rig) []*moodleSite {
	t.Helper()
	return []*moodleSite{
		r.build(t, spec{name: "learn.riverside.example", host: "host-a", layout: moodle.LayoutClassic, flavour: sitedb.MariaDB, account: true, seed: 1}),
		r.build(t, spec{name: "campus.riverside.example", host: "host-a", layout: moodle.LayoutPublic, flavour: sitedb.PostgreSQL, seed: 2}),
		r.build(t, spec{name: "moodle.hillcrest.example", host: "host-b", layout: moodle.LayoutClassic, prefix: "m_", flavour: sitedb.MariaDB, seed: 3}),
	}
}
