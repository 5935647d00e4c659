package minimoodle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The forms of config.php that can be built; each ends in a comment and
// without a closing tag, as Moodle's installer leaves it.
const (
	FormLiteral  = "literal"  // as Moodle's installer writes it; the default
	FormEnv      = "getenv"   // environment variables with the values as defaults
	FormBranches = "branches" // an if with the values in one arm, and a commented candidate
	FormQuotes   = "quotes"   // double quotes, a constant and __DIR__
)

// writeConfig writes config.php, mode 0640 as it holds a password; where root
// is its owner, the user that reads it is another, so it is 0644.
func (b *builder) writeConfig() error {
	var text string
	switch b.ConfigForm {
	case "", FormLiteral:
		text = b.configText("%s", phpQuote)
	case FormEnv:
		text = b.configText("getenv('MINIMOODLE_%[2]s') ?: %[1]s", phpQuote)
	case FormBranches:
		text = strings.Replace(b.configText("%s", phpQuote), "$CFG->dbname ", "//$CFG->dbname    = 'old';\nif (PHP_SAPI !== 'cli' && false) {\n    $CFG->dbname = 'other';\n}\n$CFG->dbname ", 1)
	case FormQuotes:
		text = b.configText("%s", phpDoubleQuote)
	default:
		return fmt.Errorf("there is no form %q of config.php", b.ConfigForm)
	}
	mode := os.FileMode(0o640)
	if os.Geteuid() == 0 && b.UID == 0 {
		mode = 0o644
	}
	return b.put(filepath.Join(b.CodeDir, "config.php"), []byte(text), mode, codeDir)
}

func (b *builder) configText(form string, quote func(string) string) string {
	db := b.Site.DB
	if db.Type == "" {
		db.Type, db.Host, db.Name, db.User, db.Password = "mariadb", "localhost", "moodle", "moodle", "none"
	}
	var s strings.Builder
	s.WriteString("<?php  // Moodle configuration file\n\nunset($CFG);\nglobal $CFG;\n$CFG = new stdClass();\n\n")
	set := func(key, value string) {
		v := fmt.Sprintf(form+"%.0[2]s", quote(value), strings.ToUpper(key))
		fmt.Fprintf(&s, "$CFG->%-9s = %s;\n", key, v)
	}
	host := db.Host
	if host == "" {
		host = "localhost"
	}
	set("dbtype", db.Type)
	set("dblibrary", "native")
	set("dbhost", host)
	set("dbname", db.Name)
	set("dbuser", db.User)
	set("dbpass", db.Password)
	set("prefix", b.Prefix)
	s.WriteString("$CFG->dboptions = array (\n  'dbpersist' => 0,\n")
	if db.Port != 0 {
		fmt.Fprintf(&s, "  'dbport' => %d,\n", db.Port)
	} else {
		s.WriteString("  'dbport' => '',\n")
	}
	fmt.Fprintf(&s, "  'dbsocket' => %s,\n", phpQuote(db.Socket))
	if db.Type != "pgsql" {
		s.WriteString("  'dbcollation' => 'utf8mb4_unicode_ci',\n")
	}
	s.WriteString(");\n\n")
	set("wwwroot", b.WWWRoot)
	set("dataroot", b.DataRoot)
	set("admin", "admin")
	s.WriteString("\n$CFG->directorypermissions = 02777;\n\nrequire_once(__DIR__ . '/lib/setup.php');\n\n// There is no php closing tag in this file,\n// it is intentional because it prevents trailing whitespace problems!\n")
	return s.String()
}

func phpQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func phpDoubleQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(s) + `"`
}
