package dash

import (
	"strconv"
	"strings"

	"holdfast/web/ui"
)

// policySamples are the pages of the policy, and a site's page with all that
// the policy has to say about it.
func policySamples() []sample {
	return []sample{
		{"site-policy", Site(sitePolicyFull())},
		{"site-policy-many", Site(sitePolicyMany(30))},
		{"site-policy-first", Site(sitePolicyFirst())},
		{"site-policy-hostile", Site(sitePolicyHostile())},
		{"policies", Policies(withPage(galleryPolicies()))},
		{"policies-hostile", Policies(policiesHostile())},
		{"policy", Policy(policyFull())},
		{"policy-published", Policy(policyPublished())},
		{"policy-assign", Policy(policyAssign())},
		{"policy-new", PolicyEdit(PolicyEditProps{Page: staff(PoliciesSection), Title: "New policy", Action: PolicyNewPath})},
		{"policy-edit", PolicyEdit(policyEdit(galleryEdit()))},
		{"policy-wrong", PolicyEdit(policyEdit(galleryEditWrong()))},
		{"policy-preview", PolicyEdit(policyPreviewed())},
		{"policy-hostile", PolicyEdit(policyHostile())},
		{"gallery", Gallery()},
		{"gallery-bare", GalleryBare()},
	}
}

func withPage(p PoliciesProps) PoliciesProps {
	p.Page = staff(PoliciesSection)
	return p
}

func sitePolicyFull() SiteProps {
	p := siteFull()
	ruler, kept, calendar, bin := galleryRuler(), galleryKept(), galleryCalendar(), galleryBin()
	p.Ruler, p.Kept, p.Calendar, p.Bin = &ruler, &kept, &calendar, &bin
	p.RPO, p.Brakes, p.Protect = galleryRPO(), galleryBrakes(), galleryProtect()
	p.Copies = []CopyGroup{galleryCopies(), p.Copies[1]}
	p.Policy = &SitePolicy{Name: "published", Href: PoliciesPath + "/published", Version: "built in", Words: "Database: 7 daily, 5 weekly, 60 monthly. Data: 6 hourly, 7 daily, 4 weekly, 3 monthly.", Assign: &AssignForm{
		Action: "/sites/1/policy", Choices: []ui.Choice{{Value: "published", Label: "published", Selected: true}, {Value: "gold", Label: "gold"}},
	}, Hold: &PinForm{Action: "/sites/1/hold"}}
	return p
}

// sitePolicyMany is a site with n copies listed, as many in the bin,
// and a calendar of five years.
func sitePolicyMany(n int) SiteProps {
	p := sitePolicyFull()
	one, gone := p.Copies[0].Copies[0], p.Bin.Rows[0]
	p.Copies[0].Copies, p.Bin.Rows = nil, nil
	for i := range n {
		c := one
		c.ID = "m" + strconv.Itoa(i)
		c.Acts = &CopyActs{ID: c.ID, Protect: &ProtectForm{Action: "/copies/" + c.ID + "/protection", Days: Field{Value: "30"}}, Pin: &PinForm{Action: "/copies/" + c.ID + "/pin"}, Hold: &PinForm{Action: "/copies/" + c.ID + "/hold"}}
		p.Copies[0].Copies = append(p.Copies[0].Copies, c)
		p.Bin.Rows = append(p.Bin.Rows, gone)
	}
	months := &p.Calendar.Rules[0].Months
	for range 3 {
		*months = append(*months, *months...)
	}
	return p
}

// sitePolicyFirst is a site that has two copies, and nothing served yet.
func sitePolicyFirst() SiteProps {
	p := siteEmpty()
	ruler := galleryRulerFew()
	p.Ruler = &ruler
	p.Kept = &KeptProps{Empty: "The policy counts from the first night on, today at 00:00."}
	p.Calendar = &CalendarProps{Empty: "No slot was due yet."}
	p.Bin = &BinProps{Empty: "Nothing waits to be deleted."}
	p.RPO = []RPOLine{{Kind: "Database", State: ui.None, Word: "none yet", Most: "at most 24 h", Why: "The first copy is on its way."}, {Kind: "Data", State: ui.None, Word: "none yet", Most: "at most 4 h"}}
	p.Protect = &ProtectForm{Action: "/sites/1/backups", Days: Field{"0", "Protect it for at least one day."}, Open: true, Off: true, Why: "Both kinds are queued already."}
	return p
}

