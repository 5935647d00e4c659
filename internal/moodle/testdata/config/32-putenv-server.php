<?php  // Moodle configuration file

unset($CFG);
global $CFG;
$CFG = new stdClass();

putenv('FORM_OWN=own_db');
$_SERVER['HTTP_HOST'] = $_SERVER['HTTP_HOST'] ?? 'cli.example.org';
$CFG->dbtype = 'mariadb';
$CFG->dblibrary = 'native';
$CFG->dbhost = 'localhost';
$CFG->dbname = 'moodle';
$CFG->dbuser = 'moodleuser';
$CFG->dbpass = 's3cret';
$CFG->prefix = 'mdl_';
$CFG->wwwroot = 'https://moodle.example.org';
$CFG->dataroot = '@DATA@';
$CFG->dbname = getenv('FORM_OWN');
$CFG->wwwroot = 'https://' . $_SERVER['HTTP_HOST'];

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
