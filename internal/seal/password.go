package seal

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of a password's hash: argon2id with 19 MiB, 2 passes, 1 lane, the
// lower of the two settings that OWASP's password storage sheet recommends.
const (
	argonMemoryKiB = 19 * 1024
	argonPasses    = 2
	argonLanes     = 1
)

// HashPassword gives what the database keeps of a person's password.
func HashPassword(password string) (string, error) {
	var salt [16]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return "", fmt.Errorf("random bytes for a salt: %w", err)
	}
	sum := argon2.IDKey([]byte(password), salt[:], argonPasses, argonMemoryKiB, argonLanes, 32)
	e := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", argonMemoryKiB, argonPasses, argonLanes,
		e.EncodeToString(salt[:]), e.EncodeToString(sum)), nil
}

// CheckPassword tells whether password is the one that stored was made of. An
// unreadable stored value is false, after the same work.
func CheckPassword(stored, password string) bool {
	var memory, passes uint32
	var lanes uint8
	parts := strings.Split(stored, "$")
	ok := len(parts) == 6 && parts[1] == "argon2id" && parts[2] == "v=19"
	if ok {
		n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes)
		ok = err == nil && n == 3 && memory <= 1<<20 && passes >= 1 && passes <= 64 && lanes >= 1
	}
	var salt, want []byte
	if ok {
		var err1, err2 error
		salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
		want, err2 = base64.RawStdEncoding.DecodeString(parts[5])
		ok = err1 == nil && err2 == nil && len(want) == 32
	}
	if !ok {
		memory, passes, lanes, salt, want = argonMemoryKiB, argonPasses, argonLanes, make([]byte, 16), make([]byte, 32)
	}
	got := argon2.IDKey([]byte(password), salt, passes, memory, lanes, 32)
	return subtle.ConstantTimeCompare(got, want) == 1 && ok
}
