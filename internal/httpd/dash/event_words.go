package dash

import (
	"encoding/json"
	"strings"
	"time"

	"holdfast/internal/httpd/words"
)

// said is what the details of events that concern no single site may say.
// Numbers and texts share some names, so those are read as they come.
type said struct {
	Name, Kind, Role, Staff, Hostname, Version string
	How, Factor, Purpose, Task, Error, Reason  string
	From, To, Zone, Device                     any
	Left, Sessions, Codes, Repositories        int64
	Expires                                    time.Time
	Host                                       string
	Attempt                                    int64
	Changed                                    []string
	Was                                        string
}

// tells words any event: what the site's timeline has words for by those, the
// rest by its own. A verb that nobody worded is shown as it is.
func (t teller) tells(verb string, detail json.RawMessage) (text, note string) {
	if text, note = t.told(verb, detail); text != "" {
		return text, note
	}
	var d said
	if err := json.Unmarshal(detail, &d); err != nil {
		d = said{}
	}
	kind, _, _ := strings.Cut(verb, ".")
	switch kind {
	case "account", "invitation", "mail":
		text, note = t.tellsOfPeople(verb, d)
	case "host", "destination":
		text, note = t.tellsOfMachines(verb, d)
	default:
		text, note = t.tellsOfWork(verb, d)
	}
	if text == "" {
		text = words.Stop(words.Capital(strings.NewReplacer(".", ": ", "_", " ").Replace(verb)))
	}
	return text, note
}

// called gives " NAME", or nothing.
func called(name string) string {
	if name == "" {
		return ""
	}
	return " " + name
}

func textOf(v any) string {
	s, _ := v.(string)
	return s
}

// count writes a number of an event's detail.
func countOf(v any) string {
	n, _ := v.(float64)
	return words.Count(int64(n))
}

var proofWords = map[string]string{
	"password": "with a password", "passkey": "with a passkey", "code": "with a code", "link": "by a link sent by mail",
	"recovery": "with a recovery code", "provider": "by the identity provider", "oidc": "by the identity provider",
}

func (t teller) tellsOfPeople(verb string, d said) (string, string) {
	role := d.Role
	if d.Staff != "" {
		role = d.Staff + " of the staff"
	}
	switch verb {
	case "account.added":
		return "An account was added.", words.Capital(role)
	case "account.signed_in":
		return "Signed in" + called(proofWords[d.How]) + ".", textOf(d.Device)
	case "account.sign_in_failed":
		return "A try to sign in" + called(proofWords[d.How]) + " was refused.", textOf(d.Device)
	case "account.signed_out":
		return "Signed out.", ""
	case "account.session_ended":
		return "One of the own sessions was ended.", ""
	case "account.other_sessions_ended":
		return "All other sessions were ended: " + words.Count(d.Sessions) + ".", ""
	case "account.factor_added":
		return "A second factor was added: " + factorWord(d.Factor) + ".", ""
	case "account.factor_removed":
		return "A second factor was removed: " + factorWord(d.Factor) + ".", ""
	case "account.factors_reset":
		return "The second factors of an account were reset.", ""
	case "account.recovery_codes_made":
		return "New recovery codes were made: " + words.Count(d.Codes) + ".", ""
	case "account.recovery_code_used":
		return "A recovery code was used; " + words.Count(d.Left) + " are left.", ""
	case "account.link_made":
		if d.Purpose == "reset" {
			return "A link to set a new password was made.", ""
		}
		return "A link to sign in was made.", ""
	case "account.reset_link_asked":
		return "A new password was asked for.", ""
	case "account.password_changed", "account.password_set":
		return "A password was changed.", ""
	case "account.role_changed":
		if role == "" {
			role = textOf(d.To) // by the identity provider
		}
		if d.Was != "" {
			role = "from " + d.Was + " to " + role
		}
		return "The role of an account was changed.", words.Capital(role)
	case "account.disabled":
		return "An account was disabled.", d.Reason
	case "account.enabled":
		return "An account was enabled again.", ""
	case "account.member_removed":
		return "Somebody was taken out of an organisation.", ""
	case "account.time_zone_set":
		if textOf(d.Zone) == "" {
			return "Times are shown by each site's own clock.", ""
		}
		return "Times are shown by the clock of " + textOf(d.Zone) + ".", ""
	case "invitation.made":
		return "Somebody was invited.", words.Capital(role)
	case "invitation.accepted":
		return "An invitation was accepted.", words.Capital(role)
	case "invitation.revoked":
		return "An invitation was taken back.", ""
	case "mail.failed":
		return "A letter could not be sent.", ""
	}
	return "", ""
}