func sitePolicyHostile() SiteProps {
	p := sitePolicyFull()
	p.Page = customer(SitesSection)
	p.Name, p.Policy.Name, p.Policy.Words = hostile+longName, longName, hostile
	p.Ruler = &RulerProps{Empty: "There is no copy of this site yet, so it cannot go back at all."}
	p.Kept.Groups[0].Rules[0].Tier, p.Kept.Groups[0].Rules[0].When = longName, rtlName
	p.Kept.Groups[0].Rules[1].Slots[0].State = SlotState(`x" onload="y`)
	p.Kept.Groups[0].Rules[1].Slots[0].Name, p.Kept.Groups[0].Rules[1].Slots[0].Note = hostile, hostile
	p.Kept.Notes = append(p.Kept.Notes, longName+longName, rtlName)
	c := p.Copies[0].Copies
	c[0].Tiers, c[0].Why = []string{longName, rtlName, hostile}, []string{hostile, longName + longName}
	c[1].Keep = Keeping{Protected: galleryDay(galleryNight(-1)), ProtectedWhy: longName + longName, Pinned: rtlName, Held: hostile, InUse: longName}
	p.Bin.Rows[0].Why, p.Bin.Rows[0].Served, p.Bin.Rows[1].Stopped = longName+longName, rtlName, hostile
	p.Brakes[0].Title, p.Brakes[0].Detail = longName, hostile
	p.RPO[1].Owed, p.RPO[1].Why = longName, hostile
	return p
}

func policiesHostile() PoliciesProps {
	p := withPage(galleryPolicies())
	p.Policies[1].Name, p.Policies[1].Words = strings.Repeat("long-", 12), hostile
	p.Policies[2].Name, p.Policies[2].Words = hostile, longName+longName
	return p
}

func policyFull() PolicyProps {
	p := galleryPolicy()
	p.Page = staff(PoliciesSection)
	return p
}

func policyPublished() PolicyProps {
	p := policyFull()
	p.Name, p.About, p.EditHref, p.Versions, p.Assign = "published", "Built in, promised to every customer", "", nil, nil
	p.EditWhy = "It is what every customer is promised, so it cannot be changed. Copy it to make one of your own."
	p.Sites, p.NoSites = nil, "Every site follows another policy."
	return p
}

func policyAssign() PolicyProps {
	p := policyFull()
	p.Sites[0].Name, p.Sites[1].Name, p.Sites[1].Tenant = longName, rtlName, hostile
	p.Versions[0].Note, p.Versions[1].Who = longName+longName, hostile
	p.Assign.Site = Field{Value: "campus.oak.example"}
	p.Assign.Preview = galleryPreview()
	p.Assign.Preview.Save = "Give campus.oak.example this policy"
	return p
}

func policyEdit(p PolicyEditProps) PolicyEditProps {
	p.Page = staff(PoliciesSection)
	return p
}

func policyPreviewed() PolicyEditProps {
	p := policyEdit(galleryEdit())
	p.Note.Value, p.Preview = "Eight weeks of Fridays, as Hillcrest asked", galleryPreview()
	return p
}

func policyHostile() PolicyEditProps {
	p := policyPreviewed()
	p.Name = Field{hostile, longName + longName}
	for i := range p.Rules {
		p.Rules[i].Tier = Field{longName, hostile}
		p.Rules[i].At = Field{rtlName, rtlName}
	}
	p.Preview.Expire[1].Copies = []string{longName + longName, hostile, rtlName}
	p.Preview.First[0].Tiers, p.Preview.Save = longName, "Save as "+longName
	return p
}
