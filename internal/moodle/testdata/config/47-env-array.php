<?php  // Moodle configuration file

unset($CFG);
global $CFG;
$CFG = new stdClass();

$CFG->dbtype = 'mariadb';
$CFG->dblibrary = 'native';
$CFG->dbhost = 'localhost';
$CFG->dbname = $_ENV['FORM_DB_NAME'] ?? 'moodle';
$CFG->dbuser = getenv('FORM_NO_USER') ?: (getenv('FORM_NO_OTHER') ?: 'deep');
$CFG->dbpass = 's3cret';
$CFG->prefix = 'mdl_';
$CFG->wwwroot = 'https://moodle.example.org';
$CFG->dataroot = '@DATA@';

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