func factorWord(f string) string {
	if f == "code" || f == "totp" {
		return "codes of an app"
	}
	if f == "" {
		return "not said which"
	}
	return f
}

func (t teller) tellsOfMachines(verb string, d said) (string, string) {
	switch verb {
	case "host.added":
		return "The host" + called(d.Name) + " was added.", ""
	case "host.enrolment_made":
		return "A token to enrol the host" + called(d.Name) + " was made.", ""
	case "host.enrolled":
		return "The agent of the host" + called(d.Name) + " enrolled.", d.Hostname
	case "host.agent_started":
		return "The agent of the host" + called(d.Name) + " began anew.", d.Version
	case "host.active":
		return "The host" + called(d.Name) + " came back from maintenance.", d.Reason
	case "host.maintenance":
		return "The host" + called(d.Name) + " went into maintenance.", d.Reason
	case "host.discovery_asked":
		return "The host" + called(d.Name) + " was asked to look for sites.", ""
	case "host.discovered":
		return "The host" + called(d.Name) + " has looked for sites: " + countOf(d.To) + " found.", ""
	case "host.discovery_failed":
		return "Looking for sites on the host" + called(d.Name) + " failed.", d.Error
	case "host.revoked":
		return "The agent of the host" + called(d.Name) + " was revoked.", d.Reason
	case "host.limited":
		return "The host" + called(d.Name) + " may have " + countOf(d.To) + " runs at once, not " + countOf(d.From) + ".", ""
	case "destination.added":
		return "The destination" + called(d.Name) + " was added.", ""
	case "destination.limited":
		if n, _ := d.To.(float64); n == 0 {
			return "The destination has no limit of runs any more.", ""
		}
		return "At most " + countOf(d.To) + " runs may write to the destination at once.", ""
	case "destination.read_only":
		return "The destination" + called(d.Name) + " was made read-only.", d.Reason
	case "destination.active":
		return "The destination" + called(d.Name) + " takes copies again.", d.Reason
	}
	return "", ""
}

func (t teller) tellsOfWork(verb string, d said) (string, string) {
	switch verb {
	case "tenant.added":
		return "A customer organisation was added.", ""
	case "token.made":
		return "A token of the API was made" + withName(d.Name) + ".", d.Role
	case "token.revoked":
		return "A token of the API was revoked" + withName(d.Name) + ".", ""
	case "job.retried":
		return "A job of the queue was tried again.", words.Stop(jobWords(d.Task))
	case "job.cancelled":
		return "A job of the queue was cancelled.", words.Stop(jobWords(d.Task))
	case "settings.changed":
		return "The settings were changed.", changedWords(d.Changed)
	case "rescue_kit.exported":
		return "The rescue kit was printed: the passwords of " + words.Many(d.Repositories, "repository", "repositories") + ".", ""
	case "audit.exported":
		return "Events were taken away as a file.", ""
	case "repository.created":
		return "A place in storage was made for " + onlyOf(d.Kind) + " copies.", ""
	case "repository.maintained":
		return "Storage was maintained.", ""
	case "keeper.task_failed":
		return "Work in storage failed, and is tried again.", d.Error
	case "keeper.task_retried":
		return "Work in storage that had failed was asked for again.", taskWord(d.Task)
	case "run.planned":
		return "A " + onlyOf(d.Kind) + " run was planned.", ""
	case "run.retried":
		return "A run that had failed was asked for again.", ""
	case "run.queued":
		return "A run waits for its host.", ""
	case "run.leased":
		return "A run was given to its host" + called(d.Host) + ".", ""
	case "run.started":
		return "A run began on" + called(d.Host) + ".", ""
	case "run.will_retry":
		return "A run failed, and is tried again.", d.Error
	case "copy.taken":
		return copyOf(d.Kind) + " was taken.", ""
	}
	return "", ""
}

func withName(name string) string {
	if name == "" {
		return ""
	}
	return ", " + name
}

// onlyOf names a kind of copy that may not be known.
func onlyOf(kind string) string {
	if kind == "database" || kind == "data" {
		return kind
	}
	return "backup"
}

