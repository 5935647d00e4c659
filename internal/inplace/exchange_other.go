//go:build !linux

package inplace

import "errors"

func exchange(_, _ string) error { return errors.ErrUnsupported }

func exchangeAt(_ int, _ string, _ int, _ string) error { return errors.ErrUnsupported }

func placeAt(_ int, _ string, _ int, _ string) error { return errors.ErrUnsupported }
