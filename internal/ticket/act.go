package ticket

import (
	"slices"
	"strings"
	"unicode/utf8"

	"holdfast/internal/errs"
)

// ActKind is one of the moves of a macro.
type ActKind string

// The moves of a macro, which are done in this order after its reply.
const (
	ActAssignMe   ActKind = "assign_me"
	ActPrioritise ActKind = "prioritise" // Act.To: a priority
	ActAsk        ActKind = "ask"        // the reply is a question: wait for the customer
	ActClose      ActKind = "close"
)

// ActKinds are all of them.
func ActKinds() []ActKind { return []ActKind{ActAssignMe, ActPrioritise, ActAsk, ActClose} }

// Act is one move of a macro.
type Act struct {
	Do ActKind `json:"do"`
	To string  `json:"to,omitempty"`
}

// CheckActs gives a macro's acts in the order in which they are done, each
// once. Asking and closing exclude each other.
func CheckActs(acts []Act) ([]Act, error) {
	out := []Act{}
	for _, kind := range ActKinds() {
		for _, a := range acts {
			if a.Do != kind {
				continue
			}
			if len(out) > 0 && out[len(out)-1].Do == kind {
				return nil, errs.Field("acts", "%s is there twice", kind)
			}
			if kind != ActPrioritise {
				a.To = ""
			} else if !slices.Contains(Priorities(), Priority(a.To)) {
				return nil, errs.Field("acts", "the priority must be low, normal, high or urgent")
			}
			out = append(out, a)
		}
	}
	has := func(k ActKind) bool { return slices.ContainsFunc(out, func(a Act) bool { return a.Do == k }) }
	if has(ActAsk) && has(ActClose) {
		return nil, errs.Field("acts", "a macro either asks or closes, not both")
	}
	for _, a := range acts {
		if !slices.Contains(ActKinds(), a.Do) {
			return nil, errs.Field("acts", "there is no act of this name")
		}
	}
	return out, nil
}

// MaxReplyName is how long the name of a canned reply may be, in characters.
const MaxReplyName = 80

// CheckReply gives the name and body of a canned reply as they are kept.
func CheckReply(name, body string) (string, string, error) {
	name = strings.TrimSpace(CleanLine(name))
	if n := utf8.RuneCountInString(name); n < 1 || n > MaxReplyName {
		return name, body, errs.Field("name", "must have 1 to %d characters", MaxReplyName)
	}
	body, err := CheckMessage("body", body)
	return name, body, err
}

// Fill puts a ticket's own words in the place of {customer}, {site} and
// {number}; anything else in braces stays.
func Fill(body, customer, site, number string) string {
	return strings.NewReplacer("{customer}", customer, "{site}", site, "{number}", number).Replace(body)
}
