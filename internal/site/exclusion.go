package site

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"holdfast/internal/errs"
)

// The roots of a data copy of which folders may be left out. Code is never cut.
const (
	InData    = "moodledata"
	InAccount = "root" // the account's folder, beside code and moodledata
)

// Exclusions are what a site's data copies leave out otherwise than its policy
// says. Paths are exact and relative, with slashes: never patterns.
type Exclusions struct {
	Keep []string `json:"keep,omitempty"` // folders that the policy leaves out and this site keeps, like "moodledata/backup"
	Drop []Folder `json:"drop,omitempty"` // further folders that are left out with all that is in them
}

// Folder is one folder of a root.
type Folder struct {
	Root string `json:"root"` // InData or InAccount
	Path string `json:"path"` // below it, like "old-videos/2019"
}

// String is the folder as copies name it: "moodledata/old-videos/2019".
func (f Folder) String() string { return f.Root + "/" + f.Path }

// ParseFolder reads "root:path" or "moodledata:path".
func ParseFolder(s string) (Folder, error) {
	root, rest, ok := strings.Cut(s, ":")
	if !ok {
		return Folder{}, errs.Field("drop", "%q must be a root and a path, like moodledata:old-videos", clip(s))
	}
	return Folder{Root: root, Path: rest}, nil
}

// ReadExclusions reads what the store has kept.
func ReadExclusions(raw []byte) (Exclusions, error) {
	var e Exclusions
	if len(raw) == 0 {
		return e, nil
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return e, fmt.Errorf("read a site's exclusions: %w", err)
	}
	return e, nil
}

// Empty tells whether the site follows its policy.
func (e Exclusions) Empty() bool { return len(e.Keep) == 0 && len(e.Drop) == 0 }

// Dropped are the further folders as copies name them.
func (e Exclusions) Dropped() []string {
	out := make([]string, 0, len(e.Drop))
	for _, d := range e.Drop {
		out = append(out, d.String())
	}
	return out
}

// liftable are the folders that the policy leaves out and a site may keep. Who
// is signed in, and what Moodle has thrown away, is never worth keeping: the
// one would sign people in again, the other is kept as far as courses need it.
var liftable = []string{"backup", "private", "logs", "upgradelogs", "cache", "temp"}

// Liftable are the exclusions of the policy that a site may lift, as copies
// name them; of the account's folder only where the site has one.
func Liftable(account bool) []string {
	var out []string
	for _, name := range liftable {
		out = append(out, InData+"/"+name)
	}
	if account {
		for _, name := range liftable {
			out = append(out, InAccount+"/"+name)
		}
	}
	return out
}

// policyNames are the folders that the policy leaves out at the first level,
// and with them those that Moodle makes anew.
var policyNames = []string{"sessions", "logs", "backup", "private", "cache", "temp", "trashdir", "upgradelogs"}

// needed are the folders of moodledata that a restored site cannot do without.
var needed = map[string]string{
	"filedir":    "it holds the files of every course",
	"secret":     "it holds the key without which encrypted values are lost",
	"lang":       "it holds the language packs and their own wording",
	"muc":        "it holds the settings of Moodle's caches",
	"repository": "it holds files that courses may only refer to",
}

const (
	mostFolders = 50
	longestPath = 1024
)

// Place is where a site lies on its host, as far as that is known.
type Place struct{ CodeDir, DataRoot, AccountRoot string }

