package minimoodle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"holdfast/internal/moodle"
)

// standard are the plug-ins of a miniature that a real Moodle has too.
var standard = []string{"mod_quiz", "mod_forum", "mod_assign", "enrol_manual", "theme_boost", "tool_task", "block_html", "tiny_media", "logstore_standard"}

// pluginDir gives the folder of a plug-in, from the web root.
func pluginDir(component string) string {
	typ, name, _ := strings.Cut(component, "_")
	switch typ {
	case "block":
		typ = "blocks"
	case "tool":
		typ = "admin/tool"
	case "tiny":
		typ = "lib/editor/tiny/plugins"
	case "logstore":
		typ = "admin/tool/log/store"
	}
	return typ + "/" + name
}

// pluginVersion is a plug-in's version.php, with the traps of a real one.
func pluginVersion(p moodle.Plugin) string {
	return fmt.Sprintf("<?php\n// $plugin->component = 'mod_notthis';\n\ndefined('MOODLE_INTERNAL') || die();\n\n$plugin->version   = %s;      // The current version (Date: YYYYMMDDXX).\n"+
		"$plugin->requires  = 2024041600; // Requires this Moodle version.\n$plugin->component = '%s'; // Full name of the plugin.\n$plugin->dependencies = ['mod_forum' => 2022112800];\n", p.Version, p.Component)
}

// versionsHash stands for the sum of all versions that Moodle writes at the
// end of an upgrade.
func versionsHash(version string, plugins []moodle.Plugin) string {
	return hashOf([]byte(fmt.Sprint(version, plugins)))
}

// WebRoot is the folder that the web server shows.
func (s Site) WebRoot() string {
	if _, err := os.Stat(filepath.Join(s.CodeDir, "public", "version.php")); err == nil {
		return filepath.Join(s.CodeDir, "public")
	}
	return s.CodeDir
}

// Upgrade changes the site as an upgrade of Moodle does: core and every
// plug-in get their next version, in the code first and then, where the site
// has a database, there. s.DB must hold its password. It gives the site as it
// is then, and so does Open.
func (s Site) Upgrade(ctx context.Context) (Site, error) {
	before := s.Version
	s.Plugins = slices.Clone(s.Plugins)
	var err error
	if s.Version, err = next(s.Version); err != nil {
		return s, err
	}
	for i, p := range s.Plugins {
		if s.Plugins[i].Version, err = next(p.Version); err != nil {
			return s, err
		}
		if err := s.writePlugin(s.Plugins[i]); err != nil {
			return s, err
		}
	}
	core := filepath.Join(s.WebRoot(), "version.php")
	text, err := os.ReadFile(core) //nolint:gosec // the miniature's own
	if err != nil {
		return s, fmt.Errorf("upgrade the miniature: %w", err)
	}
	release := regexp.MustCompile(`(?m)^\$release .*?'([0-9.]+) `).FindSubmatch(text)
	if release == nil {
		return s, fmt.Errorf("upgrade the miniature: %s names no release", core)
	}
	newer := string(release[1]) + ".1"
	text = []byte(strings.NewReplacer(before, s.Version, "'"+string(release[1])+" ", "'"+newer+" ").Replace(string(text)))
	if err := s.writeCodeFile(core, text); err != nil {
		return s, err
	}
	return s.installed(ctx, before, [][2]string{{"version", s.Version}, {"release", newer + " (Build: 20260105)"}})
}

// InstallPlugin adds a plug-in, or gives one that is there another version, as
// Moodle does: code first, then the database.
func (s Site) InstallPlugin(ctx context.Context, p moodle.Plugin) (Site, error) {
	if !p.Valid() {
		return s, fmt.Errorf("install %s %s: no such plug-in can be", p.Component, p.Version)
	}
	s.Plugins = slices.DeleteFunc(slices.Clone(s.Plugins), func(q moodle.Plugin) bool { return q.Component == p.Component })
	s.Plugins = append(s.Plugins, p)
	moodle.SortPlugins(s.Plugins)
	if err := s.writePlugin(p); err != nil {
		return s, err
	}
	return s.installed(ctx, s.Version, nil)
}

// next gives the version after one.
func next(version string) (string, error) {
	whole, rest, dotted := strings.Cut(version, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return "", fmt.Errorf("raise the version %q: %w", version, err)
	}
	if dotted {
		rest = "." + rest
	}
	return strconv.FormatInt(n+1, 10) + rest, nil
}

func (s Site) writePlugin(p moodle.Plugin) error {
	return s.writeCodeFile(filepath.Join(s.WebRoot(), pluginDir(p.Component), "version.php"), []byte(pluginVersion(p)))
}

// writeCodeFile writes a file of the code, owned as its web root is.
func (s Site) writeCodeFile(path string, text []byte) error {
	if err := (&builder{}).dir(filepath.Dir(path), codeDir); err != nil {
		return fmt.Errorf("change the miniature's code: %w", err)
	}
	if err := os.WriteFile(path, text, codeFile); err != nil {
		return fmt.Errorf("change the miniature's code: %w", err)
	}
	fi, err := os.Stat(s.WebRoot())
	if err != nil {
		return fmt.Errorf("change the miniature's code: %w", err)
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	for _, p := range []string{path, filepath.Dir(path)} {
		if err := os.Lchown(p, int(st.Uid), int(st.Gid)); err != nil {
			return fmt.Errorf("change the miniature's code: %w", err)
		}
	}
	return nil
}

// installed writes what is installed into the database and the mark.
func (s Site) installed(ctx context.Context, before string, config [][2]string) (Site, error) {
	s.AllVersionsHash = versionsHash(s.Version, s.Plugins)
	if s.DB.Type != "" {
		if err := s.installRows(ctx, before, append(config, [2]string{"allversionshash", s.AllVersionsHash})); err != nil {
			return s, fmt.Errorf("upgrade the miniature's database: %w", err)
		}
	}
	path := filepath.Join(filepath.Dir(s.CodeDir), markFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return s, nil // a copy of a miniature may have none
	}
	mark, err := json.Marshal(s)
	if err != nil {
		return s, err
	}
	if err := os.WriteFile(path, mark, 0o644); err != nil { //nolint:gosec // no secret in it
		return s, fmt.Errorf("note the miniature's versions: %w", err)
	}
	return s, nil
}

func (s Site) installRows(ctx context.Context, before string, config [][2]string) error {
	l, err := s.Live(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	value, name := l.db.quote("value"), l.db.quote("name")
	for _, p := range s.Plugins {
		n, err := l.Count(ctx, "SELECT COUNT(*) FROM {config_plugins} WHERE plugin = ? AND "+name+" = 'version'", p.Component)
		if err != nil {
			return err
		}
		query := "UPDATE {config_plugins} SET " + value + " = ? WHERE plugin = ? AND " + name + " = 'version'"
		if n == 0 {
			query = "INSERT INTO {config_plugins} (" + value + ", plugin, " + name + ") VALUES (?, ?, 'version')"
		}
		if err := l.Exec(ctx, query, p.Version, p.Component); err != nil {
			return err
		}
	}
	for _, c := range config {
		if err := l.Exec(ctx, "UPDATE {config} SET "+value+" = ? WHERE "+name+" = ?", c[1], c[0]); err != nil {
			return err
		}
	}
	return l.Exec(ctx, "INSERT INTO {upgrade_log} (type, plugin, version, targetversion, info, userid, timemodified) VALUES (0, 'core', ?, ?, 'Upgrade savepoint reached', 0, ?)", before, s.Version, Epoch.Unix())
}
