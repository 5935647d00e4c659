package site_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/errs"
	"holdfast/internal/site"
)

var place = site.Place{CodeDir: "/srv/a/moodle", DataRoot: "/srv/a/moodledata", AccountRoot: "/srv/a"}

func drop(all ...string) (e site.Exclusions) {
	for _, s := range all {
		f, err := site.ParseFolder(s)
		if err != nil {
			panic(err)
		}
		e.Drop = append(e.Drop, f)
	}
	return e
}

func TestExclusions_RefuseWhatARestoredSiteNeeds(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"code:x", "code:", "moodledata:", "moodledata:.", "moodledata:/abs", "moodledata:../x", "moodledata:a/../b", "moodledata:a//b", "moodledata:./a",
		"moodledata:filedir", "moodledata:filedir/ab", "moodledata:FileDir", "moodledata:x/filedir", "moodledata:secret/key", "moodledata:lang", "moodledata:muc/x", "moodledata:repository/private",
		"moodledata:a*", "moodledata:a?", "moodledata:a\\b", "moodledata:a\nb", "moodledata:a\x00", "root:moodle", "root:moodle/mod", "root:moodledata", "root:moodledata/filedir", "root:..",
		"moodledata:cache", "moodledata:backup/auto", "elsewhere:x", "root:logs", "moodledata:" + strings.Repeat("x", 1100),
	} {
		_, err := drop(s).Check(place)
		var e *errs.Error
		if !errors.As(err, &e) || e.Kind != errs.Invalid || e.Field != "drop" {
			t.Errorf("%.60q was taken: %v", s, err)
		}
	}
	if _, err := (site.Exclusions{Keep: []string{"moodledata/backup"}, Drop: drop("moodledata:backup").Drop}).Check(place); err == nil {
		t.Error("a folder is kept and left out at once")
	}
	if _, err := drop("root:old").Check(site.Place{CodeDir: "/x", DataRoot: "/y"}); err == nil {
		t.Error("a folder of an account that is not there")
	}
	if _, err := drop("root:parent").Check(site.Place{CodeDir: "/srv/parent/code", DataRoot: "/d", AccountRoot: "/srv"}); err == nil {
		t.Error("a folder that holds the code")
	}
	for _, k := range []string{"moodledata/filedir", "moodledata/sessions", "moodledata/trashdir", "backup", "root/../x", ""} {
		if _, err := (site.Exclusions{Keep: []string{k}}).Check(place); err == nil {
			t.Errorf("%q may be kept", k)
		}
	}
	many := site.Exclusions{}
	for i := range 51 {
		many.Drop = append(many.Drop, site.Folder{Root: site.InData, Path: strings.Repeat("x", i+1)})
	}
	if _, err := many.Check(place); err == nil {
		t.Error("more folders than anybody would read")
	}
}

func TestExclusions_AreExactAndInOrder(t *testing.T) {
	t.Parallel()
	e := drop("root:old [2019] {x}", "moodledata:videos/2019/", "moodledata: repository-old ", "moodledata:videos/2019")
	e.Keep = []string{"root/private", "moodledata/backup", "moodledata/backup"}
	e.Drop = append(e.Drop, site.Folder{Root: site.InData, Path: "backup/very-old"})
	got, err := e.Check(place)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"moodledata/backup/very-old", "moodledata/repository-old", "moodledata/videos/2019", "root/old [2019] {x}"}; !slices.Equal(got.Dropped(), want) {
		t.Errorf("%q", got.Dropped())
	}
	if want := []string{"moodledata/backup", "root/private"}; !slices.Equal(got.Keep, want) {
		t.Errorf("%q", got.Keep)
	}
	if got.Empty() || !(site.Exclusions{}).Empty() {
		t.Error("what is empty")
	}
	if e, err := site.ReadExclusions([]byte(`{"keep":["moodledata/backup"],"drop":[{"root":"moodledata","path":"x"}]}`)); err != nil || len(e.Keep) != 1 || e.Drop[0].Path != "x" {
		t.Errorf("%+v %v", e, err)
	}
	if _, err := site.ReadExclusions([]byte(`[`)); err == nil {
		t.Error("rubbish was read")
	}
}
