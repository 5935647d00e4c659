package minimoodle

import (
	"crypto/sha1" //nolint:gosec // Moodle names its files by SHA-1
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"holdfast/internal/moodle"
)

// The modes of moodledata, as Moodle makes them.
const (
	dataFile = os.FileMode(0o666)
	dataDir  = os.ModeSetgid | os.FileMode(0o777)
)

// kept are files of moodledata that a copy must hold.
var kept = map[string]string{
	"filedir/warning.txt":                       "This directory contains the content of uploaded files and is controlled by Moodle code. Do not manually move, change or rename any of the files and subdirectories here.",
	"secret/key/sodium.key":                     "0123456789abcdef0123456789abcdef",
	"muc/config.php":                            "<?php defined('MOODLE_INTERNAL') || die();\n $configuration = array();\n",
	"lang/de/moodle.php":                        "<?php\n$string['save'] = 'Änderungen speichern';\n",
	"lang/de_local/moodle.php":                  "<?php\n$string['save'] = 'Sichern';\n",
	"repository/teachers/private/x.txt":         "a teacher's folder that bears an excluded name",
	"repository/teachers/backup/y.txt":          "another one",
	"repository/teachers/odd name ü\t-rf *.txt": "a name as people make them",
	"dkim/example.org/key.private":              "-----BEGIN PRIVATE KEY-----\n",
	"geoip/GeoLite2-City.mmdb":                  "not a map",
	"models/1/output.json":                      "{}",
	"1/enrolments.txt":                          "add, student, 1001, 42\n",
	".htaccess":                                 "order deny,allow\ndeny from all\n",
	"climaintenance.template.html":              "<p>Wir sind gleich zurück.</p>",
	"moodleorgca.crt":                           "-----BEGIN CERTIFICATE-----\n",
	"diag/last.txt":                             "kept, for only the named folders are dropped",
}

// dropped are files of moodledata that a copy must not hold.
var dropped = map[string]string{
	"sessions/sess_4f9d8c7b6a5e4d3c2b1a09f8e7d6c5b4":                  "USER|O:8:\"stdClass\":0:{}",
	"sessions/sess_aaaabbbbccccddddeeeeffff00001111":                  "",
	"cache/core_component.php":                                        "<?php // remade\n",
	"cache/cachestore_file/default_application/core_config/a/b.cache": "s:1:\"x\";",
	"localcache/bootstrap.php":                                        "<?php\n$CFG->siteidentifier = 'abc';\n",
	"localcache/mustache/1/boost/x.php":                               "<?php // remade\n",
	"temp/backup/0a1b2c3d/moodle_backup.xml":                          "<moodle_backup/>",
	"temp/sessions/keep.txt":                                          "temp",
	"lock/core_cron/a":                                                "",
	"backup/backup-moodle2-course-2-20250301.mbz":                     "a course backup, as the automated ones lie here",
	"logs/old.log":                                                    "a line\n",
	"private/p.txt":                                                   "private",
	"upgradelogs/2010.html":                                           "<p>",
}

func (b *builder) writeData() error {
	if err := b.dir(b.DataRoot, dataDir); err != nil {
		return err
	}
	for _, set := range []map[string]string{kept, dropped} {
		if err := b.putAll(b.DataRoot, set, dataFile, dataDir); err != nil {
			return err
		}
	}
	if b.Maintenance {
		if err := b.put(filepath.Join(b.DataRoot, "climaintenance.html"), []byte("<p>closed</p>"), dataFile, dataDir); err != nil {
			return err
		}
	}
	for i := range b.Files {
		if _, err := b.content(b.someContent(i)); err != nil {
			return err
		}
	}
	extra := []struct {
		dir  string
		text string
	}{
		{b.FileDir, ""}, // the empty file that directory rows share
		{b.FileDir, fmt.Sprintf("an orphan, %d", b.Seed)},       // no row names it
		{b.TrashDir, fmt.Sprintf("deleted lately, %d", b.Seed)}, // its row is gone, its file is in trashdir
	}
	for _, x := range extra {
		if err := b.put(moodle.ContentPath(x.dir, hashOf([]byte(x.text))), []byte(x.text), dataFile, dataDir); err != nil {
			return err
		}
	}
	half := moodle.ContentPath(b.FileDir, hashOf([]byte("half"))) + ".tmp"
	return b.put(half, []byte("ha"), dataFile, dataDir)
}

// someContent makes the i-th content: texts and bytes of mixed lengths.
func (b *builder) someContent(i int) []byte {
	size := 1 + b.rnd.IntN(2*b.FileBytes)
	switch i {
	case 0:
		size = 1
	case 1:
		size = 4 * b.FileBytes
	}
	head := fmt.Sprintf("%d/%d ", b.Seed, i)
	if i%2 == 0 {
		line := head + "Grüße aus dem Kurs 🎓, und noch eine Zeile.\n"
		return []byte(strings.Repeat(line, 1+size/len(line)))[:max(size, len(head))]
	}
	raw := make([]byte, size+len(head))
	copy(raw, head)
	for j := len(head); j < len(raw); j += 8 {
		v := b.rnd.Uint64()
		for k := j; k < min(j+8, len(raw)); k++ {
			raw[k] = byte(v)
			v >>= 8
		}
	}
	return raw
}

// content puts a content into filedir and notes it as named by rows.
func (b *builder) content(text []byte) (Content, error) {
	c := Content{Hash: hashOf(text), Size: int64(len(text))}
	if err := b.put(moodle.ContentPath(b.FileDir, c.Hash), text, dataFile, dataDir); err != nil {
		return c, err
	}
	b.Contents = append(b.Contents, c)
	return c, nil
}

// damage builds the faults in, one content each, the last ones first.
func (b *builder) damage() error {
	next := len(b.Contents)
	take := func(n int, fault string, f func(path string, size int64) error) error {
		for ; n > 0 && next > 2; n-- {
			next--
			c := &b.Contents[next]
			c.Fault = fault
			if err := f(moodle.ContentPath(b.FileDir, c.Hash), c.Size); err != nil {
				return err
			}
		}
		return nil
	}
	if err := take(b.Faults.Missing, FaultMissing, func(path string, _ int64) error { return os.Remove(path) }); err != nil {
		return err
	}
	if err := take(b.Faults.WrongSize, FaultWrongSize, func(path string, size int64) error { return os.Truncate(path, size-1) }); err != nil {
		return err
	}
	return take(b.Faults.Flipped, FaultFlipped, flip)
}

func flip(path string, _ int64) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text[len(text)/2] ^= 1
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, text, dataFile); err != nil { //nolint:gosec // Moodle's own mode
		return err
	}
	return os.Chtimes(path, fi.ModTime(), fi.ModTime())
}

// writeAccount puts what else belongs to a site into its account root, both
// what a copy holds and what the policy drops there.
func (b *builder) writeAccount() error {
	if b.Site.AccountRoot == "" {
		return nil
	}
	return b.putAll(b.Site.AccountRoot, map[string]string{
		"mail/inbox.mbox": "From x\n", "scripts/cron.sh": "#!/bin/sh\nexit 0\n", "scripts/backup/keep.sh": "#!/bin/sh\n",
		"notes.txt": "a file at root level", ".bashrc": "alias ll='ls -l'\n",
		"backup/site.tar": "an old backup", "logs/access.log": "GET /\n", "private/id": "x", "cache/c": "c", "temp/t": "t",
	}, codeFile, codeDir)
}

func hashOf(text []byte) string {
	sum := sha1.Sum(text) //nolint:gosec // Moodle's own naming
	return hex.EncodeToString(sum[:])
}
