package dash

import (
	"strings"
	"testing"

	"holdfast/web/ui"
)

// truthSamples are a site's page with all that is true of its copies.
func truthSamples() []sample {
	return []sample{
		{"site-truth", Site(siteTruth())},
		{"site-truth-empty", Site(siteTruthEmpty())},
		{"site-truth-hostile", Site(siteTruthHostile())},
	}
}

func siteTruth() SiteProps {
	p := sitePolicyFull()
	advice, looked, excluded := galleryAdvice(), galleryLooked(), galleryExcluded()
	p.Advice, p.Looked = &advice, &looked
	p.Excluded, p.ExcludedAs, p.ExcludedBefore, p.Exclude = excluded.Excluded, excluded.ExcludedAs, true, excluded.Exclude
	p.Copies[0].Copies[0].Truth = &CopyTruth{Files: galleryFiles("a1"), Facts: galleryCopyFacts()}
	p.Copies[0].Copies[1].Truth = &CopyTruth{Files: &Files{ID: "a2", State: ui.None, Words: "files not counted yet"}}
	p.Brakes[0].Proof, p.Brakes[0].Act = galleryEvidence(), nil
	return p
}

func siteTruthEmpty() SiteProps {
	p := siteEmpty()
	p.Advice = &Advice{Title: "Advice", State: ui.None, Word: "not known yet", Calm: "The first copies tell how the site is set up."}
	p.Looked = &LookedAgain{Empty: "Nothing is stored of this site yet."}
	p.Exclude = &ExcludeForm{Action: "/sites/2/exclusions", Version: "0", Roots: []ui.Choice{{Value: "moodledata", Label: "moodledata"}}, Preview: &ExcludePreview{Nothing: "This is what is in force already."}, Open: true}
	return p
}

func siteTruthHostile() SiteProps {
	p := siteTruth()
	long := strings.Repeat(longName, 2)
	for i, s := range []string{hostile, longName, rtlName} {
		f := &p.Advice.Findings[i]
		f.Title, f.Says, f.Remedy = s, s+long, s
	}
	p.Advice.Unjudged[0] = Unjudged{What: longName, Why: hostile}
	files := p.Copies[0].Copies[0].Truth.Files
	files.Words, files.Groups[0].Course, files.Groups[1].Area, files.Names[0].Name, files.Names[0].Course = "0.01 % of files, 412,331 missing", rtlName, longName, hostile+longName+".pdf", longName
	p.Copies[0].Copies[0].Truth.Facts[0].Value = long
	p.Excluded[0].Path, p.Excluded[0].Unusual = "moodledata/"+longName, long
	p.Exclude.Drops[0].Label, p.Exclude.Path = "moodledata/"+rtlName+"/"+longName, Field{hostile, long}
	p.Exclude.Preview.Rows[0].Path = longName + "/" + longName
	p.Exclude.Preview.Warns = []Finding{{State: ui.Failed, Word: "urgent", Title: longName, Says: hostile}}
	p.Looked.Rows[1].Note = long
	p.Brakes[0].Proof.Points = []string{hostile, longName + "/" + longName, rtlName}
	return p
}

func TestSite_SaysWhatIsTrueOfItsCopies(t *testing.T) {
	t.Parallel()
	page := render(t, Site(siteTruth()))
	for _, want := range []string{
		"99.98 % of files, 3 missing", "Biology 9b", "Photosynthese", "And 1 more.", "files not counted yet", "What to do:", "2 more", "The site on that day", "clear the alarm",
		`<button type="submit" class="btn" name="do" value="look">`, `name="do" value="save"`, `aria-invalid="true"`, "Every byte of it was read", "moodledata/old-videos",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("missing %q", want)
		}
	}
	if look, save := strings.Index(page, `value="look"`), strings.Index(page, `name="do" value="save"`); look > save {
		t.Error("Enter presses the button that saves")
	}
	if page := render(t, SiteLive(siteTruthEmpty())); strings.Contains(page, "tone-ok") || strings.Contains(page, `value="save"`) {
		t.Error("what is not known is called good, or nothing can be saved")
	}
}
