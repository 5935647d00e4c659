package dash_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/httpd/dash"
	"holdfast/internal/identity"
)

// idp is a small OpenID provider: it knows one client, holds codes to their
// challenge and signs with RS256.
type idp struct {
	t     *testing.T
	web   *httptest.Server
	key   *rsa.PrivateKey
	sign  *rsa.PrivateKey // what it signs with; another than its own is a forger's
	mu    sync.Mutex
	codes map[string]url.Values
	say   map[string]any // claims, over what is right
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &idp{t: t, key: key, sign: key, codes: map[string]url.Values{}, say: map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.json(w, map[string]any{
			"issuer": p.web.URL, "authorization_endpoint": p.web.URL + "/authorize", "token_endpoint": p.web.URL + "/token", "jwks_uri": p.web.URL + "/keys",
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		e := base64.RawURLEncoding
		p.json(w, map[string]any{"keys": []any{map[string]string{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "one", "n": e.EncodeToString(p.key.N.Bytes()), "e": e.EncodeToString(big.NewInt(int64(p.key.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("/authorize", p.authorize)
	mux.HandleFunc("/token", p.token)
	p.web = httptest.NewServer(mux)
	t.Cleanup(p.web.Close)
	return p
}

func (p *idp) json(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (p *idp) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != "holdfast" || q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" || !strings.Contains(q.Get("scope"), "openid") {
		http.Error(w, "bad question", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = q
	p.mu.Unlock()
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), http.StatusSeeOther)
}

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	p.mu.Lock()
	q, ok := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	p.mu.Unlock()
	user, secret, _ := r.BasicAuth()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || user != "holdfast" || secret != "client-secret" || base64.RawURLEncoding.EncodeToString(sum[:]) != q.Get("code_challenge") {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	now := time.Now()
	claims := map[string]any{
		"iss": p.web.URL, "aud": "holdfast", "sub": "subject-1", "exp": now.Add(time.Minute).Unix(), "iat": now.Unix(), "nonce": q.Get("nonce"),
		"email": "Owner@school.example", "email_verified": true,
	}
	p.mu.Lock()
	for k, v := range p.say {
		claims[k] = v
	}
	p.mu.Unlock()
	p.json(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": p.jwt(claims)})
}

func (p *idp) jwt(claims map[string]any) string {
	e := base64.RawURLEncoding
	body, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
	}
	text := e.EncodeToString([]byte(`{"alg":"RS256","kid":"one","typ":"JWT"}`)) + "." + e.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, p.sign, crypto.SHA256, sum[:])
	if err != nil {
		p.t.Error(err)
	}
	return text + "." + e.EncodeToString(sig)
}

func oidcHouse(t *testing.T, roleClaim string) (*house, *idp) {
	t.Helper()
	p := newIDP(t)
	h := newHouse(t, func(c *dash.Config) {
		c.Provider = &dash.ProviderConfig{Issuer: p.web.URL, ClientID: "holdfast", Secret: "client-secret", RoleClaim: roleClaim}
	})
	h.app.UsePeople(app.People{URL: h.web.URL})
	return h, p
}

// viaProvider goes the whole way, and gives the answer to what it sends back.
func (b *browser) viaProvider(next string) answer {
	b.h.t.Helper()
	return b.get(b.atProvider(next))
}

// atProvider goes as far as the provider's answer, and gives its address.
func (b *browser) atProvider(next string) string {
	b.h.t.Helper()
	to := b.get("/sign-in/oidc?next=" + url.QueryEscape(next))
	r, err := http.NewRequestWithContext(b.h.t.Context(), http.MethodGet, to.header.Get("Location"), nil)
	b.h.must(err)
	res, err := b.web.Do(r)
	b.h.must(err)
	defer res.Body.Close() //nolint:errcheck // not read
	back, ok := strings.CutPrefix(res.Header.Get("Location"), b.h.web.URL)
	if !ok || !strings.HasPrefix(back, "/sign-in/oidc/callback?") {
		b.h.t.Fatalf("%d, and the provider sends back to %q", to.status, res.Header.Get("Location"))
	}
	return back
}

func TestProvider_SignsStaffInAndBindsThem(t *testing.T) {
	t.Parallel()
	h, p := oidcHouse(t, "")
	h.addPerson("owner")
	b := h.browser()
	if got := b.get("/sign-in?next=%2Fhosts"); !strings.Contains(got.body, `href="/sign-in/oidc?next=%2Fhosts"`) {
		t.Errorf("the sign-in page does not offer it:\n%s", got.body)
	}
	h.wantTo(b.viaProvider("/hosts"), http.StatusSeeOther, "/hosts")
	if b.get("/hosts").status != http.StatusOK {
		t.Error("signed in, and nothing opens")
	}
	// It is no password of ours: what is dangerous asks for that.
	h.wantTo(b.get("/account/password"), http.StatusSeeOther, "/sign-in/again?next=%2Faccount%2Fpassword")
	// Bound to the subject now: another with the same address is somebody else,
	// and the same subject comes in under any address.
	p.say["email"] = "renamed@school.example"
	h.wantTo(h.browser().viaProvider("/"), http.StatusSeeOther, "/")
	p.say["email"], p.say["sub"] = "owner@school.example", "subject-2"
	if got := h.browser().viaProvider("/"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "no staff account here is yours") {
		t.Errorf("another subject with a bound address: %d", got.status)
	}
	h.wantEvents("account.provider_bound", "account.signed_in", "account.signed_in", "account.sign_in_failed")
	for _, secret := range []string{"client-secret", "Owner@school.example", "subject-1"} {
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func TestProvider_RefusesWhoIsNoStaffOrNotVerified(t *testing.T) {
	t.Parallel()
	h, p := oidcHouse(t, "")
	h.addPerson("owner")
	h.addPerson("admin")
	for name, say := range map[string]map[string]any{
		"an address that is not verified": {"email_verified": false},
		"no word on whether it is":        {"email_verified": nil},
		"verified as text":                {"email_verified": "true"},
		"no address":                      {"email": nil},
		"nobody here":                     {"email": "nobody@school.example"},
		"a customer":                      {"email": "admin@school.example"},
	} {
		p.say = say
		got := h.browser().viaProvider("/sites")
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "no staff account here is yours") {
			t.Errorf("%s: %d", name, got.status)
		}
	}
}

func TestProvider_TrustsNoForgedOrForeignToken(t *testing.T) {
	t.Parallel()
	h, p := oidcHouse(t, "")
	h.addPerson("owner")
	for name, say := range map[string]map[string]any{
		"for another client": {"aud": "somebody-else"}, "from another issuer": {"iss": "https://evil.example"}, "expired": {"exp": time.Now().Add(-time.Hour).Unix()},
		"of another question": {"nonce": "another"}, "without a nonce": {"nonce": nil},
	} {
		p.say = say
		if got := h.browser().viaProvider("/sites"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "cannot be trusted") {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	p.say = map[string]any{}
	forger, err := rsa.GenerateKey(rand.Reader, 2048)
	h.must(err)
	p.sign = forger
	if got := h.browser().viaProvider("/sites"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "cannot be trusted") {
		t.Errorf("signed by a forger: %d", got.status)
	}
	p.sign = p.key
	// An answer works in the browser that asked, once, and within its time.
	b := h.browser()
	back := b.atProvider("/sites")
	for name, got := range map[string]answer{
		"in another browser": h.browser().get(back), "with another state": h.browser().get("/sign-in/oidc/callback?code=x&state=y"), "with nothing": h.browser().get("/sign-in/oidc/callback"),
	} {
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "was not asked for here") {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	h.wantTo(b.get(back), http.StatusSeeOther, "/sites")
	if got := b.get(back); got.status != http.StatusUnprocessableEntity {
		t.Errorf("the same answer again: %d", got.status)
	}
	late := h.browser()
	back = late.atProvider("/sites")
	h.clock.Add(11 * time.Minute)
	if got := late.get(back); got.status != http.StatusUnprocessableEntity {
		t.Errorf("after eleven minutes: %d", got.status)
	}
	if got := h.browser().viaProvider("https://evil.example/"); got.header.Get("Location") != "/sites" {
		t.Errorf("it leads to %q", got.header.Get("Location"))
	}
}

func TestProvider_MapsRolesWhereAClaimNamesThem(t *testing.T) {
	t.Parallel()
	h, p := oidcHouse(t, "groups")
	h.addPerson("owner")
	h.addPerson("support")
	p.say = map[string]any{"email": "support@school.example", "groups": []string{"everybody", "auditor", "operator"}}
	b := h.browser()
	h.wantTo(b.viaProvider("/sites"), http.StatusSeeOther, "/sites")
	h.wantEvents("account.provider_bound", "account.role_changed", "account.signed_in")
	p.say["groups"] = "everybody"
	if got := h.browser().viaProvider("/sites"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("with no role: %d", got.status)
	}
	// The last owner stays owner, whatever the provider says.
	p.say = map[string]any{"sub": "subject-2", "groups": "auditor"}
	o := h.browser()
	h.wantTo(o.viaProvider("/sites"), http.StatusSeeOther, "/sites")
	if got := o.get("/people"); !strings.Contains(got.body, "Invite somebody") {
		t.Error("the last owner is no owner any more")
	}
}

func TestProvider_VouchesForTheSecondFactor(t *testing.T) {
	t.Parallel()
	h, _ := oidcHouse(t, "")
	h.app.UsePeople(app.People{URL: h.web.URL, Rules: identity.Rules{StaffSecondFactor: true}})
	h.addPerson("owner")
	b := h.browser()
	h.wantTo(b.viaProvider("/hosts"), http.StatusSeeOther, "/hosts")
	if b.get("/hosts").status != http.StatusOK {
		t.Error("the provider's word is not enough")
	}
	// The password alone is not, in another session.
	h.wantTo(h.browser().post("/sign-in", "email", "owner@school.example", "password", password), http.StatusSeeOther, "/account/second-factor")
}

func TestProvider_ThatIsAwayKeepsNobodyFromThePassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *dash.Config) {
		c.Provider = &dash.ProviderConfig{Issuer: "http://127.0.0.1:1", ClientID: "holdfast", Secret: "x"}
		c.Clock = clock.System{}
	})
	h.addPerson("owner")
	if got := h.browser().get("/sign-in/oidc"); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "does not answer") {
		t.Errorf("%d\n%s", got.status, got.body)
	}
	if got := h.browser().post("/sign-in", "email", "owner@school.example", "password", password); got.status != http.StatusSeeOther {
		t.Errorf("%d", got.status)
	}
}
