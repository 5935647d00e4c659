package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// windows are the operations on when scheduled backups may start.
func (d *Door) windows(api huma.API) {
	huma.Register(api, operation("get-tenant-window", http.MethodGet, "/tenants/{tenant}/window", "When the scheduled backups of a customer's sites may start", "policies"), d.tenantWindow)
	huma.Register(api, operation("set-tenant-window", http.MethodPut, "/tenants/{tenant}/window", "Set when the scheduled backups of a customer's sites may start", "policies"), d.setTenantWindow)
	huma.Register(api, operation("set-site-window", http.MethodPut, "/sites/{site}/window", "Set when a site's scheduled backups may start, otherwise than its customer's others", "policies"), d.setSiteWindow)
}

// Window is when scheduled backups may start.
type Window struct {
	Window   string       `json:"window" example:"22:00-06:00" doc:"by each site's own clock; empty is at any hour"`
	Sites    []SiteWindow `json:"sites" nullable:"false" doc:"sites that have their own"`
	Warnings []string     `json:"warnings" nullable:"false" doc:"what of the policy cannot be kept within it, as it was accepted"`
}

// SiteWindow is one site that does not follow its customer.
type SiteWindow struct {
	Site   string `json:"site"`
	Window string `json:"window" doc:"empty is at any hour"`
}

type tenantInput struct {
	Tenant string `path:"tenant" maxLength:"63" doc:"a customer's short name"`
}

type windowBody struct {
	Window string `json:"window" maxLength:"100" example:"22:00-06:00 mon,tue,wed,thu,fri" doc:"an hour at least; empty is at any hour (of a site: as its customer's), always (of a site) is at any hour"`
	Accept bool   `json:"accept,omitempty" required:"false" doc:"take it although the policy cannot be kept in full within it; without this the answer is 409, and says what it costs"`
}

type setTenantWindowInput struct {
	Tenant string `path:"tenant" maxLength:"63" doc:"a customer's short name"`
	Body   windowBody
}

type setSiteWindowInput struct {
	Site string `path:"site" maxLength:"300" doc:"a site's id, or its name with / written as %2F"`
	Body windowBody
}

type windowOutput struct {
	Body Window
}

func (d *Door) tenantWindow(ctx context.Context, in *tenantInput) (*windowOutput, error) {
	return d.windowOf(ctx, in.Tenant, nil)
}

func (d *Door) windowOf(ctx context.Context, slug string, warnings []string) (*windowOutput, error) {
	v, err := d.app.ViewHours(ctx, who(ctx).Actor, slug)
	if err != nil {
		return nil, d.fail(ctx, err)
	}
	out := &windowOutput{Window{Window: v.Hours.String(), Sites: []SiteWindow{}, Warnings: append([]string{}, warnings...)}}
	for _, own := range v.Own {
		out.Body.Sites = append(out.Body.Sites, SiteWindow{own.Name, own.Hours.String()})
	}
	return out, nil
}

func (d *Door) setTenantWindow(ctx context.Context, in *setTenantWindowInput) (*windowOutput, error) {
	warnings, err := d.app.SetTenantHours(ctx, who(ctx).Actor, in.Tenant, in.Body.Window, in.Body.Accept)
	if err != nil {
		return nil, d.fail(ctx, err)
	}
	return d.windowOf(ctx, in.Tenant, warnings)
}

func (d *Door) setSiteWindow(ctx context.Context, in *setSiteWindowInput) (*windowOutput, error) {
	warnings, err := d.app.SetSiteHours(ctx, who(ctx).Actor, in.Site, in.Body.Window, in.Body.Accept)
	if err != nil {
		return nil, d.fail(ctx, err)
	}
	v, err := d.app.ViewSite(ctx, who(ctx).Actor, in.Site)
	if err != nil {
		return nil, d.fail(ctx, err)
	}
	return &windowOutput{Window{Window: v.Policy.Policy.Hours.String(), Sites: []SiteWindow{}, Warnings: append([]string{}, warnings...)}}, nil
}
