package moodle

import (
	"context"
	"crypto/sha1" //nolint:gosec // Moodle names its files by SHA-1; this is no protection
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
)

// EmptyHash is the contenthash of all empty files, of directory rows and of
// fresh aliases. Its file may be absent: Moodle never reads it.
const EmptyHash = "da39a3ee5e6b4b0d3255bfef95601890afd80709"

// ListLimit is how many findings of one sort an Agreement lists.
const ListLimit = 1000

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

// Agreement is the outcome of Agree. Lists hold at most ListLimit entries in
// the order of their hashes; the counts beside them are whole.
type Agreement struct {
	Hashes int64 `json:"hashes"` // distinct contents that the table names
	Rows   int64 `json:"rows"`
	Bytes  int64 `json:"bytes"` // of those contents, each once

	FilesOnDisk int64 `json:"files_on_disk"` // contents in filedir
	BytesOnDisk int64 `json:"bytes_on_disk"`
	Deep        bool  `json:"deep"` // whether contents were read

	MissingCount  int64     `json:"missing_count"` // named, and neither in filedir nor in trashdir
	Missing       []Finding `json:"missing"`
	InTrashCount  int64     `json:"in_trash_count"` // named, absent from filedir, and still in trashdir
	InTrash       []Finding `json:"in_trash"`
	SizeCount     int64     `json:"wrong_size_count"` // on disk with a length that no row has
	WrongSize     []Finding `json:"wrong_size"`
	ContentCount  int64     `json:"wrong_content_count"` // on disk with a SHA-1 that is not the name
	WrongContent  []Finding `json:"wrong_content"`
	UnreadCount   int64     `json:"unreadable_count"` // files and folders that could not be looked at
	Unreadable    []string  `json:"unreadable"`
	BadHashCount  int64     `json:"bad_hash_count"` // rows whose contenthash is no SHA-1
	ExternalCount int64     `json:"external_count"` // expected absent: only in the object store
	AliasCount    int64     `json:"alias_count"`    // expected absent: all rows are references
	OrphanCount   int64     `json:"orphan_count"`   // harmless: on disk, named by no row
	OrphanBytes   int64     `json:"orphan_bytes"`
	TempCount     int64     `json:"temp_count"`    // harmless: *.tmp, a file being written
	ForeignCount  int64     `json:"foreign_count"` // harmless: anything else in filedir, warning.txt and jackpot apart
}

// Finding is one content that does not agree.
type Finding struct {
	Hash string `json:"hash"`
	Rows int64  `json:"rows"` // how many rows name it
	Want int64  `json:"want"` // the length by the table, in bytes
	Have int64  `json:"have"` // the length on disk, -1 if it is not there
	SHA1 string `json:"sha1,omitempty"`
}

// Good tells whether a site with this agreement can show every file that it
// names. What lies in trashdir counts as good: Moodle takes it back from
// there, and so does a copy.
func (a Agreement) Good() bool {
	return a.MissingCount+a.SizeCount+a.ContentCount+a.UnreadCount+a.BadHashCount == 0
}

// want is what the table says of one content.
type want struct {
	size, min int64
	rows      int64
	seen      bool
	aliases   bool // all rows are references
	external  bool
}

type agreeing struct {
	Agreement
	ctx     context.Context //nolint:containedctx // lives for one call
	fileDir string
	want    map[[sha1.Size]byte]*want
	buf     []byte
}

// Agree compares the rows of a files table with what lies in fileDir, looking
// into trashDir for what is not there. With deep it also reads every file and
// compares its SHA-1 with its name. Rows of no length are skipped. The error
// is of the rows, of ctx, or of a fileDir that cannot be opened.
func Agree(ctx context.Context, fileDir, trashDir string, rows iter.Seq2[FileRow, error], deep bool) (Agreement, error) {
	a := &agreeing{ctx: ctx, fileDir: fileDir, want: map[[sha1.Size]byte]*want{}, buf: make([]byte, 256<<10)}
	a.Deep = deep
	a.Missing, a.InTrash, a.WrongSize, a.WrongContent, a.Unreadable = []Finding{}, []Finding{}, []Finding{}, []Finding{}, []string{}
	for row, err := range rows {
		if err != nil {
			return Agreement{}, fmt.Errorf("read the files table: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return Agreement{}, err
		}
		a.row(row)
	}
	if fi, err := os.Stat(fileDir); err != nil || !fi.IsDir() {
		if len(a.want) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Agreement{}, fmt.Errorf("open filedir %s: %w", fileDir, orNotDir(err))
		}
	} else if err := a.top(); err != nil {
		return Agreement{}, err
	}
	a.absent(trashDir)
	for _, list := range []*[]Finding{&a.Missing, &a.InTrash, &a.WrongSize, &a.WrongContent} {
		sort.Slice(*list, func(i, j int) bool { return (*list)[i].Hash < (*list)[j].Hash })
		*list = (*list)[:min(len(*list), ListLimit)]
	}
	return a.Agreement, nil
}

func orNotDir(err error) error {
	if err == nil {
		return syscall.ENOTDIR
	}
	return err
}

