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
echo 'hello from config.php', "\n";
if (false) { die('closed'); }
date_default_timezone_set('Europe/Prague');
ini_set('display_errors', '1');
@error_reporting(E_ALL);

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
