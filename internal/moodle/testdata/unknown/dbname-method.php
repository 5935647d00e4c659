<?php
unset($CFG);
global $CFG;
$CFG = new stdClass();

class Conf { static function get($k) { return 'from_class'; } }
$CFG->dbtype = 'mariadb';
$CFG->dbhost = 'localhost';
$CFG->dbname = 'moodle';
$CFG->dbuser = 'moodleuser';
$CFG->dbpass = 's3cret';
$CFG->prefix = 'mdl_';
$CFG->wwwroot = 'https://moodle.example.org';
$CFG->dataroot = '@DATA@';
$CFG->dbname = Conf::get('dbname');

require_once(__DIR__ . "/lib/setup.php");
