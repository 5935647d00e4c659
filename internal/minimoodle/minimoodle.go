// Package minimoodle makes a faithful miniature of a Moodle site: a code
// tree of either layout, a moodledata with every folder a real one has, and a
// database on MariaDB or PostgreSQL with Moodle's own column types and the
// oddities that have broken backups. Tests and the demo use it.
//
// It decides nothing about backups and never runs outside tests and the demo.
package minimoodle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"holdfast/internal/moodle"
)

// NoPrefix, as Spec.Prefix, stands for tables without any prefix.
const NoPrefix = "-"

// Spec says what to build. Zero numbers take small defaults.
type Spec struct {
	Dir     string // an empty or absent folder that will hold the site
	Layout  string // moodle.LayoutClassic (default) or moodle.LayoutPublic
	Release string // "4.5.6" by default for classic, "5.1.5" for public
	Prefix  string // table prefix; NoPrefix means none at all, "" means "mdl_"
	// DB is an existing empty database to fill. With an empty Type no
	// database is filled, and config.php names one that is not there.
	DB      moodle.Database
	WWWRoot string
	// AccountRoot makes Dir an account root, with other files that belong to
	// the site beside code and moodledata.
	AccountRoot bool
	Users       int
	Courses     int
	Files       int // distinct contents in filedir
	FileBytes   int // about the mean size of one, in bytes
	CodeFiles   int // about how many files the code tree has
	ConfigForm  string
	Seed        int64
	UID, GID    int // owner of all files where root builds; 0 leaves them to root
	Faults      Faults
	Maintenance bool // the site was closed by admin/cli/maintenance.php
}

// Faults are damages to build in, to so many contents each.
type Faults struct {
	Missing   int // contents that the table names and filedir lacks
	Flipped   int // contents with one bit flipped
	WrongSize int // contents cut short
}

// The faults of a Content.
const (
	FaultMissing   = "missing"
	FaultFlipped   = "flipped"
	FaultWrongSize = "wrong size"
)

// Site is a built miniature.
type Site struct {
	CodeDir     string          `json:"code"`
	DataRoot    string          `json:"dataroot"`
	AccountRoot string          `json:"account_root,omitempty"`
	FileDir     string          `json:"filedir"`
	TrashDir    string          `json:"trashdir"`
	DB          moodle.Database `json:"db"`
	// Version, AllVersionsHash and Plugins (sorted) are what the code holds
	// and the database says is installed.
	Version         string          `json:"version"`
	AllVersionsHash string          `json:"allversionshash"`
	Plugins         []moodle.Plugin `json:"plugins"`
	// Contents are all contents that a row of the files table names, but for
	// the empty one.
	Contents []Content `json:"contents"`
}

// Content is one content of filedir.
type Content struct {
	Hash  string `json:"hash"`
	Size  int64  `json:"size"` // as the files table has it, in bytes
	Fault string `json:"fault,omitempty"`
}

// markFile says that a miniature was built to its end.
const markFile = ".minimoodle.json"

// Epoch is when the miniature was last touched; its ages count from here.
var Epoch = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

// Exists tells whether a miniature was fully built in dir.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, markFile))
	return err == nil
}

// Open gives the site that was built in dir before. Its DB has no password.
func Open(dir string) (Site, error) {
	text, err := os.ReadFile(filepath.Join(dir, markFile))
	if err != nil {
		return Site{}, fmt.Errorf("open the miniature in %s: %w", dir, err)
	}
	var s Site
	if err := json.Unmarshal(text, &s); err != nil {
		return Site{}, fmt.Errorf("open the miniature in %s: %w", dir, err)
	}
	return s, nil
}

// builder carries one Build.
type builder struct {
	Spec
	Site
	rnd *rand.Rand
	seq int // of written files, for their times
}

