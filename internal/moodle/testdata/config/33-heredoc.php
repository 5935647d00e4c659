<?php  // Moodle configuration file

unset($CFG);
global $CFG;
$CFG = new stdClass();

$who = 'word';
$CFG->dbtype = 'mariadb';
$CFG->dblibrary = 'native';
$CFG->dbhost = 'localhost';
$CFG->dbname = <<<'RAW'
raw_$name
RAW;
$CFG->dbuser = 'moodleuser';
$CFG->dbpass = <<<EOT
pass {$who} \$x 'y'
EOT;
$CFG->prefix = 'mdl_';
$CFG->wwwroot = 'https://moodle.example.org';
$CFG->dataroot = '@DATA@';

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
