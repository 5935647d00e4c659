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
if (file_exists(__DIR__ . '/config-local.php')) {
    include(__DIR__ . '/config-local.php');
}
if (is_readable('/no/such/config.php')) {
    require '/no/such/config.php';
}
@include __DIR__ . '/config-absent.php';

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
