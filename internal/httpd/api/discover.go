package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"holdfast/internal/app"
	"holdfast/internal/errs"
)

// discoveries are the operations that find the sites of a host.
func (d *Door) discoveries(api huma.API) {
	huma.Register(api, operation("view-discovery", http.MethodGet, "/hosts/{host}/discovery", "See the newest look for the sites of a host, and what was found", "hosts"), d.viewDiscovery)
	ask := operation("discover-sites", http.MethodPost, "/hosts/{host}/discovery", "Have a host's agent look for every Moodle below the folders that it may read", "hosts")
	ask.DefaultStatus = http.StatusAccepted
	huma.Register(api, ask, d.discoverSites)
	register := operation("register-found", http.MethodPost, "/hosts/{host}/discovery/sites", "Register what was found as sites: all of them, or none", "hosts")
	register.DefaultStatus = http.StatusCreated
	huma.Register(api, register, d.registerFound)
}

type hostInput struct {
	Host string `path:"host" maxLength:"63" doc:"a host's name"`
}

// Found is one Moodle that was found on a host.
type Found struct {
	CodeDir     string   `json:"code_dir"`
	AccountRoot string   `json:"account_root" doc:"a guess: the folder that holds code and moodledata and nothing else; empty for none"`
	Layout      string   `json:"layout"`
	Release     string   `json:"release"`
	WWWRoot     string   `json:"wwwroot"`
	DataRoot    string   `json:"dataroot"`
	Database    string   `json:"database"`
	Prefix      string   `json:"prefix"`
	Name        string   `json:"name" doc:"a name to register it by; empty where none can be told"`
	Site        string   `json:"site" doc:"the id of the site that it is already; empty: it is free"`
	SiteName    string   `json:"site_name"`
	Problem     string   `json:"problem" doc:"why it could not be read to the end"`
	Warnings    []string `json:"warnings" nullable:"false"`
}

// Discovery is the newest look for the sites of a host.
type Discovery struct {
	State     string     `json:"state" enum:",queued,leased,done,failed,cancelled" doc:"empty: nobody has asked for one yet"`
	Error     string     `json:"error"`
	Cannot    string     `json:"cannot" doc:"why none can be asked for now; empty: one can"`
	FoundAt   *time.Time `json:"found_at" doc:"null: none has ended well yet"`
	Folders   int64      `json:"folders" doc:"that were looked into"`
	Truncated string     `json:"truncated" doc:"why it is not all"`
	Sites     []Found    `json:"sites" nullable:"false"`
}

// DiscoveryOf is a look as a script reads it.
func DiscoveryOf(l app.Look) Discovery {
	out := Discovery{State: string(l.State), Error: l.Error, Cannot: l.Cannot, Folders: l.Folders, Truncated: l.Truncated, Sites: []Found{}}
	if !l.FoundAt.IsZero() {
		at := l.FoundAt.UTC()
		out.FoundAt = &at
	}
	for _, f := range l.Sites {
		x := Found{
			CodeDir: f.CodeDir, AccountRoot: f.AccountRoot, Layout: f.Layout, Release: f.Release, WWWRoot: f.WWWRoot, DataRoot: f.DataRoot, Database: f.DBName, Prefix: f.Prefix,
			Name: f.Name, SiteName: f.SiteName, Problem: f.Problem, Warnings: f.Warnings,
		}
		if x.Warnings == nil {
			x.Warnings = []string{}
		}
		if !f.Site.IsZero() {
			x.Site = f.Site.String()
		}
		out.Sites = append(out.Sites, x)
	}
	return out
}

type discoveryOutput struct{ Body Discovery }

func (d *Door) viewDiscovery(ctx context.Context, in *hostInput) (*discoveryOutput, error) {
	l, err := d.app.Discovery(ctx, who(ctx).Actor, in.Host)
	if err != nil {
		return nil, d.read(ctx, err)
	}
	return &discoveryOutput{DiscoveryOf(l)}, nil
}

func (d *Door) discoverSites(ctx context.Context, in *hostInput) (*struct{}, error) {
	return nil, d.fail(ctx, d.app.DiscoverSites(ctx, who(ctx).Actor, in.Host))
}

// Choice registers one found Moodle.
type Choice struct {
	CodeDir     string `json:"code_dir" minLength:"1" maxLength:"4096" doc:"as it was found"`
	Tenant      string `json:"tenant" minLength:"1" maxLength:"63" doc:"the customer's short name"`
	Name        string `json:"name" minLength:"1" maxLength:"253"`
	AccountRoot string `json:"account_root,omitempty" required:"false" maxLength:"4096"`
	TimeZone    string `json:"time_zone,omitempty" required:"false" maxLength:"64" doc:"IANA; UTC when left out"`
	Destination string `json:"destination,omitempty" required:"false" maxLength:"63" doc:"the default one when left out"`
}

type registerInput struct {
	Host string `path:"host" maxLength:"63" doc:"a host's name"`
	Body struct {
		Sites []Choice `json:"sites" nullable:"false" minItems:"1" maxItems:"300"`
	}
}

type registerOutput struct {
	Body struct {
		Sites []Registered `json:"sites" nullable:"false" doc:"in the order of the choices"`
	}
}

// Registered is a site that was registered.
type Registered struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (d *Door) registerFound(ctx context.Context, in *registerInput) (*registerOutput, error) {
	choices := make([]app.Choice, 0, len(in.Body.Sites))
	for _, c := range in.Body.Sites {
		choices = append(choices, app.Choice{CodeDir: c.CodeDir, Tenant: c.Tenant, Name: c.Name, AccountRoot: c.AccountRoot, TimeZone: c.TimeZone, Destination: c.Destination})
	}
	made, err := d.app.RegisterFound(ctx, who(ctx).Actor, in.Host, choices)
	if err != nil {
		return nil, rowByRow(d.fail(ctx, err), err)
	}
	out := &registerOutput{}
	out.Body.Sites = make([]Registered, 0, len(made))
	for i, s := range made {
		out.Body.Sites = append(out.Body.Sites, Registered{ID: s.String(), Name: choices[i].Name})
	}
	return out, nil
}

// rowByRow adds to a problem what is wrong with each row.
func rowByRow(answer, err error) error {
	var p *huma.ErrorModel
	var rows *app.RowsError
	if !errors.As(answer, &p) || !errors.As(err, &rows) || !errs.Is(err, errs.Invalid) {
		return answer
	}
	for _, w := range rows.Rows {
		p.Errors = append(p.Errors, &huma.ErrorDetail{Message: w.Text, Location: fmt.Sprintf("body.sites[%d].%s", w.Row, w.Field)})
	}
	return p
}
