<?php  // Moodle configuration file

unset($CFG);
global $CFG;
$CFG = new stdClass();

$CFG->dbtype = 'mariadb';
$CFG->dblibrary = 'native';
$CFG->dbhost = 'localhost';
$CFG->dbname = 'moodle';
$CFG->dbuser = 'moodleuser';
$CFG->dbpass = 's3cret';
$CFG->prefix = 'mdl_';
$CFG->wwwroot = 'https://moodle.example.org';
$CFG->dataroot = '@DATA@';
$env = getenv('FORM_ENV') ?: 'development';
if ($env == 'development') {
    $CFG->dbname = 'dev';
} elseif ($env === 'staging') {
    $CFG->dbname = 'staging';
} else {
    $CFG->dbname = 'prod';
    $CFG->dbhost = "db-$env";
}

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
