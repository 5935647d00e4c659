<?php  // Moodle configuration file

unset($CFG);
global $CFG;
$CFG = new stdClass();

$CFG->dbtype = "mariadb"; $CFG->dbhost = "db.example.org"; $CFG->dbname = "moo\x64le"; $CFG->dbuser = "u\$er";
$CFG->dbpass = "a\"b\\c\td\$e\u{1F600}\101{x}"; $CFG->prefix = "mdl_"; $CFG->wwwroot = "https://m.example.org/"; $CFG->dataroot = "@DATA@";

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
