package minimoodle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"holdfast/internal/moodle"
)

const (
	codeFile = os.FileMode(0o644)
	codeDir  = os.FileMode(0o755)
)

// branches are the numbers of the releases that can be built.
var branches = map[string]struct{ version, branch string }{
	"4.5": {"2024100706.00", "405"}, "5.0": {"2025041402.00", "500"}, "5.1": {"2025100601.00", "501"}, "4.1": {"2022112815.00", "401"},
}

// traps are the files that an exclusion by name at any depth loses: the
// founding mistake. Without the first a site still serves its front page.
var traps = []string{
	"backup/util/includes/backup_includes.php", "backup/util/includes/restore_includes.php", "backup/moodle2/backup_root_task.class.php",
	"backup/controller/backup_controller.class.php", "backup/lib.php",
	"cache/classes/cache.php", "cache/classes/factory.php", "cache/stores/file/lib.php", "cache/lib.php",
	"mod/quiz/classes/cache/overrides.php", "course/classes/cache/course_image.php",
	"lib/aws-sdk/src/data/logs/2014-03-28/api-2.json.php", "lib/aws-sdk/src/data/logs/2014-03-28/paginators-1.json.php",
	"local/demo/private/keep.php", "local/demo/temp/keep.php", "local/demo/sessions/keep.php", "local/demo/trashdir/keep.php",
}

// rootFiles are the files directly in the web root, which "all files at root
// level" would lose.
var rootFiles = []string{"index.php", "file.php", "pluginfile.php", "draftfile.php", "r.php", "install.php", "help.php", "README.md", "COPYING.txt"}

func (b *builder) writeCode() error {
	web := b.CodeDir
	if b.Layout == moodle.LayoutPublic {
		web = filepath.Join(b.CodeDir, "public")
	}
	v, ok := branches[b.Release[:min(3, len(b.Release))]]
	if !ok {
		return fmt.Errorf("no numbers are known of release %q", b.Release)
	}
	files := map[string]string{
		"version.php":   fmt.Sprintf("<?php\n// Moodle's version. $release = 'not this one';\ndefined('MOODLE_INTERNAL') || die();\n\n$version  = %s;              // YYYYMMDD = weekly release date.\n$release  = '%s (Build: 20250811)'; // Human-friendly version name.\n$branch   = '%s';                     // This version's branch.\n$maturity = MATURITY_STABLE;             // This version's maturity level.\n", v.version, b.Release, v.branch),
		"lib/setup.php": setupPHP, "lib/minidb.php": miniDB,
	}
	for _, name := range rootFiles {
		files[name] = fmt.Sprintf("<?php // %s\nrequire_once(__DIR__ . '/config.php');\n", name)
	}
	for _, name := range traps {
		files[name] = fmt.Sprintf("<?php // %s\nreturn %d;\n", name, b.rnd.IntN(1e6))
	}
	b.Version = v.version
	for _, component := range standard {
		p := moodle.Plugin{Component: component, Version: v.version[:10]}
		b.Plugins = append(b.Plugins, p)
		files[pluginDir(component)+"/version.php"] = pluginVersion(p)
	}
	for i := 0; len(files) < b.CodeFiles; i++ {
		b.addPlugin(files, i)
	}
	moodle.SortPlugins(b.Plugins)
	b.AllVersionsHash = versionsHash(b.Version, b.Plugins)
	if err := b.putAll(web, files, codeFile, codeDir); err != nil {
		return err
	}
	outer := map[string]string{
		"composer.json": "{\"name\": \"moodle/moodle\"}\n", "composer.lock": "{}\n",
	}
	for name, text := range scripts {
		outer["admin/cli/"+name] = text
	}
	if b.Layout == moodle.LayoutPublic {
		outer["index.php"] = "<?php\nthrow new Exception('rootdirpublic');\n"
		outer["lib/setup.php"] = "<?php\nrequire_once(__DIR__ . '/../public/lib/setup.php');\n"
		outer["public/config.php"] = "<?php\n// This is not the configuration: that lies one folder above.\nrequire_once(__DIR__ . '/../config.php');\n"
	}
	if err := b.putAll(b.CodeDir, outer, codeFile, codeDir); err != nil {
		return err
	}
	if err := os.Chmod(filepath.Join(b.CodeDir, "admin/cli/cron.php"), 0o755); err != nil { //nolint:gosec // a script is executable
		return err
	}
	return os.Symlink("../moodle-theme/pix", filepath.Join(web, "lib", "dangling"))
}

