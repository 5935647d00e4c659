package copyback

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"holdfast/internal/errs"
)

// Sound reads the dump to its end and compares its length and SHA-256 with its
// record and its repository's, so that nothing of a site is touched for a copy
// that cannot be had back; then it gives them. A copy that is not what it was
// is errs.Incomplete; so is one that is not there any more. A storage that is
// away is errs.Unavailable, and a token that is not taken errs.Unsigned or
// errs.Forbidden.
func (c *Copy) Sound(ctx context.Context, tell func(done, total int64)) (sum string, bytes int64, err error) {
	h := sha256.New()
	bytes, err = c.Repository.ReadStream(ctx, c.Snapshot, &watched{w: h, total: c.Bytes, tell: tell})
	sum = hex.EncodeToString(h.Sum(nil))
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return "", 0, context.Cause(ctx)
	case away(err):
		return "", 0, err
	default:
		return "", 0, errs.Wrap(errs.Incomplete, err, "The database copy cannot be read to its end; nothing of the site was touched.")
	}
	if (c.Bytes > 0 && bytes != c.Bytes) || (c.SHA256 != "" && sum != c.SHA256) {
		return "", 0, errs.New(errs.Incomplete, "The database copy is damaged: its length or checksum is not that of the day it was taken. Nothing of the site was touched.")
	}
	return sum, bytes, nil
}

// away tells whether an error is of the way to the repository, not of what is in it.
func away(err error) bool {
	var e *errs.Error
	for errors.As(err, &e) {
		switch e.Kind {
		case errs.Unavailable, errs.Unsigned, errs.Forbidden:
			return true
		case errs.Other, errs.Invalid, errs.NotFound, errs.Conflict, errs.Stale, errs.Incomplete, errs.TooLarge, errs.Unsupported:
		}
		if err = e.Cause; err == nil {
			return false
		}
	}
	return false
}
