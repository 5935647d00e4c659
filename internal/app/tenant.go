package app

import (
	"context"
	"strings"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
	"holdfast/internal/tenant"
)

// AddTenant adds a customer organisation.
func (a *App) AddTenant(ctx context.Context, who authz.Actor, name, slug string) (id.Tenant, error) {
	name, slug = strings.TrimSpace(name), strings.ToLower(strings.TrimSpace(slug))
	if err := tenant.Validate(name, slug); err != nil {
		return id.Tenant{}, err
	}
	made := id.New[id.Tenant]()
	return made, a.do(ctx, who, authz.ManageTenant, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		err := tx.InsertTenant(ctx, dbq.InsertTenantParams{ID: made, Name: name, Slug: slug, CreatedAt: tx.Now})
		if store.Constraint(err) == "tenant_slug_key" {
			return errs.Field("slug", "%s is taken", slug)
		}
		if err != nil {
			return err
		}
		return tx.Event(ctx, "tenant.added", store.Subject{Kind: "tenant", ID: made.UUID(), Tenant: made}, nil)
	})
}

// ListTenants gives every customer organisation.
func (a *App) ListTenants(ctx context.Context, who authz.Actor) (rows []dbq.ListTenantsRow, err error) {
	err = a.do(ctx, who, authz.ViewTenants, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		rows, err = tx.ListTenants(ctx)
		return err
	})
	return rows, err
}
