package dash

import (
	"net/http"

	"holdfast/internal/app"
	"holdfast/web/dash"
)

// passkeys fills in the person's passkeys.
func (d *Door) passkeys(_ *http.Request, _ app.Person, _ *dash.AccountProps) error { return nil }

// addKey is how a page asks for a new passkey.
func (d *Door) addKey() dash.Passkeys { return dash.Passkeys{} }
