package figure

import (
	"context"
	"errors"

	"holdfast/internal/errs"
	"holdfast/internal/httpd/words"
)

// Sentence gives what a person is told of an error, as a finished sentence.
func Sentence(err error) string {
	var e *errs.Error
	switch {
	case errors.As(err, &e) && e.Field != "":
		return words.Stop(words.Capital(e.Field + ": " + e.Public))
	case errors.As(err, &e):
		return words.Stop(words.Capital(e.Public))
	case errors.Is(err, context.DeadlineExceeded):
		return "This took longer than we let it. Try again in a minute."
	}
	return "Something failed on our side. Try again; if it stays so, tell us."
}

// Problem words what is wrong with a value, for the place beside its field.
func Problem(err error) string {
	var e *errs.Error
	if errors.As(err, &e) {
		return words.Stop(words.Capital(e.Public))
	}
	return Sentence(err)
}
