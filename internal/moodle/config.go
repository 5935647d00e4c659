package moodle

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"holdfast/internal/errs"
)

// settings are the whitelisted values of a config.php by $CFG key, as PHP's
// (string) makes them; dbport and dbsocket are taken out of dboptions. Null
// and arrays are absent.
type settings map[string]string

// movableKeys are the settings that move a folder of moodledata, with its
// usual name below dataroot; empty where there is none by default.
var movableKeys = map[string]string{
	"filedir": "filedir", "trashdir": "trashdir", "tempdir": "temp", "cachedir": "cache", "localcachedir": "localcache",
	"localrequestdir": "", "backuptempdir": "temp/backup", "secretdataroot": "secret", "altcacheconfigpath": "",
	"session_file_save_path": "sessions", "file_lock_root": "lock", "themedir": "", "langotherroot": "lang", "langlocalroot": "lang",
}

// plainKeys are all settings that are read; nothing else of config.php is.
var plainKeys = []string{
	"wwwroot", "dataroot", "dbtype", "dblibrary", "dbhost", "dbname", "dbuser", "dbpass", "prefix", "alternative_file_system_class",
	"filedir", "trashdir", "tempdir", "cachedir", "localcachedir", "localrequestdir", "backuptempdir", "secretdataroot",
	"altcacheconfigpath", "session_file_save_path", "file_lock_root", "themedir", "langotherroot", "langlocalroot",
}

var optionKeys = []string{"dbport", "dbsocket"}

// vitalKeys are those without which a copy would be of the wrong thing.
var vitalKeys = []string{"dataroot", "dbtype", "dbhost", "dbport", "dbsocket", "dboptions", "dbname", "dbuser", "dbpass", "prefix", "filedir", "trashdir"}

// readConfig reads config.php, by PHP where that works and without it
// otherwise.
func (in *Install) readConfig(ctx context.Context, path string, opt Options) error {
	uid, gid, err := ownerOf(path)
	if err != nil {
		return errs.Wrap(errs.Invalid, err, "%s cannot be looked at.", path)
	}
	in.OwnerUID, in.OwnerGID = int(uid), int(gid)
	env := environment(opt.Env)
	static, reasons, staticErr := readStatic(path, copyStrings(env))
	trouble := ""
	if opt.PHP != "none" {
		set, err := runPHP(ctx, path, opt, env, phpUser(path, static["dataroot"]))
		if err == nil {
			in.ReadBy = ReadByPHP
			return in.apply(set, tintedOnly(set, static, reasons), "", opt)
		}
		if ctx.Err() != nil {
			return errs.Wrap(errs.Unavailable, ctx.Err(), "Reading %s was stopped.", path)
		}
		trouble = err.Error()
	}
	in.ReadBy = ReadByStatic
	if staticErr != nil {
		return errs.Wrap(errs.Invalid, staticErr, "%s cannot be understood: it is not valid PHP of versions up to 8.1, or this process may not read it.%s", path, also(trouble))
	}
	return in.apply(static, reasons, trouble, opt)
}

// also tells why PHP was of no use.
func also(trouble string) string {
	if trouble == "" {
		return ""
	}
	return " PHP could not read it either: " + trouble + "."
}

// tintedOnly keeps the reasons of settings that PHP and the static reader
// found alike, but that a command sees differently from the web server: there
// PHP's own reading has the same flaw.
func tintedOnly(set, static settings, reasons map[string]string) map[string]string {
	out := map[string]string{}
	for key, why := range reasons {
		v, known := static[key]
		if known && (v == set[key] || key == "dataroot" && resolved(v) == resolved(set[key])) {
			out[key] = why
		}
	}
	return out
}