// Build makes the site. It is deterministic by Seed, paths and credentials
// apart. An error leaves a half-built site without its mark.
func Build(ctx context.Context, spec Spec) (Site, error) {
	spec = spec.withDefaults()
	dir, err := filepath.Abs(spec.Dir)
	if err != nil {
		return Site{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Site{}, fmt.Errorf("build a miniature: %w", err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return Site{}, fmt.Errorf("build a miniature: %w", err)
	}
	b := &builder{Spec: spec, rnd: rand.New(rand.NewPCG(uint64(spec.Seed), 0x4d6f6f646c65))} //nolint:gosec // repeatable, not secret
	b.CodeDir, b.DataRoot = filepath.Join(dir, "moodle"), filepath.Join(dir, "moodledata")
	b.FileDir, b.TrashDir = filepath.Join(b.DataRoot, "filedir"), filepath.Join(b.DataRoot, "trashdir")
	if spec.AccountRoot {
		b.Site.AccountRoot = dir
	}
	b.Site.DB = spec.DB
	b.Site.DB.Prefix = spec.Prefix
	for _, step := range []func() error{b.writeCode, b.writeData, b.writeAccount, b.writeConfig} {
		if err := step(); err != nil {
			return Site{}, fmt.Errorf("build a miniature: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return Site{}, err
		}
	}
	if spec.DB.Type != "" {
		if err := b.fillDatabase(ctx); err != nil {
			return Site{}, fmt.Errorf("fill the miniature's database: %w", err)
		}
	}
	if err := b.damage(); err != nil {
		return Site{}, fmt.Errorf("damage the miniature: %w", err)
	}
	mark, err := json.Marshal(b.Site)
	if err != nil {
		return Site{}, err
	}
	if err := b.chown(dir); err != nil {
		return Site{}, fmt.Errorf("give the miniature to its owner: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, markFile), mark, 0o644); err != nil { //nolint:gosec // no secret in it
		return Site{}, fmt.Errorf("build a miniature: %w", err)
	}
	return b.Site, nil
}

func (s Spec) withDefaults() Spec {
	if s.Layout == "" {
		s.Layout = moodle.LayoutClassic
	}
	if s.Release == "" {
		s.Release = "4.5.6"
		if s.Layout == moodle.LayoutPublic {
			s.Release = "5.1.5"
		}
	}
	switch s.Prefix {
	case "":
		s.Prefix = "mdl_"
	case NoPrefix:
		s.Prefix = ""
	}
	if s.WWWRoot == "" {
		s.WWWRoot = "https://moodle.example.org"
	}
	for _, d := range []struct {
		n *int
		v int
	}{{&s.Users, 20}, {&s.Courses, 5}, {&s.Files, 60}, {&s.FileBytes, 4096}, {&s.CodeFiles, 300}} {
		if *d.n <= 0 {
			*d.n = d.v
		}
	}
	return s
}

// put writes a file with an exact mode and a time of its own, and the folders
// above it.
func (b *builder) put(path string, content []byte, mode os.FileMode, dirMode os.FileMode) error {
	if err := b.dir(filepath.Dir(path), dirMode); err != nil {
		return err
	}
	if err := os.WriteFile(path, content, mode.Perm()); err != nil {
		return err
	}
	if err := os.Chmod(path, mode); err != nil {
		return err
	}
	b.seq++
	at := Epoch.Add(-time.Duration(b.seq) * time.Minute)
	return os.Chtimes(path, at, at)
}

// putAll writes files below dir in the order of their names.
func (b *builder) putAll(dir string, files map[string]string, mode, dirMode os.FileMode) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := b.put(filepath.Join(dir, name), []byte(files[name]), mode, dirMode); err != nil {
			return err
		}
	}
	return nil
}

// dir makes a folder and those above it with an exact mode, whatever the
// umask is.
func (b *builder) dir(path string, mode os.FileMode) error {
	if fi, err := os.Stat(path); err == nil && fi.IsDir() {
		return nil
	}
	if err := b.dir(filepath.Dir(path), mode); err != nil {
		return err
	}
	if err := os.Mkdir(path, mode.Perm()); errors.Is(err, fs.ErrExist) {
		return nil // another made it at the same time
	} else if err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// chown gives everything to the spec's owner. Setgid bits outlive it.
func (b *builder) chown(dir string) error {
	if b.UID == 0 || os.Geteuid() != 0 {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		if err := os.Lchown(path, b.UID, b.GID); err != nil || d.Type()&os.ModeSymlink != 0 {
			return err
		}
		return os.Chmod(path, fi.Mode()) // chown clears setgid
	})
}
