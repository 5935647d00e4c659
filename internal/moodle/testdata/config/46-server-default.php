<?php  // Moodle configuration file

unset($CFG);
global $CFG;
$CFG = new stdClass();

$CFG->dbtype = 'mariadb';
$CFG->dblibrary = 'native';
$CFG->dbhost = $_SERVER['DB_HOST'] ?? 'fallback-host';
$CFG->dbname = isset($_SERVER['DB_NAME']) ? $_SERVER['DB_NAME'] : 'fallback_db';
$CFG->dbuser = 'moodleuser';
$CFG->dbpass = 's3cret';
$CFG->prefix = 'mdl_';
$CFG->wwwroot = 'https://moodle.example.org';
$CFG->dataroot = '@DATA@';

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