// verbGroups are the kinds of events that can be looked for, in the order of a
// list to choose from.
var verbGroups = []struct{ verb, label string }{
	{"account.signed_in", "Signed in"},
	{"account.sign_in_failed", "Sign-in refused"},
	{"account.factor_added", "Second factor added"},
	{"account.factor_removed", "Second factor removed"},
	{"account.factors_reset", "Second factors reset"},
	{"account.added", "Account added"},
	{"account.role_changed", "Role changed"},
	{"account.disabled", "Account disabled"},
	{"account.member_removed", "Taken out of an organisation"},
	{"invitation.made", "Invited"},
	{"token.made", "API token made"},
	{"token.revoked", "API token revoked"},
	{"settings.changed", "Settings changed"},
	{"job.retried", "Job of the queue tried again"},
	{"job.cancelled", "Job of the queue cancelled"},
	{"rescue_kit.exported", "Rescue kit printed"},
	{"audit.exported", "Events taken away as a file"},
	{"copy.opened", "Copy opened to be read"},
	{"copy.protected", "Copy protected"},
	{"copy.unprotected", "Protection ended"},
	{"copy.taken_back", "Copy taken back from the bin"},
	{"copy.deleted", "Copy deleted"},
	{"copy.damaged", "Copy found damaged"},
	{"site.added", "Site added"},
	{"site.suspended", "Site suspended"},
	{"site.resumed", "Site resumed"},
	{"site.held", "Legal hold put on a site"},
	{"site.released", "Legal hold lifted"},
	{"site.policy_assigned", "Policy assigned"},
	{"tenant.hours_set", "Backup window of a customer changed"},
	{"site.hours_set", "Backup window of a site changed"},
	{"site.exclusions_changed", "What a site leaves out changed"},
	{"tamper.alarm", "Tamper alarm"},
	{"tamper.cleared", "Tamper alarm cleared"},
	{"repository.damaged", "Storage found damaged"},
	{"repository.repaired", "Storage whole again"},
	{"repository.lost", "Part of the storage lost"},
	{"repository.damage_acknowledged", "Damage acknowledged"},
	{"repository.strays_deleted", "What no copy names deleted"},
	{"repository.strays_doubted", "Much that no copy names"},
	{"policy.created", "Policy made"},
	{"policy.edited", "Policy changed"},
	{"moodle.changed", "Moodle changed"},
	{"run.planned", "Run planned"},
	{"run.failed", "Run failed"},
	{"run.cancelled", "Run cancelled"},
	{"restore.planned", "Restore asked for"},
	{"restore.finished", "Restore, undoing or tidying up done"},
	{"restore.failed", "Restore failed"},
	{"restore.cancelled", "Restore cancelled"},
	{"restore.accepted", "Restore accepted"},
	{"restore.undo_asked", "Restore to be undone"},
	{"host.added", "Host added"},
	{"host.enrolment_made", "Host's token made"},
	{"host.enrolled", "Host enrolled"},
	{"host.maintenance", "Host into maintenance"},
	{"host.active", "Host back from maintenance"},
	{"host.limited", "Host's limit changed"},
	{"host.discovery_asked", "Host asked for its sites"},
	{"host.discovered", "Host told its sites"},
	{"host.discovery_failed", "Looking for sites failed"},
	{"host.revoked", "Host revoked"},
	{"destination.added", "Destination added"},
	{"destination.limited", "Destination's limit changed"},
	{"destination.read_only", "Destination made read-only"},
	{"destination.active", "Destination takes copies again"},
	{"keeper.task_failed", "Work in storage failed"},
	{"keeper.task_retried", "Work in storage asked for again"},
	{"clock.jumped", "Clock jumped"},
	{"tenant.added", "Customer added"},
	{"view.saved", "View of the sites saved"},
	{"view.deleted", "View of the sites deleted"},
	{"view.opened_with", "View made the one that the sites open with"},
	{"view.opened_without", "Sites open without a view again"},
}

// staffVerb tells of kinds that are of no use to customers: what they concern has no tenant.
func staffVerb(verb string) bool {
	kind, _, _ := strings.Cut(verb, ".")
	switch kind {
	case "host", "destination", "rescue_kit", "clock", "tenant", "policy", "view", "settings", "job":
		return true
	case "account":
		return verb != "account.added" && verb != "account.member_removed" && verb != "account.role_changed"
	}
	return false
}
