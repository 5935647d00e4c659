package vault

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"holdfast/internal/errs"
)

// Claims are what a token lets its bearer do. A token is bound to one
// repository, so that nothing of another can even be asked for.
type Claims struct {
	Repository string    `json:"repository"`            // "SITE/KIND"
	Session    string    `json:"session"`               // the run's id; its blobs are recorded under this name
	Fence      int64     `json:"fence"`                 // the lease's fence, for the record
	Mode       string    `json:"mode"`                  // ModeAppend or ModeRead
	Expires    time.Time `json:"expires"`               // the first instant at which it is worth nothing
	QuotaBytes int64     `json:"quota_bytes,omitempty"` // the most that the session may add, over all its tokens and restarts; 0 is no limit
}

// tokenDomain keeps a vault token's signature from being one of anything else
// that the same key might sign.
const tokenDomain = "holdfast vault token 1\n"

// Sign makes the token of c under key. The token is not secret from its
// bearer, who can read the claims in it, but nobody without key can make one.
func Sign(key []byte, c Claims) string {
	// Claims holds nothing that can fail to marshal.
	body, _ := json.Marshal(c)
	payload := base64.RawURLEncoding.EncodeToString(body)
	return payload + "." + base64.RawURLEncoding.EncodeToString(tokenMAC(key, payload))
}

// Verify gives the claims of a token that was signed with key and has not
// expired at now. Any other token is an Unsigned error that does not say what
// was wrong with it.
func Verify(key []byte, token string, now time.Time) (Claims, error) {
	refused := errs.New(errs.Unsigned, "The vault does not know this token, or it has expired.")
	payload, sum, ok := strings.Cut(token, ".")
	if !ok || len(key) == 0 || len(token) > 4096 {
		return Claims{}, refused
	}
	mac, err := base64.RawURLEncoding.DecodeString(sum)
	if err != nil || !hmac.Equal(mac, tokenMAC(key, payload)) {
		return Claims{}, refused
	}
	body, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return Claims{}, refused
	}
	var c Claims
	if err := json.Unmarshal(body, &c); err != nil {
		return Claims{}, refused
	}
	if !now.Before(c.Expires) || CheckRepository(c.Repository) != nil || !validPart(c.Session) {
		return Claims{}, refused
	}
	if c.Mode != ModeAppend && c.Mode != ModeRead {
		return Claims{}, refused
	}
	return c, nil
}

func tokenMAC(key []byte, payload string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(tokenDomain))
	m.Write([]byte(payload))
	return m.Sum(nil)
}
