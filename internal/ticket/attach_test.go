package ticket_test

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"holdfast/internal/errs"
	"holdfast/internal/ticket"
)

func zipped(t *testing.T, entries ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		name, body, _ := strings.Cut(e, "=")
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCheckFile_NameAndContentAgree(t *testing.T) {
	t.Parallel()
	doc := zipped(t, "[Content_Types].xml=<x/>", "word/document.xml=<x/>")
	sheet := zipped(t, "[Content_Types].xml=<x/>", "xl/workbook.xml=<x/>")
	odt := zipped(t, "mimetype=application/vnd.oasis.opendocument.text", "content.xml=<x/>")
	good := map[string]string{
		"a.png": "\x89PNG\r\n\x1a\nxx", "a.JPG": "\xff\xd8\xff\xe0", "a.jpeg": "\xff\xd8\xff\xdb", "a.gif": "GIF89a..", "a.webp": "RIFF\x00\x00\x00\x00WEBPVP8 ",
		"a.pdf": "%PDF-1.7\n", "a.txt": "hello", "a.log": "x\x1b[31m\n", "a.csv": "M\xfcller;3\n", "b.csv": "\xff\xfeM\x00\xfc\x00", "a.json": "{}", "a.xml": "<a/>",
		"a.zip": zipped(t, "x=1"), "a.tar.gz": "\x1f\x8b\x08\x00", "a.mbz": zipped(t, "moodle_backup.xml=<x/>"), "b.mbz": "\x1f\x8b\x08\x00",
		"a.docx": doc, "a.xlsx": sheet, "a.odt": odt,
	}
	for name, content := range good {
		if media, err := ticket.CheckFile(name, strings.NewReader(content), int64(len(content))); err != nil || media == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := map[string]string{
		"a.exe": "MZ\x90\x00", "a.html": "<html>", "a.svg": "<svg/>", "a.php": "<?php", "a": "x", "a.png.exe": "\x89PNG\r\n\x1a\n", ".png": "",
		"b.png": "<html><script>", "c.png": "GIF89a", "a.txt": "MZ\x90\x00\x03", "b.txt": "\x7fELF", "a.jpg": "%PDF-1.7", "a.pdf": "<html>",
		"a.docx": sheet, "a.xlsx": zipped(t, "x=1"), "a.odt": doc, "a.ods": odt, "a.zip": "PK\x03\x04 and no more", "b.zip": "PK", "a.gz": "PK\x03\x04",
		"a.webp": "RIFF", "empty.txt": "", "a.json": "\x00{}",
	}
	for name, content := range bad {
		if _, err := ticket.CheckFile(name, strings.NewReader(content), int64(len(content))); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ticket.CheckFile("a.txt", strings.NewReader("x"), ticket.MaxFileBytes+1); !errs.Is(err, errs.Invalid) {
		t.Errorf("too large: %v", err)
	}
}

func TestCleanName_IsOneHarmlessName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"report.pdf": "report.pdf", "../../etc/passwd": "passwd", `C:\Users\anna\a.txt`: "a.txt", "invoice\u202efdp.exe": "invoicefdp.exe", "a\x00b.txt": "ab.txt",
		"con.txt": "_con.txt", "COM1.log": "_COM1.log", "nul": "_nul", "com10.txt": "com10.txt", "": "file", "..": "file", "...": "file", ".htaccess": "htaccess",
		" a .txt ": "a.txt", "a\r\nSet-Cookie: x.txt": "a Set-Cookie_ x.txt", `a"b;c.png`: "a_b_c.png", "-rf.txt": "rf.txt", "\xff.png": "png", "Zeugnis Müller.docx": "Zeugnis Müller.docx",
		"aux.tar.gz": "_aux.tar.gz", "a\u200b\u200e.txt": "a.txt", "/": "file", "日本語.zip": "日本語.zip",
	} {
		if got := ticket.CleanName(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzCleanName(f *testing.F) {
	for _, s := range []string{"a.txt", "../x", "\u202e", "con", strings.Repeat("é", 500) + ".pdf", "a." + strings.Repeat("b", 300), "\xf0\x28\x8c\x28"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := ticket.CleanName(s)
		if n == "" || !utf8.ValidString(n) || len([]rune(n)) > 140 || strings.ContainsAny(n, "/\\\x00\r\n\"<>:|?*;") || n == "." || n == ".." || strings.HasPrefix(n, ".") {
			t.Fatalf("%q: %q", s, n)
		}
		if again := ticket.CleanName(n); again != n {
			t.Fatalf("%q: %q, and again %q", s, n, again)
		}
	})
}
