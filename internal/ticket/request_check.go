package ticket

import (
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"holdfast/internal/errs"
)

// The limits of a request.
const (
	MinHappened = 10   // characters
	MaxHappened = 4000 // characters
	MaxPaths    = 100
	MaxCourses  = 20
	MaxSubject  = 200 // characters
	maxPath     = 1024
	maxCourse   = 200
	oldest      = 5 * 365 * 24 * time.Hour // longer ago than any copy is kept
	ahead       = 10 * time.Minute         // by which a browser's clock may be fast
)

// WholeDatabase is why a part of a database cannot come back, and the way out.
const WholeDatabase = "The database comes back whole or not at all: its tables belong together, and a part of it from another day would break courses, grades and enrolments. " +
	"If only some courses matter, choose single courses: we open the copy beside your site and bring them back by hand, and nothing else changes."

// Replaces tells whether what is asked for changes the site itself.
func (r Request) Replaces() bool {
	switch r.What {
	case Everything, Database, Data:
		return true
	case Files:
		return r.InPlace
	default:
		return false
	}
}

// Tidy gives the request as it is kept: text without what no eye sees, lists
// without blanks and repetitions. It refuses nothing.
func (r Request) Tidy() Request {
	r.Happened, r.Why = CleanText(r.Happened), CleanText(r.Why)
	r.Zone = strings.TrimSpace(CleanLine(r.Zone))
	r.Paths, r.Courses = lines(r.Paths), lines(r.Courses)
	if r.What != Files {
		r.Paths, r.Root, r.InPlace = nil, "", false
	} else if r.Root == "" {
		r.Root = RootData
	}
	if r.What != Courses {
		r.Courses = nil
	}
	switch r.What {
	case Database:
		r.Point.Data, r.Point.DataAt = Point{}.Data, time.Time{}
	case Data, Files:
		r.Point.Database, r.Point.DatabaseAt = Point{}.Database, time.Time{}
	default:
	}
	if !r.Urgent {
		r.Why = ""
	}
	return r
}

func lines(in []string) (out []string) {
	for _, s := range in {
		s = strings.Trim(CleanLine(s), " ")
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Problems are all that is missing or wrong in a tidy request, each naming its
// field, in the order of the form. None: it can be handed in.
func (r Request) Problems(now time.Time) (all []*errs.Error) {
	bad := func(field, format string, args ...any) { all = append(all, errs.Field(field, format, args...)) }
	if n := utf8.RuneCountInString(r.Happened); n < MinHappened {
		bad("happened", "tell us what happened, in at least %d characters", MinHappened)
	} else if n > MaxHappened {
		bad("happened", "has %d characters; %d at most (attach a file for the rest)", n, MaxHappened)
	}
	if loc, err := time.LoadLocation(r.Zone); err != nil || r.Zone == "" || r.Zone == "Local" || loc == nil || len(r.Zone) > 64 {
		bad("zone", "say in which time zone, like Europe/Madrid")
	}
	switch {
	case r.At.IsZero():
		bad("at", "say when it happened, as near as you know; if you do not know, the last time that all was well")
	case r.At.After(now.Add(ahead)):
		bad("at", "lies in the future")
	case r.At.Before(now.Add(-oldest)):
		bad("at", "is longer ago than any copy reaches")
	}
	if !slices.Contains(Whats(), r.What) {
		bad("what", "choose what to bring back: everything, the database, all files, some files, or single courses")
	}
	if r.Partial {
		bad("partial", "%s", WholeDatabase)
	}
	all = append(all, r.listProblems()...)
	if (r.What == Everything || r.What == Database || r.What == Courses) && r.Point.Database.IsZero() {
		bad("point", "choose the copy to go back to")
	} else if (r.What == Everything || r.What == Data || r.What == Files) && r.Point.Data.IsZero() {
		bad("point", "choose a copy of the files to go back to")
	}
	if n := utf8.RuneCountInString(r.Why); r.Urgent && n < 10 {
		bad("why", "say in a few words why it is urgent (like: an exam begins at nine)")
	} else if n > 500 {
		bad("why", "has %d characters; 500 at most", n)
	}
	return all
}

func (r Request) listProblems() (all []*errs.Error) {
	bad := func(field, format string, args ...any) { all = append(all, errs.Field(field, format, args...)) }
	switch r.What {
	case Files:
		if r.Root != RootData && r.Root != RootCode {
			bad("root", "must be %s or %s", RootData, RootCode)
		}
		if len(r.Paths) == 0 {
			bad("paths", "name the folders or files, one a line; for all of them choose all files")
		} else if len(r.Paths) > MaxPaths {
			bad("paths", "has %d lines; %d at most (name the folder above them)", len(r.Paths), MaxPaths)
		}
		for _, p := range r.Paths {
			if err := CheckPath(p); err != nil {
				all = append(all, err)
				break
			}
		}
	case Courses:
		if len(r.Courses) == 0 {
			bad("courses", "name the courses, one a line, or give their addresses")
		} else if len(r.Courses) > MaxCourses {
			bad("courses", "has %d lines; %d at most", len(r.Courses), MaxCourses)
		}
		for _, c := range r.Courses {
			if utf8.RuneCountInString(c) > maxCourse {
				bad("courses", "%q… is longer than %d characters", string([]rune(c)[:30]), maxCourse)
				break
			}
		}
	default:
	}
	return all
}

// CheckPath tells whether a path names something below its root: relative,
// with slashes, and nothing that leads out.
func CheckPath(p string) *errs.Error {
	show := p
	if r := []rune(show); len(r) > 60 {
		show = string(r[:60]) + "…"
	}
	switch {
	case len(p) > maxPath:
		return errs.Field("paths", "%q is longer than %d bytes", show, maxPath)
	case !utf8.ValidString(p) || strings.ContainsAny(p, "\x00\\"):
		return errs.Field("paths", "%q holds characters that no path here has", show)
	case strings.HasPrefix(p, "/"):
		return errs.Field("paths", "%q must begin below the root, without a slash before it", show)
	}
	clean := path.Clean(strings.TrimSuffix(p, "/"))
	if clean == "." || clean == ".." || strings.HasPrefix(clean, "../") || clean != strings.TrimSuffix(p, "/") {
		return errs.Field("paths", "%q must name a folder or file below the root, without . or .. in it", show)
	}
	return nil
}

// Check gives the request as it is kept, or the first of its problems.
func (r Request) Check(now time.Time) (Request, error) {
	r = r.Tidy()
	if all := r.Problems(now); len(all) > 0 {
		return r, all[0]
	}
	return r, nil
}
