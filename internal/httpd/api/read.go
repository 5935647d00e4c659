package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"holdfast/internal/app"
)

// siteInput names one site.
type siteInput struct {
	Site string `path:"site" maxLength:"300" doc:"a site's id, or its name with / written as %2F"`
}

// reads are the operations that only look.
func (d *Door) reads(api huma.API) {
	huma.Register(api, operation("list-sites", http.MethodGet, "/sites", "List sites by name, a page at a time", "sites"), d.listSites)
	huma.Register(api, operation("view-site", http.MethodGet, "/sites/{site}", "See one site", "sites"), d.viewSite)
	huma.Register(api, operation("list-copies", http.MethodGet, "/sites/{site}/copies", "List a site's copies, and what keeps each", "copies"), d.listCopies)
	huma.Register(api, operation("view-standing", http.MethodGet, "/sites/{site}/standing", "See how old the newest good copies are, what is owed, and whether that is late", "sites"), d.viewStanding)
	huma.Register(api, operation("list-overdue", http.MethodGet, "/overdue", "List what is late, the longest first", "sites"), d.listOverdue)
	huma.Register(api, operation("list-runs", http.MethodGet, "/runs", "List runs, open ones first, then the newest", "runs"), d.listRuns)
}

// operation describes one; every one may be refused in the same ways.
func operation(id, method, path, summary, tag string) huma.Operation {
	o := huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tag}, MaxBodyBytes: maxBody, BodyReadTimeout: timeout}
	o.Errors = []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if method != http.MethodGet {
		o.Errors = append(o.Errors, http.StatusBadRequest, http.StatusForbidden, http.StatusConflict, http.StatusRequestEntityTooLarge)
	}
	return o
}

type sitesInput struct {
	Search string `query:"search" maxLength:"200" doc:"part of the site's or tenant's name"`
	After  string `query:"after" maxLength:"300" doc:"the next of the page before"`
	Size   int32  `query:"size" minimum:"1" maximum:"500" default:"100"`
}

type sitesOutput struct {
	Body struct {
		Sites []Site `json:"sites" nullable:"false"`
		Total int64  `json:"total" doc:"of all sites that this token may see"`
		Next  string `json:"next" doc:"send it as after; empty at the end"`
	}
}

func (d *Door) listSites(ctx context.Context, in *sitesInput) (*sitesOutput, error) {
	f, err := d.app.ListFleet(ctx, who(ctx).Actor, app.FleetQuery{Tenant: who(ctx).Tenant, Search: in.Search, After: in.After, Size: in.Size})
	if err != nil {
		return nil, d.read(ctx, err)
	}
	out := &sitesOutput{}
	out.Body.Sites, out.Body.Total, out.Body.Next = SitesOf(f.Sites), f.Total, f.Next
	return out, nil
}

// siteBody is one site.
type siteBody struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Tenant    string `json:"tenant"`
	Host      string `json:"host"`
	State     string `json:"state" enum:"active,suspended,removed"`
	TimeZone  string `json:"time_zone"`
	Policy    string `json:"policy"`
	LegalHold string `json:"legal_hold" doc:"why no copy of the site is deleted; empty: it is under no legal hold"`
}

type siteOutput struct{ Body siteBody }

func (d *Door) viewSite(ctx context.Context, in *siteInput) (*siteOutput, error) {
	v, err := d.app.ViewSite(ctx, who(ctx).Actor, in.Site)
	if err != nil {
		return nil, d.read(ctx, err)
	}
	s := v.Site
	return &siteOutput{siteBody{s.ID.String(), s.Name, s.TenantName, v.HostName, string(s.State), s.TimeZone, policyName(v.Policy), s.LegalHold}}, nil
}

type copiesOutput struct {
	Body struct {
		Copies []Copy `json:"copies" nullable:"false" doc:"newest first, at most 500"`
	}
}

func (d *Door) listCopies(ctx context.Context, in *siteInput) (*copiesOutput, error) {
	v, err := d.app.ViewSite(ctx, who(ctx).Actor, in.Site)
	if err != nil {
		return nil, d.read(ctx, err)
	}
	out := &copiesOutput{}
	out.Body.Copies = CopiesOf(v)
	return out, nil
}

type standingOutput struct{ Body Standing }

func (d *Door) viewStanding(ctx context.Context, in *siteInput) (*standingOutput, error) {
	v, err := d.app.ViewSite(ctx, who(ctx).Actor, in.Site)
	if err != nil {
		return nil, d.read(ctx, err)
	}
	return &standingOutput{StandingOf(v)}, nil
}

type overdueInput struct {
	Size int32 `query:"size" minimum:"1" maximum:"1000" default:"100"`
}

type overdueOutput struct {
	Body struct {
		Overdue []Late `json:"overdue" nullable:"false"`
		Total   int64  `json:"total"`
	}
}

func (d *Door) listOverdue(ctx context.Context, in *overdueInput) (*overdueOutput, error) {
	rows, total, err := d.app.ListOverdue(ctx, who(ctx).Actor, who(ctx).Tenant, in.Size)
	if err != nil {
		return nil, d.read(ctx, err)
	}
	out := &overdueOutput{}
	out.Body.Overdue, out.Body.Total = LateOf(rows, d.clock.Now()), total
	return out, nil
}

type runsInput struct {
	Site string `query:"site" maxLength:"300" doc:"only of this site, by id or name"`
	Open bool   `query:"open" doc:"only those that have not ended"`
	Size int32  `query:"size" minimum:"1" maximum:"1000" default:"100"`
}

type runsOutput struct {
	Body struct {
		Runs []Run `json:"runs" nullable:"false"`
	}
}

func (d *Door) listRuns(ctx context.Context, in *runsInput) (*runsOutput, error) {
	rows, err := d.app.ListRuns(ctx, who(ctx).Actor, app.RunQuery{Tenant: who(ctx).Tenant, Site: in.Site, OnlyOpen: in.Open, Size: in.Size})
	if err != nil {
		return nil, d.read(ctx, err)
	}
	out := &runsOutput{}
	out.Body.Runs = runsOf(rows)
	return out, nil
}
