package app

import (
	"encoding/json"

	"holdfast/internal/restore"
	"holdfast/internal/store/dbq"
)

// withoutForCustomers is what a customer reads of a restore that begins without
// a safety copy; why is the staff's affair.
const withoutForCustomers = "no copy of how the site was could be taken any more. What was there is kept aside on its server until you have accepted."

// hide takes off what is the staff's alone.
func (v *RestoreView) hide() {
	hideWithout(&v.Row)
	if v.Evidence.WithoutSafety != "" {
		v.Evidence.WithoutSafety, v.Evidence.By = withoutForCustomers, ""
	}
	for i := range v.Events {
		var detail map[string]any
		if json.Unmarshal(v.Events[i].Detail, &detail) != nil || detail["without_safety"] == nil {
			continue
		}
		delete(detail, "without_safety")
		v.Events[i].Detail, _ = json.Marshal(detail) // it was JSON just now
	}
}

// hideWithout takes the staff's reason off a restore's row.
func hideWithout(r *dbq.Restore) {
	if r.WithoutSafety == "" {
		return
	}
	r.WithoutSafety, r.WithoutBy, r.Evidence = withoutForCustomers, "", withoutBy(r.Evidence)
}

// withoutBy is evidence as a customer reads it.
func withoutBy(raw []byte) []byte {
	e := restore.Evidence{}
	if json.Unmarshal(raw, &e) != nil {
		return []byte("{}")
	}
	e.WithoutSafety, e.By = withoutForCustomers, ""
	out, err := json.Marshal(e)
	if err != nil {
		return []byte("{}")
	}
	return out
}
