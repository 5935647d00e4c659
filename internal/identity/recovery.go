package identity

import (
	"crypto/rand"
	"fmt"
	"strings"
)

// RecoveryCodes is how many codes somebody gets at once.
const RecoveryCodes = 10

// recoveryLetters leave out what is mistaken for another: 32 signs, 5 bits each.
const recoveryLetters = "abcdefghjkmnpqrstuvwxyz023456789"

// NewRecoveryCodes makes codes of 60 random bits each, like "k3mf-9wq2-hx7p".
// They are random enough that the database may keep a plain hash.
func NewRecoveryCodes() ([]string, error) {
	out := make([]string, RecoveryCodes)
	for i := range out {
		var raw [12]byte
		if _, err := rand.Read(raw[:]); err != nil {
			return nil, fmt.Errorf("random bytes for recovery codes: %w", err)
		}
		var b strings.Builder
		for j, r := range raw {
			if j > 0 && j%4 == 0 {
				b.WriteByte('-')
			}
			b.WriteByte(recoveryLetters[int(r)%len(recoveryLetters)])
		}
		out[i] = b.String()
	}
	return out, nil
}

// PlainRecovery gives the form of a code that is hashed: however it was typed.
func PlainRecovery(code string) string {
	code = strings.ToLower(code)
	code = strings.NewReplacer("-", "", " ", "", "o", "0", "i", "j", "l", "j", "1", "j").Replace(code)
	return code
}
