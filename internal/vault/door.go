package vault

import (
	"context"
	"time"

	"github.com/kopia/kopia/repo/blob"

	"holdfast/internal/errs"
)

// Door is the agent's side of a vault: where it is, and the token that opens
// one repository there. It can be sent as JSON to the working process, by a
// pipe or file and never by arguments, for Token is a secret.
type Door struct {
	URL       string        `json:"url"`                  // base, like https://vault:8443
	Name      string        `json:"name"`                 // the repository's name, "SITE/KIND"; must be the token's
	Token     string        `json:"token,omitempty"`      // used when TokenFile is empty
	TokenFile string        `json:"token_file,omitempty"` // holds the token and is read again when the vault refuses it
	Pin       string        `json:"pin,omitempty"`        // "sha256:HEX" of the certificate's public key; "" means the system's CAs
	RetryFor  time.Duration `json:"retry_for,omitempty"`  // how long one operation outlasts a vault that is away; 0 means 15 min
}

// Dial gives the storage behind the door.
func (d Door) Dial(ctx context.Context) (blob.Storage, error) {
	return nil, errs.New(errs.Unsupported, "Not built yet.")
}
