// Package seal keeps secrets at rest: it seals small values (repository
// passwords, storage credentials) with the master key and derives the keys of
// other purposes from it. It never stores anything; the master key lives in a
// file of its own.
package seal

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"

	"holdfast/internal/errs"
)

// KeyBytes is the length of the master key.
const KeyBytes = 32

// Key is the master key. It has no String, so that no log prints it.
type Key struct{ k [KeyBytes]byte }

// String hides the key from every formatted print.
func (Key) String() string { return "(master key)" }

// GoString hides the key from %#v.
func (Key) GoString() string { return "(master key)" }

// ReadKey reads a master key file: 44 characters of base64 of 32 random
// bytes. The file must be readable by its owner alone.
func ReadKey(path string) (Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Key{}, errs.Wrap(errs.Invalid, err, "master key file: cannot be read; make one with: holdfast key new --file %s", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Key{}, errs.New(errs.Invalid, "master key file: %s is open to others; run: chmod 600 %s", path, path)
	}
	b, err := os.ReadFile(path) //nolint:gosec // the operator names this file
	if err != nil {
		return Key{}, errs.Wrap(errs.Invalid, err, "master key file: cannot be read")
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(raw) != KeyBytes {
		return Key{}, errs.New(errs.Invalid, "master key file: %s does not hold 32 bytes of base64; restore it from your safe, a new one cannot open what the old one sealed", path)
	}
	return Key{[KeyBytes]byte(raw)}, nil
}

// NewKeyFile writes a fresh master key, durably and never over an old one.
func NewKeyFile(path string) (Key, error) {
	var k Key
	if _, err := rand.Read(k.k[:]); err != nil {
		return Key{}, fmt.Errorf("random bytes for a master key: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return Key{}, fmt.Errorf("folder of the master key: %w", err)
	}
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // the operator names this file
	if err != nil {
		return Key{}, fmt.Errorf("master key file: %w", err)
	}
	_, err = fmt.Fprintln(f, base64.StdEncoding.EncodeToString(k.k[:]))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Link(tmp, path) // refuses to replace
	}
	err = errors.Join(err, os.Remove(tmp))
	if errors.Is(err, fs.ErrExist) {
		return Key{}, errs.New(errs.Conflict, "master key file: %s exists; it is never overwritten", path)
	}
	return k, err
}

// Derive gives a key of 32 bytes for another purpose, like "vault".
func (k Key) Derive(purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, k.k[:], nil, "holdfast/"+purpose, 32)
}

// Seal encrypts a small value. Context is what the value belongs to (a row's
// id); a value sealed for one row cannot be opened for another.
func (k Key) Seal(value []byte, context string) ([]byte, error) {
	box, err := k.box()
	if err != nil {
		return nil, err
	}
	out := make([]byte, 1+chacha20poly1305.NonceSizeX, 1+chacha20poly1305.NonceSizeX+len(value)+chacha20poly1305.Overhead)
	out[0] = 1 // the form's version
	if _, err := rand.Read(out[1:]); err != nil {
		return nil, fmt.Errorf("random bytes for a nonce: %w", err)
	}
	return box.Seal(out, out[1:1+chacha20poly1305.NonceSizeX], value, []byte(context)), nil
}

// Open decrypts what Seal made for the same context.
func (k Key) Open(sealed []byte, context string) ([]byte, error) {
	box, err := k.box()
	if err != nil {
		return nil, err
	}
	if len(sealed) < 1+chacha20poly1305.NonceSizeX || sealed[0] != 1 {
		return nil, errs.New(errs.Invalid, "a sealed value of %s has an unknown form", context)
	}
	out, err := box.Open(nil, sealed[1:1+chacha20poly1305.NonceSizeX], sealed[1+chacha20poly1305.NonceSizeX:], []byte(context))
	if err != nil {
		return nil, errs.Wrap(errs.Forbidden, err, "a sealed value of %s does not open with this master key; is HOLDFAST_MASTER_KEY_FILE the right one?", context)
	}
	return out, nil
}

func (k Key) box() (cipherAEAD, error) {
	sub, err := k.Derive("seal")
	if err != nil {
		return nil, fmt.Errorf("derive the sealing key: %w", err)
	}
	return chacha20poly1305.NewX(sub)
}

type cipherAEAD interface {
	Seal(dst, nonce, plaintext, additionalData []byte) []byte
	Open(dst, nonce, ciphertext, additionalData []byte) ([]byte, error)
}

// NewPassword makes a repository's password: 43 characters, 256 random bits.
func NewPassword() (string, error) {
	var b [32]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("random bytes for a password: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// NewToken makes a bearer secret with a prefix that tells what it is, like
// "hfa_" for an agent's credential.
func NewToken(prefix string) (string, error) {
	p, err := NewPassword()
	return prefix + p, err
}

// Hash is what the database keeps of a bearer secret. The secrets have 256
// random bits, so one round of SHA-256 is enough.
func Hash(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}