func (a *agreeing) row(r FileRow) {
	if r.Size <= 0 || r.ContentHash == EmptyHash {
		return
	}
	a.Rows += r.Rows
	key, ok := hashKey(r.ContentHash)
	if !ok {
		a.BadHashCount++
		return
	}
	a.Hashes++
	a.Bytes += r.Size
	a.want[key] = &want{
		size: r.Size, min: r.MinSize, rows: r.Rows,
		aliases: r.Rows > 0 && r.References >= r.Rows, external: r.External,
	}
}

// top walks filedir: two levels of folders of two hex digits, then contents.
func (a *agreeing) top() error {
	real, err := filepath.EvalSymlinks(a.fileDir) // filedir itself may be a link to another disk
	if err != nil {
		return fmt.Errorf("open filedir %s: %w", a.fileDir, err)
	}
	a.fileDir = real
	return a.level(real, "", 0)
}

func (a *agreeing) level(dir, prefix string, depth int) error {
	if err := a.ctx.Err(); err != nil {
		return err
	}
	err := eachEntry(dir, func(e fs.DirEntry) error {
		name := e.Name()
		path := filepath.Join(dir, name)
		if depth < 2 {
			switch {
			case e.IsDir() && len(name) == 2 && isHex(name):
				return a.level(path, prefix+name, depth+1)
			case depth == 0 && (name == "warning.txt" || name == "jackpot"):
			default:
				a.stranger(name)
			}
			return nil
		}
		key, ok := hashKey(name)
		if !ok || e.IsDir() || name[:4] != prefix {
			a.stranger(name)
			return nil
		}
		a.content(path, name, key, e)
		return a.ctx.Err()
	})
	if errors.Is(err, fs.ErrPermission) {
		a.unreadable(dir)
		return nil
	}
	return err
}

func (a *agreeing) stranger(name string) {
	if strings.HasSuffix(name, ".tmp") {
		a.TempCount++
	} else {
		a.ForeignCount++
	}
}

func (a *agreeing) unreadable(path string) {
	a.UnreadCount++
	if len(a.Unreadable) < ListLimit {
		a.Unreadable = append(a.Unreadable, path)
	}
}

// content judges one file of filedir.
func (a *agreeing) content(path, name string, key [sha1.Size]byte, e fs.DirEntry) {
	fi, err := e.Info()
	if err == nil && !fi.Mode().IsRegular() {
		fi, err = os.Stat(path) // Moodle would follow a link here too
	}
	if err != nil {
		return // it vanished; absent() judges it
	}
	if !fi.Mode().IsRegular() {
		a.ForeignCount++
		return
	}
	a.FilesOnDisk++
	a.BytesOnDisk += fi.Size()
	w := a.want[key]
	switch {
	case w == nil && name != EmptyHash:
		a.OrphanCount++
		a.OrphanBytes += fi.Size()
	case w != nil:
		w.seen = true
		if fi.Size() != w.size && fi.Size() != w.min {
			a.SizeCount++
			a.WrongSize = append(a.WrongSize, Finding{Hash: name, Rows: w.rows, Want: w.size, Have: fi.Size()})
		}
	}
	if a.Deep && w != nil {
		a.read(path, name, w)
	}
}

// read compares a file's SHA-1 with its name.
func (a *agreeing) read(path, name string, w *want) {
	sum, size, err := a.sha1Of(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.seen = false
	case err != nil:
		a.unreadable(path)
	case sum != name:
		a.ContentCount++
		a.WrongContent = append(a.WrongContent, Finding{Hash: name, Rows: w.rows, Want: w.size, Have: size, SHA1: sum})
	}
}

func (a *agreeing) sha1Of(path string) (string, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }()
	h := sha1.New() //nolint:gosec // Moodle's own naming
	n, err := io.CopyBuffer(h, struct{ io.Reader }{f}, a.buf)
	if err != nil {
		return "", n, err
	}
	return hex.EncodeToString(h.Sum(nil)), n, nil
}

// absent judges the contents that the walk did not meet.
func (a *agreeing) absent(trashDir string) {
	for key, w := range a.want {
		if w.seen {
			continue
		}
		hash := hex.EncodeToString(key[:])
		if fi, err := os.Stat(ContentPath(a.fileDir, hash)); err == nil && fi.Mode().IsRegular() {
			continue // it came back, or came late
		}
		f := Finding{Hash: hash, Rows: w.rows, Want: w.size, Have: -1}
		fi, err := os.Stat(ContentPath(trashDir, hash))
		switch {
		case trashDir != "" && err == nil && fi.Mode().IsRegular() && (fi.Size() == w.size || fi.Size() == w.min):
			f.Have = fi.Size()
			a.InTrashCount++
			a.InTrash = append(a.InTrash, f)
		case w.external:
			a.ExternalCount++
		case w.aliases:
			a.AliasCount++
		default:
			a.MissingCount++
			a.Missing = append(a.Missing, f)
		}
	}
}

// ContentPath gives where Moodle keeps the content of a hash of 40 hex
// digits, below filedir or trashdir.
func ContentPath(dir, hash string) string {
	return filepath.Join(dir, hash[:2], hash[2:4], hash)
}

// hashKey gives a SHA-1 in lower-case hex as bytes.
func hashKey(s string) (key [sha1.Size]byte, ok bool) {
	if len(s) != 2*sha1.Size || !isHex(s) {
		return key, false
	}
	_, err := hex.Decode(key[:], []byte(s))
	return key, err == nil
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
