package moodle

import (
	"context"
	"iter"
)

// FileRow is one distinct content of a site's files table: the grouped form
// of MAX(filesize), MIN(filesize), COUNT(*) by contenthash.
type FileRow struct {
	ContentHash string
	Size        int64 // the largest filesize among the rows, in bytes
	MinSize     int64 // the smallest
	Rows        int64 // how many rows share this content
	References  int64 // how many of them have a referencefileid: their content may live in a repository
	External    bool  // an object store says that this content is legitimately only there
}

// Agree compares the rows of a files table with what lies in fileDir, looking
// into trashDir for what is not there. With deep it also reads every file and
// compares its SHA-1 with its name.
func Agree(ctx context.Context, fileDir, trashDir string, rows iter.Seq2[FileRow, error], deep bool) (Agreement, error) {
	panic("moodle: not built yet")
}

// Agreement is the outcome of Agree. Lists hold at most ListLimit entries;
// the counts beside them are whole.
type Agreement struct {
	Hashes int64 `json:"hashes"` // distinct contents that the table names
	Rows   int64 `json:"rows"`
	Bytes  int64 `json:"bytes"` // of those contents, each once
}
