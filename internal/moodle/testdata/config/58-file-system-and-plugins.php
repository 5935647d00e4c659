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
$CFG->alternative_file_system_class = \tool_objectfs\s3_file_system::class;
$CFG->forced_plugin_settings = array(
    'auth_ldap' => array('bind_pw' => 'ldap-secret', 'host_url' => 'ldap://x'),
    'tool_objectfs' => ['s3_secret' => 'aws-secret'],
);

require_once(__DIR__ . "/lib/setup.php");
// There is no php closing tag in this file.
