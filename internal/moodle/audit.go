package moodle

import (
	"fmt"
	"strings"
)

// Unusual is one thing that a plan leaves out and that a person should look at.
type Unusual struct {
	Path string `json:"path"` // as Measure writes it
	Why  string `json:"why"`  // a sentence
}

// The shares of a site's bytes above which what is left out is unusual, in per
// cent: of folders that Moodle makes anew, and of any other.
const (
	remadeShare = 40
	otherShare  = 10
)

// unusualBytes is the least that a share is spoken of for: a small site's
// caches are soon half of it.
const unusualBytes = 256 << 20

// remadeByMoodle are exclusions whose content a site makes again by itself.
var remadeByMoodle = map[string]bool{"sessions": true, "cache": true, "temp": true, "trashdir": true, "upgradelogs": true, "localcache": true, "lock": true}

// Audit says what is unusual among the things that a plan leaves out: course
// backups, what looks like people's own files, and what is a large share of
// the site. stored is how many bytes the copy does hold; below 0 that is not
// known, and shares are not spoken of.
func Audit(excluded []Excluded, stored int64) []Unusual {
	total := stored
	for _, e := range excluded {
		total += e.Bytes
	}
	out := []Unusual{}
	for _, e := range excluded {
		share := ""
		if stored >= 0 {
			share = e.share(total)
		}
		for _, why := range []string{e.courseBackups(), e.content(), share} {
			if why != "" {
				out = append(out, Unusual{Path: e.Path, Why: why})
			}
		}
	}
	return out
}

// name is the folder itself: "backup" of "moodledata/backup".
func (e Excluded) name() (root, rest string) {
	root, rest, _ = strings.Cut(e.Path, "/")
	return root, rest
}

func (e Excluded) courseBackups() string {
	_, rest := e.name()
	switch {
	case e.CourseBackups == 0 || remadeByMoodle[rest] && rest != "trashdir":
		return "" // temp holds course backups in the making
	case e.CourseBackups == 1:
		return fmt.Sprintf("%s holds a course backup (one .mbz file) that no copy has; keep that folder if teachers rely on it.", e.Path)
	}
	return fmt.Sprintf("%s holds %d course backups (.mbz files) that no copy has; keep that folder if teachers rely on them.", e.Path, e.CourseBackups)
}

func (e Excluded) content() string {
	root, rest := e.name()
	switch {
	case e.Content == 0 || remadeByMoodle[rest]:
		return ""
	case rest == "*":
		return fmt.Sprintf("%d of the files at the top of the account root look like somebody's own (documents, pictures, archives); no copy has them.", e.Content)
	case root == RootOthers:
		return fmt.Sprintf("%s holds %d files that look like somebody's own (documents, pictures, archives); no copy has them.", e.Path, e.Content)
	}
	return fmt.Sprintf("%s holds %d files that look like a teacher's own (documents, pictures, archives); no copy has them.", e.Path, e.Content)
}

func (e Excluded) share(total int64) string {
	limit := int64(otherShare)
	if _, rest := e.name(); remadeByMoodle[rest] {
		limit = remadeShare
	}
	if e.Bytes < unusualBytes || total <= 0 {
		return ""
	}
	share := int64(float64(e.Bytes) / float64(total) * 100)
	if share < limit {
		return ""
	}
	return fmt.Sprintf("%s is %d %% of all that the site has on disk, which is unusual for what is left out.", e.Path, share)
}

// contentSuffixes are those of files that people make, not programs.
var contentSuffixes = []string{
	".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".odt", ".ods", ".odp", ".rtf", ".epub", ".pages", ".key", ".numbers",
	".jpg", ".jpeg", ".png", ".gif", ".heic", ".svg", ".mp3", ".m4a", ".wav", ".ogg", ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm",
	".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".xz", ".h5p", ".imscc", ".csv", ".sql", ".ggb",
}

func looksLikeContent(name string) bool {
	name = strings.ToLower(name)
	for _, s := range contentSuffixes {
		if strings.HasSuffix(name, s) && len(name) > len(s) {
			return true
		}
	}
	return false
}

func isCourseBackup(name string) bool {
	return len(name) > 4 && strings.EqualFold(name[len(name)-4:], ".mbz")
}
