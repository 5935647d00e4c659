package figure

import (
	"fmt"
	"strings"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/httpd/words"
	"holdfast/web/truth"
	"holdfast/web/ui"
)

// How much of what is missing a page names.
const (
	groupsShown = 20
	namesShown  = 30
)

type files truth.Files

// Files words how much of what a database copy names there is, with the data
// copy that fits it best; nil where nothing can be said.
func Files(c app.Completeness, who Reader) *truth.Files {
	f := &files{ID: strings.ReplaceAll(c.Copy.String(), "-", "")}
	switch {
	case !c.Listed:
		f.State, f.Words = ui.None, "files not counted"
		if who == Customer {
			return (*truth.Files)(f)
		}
		f.Notes = []string{"This copy was taken before files were counted, so which of the files that its courses name are there was not measured."}
		return (*truth.Files)(f)
	case c.Best == nil:
		f.State, f.Words = ui.None, "no copy of files goes with it"
	case !c.Best.Measured && c.MeasuresFailed > 0 && c.MeasuresWaiting == 0:
		f.State, f.Words = ui.None, "files not counted"
		if who == Staff {
			f.Notes = append(f.Notes, "Counting failed: "+words.Stop(words.Capital(orDash(c.LastMeasureError))))
		}
	case !c.Best.Measured:
		f.State, f.Words = ui.None, "files not counted yet"
	default:
		f.measured(*c.Best, who)
	}
	if who == Staff || f.State == ui.Incomplete || c.External > 0 {
		f.notes(c, who)
	}
	f.names(c, who)
	return (*truth.Files)(f)
}

func orDash(s string) string {
	if s == "" {
		return "nothing was said"
	}
	return s
}

// measured says what the best pair has.
func (f *files) measured(p app.PairView, who Reader) {
	missing := p.Referenced - p.WithNamed
	if missing <= 0 {
		f.State, f.Words = ui.Good, "all "+words.Many(p.Referenced, "file", "files")
		if p.Referenced == 0 {
			f.Words = "it names no files"
		}
		return
	}
	f.State, f.Words = ui.Incomplete, Share(p.WithNamed, p.Referenced)+" of files, "+words.Count(missing)+" missing"
	for _, g := range p.Missing.By[:min(len(p.Missing.By), groupsShown)] {
		x := truth.Group{Course: g.Course, Area: Area(g.Area, who), Files: Number(g.Files, "file", "files"), Bytes: Size(g.Bytes)}
		if x.Course == "" {
			x.Course = "outside courses"
		}
		f.Groups = append(f.Groups, x)
	}
	if more := int64(len(p.Missing.By)-len(f.Groups)) + int64(p.Missing.More); more > 0 && len(f.Groups) > 0 {
		f.More = "And " + words.Many(more, "place more", "places more") + "."
	}
}

// notes say how the two copies lie to each other, and what comes from where.
func (f *files) notes(c app.Completeness, who Reader) {
	if b := c.Best; b != nil {
		f.Notes = append(f.Notes, "The copy of the files that fits it best was taken "+skewWords(b.Skew)+".")
		if b.Measured && b.WithNamed > b.Present {
			f.Notes = append(f.Notes, words.Capital(words.Many(b.WithNamed-b.Present, "file", "files"))+" of them came too late for that copy, or were gone by then; we kept them with the database copy.")
		}
	} else {
		f.Notes = append(f.Notes, "No copy of the files is left from about then.")
	}
	if c.Kept && who == Staff {
		f.Notes = append(f.Notes, "The files that it names are kept for as long as it is: "+words.Many(c.KeptFiles, "file", "files")+", "+words.Bytes(c.KeptBytes)+", of which "+words.Bytes(c.KeptStoredBytes)+" were new in storage.")
	} else if c.Kept {
		f.Notes = append(f.Notes, "We keep the files that it names for as long as the copy itself.")
	}
	if c.External > 0 {
		said := words.Many(c.External, "file lies", "files lie")
		if who == Staff {
			f.Notes = append(f.Notes, words.Capital(said)+" in an object store alone: no copy of ours has them, and they are not counted here.")
		} else {
			f.Notes = append(f.Notes, words.Capital(said)+" in another store outside of your site, which is not part of these copies.")
		}
	}
	if c.FromTrash > 0 && who == Staff {
		f.Notes = append(f.Notes, words.Capital(words.Many(c.FromTrash, "file was", "files were"))+" found in trashdir alone on that day, and saved from there.")
	}
}

