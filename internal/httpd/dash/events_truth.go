package dash

import "holdfast/internal/httpd/words"

// kindOfStorage names where copies of a kind lie.
func kindOfStorage(kind string) string {
	if kind == "" {
		return "of its copies"
	}
	return "of its " + kind + " copies"
}

// toldOfTruth words what was found of what is stored, and what a site leaves
// out.
func toldOfTruth(verb string, h happening) (text, note string) {
	switch verb {
	case "site.exclusions_changed":
		return toldOfExclusions(h), ""
	case "tamper.alarm":
		note = "Nothing of the site is deleted until somebody has looked."
		if n := int64(len(h.Protected)); n > 0 {
			note += " " + words.Capital(words.Many(n, "copy", "copies")) + " from before it " + isAre(n) + " protected."
		}
		return "Tamper alarm: " + words.Stop(h.Why), note
	case "tamper.cleared":
		return "The tamper alarm was cleared.", h.Reason
	case "repository.damaged":
		return "Damage was found in the storage " + kindOfStorage(h.Kind) + "; nothing beside it is deleted.", h.Damage
	case "repository.healing":
		return "Damaged parts of the storage " + kindOfStorage(h.Kind) + " were taken out; the next run brings back what the site still has.", ""
	case "repository.repaired":
		return "The storage " + kindOfStorage(h.Kind) + " is whole again.", ""
	case "repository.lost":
		return "A part of the storage " + kindOfStorage(h.Kind) + " cannot be brought back.", h.Damage
	case "repository.strays_deleted":
		return "Deleted from the storage " + kindOfStorage(h.Kind) + ": " + words.Many(h.Strays, "snapshot", "snapshots") + " that no copy names.", "A run died after it had stored them, before it could tell."
	case "repository.strays_doubted":
		return "The storage " + kindOfStorage(h.Kind) + " holds " + words.Many(h.Strays, "snapshot", "snapshots") + " that no copy names, more than runs that died explain: none of them is deleted.", "Was our database brought back from an older backup?"
	case "repository.scan_asked":
		return "Somebody asked that the storage " + kindOfStorage(h.Kind) + " is read again.", ""
	case "repository.repair_asked":
		return "Somebody asked that the storage " + kindOfStorage(h.Kind) + " is mended.", ""
	case "repository.damage_acknowledged":
		return "The damage in the storage " + kindOfStorage(h.Kind) + " was acknowledged: copies expire again as the policy says.", h.Reason
	}
	return "", ""
}
