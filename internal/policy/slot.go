package policy

import (
	"fmt"
	"time"
)

const slotForm = "2006-01-02T15:04"

// Slot is one wall-clock moment, without an offset, to the minute. Slots of
// one site compare by their wall clock.
type Slot struct{ minutes int64 } // since 1970-01-01T00:00 on the wall

// NewSlot makes the slot of a date and a time of day.
func NewSlot(year int, month time.Month, day int, at TimeOfDay) Slot {
	return slotOn(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()/daySeconds, at)
}

func slotOn(day int64, at TimeOfDay) Slot { return Slot{day*24*60 + int64(at)} }

// ParseSlot reads the form 2026-04-24T00:00.
func ParseSlot(s string) (Slot, error) {
	t, err := time.Parse(slotForm, s)
	if err != nil || t.Format(slotForm) != s {
		return Slot{}, fmt.Errorf("%q is not a slot, like 2026-04-24T00:00", s)
	}
	return Slot{t.Unix() / 60}, nil
}

// Compare is negative when s is before o on the wall.
func (s Slot) Compare(o Slot) int {
	switch {
	case s.minutes < o.minutes:
		return -1
	case s.minutes > o.minutes:
		return 1
	}
	return 0
}

// wall is the slot read as if its zone were UTC.
func (s Slot) wall() time.Time { return time.Unix(s.minutes*60, 0).UTC() }

// String gives the form 2026-04-24T00:00.
func (s Slot) String() string { return s.wall().Format(slotForm) }

// MarshalText writes the form 2026-04-24T00:00.
func (s Slot) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the form 2026-04-24T00:00.
func (s *Slot) UnmarshalText(b []byte) error {
	got, err := ParseSlot(string(b))
	if err == nil {
		*s = got
	}
	return err
}
