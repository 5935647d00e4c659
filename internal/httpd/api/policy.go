package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"holdfast/internal/app"
	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/policy"
)

// policies are the operations about policies: looking, and trying one out.
// They are edited and assigned by people, on the pages or the command line.
func (d *Door) policies(api huma.API) {
	huma.Register(api, operation("list-policies", http.MethodGet, "/policies", "List the policies", "policies"), d.listPolicies)
	huma.Register(api, operation("view-policy", http.MethodGet, "/policies/{name}", "See a policy, its history and its sites", "policies"), d.viewPolicy)
	huma.Register(api, operation("preview-policy", http.MethodPost, "/policies/preview", "See what a policy would do to sites; nothing is changed", "policies"), d.previewPolicy)
}

type policiesOutput struct {
	Body struct {
		Policies []Policy `json:"policies" nullable:"false"`
	}
}

func (d *Door) listPolicies(ctx context.Context, _ *struct{}) (*policiesOutput, error) {
	all, err := d.app.ListPolicies(ctx, who(ctx).Actor)
	if err != nil {
		return nil, d.read(ctx, err)
	}
	out := &policiesOutput{}
	if out.Body.Policies, err = PoliciesOf(all); err != nil {
		return nil, d.read(ctx, err)
	}
	return out, nil
}

type policyInput struct {
	Name string `path:"name" maxLength:"63"`
}

type policyOutput struct{ Body PolicyView }

func (d *Door) viewPolicy(ctx context.Context, in *policyInput) (*policyOutput, error) {
	v, err := d.app.ViewPolicy(ctx, who(ctx).Actor, in.Name)
	if err != nil {
		return nil, d.read(ctx, err)
	}
	body, err := PolicyViewOf(v)
	if err != nil {
		return nil, d.read(ctx, err)
	}
	return &policyOutput{body}, nil
}

type previewInput struct {
	Body struct {
		Policy json.RawMessage `json:"policy,omitempty" required:"false" doc:"a policy in the form of a policy file; the one of that name, as it is, when left out"`
		Name   string          `json:"name,omitempty" required:"false" maxLength:"63" doc:"of the policy whose sites to look at; published when sites are left out too"`
		Sites  []string        `json:"sites,omitempty" required:"false" nullable:"false" maxItems:"200" doc:"sites to look at, by id or name, instead of the policy's own"`
	}
}

type previewOutput struct{ Body Preview }

func (d *Door) previewPolicy(ctx context.Context, in *previewInput) (*previewOutput, error) {
	if _, err := authz.Check(who(ctx).Actor, authz.ViewPolicies, id.Tenant{}); err != nil {
		return nil, d.fail(ctx, err) // before any site is looked for
	}
	name := in.Body.Name
	if name == "" {
		name = app.PublishedPolicy
	}
	p, err := d.policyToPreview(ctx, name, in.Body.Policy)
	if err != nil {
		return nil, d.fail(ctx, err)
	}
	v, err := d.app.PreviewPolicy(ctx, who(ctx).Actor, p, name, in.Body.Sites)
	if err != nil {
		return nil, d.fail(ctx, err)
	}
	return &previewOutput{PreviewOf(v)}, nil
}

func (d *Door) policyToPreview(ctx context.Context, name string, body json.RawMessage) (policy.Policy, error) {
	if len(body) > 0 {
		p, err := policy.Parse(body)
		var e *errs.Error
		if errors.As(err, &e) && e.Field != "" && e.Field != "policy" {
			return p, errs.Field("policy."+e.Field, "%s", e.Public)
		}
		return p, err
	}
	v, err := d.app.ViewPolicy(ctx, who(ctx).Actor, name)
	return v.Policy, err
}
