package moodle

import (
	"context"
	"time"
)

// ScanOptions bound a scan. The zero value is good.
type ScanOptions struct {
	// Read says how each config.php is read.
	Read Options
	// Depth is how many levels below a root are looked at; 0 means 8.
	Depth int
	// Folders is how many folders are looked into in all; 0 means 500,000.
	Folders int64
	// Sites is how many sites are listed; 0 means 5,000.
	Sites int
	// For is how long it may take; 0 means 10 minutes.
	For time.Duration
	// Readers is how many config.php files are read at once; 0 means 4.
	Readers int
	// May tells whether a folder may be read; nil means every one. The paths
	// that config.php names are not asked about: nothing of them is read.
	May func(path string) bool
	// Progress is called now and then, from one goroutine at a time.
	Progress func(ScanProgress)
}

// ScanProgress is how far a scan is.
type ScanProgress struct {
	Folders int64 // looked into
	Found   int   // sites
	Read    int   // of these, whose config.php is read
	Walking bool  // there may be more to find
}

// ScanReport is what a scan found.
type ScanReport struct {
	Sites      []Found `json:"sites"`                // by their code folder
	Folders    int64   `json:"folders"`              // looked into
	Unreadable int64   `json:"unreadable,omitempty"` // that this process may not look into
	Truncated  string  `json:"truncated,omitempty"`  // why it is not all, in a sentence
}

// Found is one Moodle.
type Found struct {
	Install
	// AccountRoot is a guess: the folder that holds code and moodledata of this
	// site and of no other; "" where there is none.
	AccountRoot string `json:"account_root,omitempty"`
	// Problem says, in a sentence, why the site could not be read to the end.
	// What is known of it is filled in all the same.
	Problem string `json:"problem,omitempty"`
}

// Scan finds every Moodle below the roots. It follows no symbolic link, does
// not look into a Moodle's code beyond what lies at its top, nor into
// moodledata, and never fails for one folder or one site. The error is ctx's,
// or of a root that is not there.
func Scan(ctx context.Context, roots []string, opt ScanOptions) (ScanReport, error) {
	s := newScan(roots, opt)
	return s.run(ctx)
}
