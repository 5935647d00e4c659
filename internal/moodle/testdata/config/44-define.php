<?php  // Moodle configuration file

unset($CFG);
global $CFG;
$CFG = new stdClass();

define('DB_NAME', 'defined_db');
const DB_HOST = 'const-host';
define('DB_PREFIX', 'd' . '_');
$CFG->dbtype = 'mariadb';
$CFG->dblibrary = 'native';
$CFG->dbhost = DB_HOST;
$CFG->dbname = DB_NAME;
$CFG->dbuser = 'moodleuser';
$CFG->dbpass = 's3cret';
$CFG->prefix = constant('DB_PREFIX');
$CFG->wwwroot = 'https://moodle.example.org';
$CFG->dataroot = '@DATA@';

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
