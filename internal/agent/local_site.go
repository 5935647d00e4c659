package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"

	"holdfast/internal/agentproto"
	"holdfast/internal/errs"
	"holdfast/internal/moodle"
	"holdfast/internal/sitedb"
)

// inspection says how a person's own command reads a site.
func (l Local) inspection() moodle.Options { return moodle.Options{PHP: l.PHP} }

// localSource names a site that no control plane knows: its folder's name and
// a part of its path's hash, so that its snapshots follow each other.
func localSource(code string) string {
	sum := sha256.Sum256([]byte(code))
	return "local-" + hex.EncodeToString(sum[:8])
}

// Inspected is what `inspect` prints. It never holds a password.
type Inspected struct {
	Code      string                `json:"code"`
	Layout    string                `json:"layout"`
	Release   string                `json:"release"`
	Version   string                `json:"version"`
	Branch    string                `json:"branch"`
	WWWRoot   string                `json:"wwwroot"`
	DataRoot  string                `json:"dataroot"`
	FileDir   string                `json:"filedir"`
	DBType    string                `json:"dbtype"`
	DBHost    string                `json:"dbhost"`
	DBPort    int                   `json:"dbport"` // 0 = the default
	DBSocket  string                `json:"dbsocket,omitempty"`
	DBName    string                `json:"dbname"`
	Prefix    string                `json:"prefix"`
	ReadBy    string                `json:"config_read_by"`
	Roots     []InspectedRoot       `json:"roots"`
	Moved     map[string]string     `json:"moved"`
	Excluded  []agentproto.Excluded `json:"excluded"`
	Warnings  []string              `json:"warnings"`
	FilesBy   string                `json:"file_system_class,omitempty"`
	DBLibrary string                `json:"dblibrary,omitempty"`
	// Plugins is how many plug-ins the code has, and Fingerprint what a data
	// copy would say of their versions; empty where they cannot be read.
	Plugins     int    `json:"plugins"`
	Fingerprint string `json:"fingerprint"`
}

// InspectedRoot is one folder that a data copy stores.
type InspectedRoot struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

// Inspect says what is known of the site at codeDir, and what a data copy
// would leave out. It opens no database.
func (l Local) Inspect(ctx context.Context, codeDir, accountRoot string) (Inspected, error) {
	codeDir, accountRoot, err := absolute(codeDir, accountRoot)
	if err != nil {
		return Inspected{}, err
	}
	here := Roots{Everywhere: true}
	s, err := inspectSite(ctx, here, codeDir, accountRoot, l.inspection())
	if err != nil {
		return Inspected{}, err
	}
	in := s.install
	out := Inspected{
		Code: in.CodeDir, Layout: in.Layout, Release: in.Release, Version: in.Version, Branch: in.Branch, WWWRoot: in.WWWRoot,
		DataRoot: in.DataRoot, FileDir: in.FileDir, DBType: in.DB.Type, DBLibrary: in.DB.Library, DBHost: in.DB.Host, DBPort: in.DB.Port,
		DBSocket: in.DB.Socket, DBName: in.DB.Name, Prefix: in.DB.Prefix, ReadBy: in.ReadBy, FilesBy: in.FileSystemClass,
		Moved: map[string]string{}, Warnings: append([]string{}, in.Warnings...), Roots: []InspectedRoot{}, Excluded: []agentproto.Excluded{},
	}
	for k, v := range in.Moved {
		out.Moved[k] = v
	}
	seen := agentproto.Facts{}
	if err := notePlugins(ctx, &seen, in); err != nil {
		return out, err
	}
	out.Plugins, out.Fingerprint = len(seen.Plugins), seen.Fingerprint
	out.Warnings = append(out.Warnings, seen.Warnings...)
	plan, err := s.plan(here)
	if err != nil {
		// Half a site is still worth describing; a data copy of it is not to be had.
		out.Warnings = append(out.Warnings, "A data copy cannot be planned: "+errs.Sentence(err))
		return out, nil
	}
	out.Warnings = append(out.Warnings, plan.Warnings...)
	for _, r := range plan.Roots {
		out.Roots = append(out.Roots, InspectedRoot{Name: r.Name, Path: r.Path})
	}
	excluded, err := plan.Measure(ctx)
	if err != nil {
		return out, fmt.Errorf("measuring what a data copy leaves out: %w", err)
	}
	out.Excluded = protoExcluded(excluded, -1) // how much a copy would store is not counted here
	return out, nil
}

// Checked is what `local check` prints.
type Checked struct {
	Good bool `json:"good"`
	moodle.Agreement
	FileDir string  `json:"filedir"`
	Seconds float64 `json:"seconds"`
}

// Check holds a site's files table against its filedir; deep also reads every
// file and compares it with its name.
func (l Local) Check(ctx context.Context, codeDir string, deep bool) (Checked, error) {
	began := l.Clock.Now()
	codeDir, _, err := absolute(codeDir, "")
	if err != nil {
		return Checked{}, err
	}
	s, err := inspectSite(ctx, Roots{Everywhere: true}, codeDir, "", l.inspection())
	if err != nil {
		return Checked{}, err
	}
	conn, err := sitedb.FromMoodle(s.install.DB)
	if err != nil {
		return Checked{}, fmt.Errorf("reading the database's address: %w", err)
	}
	trash := s.install.TrashDir
	if trash == "" {
		trash = filepath.Join(s.install.DataRoot, "trashdir")
	}
	l.Progress(agentproto.Progress{Phase: phaseChecking})
	agreement, err := moodle.Agree(ctx, s.install.FileDir, trash, sitedb.FileRows(ctx, conn), deep)
	if err != nil {
		return Checked{}, fmt.Errorf("comparing the files table with filedir: %w", err)
	}
	out := Checked{Agreement: agreement, FileDir: s.install.FileDir, Seconds: l.Clock.Now().Sub(began).Seconds()}
	out.Good = agreement.Good()
	return out, nil
}
