<?php  // Moodle configuration file

unset($CFG);
global $CFG;
$CFG = new stdClass();

foreach (['dbname' => 'pairs', 'dbhost' => 'pair-host'] as $k => $v) {
    $settings[$k] = $v;
}
$CFG->dbtype = 'mariadb';
$CFG->dblibrary = 'native';
$CFG->dbhost = $settings['dbhost'];
$CFG->dbname = $settings['dbname'];
$CFG->dbuser = 'moodleuser';
$CFG->dbpass = 's3cret';
$CFG->prefix = 'mdl_';
$CFG->wwwroot = 'https://moodle.example.org';
$CFG->dataroot = '@DATA@';

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
