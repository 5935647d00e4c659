<?php  // Moodle configuration file

unset($CFG);
global $CFG;
$CFG = new stdClass();

$local = require __DIR__ . '/config-array.php';
$CFG->dbtype = 'mariadb';
$CFG->dblibrary = 'native';
$CFG->dbhost = 'localhost';
$CFG->dbname = 'moodle';
$CFG->dbuser = 'moodleuser';
$CFG->dbpass = 's3cret';
$CFG->prefix = 'mdl_';
$CFG->wwwroot = 'https://moodle.example.org';
$CFG->dataroot = '@DATA@';
$CFG->dbname = $local['db']['name'];
$CFG->dbuser = $local['db']['user'] ?? 'nobody';

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
