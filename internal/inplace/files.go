package inplace

import (
	"context"

	"holdfast/internal/errs"
)

// placing is what Files put in place.
type placing struct{}

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
func Files(ctx context.Context, o FilesOptions) (FilesReport, error) {
	return FilesReport{}, errs.New(errs.Unsupported, "Not built yet.")
}

func (w *work) filesBack(ctx context.Context) error { return nil }
func (w *work) filesUndo(ctx context.Context) error { return nil }
func (w *work) filesSettle() error                  { return nil }
