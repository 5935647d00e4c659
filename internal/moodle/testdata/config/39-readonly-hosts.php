<?php  // Moodle configuration file

unset($CFG);
global $CFG;
$CFG = new stdClass();

$CFG->dbtype = 'pgsql';
$CFG->dblibrary = 'native';
$CFG->dbhost = 'localhost';
$CFG->dbname = 'moodle';
$CFG->dbuser = 'moodleuser';
$CFG->dbpass = 's3cret';
$CFG->prefix = 'mdl_';
$CFG->wwwroot = 'https://moodle.example.org';
$CFG->dataroot = '@DATA@';
$CFG->dboptions = [
  'dbport' => 5432,
  'readonly' => [
    'instance' => ['r1.example.org', 'r2.example.org'],
    'connecttimeout' => 2, 'latency' => 1.5,
  ],
];

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