// names are what was missing on the site itself.
func (f *files) names(c app.Completeness, who Reader) {
	for _, m := range c.MissingList[:min(len(c.MissingList), namesShown)] {
		x := truth.Name{Name: m.Name, Course: m.Course, Area: Area(m.Area, who), Size: Size(m.Bytes)}
		if x.Course == "" {
			x.Course = "outside courses"
		}
		f.Names = append(f.Names, x)
	}
	if more := c.MissingAtSource - int64(len(f.Names)); more > 0 {
		f.Others = "And " + words.Count(more) + " more."
	}
}

// skewWords says how the data copy lies to the database copy.
func skewWords(skew time.Duration) string {
	switch {
	case skew.Abs() < time.Minute:
		return "at the same time"
	case skew < 0:
		return words.Span(-skew) + " before it"
	}
	return words.Span(skew) + " after it"
}

// Share writes a part in per cent: two digits, and never 100 where something
// is missing.
func Share(part, of int64) string {
	if of <= 0 || part >= of {
		return "100 %"
	}
	hundredths := int64(float64(max(part, 0)) / float64(of) * 10_000)
	return fmt.Sprintf("%d.%02d %%", min(hundredths, 9_999)/100, min(hundredths, 9_999)%100)
}

// areas are what people call the places where Moodle keeps files: a whole area
// first, then its component.
var areas = map[string]string{
	"assignsubmission_file": "assignment submissions", "assignsubmission_onlinetext": "assignment submissions", "assignfeedback_file": "feedback on assignments",
	"assignfeedback_editpdf": "feedback on assignments", "backup": "course backups", "badges": "badges", "blog": "blogs", "calendar": "the calendar", "contentbank": "the content bank",
	"core_admin": "the look of the site", "core_h5p": "interactive content", "course": "courses’ own pages", "course/section": "sections of courses", "course/overviewfiles": "courses’ pictures",
	"coursecat": "course categories", "grade": "grades", "group": "groups", "message_email": "messages", "mod_assign": "assignments", "mod_book": "books", "mod_data": "databases of pupils’ entries",
	"mod_feedback": "feedback forms", "mod_folder": "folders", "mod_forum": "forums", "mod_forum/attachment": "attachments in forums", "mod_glossary": "glossaries", "mod_h5pactivity": "interactive content",
	"mod_imscp": "content packages", "mod_label": "text on course pages", "mod_lesson": "lessons", "mod_lti": "external tools", "mod_page": "pages", "mod_quiz": "quizzes", "mod_resource": "files in courses",
	"mod_scorm": "learning packages", "mod_url": "links", "mod_wiki": "wikis", "mod_workshop": "workshops", "question": "questions", "qtype_essay": "essays in quizzes", "tool_recyclebin": "the recycle bin",
	"user": "people’s own files", "user/icon": "people’s pictures", "user/private": "people’s private files", "user/draft": "drafts",
}

// Area names a place where Moodle keeps files. Staff see Moodle's own name of
// one that has no other; customers hear where it is about.
func Area(area string, who Reader) string {
	component, _, _ := strings.Cut(area, "/")
	for _, key := range []string{area, component} {
		if word := areas[key]; word != "" {
			return words.Capital(word)
		}
	}
	if who == Customer || area == "" {
		return "Other places"
	}
	return area
}
