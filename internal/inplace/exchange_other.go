//go:build !linux

package inplace

import (
	"errors"
	"os"
)

func exchange(_, _ string) error { return errors.ErrUnsupported }

func exchangeAt(_ int, _ string, _ int, _ string) error { return errors.ErrUnsupported }

func placeAt(_ int, _ string, _ int, _ string) error { return errors.ErrUnsupported }

func renameInto(_ string, _ *os.File, _ string) error { return errors.ErrUnsupported }

func openNoLinks(_ string) (*os.File, error) { return nil, errors.ErrUnsupported }

func labelsOf(_ string) []string { return nil }
