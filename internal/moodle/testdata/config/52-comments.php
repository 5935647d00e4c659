<?php
# Settings
/* $CFG->dbname = 'old'; */
unset($CFG);  // Ignore this line
global $CFG;
$CFG = new stdClass();
$CFG->dbtype = 'mariadb'; # dbtype = 'no'
$CFG->dblibrary = 'native'; # dblibrary = 'no'
$CFG->dbhost = 'localhost'; # dbhost = 'no'
$CFG->dbname = 'moodle'; # dbname = 'no'
$CFG->dbuser = 'moodleuser'; # dbuser = 'no'
$CFG->dbpass = 's3cret'; # dbpass = 'no'
$CFG->prefix = 'mdl_'; # prefix = 'no'
$CFG->wwwroot = 'https://moodle.example.org'; # wwwroot = 'no'
$CFG->dataroot = '@DATA@'; # dataroot = 'no'
#$CFG->dbhost = '10.0.0.1';
//$CFG->dbhost = '10.0.0.2';
$CFG->dbhost   =   'db' /* inside */ . '.example.org' ;

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
