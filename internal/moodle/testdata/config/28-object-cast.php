<?php  // Moodle configuration file

unset($CFG);
global $CFG;
$CFG = new stdClass();

$CFG = (object) [
    'dbtype' => 'pgsql', 'dblibrary' => 'native', 'dbhost' => '/var/run/postgresql', 'dbname' => 'cast', 'dbuser' => 'www-data', 'dbpass' => '',
    'prefix' => 'mdl_', 'wwwroot' => 'http://localhost', 'dataroot' => '@DATA@', 'dboptions' => ['dbport' => 5432],
];

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
