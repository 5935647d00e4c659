package policy

import (
	"cmp"
	"encoding/json"
	"slices"
)

// TierSlot is a rule's tier with the slot of it that a copy served.
type TierSlot struct {
	Tier Tier
	Slot Slot
}

// Tiers are the slots that a copy served, at most one for each tier, in the
// order of the tiers' names. It is a short slice, for there are as many as
// copies. It is written as JSON as {"tier": "slot"}.
type Tiers []TierSlot

// TiersOf makes the tiers of a map.
func TiersOf(m map[Tier]Slot) Tiers {
	out := make(Tiers, 0, len(m))
	for tier, slot := range m {
		out = append(out, TierSlot{tier, slot})
	}
	slices.SortFunc(out, func(a, b TierSlot) int { return cmp.Compare(a.Tier, b.Tier) })
	return out
}

// Get gives the slot of a tier, false if the copy did not serve it.
func (t Tiers) Get(tier Tier) (Slot, bool) {
	for i := range t {
		if t[i].Tier == tier {
			return t[i].Slot, true
		}
	}
	return Slot{}, false
}

// With gives the tiers and this one, in place of the tier's slot before.
func (t Tiers) With(tier Tier, slot Slot) Tiers {
	at, known := slices.BinarySearchFunc(t, tier, func(e TierSlot, tier Tier) int { return cmp.Compare(e.Tier, tier) })
	out := slices.Clone(t)
	if known {
		out[at].Slot = slot
		return out
	}
	return slices.Insert(out, at, TierSlot{tier, slot})
}

// Without gives the tiers but this one.
func (t Tiers) Without(tier Tier) Tiers {
	return slices.DeleteFunc(slices.Clone(t), func(e TierSlot) bool { return e.Tier == tier })
}

// MarshalJSON writes {"tier": "slot"}.
func (t Tiers) MarshalJSON() ([]byte, error) {
	form := make(map[Tier]Slot, len(t))
	for _, e := range t {
		form[e.Tier] = e.Slot
	}
	return json.Marshal(form)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *Tiers) UnmarshalJSON(b []byte) error {
	var form map[Tier]Slot
	if err := json.Unmarshal(b, &form); err != nil {
		return err
	}
	*t = TiersOf(form)
	return nil
}
