package dash_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"holdfast/internal/app"
	"holdfast/internal/identity"
)

// keyBrowser opens a tab of a real browser with a device that holds passkeys.
func keyBrowser(t *testing.T) context.Context {
	t.Helper()
	found, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("no chromium on this machine: install the package chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(found))
	if os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox)
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	ctx, end := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return ctx
}

// device gives the tab a device with a lock that its owner opens.
func device(t *testing.T, ctx context.Context) webauthn.AuthenticatorID {
	t.Helper()
	if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	d, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return d.AuthenticatorID
}

func TestPasskey_IsAddedAndSignsInInARealBrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	url := strings.Replace(h.web.URL, "127.0.0.1", "localhost", 1)
	h.app.UsePeople(app.People{URL: url, Rules: identity.Rules{StaffSecondFactor: true}})
	h.addPerson("owner")
	ctx := keyBrowser(t)
	key := device(t, ctx)
	do := func(what string, actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, actions...); err != nil {
			var at, text string
			at, _ = chromedp.Run(ctx, chromedp.Evaluate[string]("location.href"))
			text, _ = chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
			t.Fatalf("%s: %v, at %s:\n%s", what, err, at, text)
		}
	}
	offer := func(button string) chromedp.Action[chromedp.Void] {
		return chromedp.Click(chromedp.CSS(`[data-passkey]:not([hidden]) ` + button))
	}
	do("sign in by password", chromedp.EmulateViewport(1440, 900), chromedp.Navigate(url+"/sign-in"), chromedp.SendKeys(chromedp.CSS(`#email`), "owner@school.example"),
		chromedp.SendKeys(chromedp.CSS(`#password`), password), chromedp.Click(chromedp.CSS(`main form .btn-main`)), chromedp.WaitVisible(chromedp.CSS(`.qr`)))
	do("add a passkey in place of an authenticator", chromedp.SendKeys(chromedp.CSS(`#passkey-name`), "my phone"), offer("button"),
		chromedp.WaitVisible(chromedp.CSS(`#sessions`)))
	if got, err := chromedp.Call(ctx, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: key}); err != nil || len(got.Credentials) != 1 {
		t.Fatalf("the device holds %d passkeys, %v", len(got.Credentials), err)
	}
	signOut := func() {
		t.Helper()
		if _, err := chromedp.Call(ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
			t.Fatal(err)
		}
	}
	signOut()
	do("sign in by passkey alone", chromedp.Navigate(url+"/sign-in?next=%2Fhosts"), chromedp.WaitVisible(chromedp.CSS(`[data-passkey] button`)), offer("button"),
		chromedp.WaitVisible(chromedp.CSS(`nav a[aria-current="page"][href="/hosts"]`)))
	h.clock.Add(20 * time.Minute)
	do("show the passkey again before what is dangerous", chromedp.Navigate(url+"/account/password"), chromedp.WaitVisible(chromedp.CSS(`[data-passkey] button`)), offer("button"),
		chromedp.WaitVisible(chromedp.CSS(`form[action="/account/password"]`)))
	signOut()
	do("the password alone wants the passkey too", chromedp.Navigate(url+"/sign-in"), chromedp.SendKeys(chromedp.CSS(`#email`), "owner@school.example"),
		chromedp.SendKeys(chromedp.CSS(`#password`), password), chromedp.Click(chromedp.CSS(`main form .btn-main`)), chromedp.WaitVisible(chromedp.CSS(`#code`)),
		offer("button"), chromedp.WaitVisible(chromedp.CSS(`nav a[aria-current="page"][href="/sites"]`)))
	// Removed here, it opens nothing, though the device still has it.
	do("remove it", chromedp.Navigate(url+"/account"), chromedp.Click(chromedp.CSS(`form[action$="/removal"] button`)), chromedp.WaitVisible(chromedp.CSS(`.qr`)))
	signOut()
	do("a passkey that was removed", chromedp.Navigate(url+"/sign-in"), chromedp.WaitVisible(chromedp.CSS(`[data-passkey] button`)), offer("button"),
		chromedp.Poll[chromedp.Void](`document.querySelector("[data-passkey-said]").textContent.includes("opens nothing here")`))
	h.wantEvents("account.signed_in", "account.factor_added", "account.signed_in", "account.signed_in", "account.factor_removed", "account.sign_in_failed")
}

func TestPasskey_OfSomebodyWhoIsNotVerifiedOpensNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	url := strings.Replace(h.web.URL, "127.0.0.1", "localhost", 1)
	h.app.UsePeople(app.People{URL: url})
	b := h.signIn("viewer")
	// Answers to no question, to a spent one, and rubbish.
	for _, body := range []string{"", "{}", `{"answer":{"id":"x"}}`, "null", `{"answer":1}`} {
		got := b.json("/sign-in/passkey", body)
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `"error"`) {
			t.Errorf("%q: %d %s", body, got.status, got.body)
		}
	}
	if got := b.json("/sign-in/passkey/options", "{}"); got.status != http.StatusOK || !strings.Contains(got.body, `"userVerification":"required"`) {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for range 2 { // the second has nothing to answer
		if got := b.json("/sign-in/passkey", `{"answer":{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AAAA","signature":"AAAA"}}}`); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	h.clock.Add(20 * time.Minute)
	if got := b.json("/account/passkeys/options", "{}"); got.status != http.StatusUnauthorized || got.body != `{"next":"/sign-in/again?next=%2Faccount%2Fsecond-factor"}` {
		t.Errorf("a session that is not fresh: %d %s", got.status, got.body)
	}
}

func TestPasskey_IsOfferedOnlyWhereBrowsersGiveOne(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for url, want := range map[string]bool{"https://h.example": true, "http://localhost:8080": true, "http://h.example": false, "http://127.0.0.1:8080": false, "https://192.0.2.7": false, "": false} {
		h.app.UsePeople(app.People{URL: url})
		if got := h.browser().get("/sign-in"); strings.Contains(got.body, "data-passkey") != want {
			t.Errorf("%q: offered is %v", url, !want)
		}
	}
}

// json posts what a page's script sends.
func (b *browser) json(path, body string) answer {
	b.h.t.Helper()
	r, err := http.NewRequestWithContext(b.h.t.Context(), http.MethodPost, b.h.web.URL+path, strings.NewReader(body))
	b.h.must(err)
	r.Header.Set("Content-Type", "application/json")
	res, err := b.web.Do(r)
	b.h.must(err)
	defer res.Body.Close() //nolint:errcheck // read whole
	var out strings.Builder
	buf := make([]byte, 1<<16)
	for {
		n, err := res.Body.Read(buf)
		out.Write(buf[:n])
		if err != nil {
			break
		}
	}
	return answer{res.StatusCode, out.String(), res.Header}
}
