package inplace

import (
	"context"

	"holdfast/internal/errs"
)

var errNotYet = errs.New(errs.Unsupported, "Restores in place are not built yet.")

// Check looks at everything that could stand in the way and changes nothing
// (it makes and removes a folder beside each tree, and a database beside the
// site's). The error is ctx's, or that the site cannot be read at all.
func Check(ctx context.Context, o Options) (Checks, error) { return nil, errNotYet }

// Run restores. On an error, or when ctx ends, the site is brought back to its
// old state before Run returns (Evidence.RolledBack); where even that fails,
// the journal stays open for Recover. Errors: errs.Conflict (a check failed),
// errs.Incomplete (the copy is damaged or does not agree).
func Run(ctx context.Context, o Options) (Evidence, error) { return Evidence{}, errNotYet }

// Recover brings every unfinished journal in dir to its end: the old state, or
// the new one where that was already committed. Of o it takes PHP, Env,
// Override, Allow, Clock and Log. It may be killed anywhere and called again.
// The error is of the folder alone; a journal's own is in its Recovered.
func Recover(ctx context.Context, dir string, o Options) ([]Recovered, error) { return nil, nil }

// List gives every journal in dir.
func List(dir string) ([]Held, error) { return nil, nil }

// Settle removes what lies aside: the new state is accepted, or it was undone.
// It may be killed anywhere and called again. It needs ID and Dir.
func Settle(ctx context.Context, o Options) error { return errNotYet }

// Undo puts the old state back after all; the new one lies aside until Settle.
// It needs ID and Dir.
func Undo(ctx context.Context, o Options) (Evidence, error) { return Evidence{}, errNotYet }

// FilesOptions say which files come back where.
type FilesOptions struct {
	Options          // ID, Dir, Source, Allow, Clock, Log, Tell
	Root    string   // of the data copy: "code", "moodledata", …
	Paths   []string // files and folders, relative to the root, with slashes; "." is all
	Into    string   // a side folder that is empty or absent; or, with InPlace, the live root's folder
	InPlace bool     // put each file at its own place below Into; what it replaces is kept aside
}

// FilesReport is what Files did.
type FilesReport struct {
	Written  int64    `json:"written"`  // files and links
	Replaced int64    `json:"replaced"` // of them, those that took another's place
	Bytes    int64    `json:"bytes"`
	Aside    string   `json:"aside,omitempty"` // where the replaced ones lie until Settle
	Refused  []string `json:"refused"`         // paths that the live side did not take, with the reason
	Warnings []string `json:"warnings"`
}

// Files brings single files and folders back. Nothing is ever written outside
// Into, whatever the copy holds and whatever is done to the folder meanwhile.
// In place it is journaled: Recover puts a half-done one back, Undo a done one,
// and Settle removes what was kept aside.
func Files(ctx context.Context, o FilesOptions) (FilesReport, error) { return FilesReport{}, errNotYet }