// apply fills the installation from what was read. reasons names the
// settings that could not be known, trouble why PHP could not help.
func (in *Install) apply(set settings, reasons map[string]string, trouble string, opt Options) error {
	for key, v := range opt.Override {
		set[key] = v
		delete(reasons, key)
	}
	_, port := opt.Override["dbport"]
	_, socket := opt.Override["dbsocket"]
	if port || socket {
		delete(reasons, "dboptions")
	}
	for _, key := range vitalKeys {
		if why := reasons[key]; why != "" {
			return errs.Field(key, "config.php takes it from %s. %s", why, remedy(why, in.ReadBy)+also(trouble))
		}
	}
	for _, key := range []string{"dataroot", "dbtype", "dbname"} {
		if set[key] == "" {
			return errs.Field(key, "config.php sets no value for it; if the web server gives it by its environment, give this process the same variables, or give the value as an override.")
		}
	}
	if !filepath.IsAbs(set["dataroot"]) {
		return errs.Field("dataroot", "%q in config.php is not an absolute path.", set["dataroot"])
	}
	if err := in.applyDatabase(set); err != nil {
		return err
	}
	in.DataRoot = resolved(set["dataroot"])
	in.WWWRoot = strings.TrimRight(set["wwwroot"], "/")
	if why := reasons["wwwroot"]; why != "" || strings.HasSuffix(in.WWWRoot, ":") {
		in.WWWRoot = ""
		in.warn("The address of the site (wwwroot) is not known: config.php takes it from %s.", orElse(why, "the web request"))
	}
	in.FileSystemClass = set["alternative_file_system_class"]
	if why := reasons["alternative_file_system_class"]; why != "" {
		in.warn("Which code keeps the files (alternative_file_system_class) is not known: config.php takes it from %s. If it is set, files may lie in an object store, which needs its own backup.", why)
	}
	in.applyMoved(set, reasons)
	return nil
}

func remedy(why, readBy string) string {
	switch {
	case strings.HasPrefix(why, "the environment variable"):
		return "Set that variable for this process, or give the value as an override."
	case readBy == ReadByPHP:
		return "No command sees that, so give the value as an override."
	}
	return "That cannot be known without running it: install PHP's command line on this host, or give the value as an override."
}

func (in *Install) applyDatabase(set settings) error {
	db := Database{
		Type: set["dbtype"], Library: orElse(set["dblibrary"], "native"), Host: set["dbhost"], Name: set["dbname"],
		User: set["dbuser"], Password: set["dbpass"], Prefix: set["prefix"],
	}
	if p := strings.TrimSpace(set["dbport"]); p != "" && p != "0" {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 || n > 65535 {
			return errs.Field("dbport", "%q in config.php's dboptions is not a port.", p)
		}
		db.Port = n
	}
	switch s := set["dbsocket"]; {
	case strings.Contains(s, "/"):
		db.Socket = s
	case s != "" && s != "0" && db.Type == "pgsql":
		db.Socket = "/var/run/postgresql" // "true" is the driver's default directory
	}
	switch db.Type {
	case "mariadb", "mysqli", "auroramysql", "pgsql":
	default:
		in.warn("The database type %q is not one that Holdfast copies; only the files can be.", db.Type)
	}
	in.DB = db
	return nil
}

// applyMoved finds the folders that lie elsewhere than in moodledata.
func (in *Install) applyMoved(set settings, reasons map[string]string) {
	in.FileDir, in.TrashDir = filepath.Join(in.DataRoot, "filedir"), filepath.Join(in.DataRoot, "trashdir")
	for key, usual := range movableKeys {
		if why := reasons[key]; why != "" {
			in.warn("Where %s lies is not known: config.php takes it from %s.", key, why)
			continue
		}
		path := set[key]
		if !filepath.IsAbs(path) {
			continue
		}
		path = resolved(path)
		switch key {
		case "filedir":
			in.FileDir = path
		case "trashdir":
			in.TrashDir = path
		}
		if usual == "" || path != filepath.Join(in.DataRoot, usual) {
			in.Moved[key] = path
		}
	}
}

// environment gives what getenv() may see: opt, or this process's own
// environment without what belongs to Holdfast, to its storage, or to the
// way programs start.
func environment(own map[string]string) map[string]string {
	env := map[string]string{}
	if own != nil {
		return copyStrings(own)
	}
	for _, kv := range os.Environ() {
		k, v, ok := strings.Cut(kv, "=")
		if ok && !private(k) {
			env[k] = v
		}
	}
	return env
}

func private(name string) bool {
	switch name {
	case "PHPRC", "PHP_INI_SCAN_DIR", "MYSQL_PWD", "PGPASSWORD", "PGPASSFILE", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET":
		return true
	}
	for _, p := range []string{"HOLDFAST_", "KOPIA_", "AWS_", "LD_", "XDEBUG_", "SSH_"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

func copyStrings(m map[string]string) map[string]string {
	c := make(map[string]string, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

// resolved follows symbolic links as far as the path exists.
func resolved(path string) string {
	path = filepath.Clean(path)
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		return real
	}
	if parent := filepath.Dir(path); errors.Is(err, os.ErrNotExist) && parent != path {
		return filepath.Join(resolved(parent), filepath.Base(path))
	}
	return path
}
