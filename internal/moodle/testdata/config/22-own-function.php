<?php  // Moodle configuration file

unset($CFG);
global $CFG;
$CFG = new stdClass();

function env_or($name, $default = '') {
    $v = getenv($name);
    return $v === false ? $default : $v;
}
$CFG->dbtype = 'mariadb';
$CFG->dblibrary = 'native';
$CFG->dbhost = 'localhost';
$CFG->dbname = 'moodle';
$CFG->dbuser = 'moodleuser';
$CFG->dbpass = 's3cret';
$CFG->prefix = 'mdl_';
$CFG->wwwroot = 'https://moodle.example.org';
$CFG->dataroot = '@DATA@';
$CFG->dbname = env_or('FORM_DB_NAME', 'd');
$CFG->dbhost = env_or('FORM_UNSET_HOST', 'own');

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