// Check gives the exclusions in the form that is stored, or says which is no
// good: errs.Invalid, with the field "keep" or "drop" and the remedy. The
// host's agent checks them once more against what lies there.
func (e Exclusions) Check(p Place) (Exclusions, error) {
	var out Exclusions
	for _, k := range e.Keep {
		k = strings.TrimSpace(k)
		if slices.Contains(out.Keep, k) {
			continue
		}
		if !slices.Contains(Liftable(p.AccountRoot != ""), k) {
			return e, errs.Field("keep", "%q is none of the folders that a site may keep; they are %s", clip(k), strings.Join(Liftable(p.AccountRoot != ""), ", "))
		}
		out.Keep = append(out.Keep, k)
	}
	for _, d := range e.Drop {
		d.Path = strings.TrimSuffix(strings.TrimSpace(d.Path), "/")
		if slices.Contains(out.Drop, d) {
			continue
		}
		if err := d.check(p, out.Keep); err != nil {
			return e, err
		}
		out.Drop = append(out.Drop, d)
	}
	if len(out.Drop) > mostFolders {
		return e, errs.Field("drop", "at most %d folders; name one that holds several of them", mostFolders)
	}
	slices.Sort(out.Keep)
	slices.SortFunc(out.Drop, func(a, b Folder) int { return strings.Compare(a.String(), b.String()) })
	return out, nil
}

// check says why a folder may not be left out.
func (f Folder) check(p Place, keep []string) error {
	parts := strings.Split(f.Path, "/")
	switch {
	case f.Root == "code":
		return errs.Field("drop", "code is never cut: Moodle has folders of every name and does not run without them")
	case f.Root != InData && f.Root != InAccount:
		return errs.Field("drop", "%q is no root; choose %s or %s", clip(f.Root), InData, InAccount)
	case f.Root == InAccount && p.AccountRoot == "":
		return errs.Field("drop", "this site has no account folder, so there is nothing beside code and moodledata to leave out")
	case f.Path == "":
		return errs.Field("drop", "name the folder, like old-videos/2019")
	case len(f.Path) > longestPath:
		return errs.Field("drop", "the path is longer than %d bytes", longestPath)
	case strings.HasPrefix(f.Path, "/"):
		return errs.Field("drop", "%q must be a path below %s, without a slash before it, like old-videos/2019", clip(f.Path), f.Root)
	case slices.Contains(parts, "..") || f.Path != path.Clean(f.Path) || f.Path == ".":
		return errs.Field("drop", "%q must be a plain path, like old-videos/2019, without . and ..", clip(f.Path))
	case strings.ContainsAny(f.Path, "*?\\") || strings.ContainsFunc(f.Path, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errs.Field("drop", "%q must be the exact path of one folder; there are no patterns", clip(f.Path))
	}
	if why := f.essential(p, parts); why != "" {
		return errs.Field("drop", "%s is never left out, nor what is in it: %s", clip(f.String()), why)
	}
	if slices.Contains(policyNames, parts[0]) && (f.Root == InData || f.Root == InAccount) && !slices.Contains(keep, f.Root+"/"+parts[0]) {
		return errs.Field("drop", "%s is left out already, as the policy says", f.Root+"/"+parts[0])
	}
	if len(parts) == 1 && slices.Contains(keep, f.String()) {
		return errs.Field("drop", "%s is to be kept and to be left out at once; choose one", f)
	}
	return nil
}

// essential says why a restored site needs the folder; "" if it does not.
func (f Folder) essential(p Place, parts []string) string {
	for _, part := range parts {
		if strings.EqualFold(part, "filedir") {
			return needed["filedir"]
		}
	}
	if f.Root == InData {
		return needed[strings.ToLower(parts[0])]
	}
	full := path.Join(p.AccountRoot, f.Path)
	for _, x := range []struct{ dir, why string }{{p.CodeDir, "it holds the site's code, or lies in it"}, {p.DataRoot, "it holds moodledata, or lies in it; choose " + InData + " as the root"}} {
		if x.dir != "" && (within(full, x.dir) || within(x.dir, full)) {
			return x.why
		}
	}
	return ""
}

// within tells whether a folder is dir or lies in it.
func within(folder, dir string) bool {
	folder, dir = path.Clean(folder), path.Clean(dir)
	return folder == dir || strings.HasPrefix(folder, strings.TrimSuffix(dir, "/")+"/")
}

func clip(s string) string {
	if len(s) > 120 {
		return strings.ToValidUTF8(s[:120], "") + "…"
	}
	return s
}
