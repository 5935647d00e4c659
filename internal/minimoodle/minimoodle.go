// Package minimoodle makes a faithful miniature of a Moodle site: a code
// tree of either layout, a moodledata with every folder a real one has, and a
// database on MariaDB or PostgreSQL with Moodle's own column types and the
// oddities that have broken backups. Tests and the demo use it.
//
// It decides nothing about backups and never runs outside tests and the demo.
package minimoodle

import (
	"context"

	"holdfast/internal/moodle"
)

// Spec says what to build. Zero numbers take small defaults.
type Spec struct {
	Dir     string // an empty or absent folder that will hold the site
	Layout  string // moodle.LayoutClassic (default) or moodle.LayoutPublic
	Release string // "4.5.6" (default for classic), "5.1.5" (default for public)
	Prefix  string // table prefix; "-" means none at all, "" means "mdl_"
	// DB is an existing empty database to fill. With an empty Type no
	// database is filled, and config.php names one that is not there.
	DB      moodle.Database
	WWWRoot string
	// AccountRoot puts code and moodledata into one account root, beside
	// other files that belong to the site.
	AccountRoot bool
	Users       int
	Courses     int
	Files       int // distinct contents in filedir
	FileBytes   int // the mean size of one, in bytes
	CodeFiles   int // about how many files the code tree has
	ConfigForm  string
	Seed        int64
	UID, GID    int // owner of all files when root builds; 0 leaves them to root
	Faults      Faults
}

// Faults are damages to build in.
type Faults struct {
	Missing   int // contents that the table names and filedir lacks
	Flipped   int // contents with one bit flipped
	WrongSize int // contents cut short
}

// Site is a built miniature.
type Site struct {
	CodeDir     string
	DataRoot    string
	AccountRoot string // empty if the site has none
	FileDir     string
	DB          moodle.Database
	Contents    []Content // every content in filedir that a row names
}

// Content is one content of filedir.
type Content struct {
	Hash string
	Size int64
}

// Exists tells whether a miniature was fully built in dir.
func Exists(dir string) bool { return false }

// Build makes the site. It is deterministic by Seed.
func Build(ctx context.Context, spec Spec) (Site, error) { panic("minimoodle: not built yet") }
