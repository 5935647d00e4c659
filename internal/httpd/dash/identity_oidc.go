package dash

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/a-h/templ"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"holdfast/internal/app"
	"holdfast/internal/errs"
	"holdfast/internal/identity"
	"holdfast/web/dash"
)

// providerTimeout is how long the identity provider may take for one answer.
const providerTimeout = 8 * time.Second

// ProviderConfig is the staff's own identity provider, by OpenID Connect.
type ProviderConfig struct {
	Issuer, ClientID, Secret string
	RoleClaim                string // the claim that names their staff role; "" leaves roles to us
}

// provider speaks with the identity provider. It is asked what it can when
// first needed, so that we start without it.
type provider struct {
	c      ProviderConfig
	client *http.Client

	mu   sync.Mutex
	oidc *oidc.Provider
}

func newProvider(c *ProviderConfig) *provider {
	if c == nil {
		return nil
	}
	return &provider{c: *c, client: &http.Client{Timeout: providerTimeout}}
}

func (p *provider) found(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.oidc != nil {
		return p.oidc, nil
	}
	made, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.c.Issuer)
	if err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "Your organisation's sign-in does not answer. Try again in a minute, or sign in with your password.")
	}
	p.oidc = made
	return made, nil
}

func (p *provider) oauth(o *oidc.Provider, home string) oauth2.Config {
	return oauth2.Config{
		ClientID: p.c.ClientID, ClientSecret: p.c.Secret, Endpoint: o.Endpoint(), RedirectURL: strings.TrimRight(home, "/") + dash.ProviderPath + "/callback",
		Scopes: []string{oidc.ScopeOpenID, "email", "profile"},
	}
}

// asked is what the session remembers of a question to the provider.
type asked struct {
	State, Nonce, Verifier, Next string
	At                           int64
}

func (d *Door) noProvider() error {
	return errs.New(errs.NotFound, "No identity provider is set up here.")
}

// toProvider leads to the identity provider.
func (d *Door) toProvider(w http.ResponseWriter, r *http.Request) (templ.Component, error) {
	if d.provider == nil {
		return nil, d.noProvider()
	}
	o, err := d.provider.found(r.Context())
	if err != nil {
		return nil, err
	}
	q := asked{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: local(r.URL.Query().Get("next")), At: d.clock.Now().Unix()}
	kept, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	d.sessions.Put(r.Context(), keyAsked, string(kept))
	c := d.provider.oauth(o, d.app.URL())
	http.Redirect(w, r, c.AuthCodeURL(q.State, oidc.Nonce(q.Nonce), oauth2.S256ChallengeOption(q.Verifier)), http.StatusSeeOther)
	return nil, nil //nolint:nilnil // it has answered by itself
}

// fromProvider takes what the identity provider sends back.
func (d *Door) fromProvider(w http.ResponseWriter, r *http.Request) (templ.Component, error) {
	if d.provider == nil {
		return nil, d.noProvider()
	}
	var q asked
	err := json.Unmarshal([]byte(d.sessions.PopString(r.Context(), keyAsked)), &q) // once
	state := r.URL.Query().Get("state")
	if err != nil || q.State == "" || subtle.ConstantTimeCompare([]byte(q.State), []byte(state)) != 1 || d.clock.Now().Sub(time.Unix(q.At, 0)) > halfFor {
		return d.refusedByProvider(r, q, errs.New(errs.Invalid, "This answer of your organisation's sign-in came too late, or was not asked for here. Begin again."))
	}
	if said := r.URL.Query().Get("error"); said != "" {
		return d.refusedByProvider(r, q, errs.Wrap(errs.Invalid, fmt.Errorf("the provider says %.60q", said), "Your organisation's sign-in did not let you in. Begin again, or sign in with your password."))
	}
	claim, err := d.provider.claim(r.Context(), q, r.URL.Query().Get("code"), d.app.URL())
	if err != nil {
		return d.refusedByProvider(r, q, err)
	}
	p, err := d.app.SignInByProvider(r.Context(), d.from(r), claim)
	if errs.Is(err, errs.Unsigned) {
		return d.refusedByProvider(r, q, errs.Wrap(errs.Invalid, err, "%s", sentence(err)))
	}
	if err != nil {
		return nil, err
	}
	return nil, d.enter(w, r, p, []identity.Proof{identity.Provider}, local(q.Next))
}

// refusedByProvider shows the sign-in page with what went wrong.
func (d *Door) refusedByProvider(r *http.Request, q asked, err error) (templ.Component, error) {
	if !errs.Is(err, errs.Invalid) {
		return nil, err
	}
	d.log.WarnContext(r.Context(), "the identity provider's answer was refused", "error", err)
	props := d.signInProps(local(q.Next))
	props.Error = sentence(err)
	return dash.SignIn(props), err
}

// claim exchanges the code for what the provider says, signed for us, for this
// very question.
func (p *provider) claim(ctx context.Context, q asked, code, home string) (app.Claim, error) {
	wrong := func(err error) error {
		return errs.Wrap(errs.Invalid, err, "What your organisation's sign-in answered cannot be trusted. Begin again; if it stays so, tell whoever runs this installation.")
	}
	o, err := p.found(ctx)
	if err != nil {
		return app.Claim{}, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	c := p.oauth(o, home)
	token, err := c.Exchange(ctx, code, oauth2.VerifierOption(q.Verifier))
	if err != nil {
		return app.Claim{}, wrong(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return app.Claim{}, wrong(fmt.Errorf("there is no id_token"))
	}
	said, err := o.Verifier(&oidc.Config{ClientID: p.c.ClientID}).Verify(ctx, raw)
	if err != nil {
		return app.Claim{}, wrong(err)
	}
	if subtle.ConstantTimeCompare([]byte(said.Nonce), []byte(q.Nonce)) != 1 {
		return app.Claim{}, wrong(fmt.Errorf("the nonce is another"))
	}
	var claims map[string]any
	if err := said.Claims(&claims); err != nil {
		return app.Claim{}, wrong(err)
	}
	out := app.Claim{Issuer: said.Issuer, Subject: said.Subject, MapRoles: p.c.RoleClaim != ""}
	out.Email, _ = claims["email"].(string)
	out.EmailVerified, _ = claims["email_verified"].(bool)
	if out.MapRoles {
		out.Roles = listed(claims[p.c.RoleClaim])
	}
	return out, nil
}

// listed reads a claim that is a word or a list of words.
func listed(v any) (out []string) {
	switch x := v.(type) {
	case string:
		return []string{x}
	case []any:
		for _, e := range x {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
	}
	return out
}
