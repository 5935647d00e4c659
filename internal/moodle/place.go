package moodle

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
)

// notePlaces adds warnings about where things lie.
func (in *Install) notePlaces() {
	if !isDir(in.DataRoot) {
		in.warn("moodledata, %s, is not there or may not be entered.", in.DataRoot)
	}
	if inside(in.DataRoot, in.webRoot()) {
		in.warn("moodledata, %s, lies inside the folder that the web server shows; anyone may be able to fetch its files.", in.DataRoot)
	}
	if isFile(filepath.Join(in.DataRoot, maintenanceFile)) {
		in.warn("The site is in maintenance mode by command line (%s is there); that file is never part of a copy.", maintenanceFile)
	}
	if in.FileSystemClass != "" {
		in.warn("Files are kept by %s, perhaps in an object store; what lies only there needs its own backup.", in.FileSystemClass)
	}
	if n := countCourseBackups(filepath.Join(in.DataRoot, "backup")); n > 0 {
		in.warn("moodledata/backup holds course backups (%d or more .mbz files), and the policy leaves that folder out of data copies; lift that exclusion for this site to keep them.", n)
	}
	var keys []string
	for key := range in.Moved {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		in.warn("config.php moves %s to %s.", key, in.Moved[key])
	}
}

// courseBackupLimit is how many course backups are counted at most.
const courseBackupLimit = 1000

var errEnough = errors.New("enough")

func countCourseBackups(dir string) int {
	n := 0
	_ = eachEntry(dir, func(e fs.DirEntry) error {
		if strings.HasSuffix(e.Name(), ".mbz") {
			n++
		}
		if n >= courseBackupLimit {
			return errEnough
		}
		return nil
	})
	return n
}

// openDir opens a folder, and nothing that only leads to one.
func openDir(dir string) (*os.File, error) {
	return os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
}

func isLinkError(err error) bool {
	return errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENOTDIR)
}
