package minimoodle

// scripts are what a miniature has of Moodle's admin/cli, each behaving
// outwardly as the real one: its output, its exit code and what it changes.
// They reach the database by its client program, for PHP's drivers need not be
// installed.
var scripts = map[string]string{
	"cron.php": `#!/usr/bin/env php
<?php
define('CLI_SCRIPT', true);
require(__DIR__.'/../../config.php');
if (file_exists("$CFG->dataroot/climaintenance.html")) {
    echo "CLI maintenance mode active, cron execution suspended.\n";
    exit(1);
}
mini_query("DELETE FROM {$CFG->prefix}task_adhoc");
echo "Cron script completed correctly\n";
`,
	"maintenance.php": `<?php
define('CLI_SCRIPT', true);
require(__DIR__.'/../../config.php');
$page = "$CFG->dataroot/climaintenance.html";
if (in_array('--enable', $argv)) {
    file_put_contents($page, '<p>Sorry, the site is in maintenance mode</p>');
    echo "Your site is currently in CLI maintenance mode.\n";
} else if (in_array('--disable', $argv)) {
    @unlink($page);
    echo "Maintenance mode has been disabled and the site is running normally again\n";
}
`,
	"upgrade.php": `<?php
define('CLI_SCRIPT', true);
require(__DIR__.'/../../config.php');
define('MOODLE_INTERNAL', true);
define('MATURITY_STABLE', 200);
require($CFG->dirroot.'/version.php');
$have = trim(mini_query("SELECT value FROM {$CFG->prefix}config WHERE name = 'version'"));
if ((float)$have > (float)$version) {
    fwrite(STDERR, "!!! Cannot downgrade from $have to $version. !!!\n");
    exit(1);
}
if ((float)$have == (float)$version) {
    echo "No upgrade needed for the installed version $release ($version). Thanks for coming anyway!\n";
    exit(0);
}
if (!in_array('--non-interactive', $argv)) {
    exit(1);
}
mini_query("UPDATE {$CFG->prefix}config SET value = '$version' WHERE name = 'version'");
echo "Command line upgrade from $have to $version completed successfully.\n";
`,
	"purge_caches.php": `<?php
define('CLI_SCRIPT', true);
require(__DIR__.'/../../config.php');
foreach (array($CFG->cachedir, $CFG->localcachedir) as $dir) {
    if (is_dir($dir)) {
        $all = new RecursiveIteratorIterator(new RecursiveDirectoryIterator($dir, FilesystemIterator::SKIP_DOTS), RecursiveIteratorIterator::CHILD_FIRST);
        foreach ($all as $one) {
            $one->isDir() && !$one->isLink() ? rmdir($one) : unlink($one);
        }
    }
}
`,
	"kill_all_sessions.php": `<?php
define('CLI_SCRIPT', true);
require(__DIR__.'/../../config.php');
mini_query("TRUNCATE TABLE {$CFG->prefix}sessions");
foreach (glob("$CFG->dataroot/sessions/sess_*") as $one) {
    unlink($one);
}
`,
	"check_database_schema.php": `<?php
define('CLI_SCRIPT', true);
require(__DIR__.'/../../config.php');
$n = (int)mini_query("SELECT COUNT(*) FROM information_schema.tables WHERE table_name = '{$CFG->prefix}context_temp'");
if ($n < 1) {
    echo "-------------------------------------------------------------------------------\n{$CFG->prefix}context_temp\n * Table is missing\n";
    exit(1);
}
echo "Database structure is ok.\n";
`,
	"checks.php": `<?php
define('CLI_SCRIPT', true);
require(__DIR__.'/../../config.php');
echo "WARNING: 1 of 25 checks has a warning\n";
echo "     Status| Check\n";
echo "  ----------------------------------------\n";
echo "    WARNING| Cron running: The admin/cli/cron.php script has not been run for 3 hours\n";
if (!is_writable($CFG->dataroot)) {
    echo "   CRITICAL| Data root: moodledata cannot be written\n";
}
exit(1);
`,
}

// miniDB is how the scripts ask the database.
const miniDB = `<?php
function mini_query($sql) {
    global $CFG;
    $o = $CFG->dboptions;
    $env = array('PATH' => '/usr/local/bin:/usr/bin:/bin', 'LC_ALL' => 'C.UTF-8');
    if ($CFG->dbtype === 'pgsql') {
        $host = !empty($o['dbsocket']) && strpos($o['dbsocket'], '/') !== false ? $o['dbsocket'] : $CFG->dbhost;
        $env += array('PGPASSWORD' => $CFG->dbpass, 'PGHOST' => $host, 'PGPORT' => empty($o['dbport']) ? '5432' : (string)$o['dbport'], 'PGUSER' => $CFG->dbuser, 'PGDATABASE' => $CFG->dbname);
        $cmd = array('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1');
    } else {
        $env['MYSQL_PWD'] = $CFG->dbpass;
        $cmd = array('mariadb', '--no-defaults', '-N', '-B', '-u', $CFG->dbuser);
        if (!empty($o['dbsocket'])) {
            array_push($cmd, '-S', $o['dbsocket']);
        } else {
            array_push($cmd, '-h', $CFG->dbhost, '-P', empty($o['dbport']) ? '3306' : (string)$o['dbport'], '--protocol=tcp');
        }
        $cmd[] = $CFG->dbname;
    }
    $p = proc_open($cmd, array(array('pipe', 'r'), array('pipe', 'w'), STDERR), $pipes, '/', $env);
    fwrite($pipes[0], $sql . ";\n");
    fclose($pipes[0]);
    $out = stream_get_contents($pipes[1]);
    if (proc_close($p) !== 0) {
        fwrite(STDERR, "!!! Error reading from database !!!\n");
        exit(1);
    }
    return $out;
}
`
