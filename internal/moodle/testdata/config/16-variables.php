<?php  // Moodle configuration file

unset($CFG);
global $CFG;
$CFG = new stdClass();

$host = "db1"; $base = "moodle"; $data = "@DATA@";
$CFG->dbtype = "pgsql"; $CFG->dbhost = $host . ".example.org"; $CFG->dbname = "{$base}_live"; $CFG->dbuser = $base;
$CFG->dbpass = "$base-$host"; $CFG->prefix = "mdl_"; $CFG->dataroot = $data; $CFG->wwwroot = "https://{$base}.example.org";

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
