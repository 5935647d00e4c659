<?php  // Moodle configuration file

unset($CFG);
global $CFG;
$CFG = new stdClass();

define('MY_DB', 'const_db');
const MY_PREFIX = 'c_';
$CFG->dbtype = 'mariadb';
$CFG->dblibrary = 'native';
$CFG->dbhost = 'localhost';
$CFG->dbname = 'moodle';
$CFG->dbuser = 'moodleuser';
$CFG->dbpass = 's3cret';
$CFG->prefix = 'mdl_';
$CFG->wwwroot = 'https://moodle.example.org';
$CFG->dataroot = '@DATA@';
$CFG->dbname = MY_DB;
$CFG->prefix = MY_PREFIX;
if (!defined('NOT_THERE')) { $CFG->dbhost = 'h'; }

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
