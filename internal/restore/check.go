package restore

import (
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"holdfast/internal/backup"
	"holdfast/internal/errs"
)

// What bounds a list of files.
const (
	maxPaths    = 1000
	maxPathSize = 4096
	// MinWithoutSafety is how long a reason to do without a safety copy is at
	// least, in characters.
	MinWithoutSafety = 10
)

// DefaultRoot is the root that files come from when none is named.
const DefaultRoot = "moodledata"

// Check gives the input in its plain form, or errs.Invalid with the field.
func (in Input) Check(what What) (Input, error) {
	if !slices.Contains(Whats(), what) {
		return in, errs.Field("what", "%q must be everything, database, data or files", string(what))
	}
	if what != Files {
		if len(in.Paths) > 0 || in.Root != "" {
			if what == Database || what == Everything {
				return in, errs.Field("paths", "a database is never restored in part, for its tables hold together; leave the paths away, or bring single courses back through a mirror of the site")
			}
			return in, errs.Field("paths", "single folders and files are asked for as files")
		}
		if in.InPlace {
			in.InPlace = false // it always is
		}
		return in, nil
	}
	if in.Root == "" {
		in.Root = DefaultRoot
	}
	if strings.ContainsAny(in.Root, "/\\\x00") || in.Root == "." || in.Root == ".." || len(in.Root) > 255 {
		return in, errs.Field("root", "%q must be the name of a root of the copy, like moodledata or code", in.Root)
	}
	if len(in.Paths) > maxPaths {
		return in, errs.Field("paths", "more than %d; ask for the folders that hold them", maxPaths)
	}
	clean := make([]string, 0, len(in.Paths))
	for _, p := range in.Paths {
		c, err := cleanPath(p)
		if err != nil {
			return in, err
		}
		if !slices.Contains(clean, c) {
			clean = append(clean, c)
		}
	}
	in.Paths = clean
	if in.InPlace && len(in.Paths) == 0 {
		return in, errs.Field("paths", "name the folders or files to put back in place; all of them is what data is for")
	}
	return in, nil
}

// cleanPath takes a path below the root and nothing else.
func cleanPath(p string) (string, error) {
	switch {
	case p == "" || !utf8.ValidString(p) || len(p) > maxPathSize || strings.ContainsRune(p, 0):
		return "", errs.Field("paths", "%q is not a path of 1 to %d bytes", clipPath(p), maxPathSize)
	case strings.HasPrefix(p, "/"):
		return "", errs.Field("paths", "%q must be written from the root of the copy on, without a slash before it", clipPath(p))
	case slices.Contains(strings.Split(p, "/"), ".."):
		return "", errs.Field("paths", "%q leads out of the copy", clipPath(p))
	}
	return path.Clean(p), nil
}

func clipPath(p string) string {
	p = strings.ToValidUTF8(p, "?")
	if r := []rune(p); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return p
}

// Replaces tells which kinds of the site's own state the restore replaces, and
// so has a safety copy of.
func (in Input) Replaces(what What) []backup.Kind {
	switch what {
	case Everything:
		return backup.Kinds()
	case Database:
		return []backup.Kind{backup.Database}
	case Data:
		return []backup.Kind{backup.Data}
	case Files:
		if in.InPlace {
			return []backup.Kind{backup.Data}
		}
	}
	return nil
}

// Reads tells which kinds of copies the restore needs.
func (w What) Reads() []backup.Kind {
	switch w {
	case Everything:
		return backup.Kinds()
	case Database:
		return []backup.Kind{backup.Database}
	case Data, Files:
		return []backup.Kind{backup.Data}
	}
	return nil
}

// CheckWithoutSafety checks why a safety copy is done without; "" is none.
func CheckWithoutSafety(why string) (string, error) {
	why = strings.Join(strings.Fields(why), " ")
	switch n := utf8.RuneCountInString(why); {
	case why == "":
		return "", nil
	case n < MinWithoutSafety:
		return "", errs.Field("without_safety", "say in %d characters or more why there is to be no safety copy; it is kept with the restore", MinWithoutSafety)
	case len(why) > 300:
		return "", errs.Field("without_safety", "is longer than 300 characters")
	}
	return why, nil
}
