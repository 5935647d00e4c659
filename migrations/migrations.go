// Package migrations holds the only schema of the control plane, as goose SQL.
package migrations

import "embed"

// FS holds the migrations in the order of their names.
//
//go:embed *.sql
var FS embed.FS
