// Package errs gives every error a kind for the caller, one sentence for the
// person who sees it, and a cause for the log. It decides nothing else: which
// status a kind becomes is the door's business.
package errs

import (
	"errors"
	"fmt"
)

// Kind says what a caller can do about an error.
type Kind string

// The kinds. Other is what any error is that was not made here.
const (
	Other       Kind = "other"
	Invalid     Kind = "invalid"     // the input is wrong; the sentence names the field and the remedy
	NotFound    Kind = "not_found"   // no such thing, or none that the caller may see
	Forbidden   Kind = "forbidden"   // the caller is known and may not
	Unsigned    Kind = "unsigned"    // the caller is not known
	Conflict    Kind = "conflict"    // the state it was to leave is not the state it is in
	Stale       Kind = "stale"       // an old fence or epoch; the holder must drop its work
	Unavailable Kind = "unavailable" // try again later
	Incomplete  Kind = "incomplete"  // done, but not wholly
	TooLarge    Kind = "too_large"   // a limit or quota is reached
	Unsupported Kind = "unsupported" // a version or feature that this build does not speak
)

// Error is a kind, a public sentence and a private cause.
type Error struct {
	Kind   Kind
	Field  string // the input field at fault, if Kind is Invalid
	Public string // one sentence, safe to show
	Cause  error  // for the log only
}

// Error gives the public sentence, and the cause behind it, for logs.
func (e *Error) Error() string {
	s := e.Public
	if e.Field != "" {
		s = e.Field + ": " + s
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New makes an error of kind k with a public sentence.
func New(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Public: fmt.Sprintf(format, args...)}
}

// Field makes an Invalid error about one input field.
func Field(field, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Field: field, Public: fmt.Sprintf(format, args...)}
}

// Wrap makes an error of kind k with a public sentence and a cause.
func Wrap(k Kind, cause error, format string, args ...any) *Error {
	return &Error{Kind: k, Public: fmt.Sprintf(format, args...), Cause: cause}
}

// KindOf gives the kind of err, Other if it has none and "" if err is nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Other
}

// Is tells whether err is of kind k.
func Is(err error, k Kind) bool { return KindOf(err) == k }

// Sentence gives what may be shown of err to a person: the public sentence,
// or a general one where err carries none.
func Sentence(err error) string {
	var e *Error
	if errors.As(err, &e) {
		if e.Field != "" {
			return e.Field + ": " + e.Public
		}
		return e.Public
	}
	return "Something went wrong on our side; it is in the log with this request's id."
}
