package ticket

import (
	"archive/zip"
	"bytes"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"holdfast/internal/errs"
)

// The limits of attachments.
const (
	MaxFiles       = 10 // of a message
	MaxFileBytes   = 20 << 20
	MaxTicketBytes = 50 << 20
	maxFileName    = 120 // characters
	headBytes      = 4096
)

// form is how a file's content shows what it is.
type form int

const (
	asText form = iota
	asPNG
	asJPEG
	asGIF
	asWebP
	asPDF
	asZip
	asGzip
	asBackup   // of a course: a zip, or a compressed tar
	asOffice   // a zip with Word's or Excel's parts
	asDocument // a zip with its media type first
)

type fileType struct {
	media string
	form  form
	part  string // of an office file: the folder that it has; of a document: its media type
}

// types are what may be attached, by the end of the name. Nothing of it is ever
// shown by a browser on our pages: it is handed out as a download.
var types = map[string]fileType{
	"png":  {"image/png", asPNG, ""},
	"jpg":  {"image/jpeg", asJPEG, ""},
	"jpeg": {"image/jpeg", asJPEG, ""},
	"gif":  {"image/gif", asGIF, ""},
	"webp": {"image/webp", asWebP, ""},
	"pdf":  {"application/pdf", asPDF, ""},
	"txt":  {"text/plain; charset=utf-8", asText, ""},
	"log":  {"text/plain; charset=utf-8", asText, ""},
	"csv":  {"text/csv; charset=utf-8", asText, ""},
	"json": {"application/json", asText, ""},
	"xml":  {"application/xml", asText, ""},
	"zip":  {"application/zip", asZip, ""},
	"gz":   {"application/gzip", asGzip, ""},
	"mbz":  {"application/vnd.moodle.backup", asBackup, ""},
	"docx": {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", asOffice, "word/"},
	"xlsx": {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", asOffice, "xl/"},
	"odt":  {"application/vnd.oasis.opendocument.text", asDocument, "application/vnd.oasis.opendocument.text"},
	"ods":  {"application/vnd.oasis.opendocument.spreadsheet", asDocument, "application/vnd.oasis.opendocument.spreadsheet"},
}

// FileTypes are the ends of names that may be attached.
func FileTypes() []string {
	out := make([]string, 0, len(types))
	for ext := range types {
		out = append(out, ext)
	}
	slices.Sort(out)
	return out
}

// reserved are names that some systems take for a device.
var reserved = []string{"con", "prn", "aux", "nul", "conin$", "conout$"}

// CleanName gives an attachment's name as it is kept and shown: the last part
// of a path, without what no eye sees or a system takes for something else. It
// is never used as the name of a file of ours.
func CleanName(name string) string {
	name = CleanLine(name)
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(`<>:"|?*%;`, r):
			return '_'
		case r == 0x200e || r == 0x200f || r == 0x200b || r == 0x2060 || r == 0x061c || r == utf8.RuneError:
			return -1
		}
		return r
	}, name)
	name = strings.TrimLeft(strings.Trim(name, " ."), "-~")
	ext := path.Ext(name)
	stem := strings.TrimRight(strings.TrimSuffix(name, ext), " .")
	first, _, _ := strings.Cut(strings.ToLower(stem), ".")
	device := len(first) == 4 && (strings.HasPrefix(first, "com") || strings.HasPrefix(first, "lpt")) && first[3] >= '0' && first[3] <= '9'
	if device || slices.Contains(reserved, strings.TrimSpace(first)) {
		stem = "_" + stem
	}
	if stem == "" {
		stem = "file"
	}
	if len([]rune(ext)) > 16 {
		stem, ext = stem+ext, ""
	}
	if r := []rune(stem); len(r) > maxFileName-len([]rune(ext)) {
		stem = string(r[:maxFileName-len([]rune(ext))])
	}
	return stem + ext
}

// CheckFile tells what a file is, by the end of its clean name and by its
// content, which must agree. What may not be attached is errs.Invalid of the
// field "files"; size is in bytes.
func CheckFile(name string, content io.ReaderAt, size int64) (media string, err error) {
	ext := strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	kind, ok := types[ext]
	switch {
	case !ok:
		return "", errs.Field("files", "%q cannot be attached; these can: %s. Put others into a zip file.", name, strings.Join(FileTypes(), ", "))
	case size == 0:
		return "", errs.Field("files", "%q is empty", name)
	case size > MaxFileBytes:
		return "", errs.Field("files", "%q is larger than %d MB", name, MaxFileBytes>>20)
	}
	head := make([]byte, min(size, headBytes))
	if _, err := content.ReadAt(head, 0); err != nil && err != io.EOF {
		return "", errs.Wrap(errs.Other, err, "The file %q could not be read.", name)
	}
	ok = kind.fits(head, content, size)
	if !ok {
		return "", errs.Field("files", "%q does not hold what its name says (%s); save it anew, or put it into a zip file", name, ext)
	}
	return kind.media, nil
}

func (k fileType) fits(head []byte, content io.ReaderAt, size int64) bool {
	has := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch k.form {
	case asPNG:
		return has("\x89PNG\r\n\x1a\n")
	case asJPEG:
		return has("\xff\xd8\xff")
	case asGIF:
		return has("GIF87a") || has("GIF89a")
	case asWebP:
		return has("RIFF") && len(head) > 12 && string(head[8:12]) == "WEBP"
	case asPDF:
		return bytes.Contains(head[:min(len(head), 1024)], []byte("%PDF-"))
	case asGzip:
		return has("\x1f\x8b\x08")
	case asBackup:
		return has("\x1f\x8b\x08") || isZip(content, size, nil)
	case asZip:
		return isZip(content, size, nil)
	case asOffice:
		return isZip(content, size, func(z *zip.Reader) bool {
			return slices.ContainsFunc(z.File, func(f *zip.File) bool { return f.Name == "[Content_Types].xml" }) &&
				slices.ContainsFunc(z.File, func(f *zip.File) bool { return strings.HasPrefix(f.Name, k.part) })
		})
	case asDocument:
		return isZip(content, size, func(*zip.Reader) bool { return bytes.Contains(head[:min(len(head), 256)], []byte(k.part)) })
	case asText:
		return isText(content, size)
	}
	return false
}

// maxEntries is how many entries of a zip file are looked at: more than any
// that people attach has.
const maxEntries = 100_000

func isZip(content io.ReaderAt, size int64, also func(*zip.Reader) bool) bool {
	var magic [4]byte
	if _, err := content.ReadAt(magic[:], 0); err != nil || string(magic[:]) != "PK\x03\x04" {
		return false
	}
	z, err := zip.NewReader(content, size)
	if err != nil || len(z.File) > maxEntries {
		return false
	}
	return also == nil || also(z)
}

// isText tells whether a file holds text and no bytes that only programs read.
// What is not UTF-8 may be an older encoding; UTF-16 must say so.
func isText(content io.ReaderAt, size int64) bool {
	r := io.NewSectionReader(content, 0, size)
	buf := make([]byte, 64<<10)
	first, wide := true, false
	for {
		n, err := r.Read(buf)
		b := buf[:n]
		if first && n >= 2 {
			wide = b[0] == 0xff && b[1] == 0xfe || b[0] == 0xfe && b[1] == 0xff
			first = false
		}
		if !wide && bytes.ContainsFunc(b, func(r rune) bool { return r < 0x20 && !strings.ContainsRune("\t\n\r\f\v\b\x1b", r) || r == 0x7f }) {
			return false
		}
		if err == io.EOF {
			return true
		}
		if err != nil {
			return false
		}
	}
}
