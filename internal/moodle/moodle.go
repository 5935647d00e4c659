// Package moodle knows what is true of a Moodle tree: which layout it has,
// which release it is, what its config.php says, which folders a data copy
// leaves out, and whether the files table agrees with filedir.
//
// It decides what belongs to an installation and what is expected there. It
// never connects to a database, never writes to a site, never follows a
// symbolic link while it measures, and never puts a value of config.php other
// than the whitelisted ones into memory it hands on, a log or an error text.
package moodle

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"holdfast/internal/errs"
)

// The layouts of a code tree. Since Moodle 5.1 only public/ is served.
const (
	LayoutClassic = "classic"
	LayoutPublic  = "public"
)

// The ways in which config.php can have been read.
const (
	ReadByPHP    = "php"
	ReadByStatic = "static"
)

// Install is what is known of one Moodle on disk. Paths are absolute.
type Install struct {
	CodeDir  string   `json:"code"`     // the code root: in the public layout the parent of public/
	Layout   string   `json:"layout"`   // LayoutClassic or LayoutPublic
	Release  string   `json:"release"`  // as version.php writes it, e.g. "4.5.6 (Build: 20250811)"
	Version  string   `json:"version"`  // e.g. "2024100706.00"
	Branch   string   `json:"branch"`   // e.g. "405"
	WWWRoot  string   `json:"wwwroot"`  // empty where config.php takes it from the request
	DataRoot string   `json:"dataroot"` // moodledata, symbolic links resolved
	FileDir  string   `json:"filedir"`  // dataroot/filedir unless $CFG->filedir moves it
	TrashDir string   `json:"trashdir"` // dataroot/trashdir unless $CFG->trashdir moves it
	DB       Database `json:"db"`
	// ReadBy is ReadByPHP or ReadByStatic.
	ReadBy string `json:"read_by"`
	// Warnings are sentences for a person about what is unusual here.
	Warnings []string `json:"warnings"`
	// Moved maps a $CFG key to the path it moves a folder of dataroot to, for
	// those that lie outside dataroot.
	Moved map[string]string `json:"moved,omitempty"`
	// FileSystemClass is $CFG->alternative_file_system_class, if set: then a
	// part of the content may live outside filedir.
	FileSystemClass string `json:"file_system_class,omitempty"`
	// Owner is the uid and gid that own config.php.
	OwnerUID, OwnerGID int `json:"-"`
}

// Database is where config.php says the site's database is.
type Database struct {
	Type     string `json:"type"`    // mariadb, mysqli, auroramysql, pgsql, …, as config.php has it
	Library  string `json:"library"` // native
	Host     string `json:"host"`
	Port     int    `json:"port"`   // 0 = the default one
	Socket   string `json:"socket"` // absolute path, or empty for the default
	Name     string `json:"name"`
	User     string `json:"user"`
	Password string `json:"-"`
	Prefix   string `json:"prefix"`
}

// Options says how to read an installation. The zero value is good.
type Options struct {
	// PHP is the PHP binary: "" looks for php in PATH, "none" reads config.php
	// without running it.
	PHP string
	// Timeout limits the run of PHP; zero means 10 seconds.
	Timeout time.Duration
	// Env is what getenv() sees. Nil means this process's environment without
	// whatever belongs to Holdfast or could change how PHP starts.
	Env map[string]string
	// Override gives values of config.php that only the web server knows, by
	// $CFG key (dbname, dbpass, dataroot, …); "dbport" and "dbsocket" too.
	Override map[string]string
}

// Inspect reads the Moodle whose code is at codeDir; in the public layout
// either its root or its public folder may be named. The error is of kind
// errs.Invalid where there is no Moodle or config.php cannot be understood;
// then it names the key at fault and the remedy.
func Inspect(ctx context.Context, codeDir string, opt Options) (Install, error) {
	root, layout, err := Detect(codeDir)
	if err != nil {
		return Install{}, err
	}
	in := Install{CodeDir: root, Layout: layout, Warnings: []string{}, Moved: map[string]string{}}
	v, err := ReadVersion(filepath.Join(in.webRoot(), "version.php"))
	if err != nil {
		return Install{}, err
	}
	in.Release, in.Version, in.Branch = v.Release, v.Version, v.Branch
	cfg := filepath.Join(root, "config.php")
	if fi, err := os.Stat(cfg); err != nil {
		return Install{}, errs.Wrap(errs.Invalid, err, "There is no readable config.php in %s, so this Moodle is not installed yet, or this process may not read it.", root)
	} else if !fi.Mode().IsRegular() {
		return Install{}, errs.New(errs.Invalid, "%s is not a file.", cfg)
	}
	if err := in.readConfig(ctx, cfg, opt); err != nil {
		return Install{}, err
	}
	in.notePlaces()
	return in, nil
}

// webRoot is what the web server shows: $CFG->dirroot.
func (in Install) webRoot() string {
	if in.Layout == LayoutPublic {
		return filepath.Join(in.CodeDir, "public")
	}
	return in.CodeDir
}

func (in *Install) warn(format string, args ...any) {
	in.Warnings = append(in.Warnings, fmt.Sprintf(format, args...))
}

// String names the database without its password.
func (d Database) String() string {
	return fmt.Sprintf("%s %s@%s:%d%s/%s prefix %q", d.Type, d.User, d.Host, d.Port, d.Socket, d.Name, d.Prefix)
}

// GoString is String, so that no verb of fmt shows the password.
func (d Database) GoString() string { return d.String() }
