// Package vault is the append-only door before a destination: a blob storage
// over HTTPS, client and server, and the filesystem, S3 and SFTP storage behind
// it. It decides who may put, read or remove which blob of which repository,
// that what was acknowledged is on the disk, and that every session's blobs are
// on record. It never looks into a blob, knows no password of a repository, and
// never lets a client replace a blob or delete anything but its own session
// markers.
package vault

import (
	"regexp"
	"strings"

	"holdfast/internal/errs"
)

// PathPrefix is where a Server is to be mounted.
const PathPrefix = "/vault/v1/"

// Modes of a token.
const (
	ModeAppend = "append" // read everything of the repository, add new blobs, remove this session's own markers
	ModeRead   = "read"   // read everything of the repository
)

// maxNameBytes bounds each part of a repository's name, and a session's.
const maxNameBytes = 64

var (
	namePart = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)
	blobName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$`)
)

// CheckRepository tells whether name is one that a repository may have behind
// a vault: two parts, "SITE/KIND", of letters, digits, hyphens and underscores.
// Anything else is an Invalid error; so no name can climb out of its place.
func CheckRepository(name string) error {
	parts := strings.Split(name, "/")
	if len(parts) != 2 || !validPart(parts[0]) || !validPart(parts[1]) {
		return errs.Field("repository", "%q is not a repository's name; it has the form SITE/KIND", clip(name))
	}
	return nil
}

func validPart(s string) bool { return len(s) <= maxNameBytes && namePart.MatchString(s) }

// checkBlob tells whether id is one that a blob may have: no separator, no
// leading dot, at most 200 bytes.
func checkBlob(id string) error {
	if !blobName.MatchString(id) || strings.Contains(id, "..") {
		return errs.Field("blob", "%q is not a blob's name", clip(id))
	}
	return nil
}

// clip shortens what came from outside before it is shown.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
