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
if (getenv('FORM_ENV') === 'prod'):
    $CFG->dbname = 'alt_prod';
elseif (getenv('FORM_ENV') === 'test'):
    $CFG->dbname = 'alt_test';
else:
    $CFG->dbname = 'alt_else';
endif;

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