// addPlugin adds the files of one made-up activity module.
func (b *builder) addPlugin(files map[string]string, i int) {
	name := fmt.Sprintf("demo%d", i)
	dir := "mod/" + name + "/"
	filler := strings.Repeat("// A line of code, as any other.\n", 10+b.rnd.IntN(60))
	p := moodle.Plugin{Component: "mod_" + name, Version: fmt.Sprintf("20241007%02d", i%100)}
	b.Plugins = append(b.Plugins, p)
	files[dir+"version.php"] = pluginVersion(p)
	files[dir+"lib.php"] = "<?php\n" + filler
	files[dir+"view.php"] = "<?php\nrequire('../../config.php');\n" + filler
	files[dir+"db/install.xml"] = "<?xml version=\"1.0\"?>\n<XMLDB/>\n"
	files[dir+"lang/en/"+name+".php"] = "<?php\n$string['pluginname'] = 'Démo ✓';\n"
	files[dir+"backup/moodle2/backup_"+name+"_activity_task.class.php"] = "<?php\n" + filler
	files[dir+"classes/cache/keeper.php"] = "<?php\n" + filler
}

// setupPHP is lib/setup.php down to where it returns when only the
// configuration is wanted.
const setupPHP = `<?php
// The miniature of Moodle's setup: it gives the defaults that Moodle gives,
// and stops where a command asks for the configuration only.
if (!isset($CFG)) {
    exit(1);
}
if (!isset($CFG->dirroot)) {
    $CFG->dirroot = dirname(__DIR__);
}
$CFG->libdir = $CFG->dirroot . '/lib';
if (!isset($CFG->prefix)) {
    $CFG->prefix = '';
}
if (!isset($CFG->dblibrary)) {
    $CFG->dblibrary = 'native';
}
if (!isset($CFG->dboptions)) {
    $CFG->dboptions = array();
}
if (!isset($CFG->dataroot) || !is_dir($CFG->dataroot)) {
    echo "Fatal error: \$CFG->dataroot is not configured properly, directory does not exist or is not accessible! Exiting.\n";
    exit(1);
}
$CFG->dataroot = realpath($CFG->dataroot);
foreach (array('tempdir' => 'temp', 'cachedir' => 'cache', 'localcachedir' => 'localcache') as $key => $name) {
    if (!isset($CFG->$key)) {
        $CFG->$key = $CFG->dataroot . '/' . $name;
    }
}
if (!isset($CFG->backuptempdir)) {
    $CFG->backuptempdir = $CFG->tempdir . '/backup';
}
$CFG->wwwroot = rtrim($CFG->wwwroot, '/');
$CFG->config_php_settings = (array)$CFG;
if (defined('ABORT_AFTER_CONFIG')) {
    return;
}
require_once(__DIR__ . '/minidb.php');
if (defined('CLI_SCRIPT')) {
    chdir(dirname(realpath($_SERVER['argv'][0]))); // relative paths fail, as Moodle's do
    return;
}
if (file_exists($CFG->dataroot . '/climaintenance.html')) {
    http_response_code(503);
    readfile($CFG->dataroot . '/climaintenance.html');
    exit(0);
}
if (!is_writable($CFG->dataroot)) {
    http_response_code(500);
    exit("Fatal error: \$CFG->dataroot is not writable");
}
echo "A miniature of a front page.\n";
`
