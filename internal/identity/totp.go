package identity

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238's default, the only one that every authenticator app knows; HMAC does not need collision resistance
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// The form of the codes (RFC 6238 with its defaults).
const (
	TOTPSecretBytes = 20
	totpStep        = 30 * time.Second
	totpDigits      = 6
	totpSkew        = 1 // steps to either side, for clocks that are off
)

var b32 = base32.StdEncoding.WithPadding(base32.NoPadding)

// SecretText writes an authenticator's secret for typing: base32 in groups of
// four.
func SecretText(secret []byte) string {
	s := b32.EncodeToString(secret)
	var b strings.Builder
	for i := 0; i < len(s); i += 4 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s[i:min(i+4, len(s))])
	}
	return b.String()
}

// KeyURI is what an authenticator app reads from the picture.
func KeyURI(secret []byte, issuer, account string) string {
	label := url.PathEscape(issuer + ":" + account)
	q := "secret=" + b32.EncodeToString(secret) + "&issuer=" + url.QueryEscape(issuer) + "&algorithm=SHA1&digits=6&period=30"
	return "otpauth://totp/" + label + "?" + strings.ReplaceAll(q, "+", "%20")
}

// TOTPAt gives the code of the time step that now lies in.
func TOTPAt(secret []byte, now time.Time) string { return totp(secret, stepOf(now)) }

func stepOf(now time.Time) int64 { return now.Unix() / int64(totpStep/time.Second) }

func totp(secret []byte, step int64) string {
	var msg [8]byte
	binary.BigEndian.PutUint64(msg[:], uint64(step))
	m := hmac.New(sha1.New, secret)
	m.Write(msg[:])
	sum := m.Sum(nil)
	at := sum[len(sum)-1] & 0x0f
	n := binary.BigEndian.Uint32(sum[at:at+4]) & 0x7fffffff
	return fmt.Sprintf("%0*d", totpDigits, n%1_000_000)
}

// CheckTOTP tells which time step a code belongs to, if it is of now or one
// step to either side and later than the last step that was used: a code works
// once. Spaces in the code do not matter.
func CheckTOTP(secret []byte, code string, now time.Time, last int64) (step int64, ok bool) {
	code = strings.ReplaceAll(strings.TrimSpace(code), " ", "")
	here := stepOf(now)
	for s := here - totpSkew; s <= here+totpSkew; s++ {
		if subtle.ConstantTimeCompare([]byte(totp(secret, s)), []byte(code)) == 1 && s > last {
			step, ok = s, true
		}
	}
	return step, ok
}

// LooksLikeTOTP tells a code of the authenticator from a recovery code.
func LooksLikeTOTP(code string) bool {
	code = strings.ReplaceAll(strings.TrimSpace(code), " ", "")
	return len(code) == totpDigits && strings.Trim(code, "0123456789") == ""
}
