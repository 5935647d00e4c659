<?php  // Moodle configuration file

unset($CFG);
global $CFG;
$CFG = new stdClass();

$CFG->dbtype = 'mariadb';
$CFG->dblibrary = 'native';
$CFG->dbhost = str_replace('_', '.', 'db_example_org');
$CFG->dbname = strtolower(trim('  MOODLE_Live '));
$CFG->dbuser = 'moodleuser';
$CFG->dbpass = 's3cret';
$CFG->prefix = strlen('abc') === 3 ? 'three_' : 'other_';
$CFG->wwwroot = rtrim('https://moodle.example.org/', '/');
$CFG->dataroot = '@DATA@';

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
