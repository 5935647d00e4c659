// Package id makes the typed identifiers of everything that has a row: UUIDv7,
// so that they sort by the time they were made. An identifier of one kind
// cannot be passed where another is wanted. It never reads the database.
package id

import (
	"database/sql/driver"
	"fmt"

	"github.com/google/uuid"
)

// The kinds of things that carry an identifier.
type (
	tenantKind      struct{}
	accountKind     struct{}
	memberKind      struct{}
	hostKind        struct{}
	siteKind        struct{}
	destinationKind struct{}
	repositoryKind  struct{}
	runKind         struct{}
	copyKind        struct{}
	eventKind       struct{}
	enrolmentKind   struct{}
	taskKind        struct{}
	sessionKind     struct{}
	passkeyKind     struct{}
	invitationKind  struct{}
	mailKind        struct{}
	policyKind      struct{}
	useKind         struct{}
	tokenKind       struct{}
	viewKind        struct{}
	hostTaskKind    struct{}
	restoreKind     struct{}
	ticketKind      struct{}
	messageKind     struct{}
	attachmentKind  struct{}
	accessKind      struct{}
	replyKind       struct{}
	chargeKind      struct{}
	checkoutKind    struct{}
	refundKind      struct{}
	disputeKind     struct{}
)

// The typed identifiers.
type (
	Tenant      = ID[tenantKind]
	Account     = ID[accountKind]
	Member      = ID[memberKind]
	Host        = ID[hostKind]
	Site        = ID[siteKind]
	Destination = ID[destinationKind]
	Repository  = ID[repositoryKind]
	Run         = ID[runKind]
	Copy        = ID[copyKind]
	Event       = ID[eventKind]
	Enrolment   = ID[enrolmentKind]
	Task        = ID[taskKind]
	Session     = ID[sessionKind]
	Passkey     = ID[passkeyKind]
	Invitation  = ID[invitationKind]
	Mail        = ID[mailKind]
	Policy      = ID[policyKind]
	Use         = ID[useKind]
	Token       = ID[tokenKind]
	View        = ID[viewKind]
	HostTask    = ID[hostTaskKind]
	Restore     = ID[restoreKind]
	Ticket      = ID[ticketKind]
	Message     = ID[messageKind]
	Attachment  = ID[attachmentKind]
	Access      = ID[accessKind]
	Reply       = ID[replyKind]
	Charge      = ID[chargeKind]
	Checkout    = ID[checkoutKind]
	Refund      = ID[refundKind]
	Dispute     = ID[disputeKind]
)

// ID is a UUIDv7 of one kind. The zero value means "none".
type ID[K any] struct{ u uuid.UUID }

// New makes a fresh identifier. It panics only when the system has no randomness.
func New[T ID[K], K any]() T {
	return T(ID[K]{uuid.Must(uuid.NewV7())})
}

// Parse reads the canonical 36-character form.
func Parse[T ID[K], K any](s string) (T, error) {
	u, err := uuid.Parse(s)
	if err != nil || len(s) != 36 {
		return T{}, fmt.Errorf("%q is not an identifier (36 characters, like 0190b3a0-7c1e-7d2a-9c3b-0123456789ab)", s)
	}
	return T(ID[K]{u}), nil
}

// String gives the canonical form, or "" for none.
func (i ID[K]) String() string {
	if i.IsZero() {
		return ""
	}
	return i.u.String()
}

// UUID gives the bare UUID, for a column that holds identifiers of any kind.
func (i ID[K]) UUID() uuid.UUID { return i.u }

// IsZero tells whether there is no identifier.
func (i ID[K]) IsZero() bool { return i.u == uuid.Nil }

// MarshalText writes the canonical form, empty for none.
func (i ID[K]) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads the canonical form, empty for none.
func (i *ID[K]) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		i.u = uuid.Nil
		return nil
	}
	return i.u.UnmarshalText(b)
}

// Value gives the identifier to the database; none is NULL.
func (i ID[K]) Value() (driver.Value, error) {
	if i.IsZero() {
		return nil, nil
	}
	return i.u.String(), nil
}

// Scan takes the identifier from the database; NULL is none.
func (i *ID[K]) Scan(src any) error {
	if src == nil {
		i.u = uuid.Nil
		return nil
	}
	return i.u.Scan(src)
}
