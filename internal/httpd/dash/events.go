package dash

import (
	"encoding/json"
	"strings"
	"time"

	"holdfast/internal/httpd/words"
	"holdfast/web/dash"
)

// timelineRows is how many events a site's page has.
const timelineRows = 20

// happening is what an event's detail may say. Each verb has its own parts.
type happening struct {
	Kind         string    `json:"kind"`
	Reason       string    `json:"reason"`
	Error        string    `json:"error"`
	Until        time.Time `json:"until"`
	Why          string    `json:"why"`
	What         string    `json:"what"`
	DeletedAfter time.Time `json:"deleted_after"`
	Policy       string    `json:"policy"`
	Hours        string    `json:"hours"`
	Name         string    `json:"name"`
	Version      int64     `json:"version"`
	Note         string    `json:"note"`
	Host         string    `json:"host"`
	ProtectDays  int64     `json:"protect_days"`
	ProtectWhy   string    `json:"protect_why"`
	Damage       string    `json:"damage"`
	Seconds      int64     `json:"seconds"`
	Final        bool      `json:"final"`
	Protected    []string  `json:"protected"`
	Kept         []string  `json:"kept"`
	LeftOut      []string  `json:"left_out"`
	Strays       int64     `json:"strays"`
}

// teller words events as of an instant, in a zone. All pages that tell what
// happened ask it, so that a thing is called the same everywhere.
type teller struct {
	now  time.Time
	zone *time.Location
}

// timeline is what happened to the site, the newest first. What is routine,
// the steps of a run that went well, is in the list of runs.
func (s sitePage) timeline() []dash.EventRow {
	var out []dash.EventRow
	for _, e := range s.Events {
		text, note := teller{s.now, s.zone}.told(e.Verb, e.Detail)
		if text == "" {
			continue
		}
		if len(out) == timelineRows {
			break
		}
		out = append(out, dash.EventRow{When: when(s.now, e.At, s.zone), Text: text, Note: note, Who: whoWords(e.Actor, s.person, s.Site.TenantName, s.names)})
	}
	return out
}

// told words one event; no text for what is routine, or not known.
func (t teller) told(verb string, detail json.RawMessage) (text, note string) {
	var h happening
	if err := json.Unmarshal(detail, &h); err != nil {
		return "", ""
	}
	a, _, _ := strings.Cut(verb, ".")
	switch a {
	case "copy":
		return t.toldOfCopy(verb, h)
	case "run":
		return t.toldOfRun(verb, h)
	case "restore":
		if text, note, _ = restoreEventWords(verb, detail); text != "" {
			text = "Restore: " + strings.ToLower(text[:1]) + text[1:]
		}
		return text, note
	}
	return t.toldOfSite(verb, h)
}

func (t teller) date(at time.Time) string {
	if at.IsZero() {
		return "a date that is not known"
	}
	return words.Day(t.now, at, t.zone)
}

func copyOf(kind string) string {
	if kind == "" {
		return "A copy"
	}
	return "A " + kind + " copy"
}

func (t teller) toldOfCopy(verb string, h happening) (text, note string) {
	switch verb {
	case "copy.protected":
		return "A copy is protected until " + t.date(h.Until) + ".", h.Why
	case "copy.unprotected":
		return "A copy's protection was ended.", ""
	case "copy.pinned":
		return "A copy was pinned: it stays until it is unpinned.", h.Reason
	case "copy.unpinned":
		return "A copy was unpinned.", ""
	case "copy.held":
		return "A legal hold was put on a copy.", h.Reason
	case "copy.released":
		return "A copy's legal hold was lifted.", ""
	case "copy.expired":
		return copyOf(h.Kind) + " went to the bin, for no rule keeps it; it is deleted after " + t.date(h.DeletedAfter) + ".", ""
	case "copy.out_of_bin":
		return "A copy came out of the bin, for something keeps it again.", ""
	case "copy.taken_back":
		return "A copy was taken back from the bin, and is protected until " + t.date(h.Until) + ".", h.Why
	case "copy.deleting":
		return "A copy is being deleted from storage: its day in the bin is over.", ""
	case "copy.deletion_stopped":
		return "A copy's deletion stands still, for something keeps it again; it is asked anew every hour.", ""
	case "copy.deleted":
		return copyOf(h.Kind) + " was deleted from storage.", ""
	case "copy.damaged":
		return "A copy is damaged: reading it back found bytes that are not what was stored.", h.Damage
	case "copy.opened":
		return "A copy was opened to be read.", ""
	case "copy.sealed":
		return "A database copy was also written as a sealed file.", ""
	}
	return "", "" // copy.taken: the list of runs has it
}

func (t teller) toldOfRun(verb string, h happening) (text, note string) {
	switch verb {
	case "run.protected":
		return "The copy under way will be protected for " + words.Many(h.ProtectDays, "day", "days") + ".", h.ProtectWhy
	case "run.failed":
		return "A run failed.", h.Error
	case "run.cancelled":
		return "A run was cancelled.", h.Reason
	}
	return "", ""
}

func (t teller) toldOfSite(verb string, h happening) (text, note string) {
	if text, note = toldOfTruth(verb, h); text != "" {
		return text, note
	}
	switch verb {
	case "moodle.changed":
		text = "Moodle changed: " + strings.TrimRight(h.What, ". ") + "."
		if n := int64(len(h.Protected)); n > 0 {
			note = words.Capital(words.Many(n, "copy", "copies")) + " from before it " + isAre(n) + " protected."
		}
		return text, note
	case "site.added":
		return "The site was added.", ""
	case "site.suspended":
		return "The site was suspended: no copy is taken.", h.Reason
	case "site.resumed":
		return "The site was resumed.", h.Reason
	case "site.held":
		return "A legal hold was put on the site: nothing of it is deleted.", h.Reason
	case "site.released":
		return "The site's legal hold was lifted.", ""
	case "site.policy_assigned":
		return "The site follows the policy " + h.Policy + " from here on.", ""
	case "site.hours_set":
		return "The site's backup window was changed: scheduled backups start " + hoursWords(h.Hours, "as those of the customer's other sites") + ".", ""
	case "tenant.hours_set":
		return "The customer's backup window was changed: scheduled backups start " + hoursWords(h.Hours, "at any hour") + ".", ""
	case "run.put_off":
		return "A backup waits for the next opening of the backup window.", ""
	case "policy.created":
		return "The policy " + h.Name + " was made.", h.Note
	case "policy.edited":
		return "The policy " + h.Name + " was changed, to version " + words.Count(h.Version) + ".", h.Note
	case "repository.maintained":
		return "", "" // every few days, and nobody's concern
	case "clock.jumped":
		return "A clock jumped by " + words.Span(time.Duration(max(h.Seconds, -h.Seconds))*time.Second) + ": nothing is deleted until it has run steadily for a day.", ""
	case "clock.trusted":
		return "The clock is trusted again: what expired is deleted as before.", ""
	case "keeper.task_failed":
		if h.Final {
			return "Work in storage failed, and is not tried again by itself.", h.Error
		}
	}
	return "", ""
}

func isAre(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
